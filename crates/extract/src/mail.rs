//! Messages: the header that people see, the body, and what is attached.
//!
//! The message is the first pages. What is attached is handed over to become documents of its own, and
//! only named in the message; pictures that belong to the layout stay where they are. Where nobody takes
//! it, each attachment that can be read follows as pages of its own that begin with its name.

use std::{borrow::Cow, collections::HashSet};

use mail_parser::{
    Address, Encoding, Message, MessageParser, MessagePart, MimeHeaders, PartType,
    decoders::{base64::base64_decode, quoted_printable::quoted_printable_decode},
};

use crate::{
    Failure, FailureCode,
    formats::{self, Found, Pages},
    help::Help,
    html, sniff, text,
};

/// Messages in messages, and archives in them.
pub(crate) const DEPTH: usize = 4;
pub(crate) const MOST_ATTACHMENTS: usize = 200;

/// # Errors
/// `corrupt` when it is no message.
pub(crate) fn read(bytes: &[u8], help: &mut Help, depth: usize, pages: Pages<'_>) -> Result<Found, Failure> {
    let message = MessageParser::default().parse(bytes).ok_or_else(|| Failure::new(FailureCode::Corrupt))?;
    let mut found = Found::by("mail");
    let known = [
        ("title", message.subject().map(str::to_owned)),
        ("author", message.from().map(people)),
        ("date", message.date().map(|date| date.to_rfc3339())),
    ];
    found.metadata = known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    let mut letter = Letter::new(help, &mut found, pages);
    letter.show(&message, depth);
    Ok(found)
}

/// A message that becomes pages, of whichever format.
pub(crate) struct Letter<'a> {
    help: &'a mut Help,
    found: &'a mut Found,
    pages: Pages<'a>,
}

impl<'a> Letter<'a> {
    pub(crate) fn new(help: &'a mut Help, found: &'a mut Found, pages: Pages<'a>) -> Self {
        Self { help, found, pages }
    }

    /// Whether to go on.
    pub(crate) fn page(&mut self, text: &str) -> bool {
        (self.pages)(text)
    }

    /// Whether to go on.
    fn show(&mut self, message: &Message<'_>, depth: usize) -> bool {
        let apart = self.hands_over();
        let mut names = Vec::new();
        for (index, part) in message.attachments().enumerate().take(MOST_ATTACHMENTS).filter(|_| apart) {
            if let Some((name, bytes)) = file(message, part, index) {
                self.hand_over(&name, &bytes);
                names.push(name);
            }
        }
        let text = head(message) + &attached_line(&names) + "\n" + &body(message);
        if !text::pages(&text).iter().all(|page| (self.pages)(page)) {
            return false;
        }
        for (index, part) in message.attachments().enumerate() {
            if index == MOST_ATTACHMENTS || depth == DEPTH {
                self.is_cut(FailureCode::LimitExceeded);
                break;
            }
            if apart && (is_layout(part) || file(message, part, index).is_some()) {
                continue;
            }
            let name = part.attachment_name().unwrap_or_default();
            let on = match &part.body {
                PartType::Message(inner) => self.show(inner, depth + 1),
                PartType::Html(text) => self.attached(name, "text/html", text.as_bytes(), depth),
                PartType::Text(text) => {
                    let kind = sniff(text.as_bytes(), name).filter(|_| is_data(name)).unwrap_or("text/plain");
                    self.attached(name, kind, text.as_bytes(), depth)
                }
                PartType::Binary(bytes) | PartType::InlineBinary(bytes) => match sniff(bytes, name) {
                    Some(kind) if !kind.starts_with("image/") => self.attached(name, kind, bytes, depth),
                    // It is there, and may be looked for by its name.
                    _ => name.is_empty() || (self.pages)(name),
                },
                PartType::Multipart(_) => true,
            };
            if !on {
                return false;
            }
        }
        true
    }

    /// Whether somebody takes what is attached.
    pub(crate) fn hands_over(&self) -> bool {
        self.help.apart.is_some()
    }

    /// Gives away something that is attached. There may be no room for it.
    pub(crate) fn hand_over(&mut self, name: &str, bytes: &[u8]) {
        if !self.help.apart.as_mut().is_some_and(|apart| apart.hand_over(name, bytes)) {
            self.is_cut(FailureCode::LimitExceeded);
        }
    }

    /// The pages of what is attached, and whether to go on.
    pub(crate) fn attached(&mut self, name: &str, kind: &str, bytes: &[u8], depth: usize) -> bool {
        let (mut first, mut on) = (true, true);
        let pages = &mut *self.pages;
        let read = formats::read(kind, bytes.to_vec(), self.help, depth + 1, &mut |page| {
            on = match std::mem::take(&mut first) && !name.is_empty() {
                true => pages(&format!("{name}\n{page}")),
                false => pages(page),
            };
            on
        });
        match read {
            Ok(inner) => inner.cut.into_iter().for_each(|code| self.is_cut(code)),
            // One attachment that cannot be read does not spoil the message.
            Err(failure) => {
                self.is_cut(failure.code);
                on = on && (name.is_empty() || (self.pages)(name));
            }
        }
        on
    }

