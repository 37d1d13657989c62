//! XML as a sequence of tags and texts, by local names. Nothing is expanded but characters and the five
//! entities that every document has, so that a small document stays small.

use std::borrow::Cow;

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use crate::{html::declared, text};

/// Nobody writes documents this deep.
const DEPTH: usize = 4096;

pub(crate) enum Piece<'a> {
    Open(&'a str, Attributes<'a>),
    Close(&'a str),
    Text(Cow<'a, str>),
}

pub(crate) struct Attributes<'a>(&'a BytesStart<'a>);

impl Attributes<'_> {
    /// By its name without prefix.
    pub(crate) fn get(&self, local: &str) -> Option<String> {
        let mut all = self.0.attributes();
        let found = all.with_checks(false).flatten().find(|a| a.key.local_name().as_ref() == local)?;
        Some(match found.normalized_value(XmlVersion::Implicit1_0) {
            Ok(value) => value.into_owned(),
            Err(_) => found.value.into_owned(),
        })
    }

    /// By its whole name, where two differ by their prefixes only.
    pub(crate) fn exactly(&self, name: &str) -> Option<String> {
        let mut all = self.0.attributes();
        let found = all.with_checks(false).flatten().find(|a| a.key.as_ref() == name)?;
        Some(found.value.into_owned())
    }
}

/// Shows everything to `visit`, until that is `false`. Says whether the document was whole, which is
/// also so when `visit` had enough.
pub(crate) fn walk(bytes: &[u8], mut visit: impl FnMut(Piece<'_>) -> bool) -> bool {
    let source = text::decode(bytes, declared(bytes));
    let mut reader = Reader::from_str(&source);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    let mut depth = 0usize;
    loop {
        let on = match reader.read_event() {
            Ok(Event::Start(start)) => {
                depth += 1;
                if depth > DEPTH {
                    return false;
                }
                visit(Piece::Open(start.local_name().as_ref(), Attributes(&start)))
            }
            Ok(Event::End(end)) => {
                depth = depth.saturating_sub(1);
                visit(Piece::Close(end.local_name().as_ref()))
            }
            Ok(Event::Text(text)) => visit(Piece::Text(text.into_inner())),
            Ok(Event::CData(data)) => visit(Piece::Text(data.into_inner())),
            Ok(Event::GeneralRef(reference)) => match reference.resolve_char_ref() {
                Ok(Some(c)) => visit(Piece::Text(c.to_string().into())),
                _ => match quick_xml::escape::resolve_predefined_entity(&reference) {
                    Some(text) => visit(Piece::Text(text.into())),
                    None => true,
                },
            },
            Ok(Event::Eof) => return depth == 0,
            Ok(_) => true,
            Err(_) => return false,
        };
        if !on {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &[u8]) -> (String, bool) {
        let mut seen = String::new();
        let whole = walk(source, |piece| {
            if let Piece::Text(text) = piece {
                seen.push_str(&text);
            }
            true
        });
        (seen, whole)
    }

    #[test]
    fn characters_are_resolved_and_entities_of_the_document_are_not() {
        assert_eq!(text(b"<a>x &amp; &#x416; <![CDATA[<y>]]></a>"), ("x & Ж <y>".to_owned(), true));
        let laughs = b"<!DOCTYPE a [<!ENTITY l \"lol\"><!ENTITY m \"&l;&l;&l;\">]><a>&m;!</a>";
        assert_eq!(text(laughs), ("!".to_owned(), true));
    }

    #[test]
    fn what_comes_before_the_damage_is_seen() {
        assert_eq!(text(b"<a><b>kept</b><c"), ("kept".to_owned(), false));
        assert!(!text(&b"<a>".repeat(100_000)).1);
    }

    #[test]
    fn other_encodings_are_read() {
        assert_eq!(text(b"<?xml version='1.0' encoding='windows-1251'?><a>\xcf\xf0\xe8</a>").0.trim(), "При");
        let utf16: Vec<u8> = "\u{feff}<a>Grüße</a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(text(&utf16).0, "Grüße");
    }
}
