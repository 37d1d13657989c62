//! Messages as Outlook keeps them ([MS-OXMSG]): a compound file in which every message, recipient and
//! attachment is a folder of properties. They become pages as other messages do.

pub(crate) mod container;
mod packed;
mod properties;

use crate::{
    Failure, FailureCode,
    formats::{Found, Pages},
    help::Help,
    html,
    mail::{DEPTH, Letter, MOST_ATTACHMENTS, attached_line, nameless, with_other},
    rtf, sniff, text,
};
use container::Container;
#[cfg(feature = "fuzzing")]
pub(crate) use packed::unpacked;
use properties::{Properties, tag};

/// The media type of such messages.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.ms-outlook";
/// How the names of their folders begin.
const ATTACHMENT: &str = "__attach_version1.0_#";
/// People that are named.
const MOST_PEOPLE: usize = 500;

/// Whether these first bytes of a container show the parts of a message. They may stand further down.
pub(crate) fn is_message(prefix: &[u8]) -> bool {
    ["__substg1.0_", "__nameid_version1.0", "__properties_version1.0"].into_iter().any(|name| shows(prefix, name))
}

/// Whether the name of a part is among the bytes.
pub(crate) fn shows(bytes: &[u8], name: &str) -> bool {
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    bytes.windows(name.len()).any(|w| w == name)
}

/// # Errors
/// `corrupt` when it is no compound file, `unsupported_type` when it holds no message.
pub(crate) fn read(bytes: &[u8], help: &mut Help, depth: usize, pages: Pages<'_>) -> Result<Found, Failure> {
    let mut container = Container::open(bytes)?;
    let Some(message) = Properties::of_message(&mut container, "", true) else {
        // As it is with Word and Excel before 2007.
        let holds_another = !is_message(bytes) && container.is_whole();
        let code = if holds_another { FailureCode::UnsupportedType } else { FailureCode::Corrupt };
        return Err(Failure::new(code));
    };
    let mut found = Found::by("outlook");
    let known = [
        ("title", message.text(tag::SUBJECT)),
        ("author", sender(&message)),
        ("date", date(&message).map(|date| date.replace(' ', "T"))),
    ];
    let known = known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    found.metadata = known.filter(|(_, value)| !value.trim().is_empty()).collect();
    let mut letter = Letter::new(help, &mut found, pages);
    show(&mut container, "", &message, &mut letter, depth);
    if !container.is_whole() {
        letter.is_cut(FailureCode::Corrupt);
    }
    Ok(found)
}

/// Whether to go on.
fn show(
    container: &mut Container<'_>,
    folder: &str,
    message: &Properties,
    letter: &mut Letter<'_>,
    depth: usize,
) -> bool {
    let names = match letter.hands_over() {
        true => hand_over(container, folder, message, letter),
        false => Vec::new(),
    };
    let shown = head(container, folder, message) + &attached_line(&names) + "\n" + &body(message);
    if !text::pages(&shown).iter().all(|page| letter.page(page)) {
        return false;
    }
    for (index, place) in container.folders(folder, ATTACHMENT).into_iter().enumerate() {
        if index == MOST_ATTACHMENTS || depth >= DEPTH {
            letter.is_cut(FailureCode::LimitExceeded);
            break;
        }
        let Some(attachment) = Properties::of_part(container, &place, message) else {
            letter.is_cut(FailureCode::Corrupt);
            continue;
        };
        let name = name_of(&attachment).unwrap_or_default();
        let inner = format!("{place}/{}", tag::EMBEDDED);
        let on = if let Some(message) = Properties::of_message(container, &inner, false) {
            show(container, &inner, &message, letter, depth + 1)
        } else if letter.hands_over() {
            true
        } else {
            match attachment.bytes(tag::DATA) {
                Some(bytes) => match sniff(&bytes, &name) {
                    Some(kind) if !kind.starts_with("image/") => letter.attached(&name, kind, &bytes, depth),
                    // It is there, and may be looked for by its name.
                    _ => name.is_empty() || letter.page(&name),
                },
                // A reference to elsewhere, or an object of another program.
                None => name.is_empty() || letter.page(&name),
            }
        };
        if !on {
            return false;
        }
    }
    true
}