    /// Says that something is missing, unless that is known.
    pub(crate) fn is_cut(&mut self, code: FailureCode) {
        self.found.cut = self.found.cut.or(Some(code));
    }
}

/// What of a message is a file for people: its name and its bytes.
fn file<'m>(message: &'m Message<'_>, part: &'m MessagePart<'_>, index: usize) -> Option<(String, Cow<'m, [u8]>)> {
    let name = part.attachment_name().map(str::trim).filter(|name| !name.is_empty());
    let named = || name.map_or_else(|| nameless(index), str::to_owned);
    match &part.body {
        PartType::Message(inner) => {
            let name = name.map(str::to_owned).or_else(|| Some(format!("{}.eml", inner.subject()?)));
            Some((name.unwrap_or_else(|| nameless(index)), Cow::Borrowed(inner.raw_message())))
        }
        // Without a name it is a part of the letter that stands further down.
        PartType::Text(text) | PartType::Html(text) => Some((name?.to_owned(), sent(message, part, text))),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) if !is_layout(part) => {
            Some((named(), Cow::Borrowed(bytes.as_ref())))
        }
        _ => None,
    }
}

/// What a file is called that nobody gave a name to.
pub(crate) fn nameless(index: usize) -> String {
    format!("attachment {}", index + 1)
}

/// Whether it is a picture that the letter shows where it is mentioned.
fn is_layout(part: &MessagePart<'_>) -> bool {
    let (PartType::Binary(bytes) | PartType::InlineBinary(bytes)) = &part.body else { return false };
    let is_attachment = part.content_disposition().is_some_and(|d| d.is_attachment());
    let shown = matches!(part.body, PartType::InlineBinary(_)) || part.content_id().is_some();
    shown && !is_attachment && sniff(bytes, "").is_some_and(|kind| kind.starts_with("image/"))
}

/// The bytes of a text as they were before the message was made, in whichever encoding of characters.
fn sent<'m>(message: &'m Message<'_>, part: &MessagePart<'_>, text: &'m str) -> Cow<'m, [u8]> {
    let place = part.offset_body as usize..part.offset_end as usize;
    let raw = message.raw_message.get(place);
    let decoded = match (part.encoding, raw) {
        (Encoding::None, Some(raw)) => return Cow::Borrowed(raw),
        (Encoding::Base64, Some(raw)) => base64_decode(raw),
        (Encoding::QuotedPrintable, Some(raw)) => quoted_printable_decode(raw),
        (_, None) => None,
    };
    decoded.map_or(Cow::Borrowed(text.as_bytes()), Cow::Owned)
}

/// By which a message is found that has such a file.
pub(crate) fn attached_line(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("Attachments: {}\n", names.join(", ")) }
}

/// Whether the name tells more of what a text is than the message does.
fn is_data(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| !end.eq_ignore_ascii_case("txt"))
}

fn head(message: &Message<'_>) -> String {
    let mut head = String::new();
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|v| !v.trim().is_empty()) {
            head.push_str(&format!("{name}: {value}\n"));
        }
    };
    line("Subject", message.subject().map(str::to_owned));
    line("From", message.from().map(people));
    line("To", message.to().map(people));
    line("Cc", message.cc().map(people));
    line("Date", message.date().map(|date| date.to_rfc3339().replace('T', " ")));
    head
}

fn people(address: &Address<'_>) -> String {
    let one = |name: Option<&str>, address: Option<&str>| match (name, address) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (name, address) => name.or(address).unwrap_or_default().to_owned(),
    };
    address.iter().map(|a| one(a.name(), a.address())).take(500).collect::<Vec<_>>().join(", ")
}

/// The plain version; the other as well, when it has words that the plain one has not.
fn body(message: &Message<'_>) -> String {
    let mut body = String::new();
    for part in message.text_bodies() {
        match &part.body {
            PartType::Text(text) => body.push_str(text),
            PartType::Html(text) => body.push_str(&visible(text)),
            _ => {}
        }
        body.push('\n');
    }
    for part in message.html_bodies() {
        if let PartType::Html(text) = &part.body {
            with_other(&mut body, &visible(text));
        }
    }
    body
}

/// Adds another version of the same text, when it has words that are not there.
pub(crate) fn with_other(body: &mut String, other: &str) {
    let known: HashSet<&str> = words(body).collect();
    if words(other).any(|word| !known.contains(word)) {
        *body = format!("{}\n{other}", body.trim_end());
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn visible(source: &str) -> String {
    html::read_text(source.to_owned()).pages.concat()
}
