//! vCard: read in the versions 2.1, 3.0 and 4.0 (RFC 6350) that address books write, written as 4.0.
//!
//! Read by hand: what is wanted are a dozen properties, and the crates that know all of them bring a
//! calendar and every time zone with them.

use chassis::Fault;
use proto::contacts::{Contact, CreateContactRequest};
use serde_json::{Map, Value};

/// Longer lines are folded (RFC 6350, 3.2), in octets.
const LINE: usize = 75;
/// A property of our own, for what has none: the rest of a contact's metadata, as JSON.
const METADATA: &str = "X-DOSSIER-METADATA";
/// Keys of metadata that stand for properties of one text.
const TEXTS: [(&str, &str); 5] =
    [("NOTE", "note"), ("TITLE", "title"), ("URL", "url"), ("BDAY", "birthday"), ("ADR", "address")];
const OTHER_EMAILS: &str = "other_emails";
const OTHER_PHONES: &str = "other_phones";

/// One line of a card, unfolded: `group.NAME;PARAMETER=value:value`.
struct Property {
    name: String,
    preferred: bool,
    /// As it stands there: escaped.
    value: String,
}

/// The contacts of a file, in its order.
pub(super) fn read(text: &str) -> Result<Vec<CreateContactRequest>, Fault> {
    let mut cards = Vec::new();
    // A card may stand within a card (AGENT); what is in it is not the contact's.
    let (mut depth, mut card) = (0_usize, Vec::new());
    for property in unfolded(text).iter().filter_map(|line| property(line)) {
        let marks = property.value.trim().eq_ignore_ascii_case("VCARD");
        match property.name.as_str() {
            "BEGIN" if marks => depth += 1,
            "END" if marks && depth == 0 => return Err(malformed("ends a card that was not begun")),
            "END" if marks => {
                depth -= 1;
                if depth == 0 {
                    cards.push(contact(&std::mem::take(&mut card)));
                }
            }
            _ if depth == 1 => card.push(property),
            _ => {}
        }
    }
    match depth {
        0 if cards.is_empty() => Err(malformed("has no card: it must begin with BEGIN:VCARD")),
        0 => Ok(cards),
        _ => Err(malformed("ends within a card")),
    }
}

fn malformed(detail: &str) -> Fault {
    Fault::unprocessable("body", format!("is not well-formed vCard: it {detail}"))
}

/// Lines as they were before they were folded: a line that begins with white space belongs to the one
/// before, and quoted-printable of version 2.1 goes on after a `=` at the end.
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
        match (lines.last_mut(), line.strip_prefix([' ', '\t'])) {
            (Some(last), _) if last.ends_with('=') && is_quoted_printable(last) => {
                last.pop();
                last.push_str(line.trim_start());
            }
            (Some(last), Some(rest)) => last.push_str(rest),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

fn is_quoted_printable(line: &str) -> bool {
    let head = line.split(':').next().unwrap_or_default();
    head.to_ascii_uppercase().contains("QUOTED-PRINTABLE")
}

fn property(line: &str) -> Option<Property> {
    let (head, value) = line.split_at(colon(line)?);
    let mut head = head.split(';');
    let name = head.next()?.rsplit('.').next()?.trim().to_ascii_uppercase();
    let (mut preferred, mut quoted) = (false, false);
    for parameter in head {
        let (key, said) = parameter.split_once('=').unwrap_or(("TYPE", parameter));
        let (key, said) = (key.trim().to_ascii_uppercase(), said.trim_matches('"').to_ascii_uppercase());
        preferred |= key == "PREF" || (key == "TYPE" && said.split(',').any(|kind| kind == "PREF"));
        quoted |= said == "QUOTED-PRINTABLE";
    }
    let value = value[1..].to_owned();
    Some(Property { name, preferred, value: if quoted { decoded(&value) } else { value } })
}

/// Where the value begins: at the first colon that no quotation marks are around.
fn colon(line: &str) -> Option<usize> {
    let mut quoted = false;
    line.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b':' && !quoted
    })
}