/// Gives away the files that are attached, and answers their names. A message inside of another is no
/// file of its own in this format: it stays where it is, and what is attached to it is given away as well.
fn hand_over(
    container: &mut Container<'_>,
    folder: &str,
    message: &Properties,
    letter: &mut Letter<'_>,
) -> Vec<String> {
    let mut names = Vec::new();
    for (index, place) in container.folders(folder, ATTACHMENT).into_iter().enumerate().take(MOST_ATTACHMENTS) {
        let Some(attachment) = Properties::of_part(container, &place, message) else { continue };
        let Some(bytes) = attachment.bytes(tag::DATA) else { continue };
        let name = name_of(&attachment).unwrap_or_else(|| nameless(index));
        let is_picture = || sniff(&bytes, "").is_some_and(|kind| kind.starts_with("image/"));
        if attachment.text(tag::CONTENT_ID).is_some() && is_picture() {
            // The letter shows it where it is mentioned.
            continue;
        }
        letter.hand_over(&name, &bytes);
        names.push(name);
    }
    names
}

fn name_of(attachment: &Properties) -> Option<String> {
    [tag::LONG_FILE_NAME, tag::FILE_NAME, tag::DISPLAY_NAME].into_iter().find_map(|name| attachment.text(name))
}

fn head(container: &mut Container<'_>, folder: &str, message: &Properties) -> String {
    let mut people: [Vec<String>; 3] = Default::default();
    for place in container.folders(folder, "__recip_version1.0_#").into_iter().take(MOST_PEOPLE) {
        let Some(recipient) = Properties::of_part(container, &place, message) else { continue };
        let list = match recipient.number(tag::RECIPIENT_TYPE) {
            Some(2) => &mut people[1],
            Some(3) => &mut people[2],
            _ => &mut people[0],
        };
        let address = [tag::SMTP_ADDRESS, tag::ADDRESS].into_iter().find_map(|tag| recipient.text(tag));
        list.extend(person(recipient.text(tag::DISPLAY_NAME), address));
    }
    let [to, cc, bcc] = people.map(|list| Some(list.join(", ")).filter(|list| !list.is_empty()));
    let lines = [
        ("Subject", message.text(tag::SUBJECT)),
        ("From", sender(message)),
        ("To", to.or_else(|| message.text(tag::DISPLAY_TO))),
        ("Cc", cc.or_else(|| message.text(tag::DISPLAY_CC))),
        ("Bcc", bcc),
        ("Date", date(message)),
    ];
    let known = lines.into_iter().filter_map(|(name, value)| Some((name, value?)));
    known.filter(|(_, value)| !value.trim().is_empty()).map(|(name, value)| format!("{name}: {value}\n")).collect()
}

fn sender(message: &Properties) -> Option<String> {
    let first = |tags: &[u16]| tags.iter().find_map(|tag| message.text(*tag));
    person(
        first(&[tag::REPRESENTED_NAME, tag::SENDER_NAME]),
        first(&[tag::REPRESENTED_SMTP, tag::SENDER_SMTP, tag::REPRESENTED_ADDRESS, tag::SENDER_ADDRESS]),
    )
}

/// Addresses of Exchange's own kind (`/O=…`) say nothing to people.
fn person(name: Option<String>, address: Option<String>) -> Option<String> {
    let address = address.filter(|address| address.contains('@'));
    match (name.filter(|name| !name.trim().is_empty()), address) {
        (Some(name), Some(address)) if name != address => Some(format!("{name} <{address}>")),
        (name, address) => address.or(name),
    }
}

fn date(message: &Properties) -> Option<String> {
    [tag::SUBMITTED, tag::DELIVERED].into_iter().find_map(|tag| message.time(tag))
}

/// The plain version, and of the other what it has not.
fn body(message: &Properties) -> String {
    let mut body = message.text(tag::BODY).unwrap_or_default();
    let html = message.bytes(tag::HTML).map(|bytes| html::read(&bytes)).or_else(|| {
        let text = message.text(tag::HTML)?;
        Some(html::read_text(text))
    });
    let has_html = html.is_some();
    if let Some(html) = html {
        with_other(&mut body, &html.pages.concat());
    }
    // The third version says the same again, with what programs for RTF make of HTML.
    if (body.trim().is_empty() || !has_html)
        && let Some(rtf) = message.bytes(tag::RTF).and_then(|bytes| packed::unpacked(&bytes))
        && let Ok(read) = rtf::read(&rtf)
    {
        with_other(&mut body, &read.text);
    }
    body
}