/// Quoted-printable. Bytes that are no UTF-8 are taken for Latin 1.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = (first == b'=').then(|| after.get(..2)).flatten();
        match hex.and_then(|hex| hex::decode(hex).ok()) {
            Some(byte) => {
                bytes.extend(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|wrong| wrong.as_bytes().iter().map(|byte| char::from(*byte)).collect())
}

/// Parts of a value at `separator`, without their escapes.
fn parts(value: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        let text = parts.last_mut().expect("there is one from the start");
        match letter {
            '\\' => match letters.next() {
                Some('n' | 'N') => text.push('\n'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            _ if letter == separator => parts.push(String::new()),
            _ => text.push(letter),
        }
    }
    for part in &mut parts {
        let trimmed = part.trim();
        if trimmed.len() != part.len() {
            *part = trimmed.to_owned();
        }
    }
    parts
}

fn text(value: &str) -> String {
    // No text is divided at this character, which no text holds.
    parts(value, '\0').concat()
}

fn contact(card: &[Property]) -> CreateContactRequest {
    let all = |name: &str| {
        let mut found: Vec<&Property> = card.iter().filter(|property| property.name == name).collect();
        found.sort_by_key(|property| !property.preferred);
        found.into_iter().map(|property| property.value.as_str()).collect::<Vec<_>>()
    };
    let joined = |value: &str, separator: char, by: &str| {
        let parts = parts(value, separator);
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(by)
    };
    let first = |name: &str| all(name).first().map(|value| text(value)).unwrap_or_default();
    let mut metadata = first(METADATA).parse::<Value>().ok().and_then(|value| match value {
        Value::Object(object) => Some(object),
        _ => None,
    });
    let metadata = metadata.get_or_insert_with(Map::new);
    for (property, key) in TEXTS {
        let value = match property {
            "ADR" => all(property).first().map(|value| joined(value, ';', ", ")).unwrap_or_default(),
            _ => first(property),
        };
        if !value.is_empty() {
            metadata.insert(key.to_owned(), value.into());
        }
    }
    let mut several = |name: &str, key: &str, scheme: &str| {
        let mut values: Vec<String> = Vec::new();
        for value in all(name) {
            let value = text(value);
            let value = value.strip_prefix(scheme).unwrap_or(&value).trim().to_owned();
            if !value.is_empty() && !values.contains(&value) {
                values.push(value);
            }
        }
        let mut values = values.into_iter();
        let first = values.next().unwrap_or_default();
        let others: Vec<String> = values.collect();
        if !others.is_empty() {
            metadata.insert(key.to_owned(), others.into());
        }
        first
    };
    let email = several("EMAIL", OTHER_EMAILS, "mailto:");
    let phone = several("TEL", OTHER_PHONES, "tel:");
    let company = all("ORG").first().map(|value| joined(value, ';', ", ")).unwrap_or_default();
    let tags = all("CATEGORIES").into_iter().flat_map(|value| parts(value, ',')).filter(|tag| !tag.is_empty());
    CreateContactRequest {
        name: [first("FN").replace('\n', " "), named(&first_raw(card, "N")), company.clone(), email.clone()]
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_default(),
        email,
        phone,
        company,
        tags: tags.collect(),
        metadata: if metadata.is_empty() { String::new() } else { Value::from(metadata.clone()).to_string() },
        idempotency: None,
    }
}

fn first_raw(card: &[Property], name: &str) -> String {
    card.iter().find(|property| property.name == name).map(|property| property.value.clone()).unwrap_or_default()
}

/// `Family;Given;Additional;Prefixes;Suffixes` as people say it.
fn named(value: &str) -> String {
    let parts = parts(value, ';');
    let part = |index: usize| parts.get(index).cloned().unwrap_or_default();
    let spoken = [part(1), part(2), part(0)];
    spoken.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// One card.
pub(super) fn write(bytes: &mut Vec<u8>, contact: &Contact) {
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            fold(bytes, &format!("{name}:{value}"));
        }
    };
    line("BEGIN", "VCARD");
    line("VERSION", "4.0");
    line("UID", &format!("urn:uuid:{}", contact.id));
    line("FN", &escaped(&contact.name));
    line("EMAIL", &escaped(&contact.email));
    line("TEL", &escaped(&contact.phone));
    line("ORG", &escaped(&contact.company));
    line("CATEGORIES", &contact.tags.iter().map(|tag| escaped(tag)).collect::<Vec<_>>().join(","));
    let mut metadata: Map<String, Value> = serde_json::from_str(&contact.metadata).unwrap_or_default();
    for (property, key) in TEXTS {
        // A line end or spaces around would not come back.
        let plain = metadata.get(key).and_then(Value::as_str).filter(|text| text.trim() == *text && !text.is_empty());
        let Some(text) = plain.map(escaped) else { continue };
        match property {
            "ADR" => line(property, &format!(";;{text};;;;")),
            _ => line(property, &text),
        }
        metadata.remove(key);
    }
    for (property, key) in [("EMAIL", OTHER_EMAILS), ("TEL", OTHER_PHONES)] {
        let texts = metadata.get(key).and_then(Value::as_array).map(|all| all.iter().map(Value::as_str));
        let Some(texts) = texts.and_then(Iterator::collect::<Option<Vec<_>>>) else { continue };
        texts.into_iter().for_each(|text| line(property, &escaped(text)));
        metadata.remove(key);
    }
    if !metadata.is_empty() {
        line(METADATA, &escaped(&Value::from(metadata).to_string()));
    }
    if let Ok(at) = jiff::Timestamp::from_microsecond(contact.updated_at) {
        line("REV", &at.strftime("%Y%m%dT%H%M%SZ").to_string());
    }
    line("END", "VCARD");
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => escaped.push_str("\\n"),
            '\\' | ',' | ';' => escaped.extend(['\\', letter]),
            // Nothing else may end a line.
            letter if letter.is_control() && letter != '\t' => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// In lines of 75 octets, none of which ends within a letter.
fn fold(bytes: &mut Vec<u8>, line: &str) {
    let mut length = 0;
    for letter in line.chars() {
        if length + letter.len_utf8() > LINE {
            bytes.extend(b"\r\n ");
            length = 1;
        }
        length += letter.len_utf8();
        bytes.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
    bytes.extend(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_of_each_version_is_read() {
        let cards = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Muster;Anna;;;\r\nFN:Anna Muster\r\nitem1.EMAIL;TYPE=INTERNET:second@x.ch\r\n\
            EMAIL;TYPE=INTERNET,PREF:anna@x.ch\r\nTEL;TYPE=CELL:+41 79 1\r\nORG:Muster\\, Söhne;Sales\r\n\
            CATEGORIES:a,b\\,c\r\nNOTE:Line one\\nand a very\r\n  long second\r\nEND:VCARD\r\n\
            BEGIN:VCARD\nVERSION:4.0\nFN:Bo\nTEL;VALUE=uri;PREF=1;TYPE=\"voice,home\":tel:+1-2\nEMAIL:bo@x.ch\nEND:VCARD\n\
            BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=BCr=\ng\n\
            EMAIL;INTERNET;PREF:j@x.ch\nEND:VCARD\n";
        let read = read(cards).unwrap();
        let names: Vec<_> = read.iter().map(|c| (c.name.as_str(), c.email.as_str(), c.phone.as_str())).collect();
        assert_eq!(
            names,
            [("Anna Muster", "anna@x.ch", "+41 79 1"), ("Bo", "bo@x.ch", "+1-2"), ("Jürg Müller", "j@x.ch", "")]
        );
        assert_eq!((read[0].company.as_str(), read[0].tags.join("|")), ("Muster, Söhne, Sales", "a|b,c".to_owned()));
        let metadata: Value = read[0].metadata.parse().unwrap();
        assert_eq!(
            metadata,
            serde_json::json!({"note": "Line one\nand a very long second", "other_emails": ["second@x.ch"]})
        );
    }

    #[test]
    fn what_is_no_card_is_refused_and_a_card_within_one_is_not_the_contact() {
        for bad in ["", "name,email\n", "BEGIN:VCARD\nFN:A\n", "END:VCARD\n"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let nested = "BEGIN:VCARD\nFN:Out\nBEGIN:VCARD\nFN:In\nEMAIL:in@x.ch\nEND:VCARD\nEMAIL:out@x.ch\nEND:VCARD";
        let read = read(nested).unwrap();
        assert_eq!((read.len(), read[0].name.as_str(), read[0].email.as_str()), (1, "Out", "out@x.ch"));
        assert_eq!(super::read("BEGIN:VCARD\nTEL:1\nEND:VCARD").unwrap()[0].email, "", "the service refuses it");
    }

    #[test]
    fn what_is_written_is_folded_and_comes_back_the_same() {
        let metadata = serde_json::json!({
            "note": "a;b,c\\d\ne", "city": "Zürich", "other_emails": ["x@y.ch"], "title": 5, "long": "ä".repeat(200),
        });
        let contact = Contact {
            id: "0198c0de-7e57-7000-8000-000000000001".into(),
            name: "Weber, Söhne; & Co".into(),
            email: "w@x.ch".into(),
            phone: "+41 1".into(),
            company: "A\\B; C".into(),
            tags: vec!["a,b".into(), "c".into()],
            metadata: metadata.to_string(),
            ..Default::default()
        };
        let mut bytes = Vec::new();
        write(&mut bytes, &contact);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.split("\r\n").all(|line| line.len() <= LINE), "{text}");
        assert!(text.starts_with("BEGIN:VCARD\r\nVERSION:4.0\r\n") && text.ends_with("END:VCARD\r\n"), "{text}");
        let back = &read(&text).unwrap()[0];
        assert_eq!(
            (&back.name, &back.email, &back.phone, &back.company, &back.tags),
            (&contact.name, &contact.email, &contact.phone, &contact.company, &contact.tags)
        );
        assert_eq!(back.metadata.parse::<Value>().unwrap(), metadata);
    }
}
