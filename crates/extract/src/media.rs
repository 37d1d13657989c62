//! What the bytes are, by looking at them.

use crate::outlook;

/// As much as is looked at.
const PREFIX_BYTES: usize = 8192;

const OFFICE: [(&[u8], &str, &str); 3] = [
    (b"word/", "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
];
/// How the containers of the old office programs begin.
pub(crate) const CONTAINER: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// What an archive may say it is in its first entry, named `mimetype`.
const DECLARED: [&str; 4] = [
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.presentation",
    "application/epub+zip",
];
/// Pictures, which can be drawn, and in which text can be recognised.
pub(crate) const PICTURES: [&str; 6] =
    ["image/png", "image/jpeg", "image/gif", "image/bmp", "image/tiff", "image/webp"];

/// The media type of a document that begins with `prefix` (8 KiB are plenty), among those that can
/// be read. The name decides only between kinds of plain text, which look alike, and between office
/// documents whose beginning does not say which it is.
pub fn sniff(prefix: &[u8], file_name: &str) -> Option<&'static str> {
    let prefix = &prefix[..prefix.len().min(PREFIX_BYTES)];
    let start = &prefix[..prefix.len().min(1024)];
    let extension = file_name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).unwrap_or_default();
    if start.windows(5).any(|w| w == b"%PDF-") {
        return Some("application/pdf");
    }
    if prefix.starts_with(b"PK\x03\x04") {
        return archive(prefix, &extension);
    }
    if prefix.starts_with(CONTAINER) {
        if outlook::is_message(prefix) || extension == "msg" {
            return Some(outlook::MEDIA_TYPE);
        }
        // An office document with a password is a container of the old kind as well.
        return OFFICE.iter().find(|(_, end, _)| *end == extension).map(|(_, _, kind)| *kind);
    }
    if let Some(kind) = infer::get(prefix).map(|kind| kind.mime_type())
        && !kind.starts_with("text/")
        && !matches!(kind, "application/rtf")
        && !looks_like_text(prefix)
    {
        return PICTURES.into_iter().find(|picture| *picture == kind);
    }
    if !looks_like_text(prefix) {
        return None;
    }
    let head = String::from_utf8_lossy(start).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    if head.starts_with("{\\rtf") {
        return Some("application/rtf");
    }
    if ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| head.starts_with(tag))
        || (head.starts_with("<?xml") || head.starts_with("<!--")) && head.contains("<html")
    {
        return Some("text/html");
    }
    if is_message(&String::from_utf8_lossy(prefix)) {
        return Some("message/rfc822");
    }
    Some(match extension.as_str() {
        "md" | "markdown" => "text/markdown",
        "csv" | "tsv" => "text/csv",
        "html" | "htm" | "xhtml" if head.contains('<') => "text/html",
        _ => "text/plain",
    })
}

fn looks_like_text(prefix: &[u8]) -> bool {
    if prefix.starts_with(&[0xff, 0xfe]) || prefix.starts_with(&[0xfe, 0xff]) {
        return true;
    }
    let binary = prefix.iter().filter(|b| **b < 0x20 && !matches!(**b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b)).count();
    !prefix.contains(&0) && binary * 20 <= prefix.len()
}

fn archive(prefix: &[u8], extension: &str) -> Option<&'static str> {
    let has = |text: &[u8]| prefix.windows(text.len()).any(|w| w == text);
    if prefix.get(30..38) == Some(b"mimetype") {
        let declared = DECLARED.into_iter().find(|d| prefix[38..].starts_with(d.as_bytes()));
        if declared.is_some() {
            return declared;
        }
    }
    let first = |folder: &[u8]| prefix.windows(folder.len()).position(|w| w == folder);
    let by_content = OFFICE.iter().filter_map(|(folder, _, kind)| Some((first(folder)?, *kind))).min();
    let by_name = OFFICE.iter().find(|(_, end, _)| *end == extension).map(|(_, _, kind)| *kind);
    match by_content {
        Some((_, kind)) if has(b"[Content_Types].xml") || has(b"_rels/") || by_name == Some(kind) => Some(kind),
        _ => by_name.filter(|_| has(b"[Content_Types].xml") || has(b"_rels/")),
    }
}

/// Begins with header fields, among them three that messages have.
fn is_message(text: &str) -> bool {
    const USUAL: [&str; 8] = ["from", "date", "message-id", "received", "return-path", "mime-version", "to", "subject"];
    let mut names = Vec::new();
    for line in text.lines().take_while(|line| !line.is_empty()) {
        match line.split_once(':') {
            _ if line.starts_with([' ', '\t']) && !names.is_empty() => {}
            Some((name, _)) if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => {
                names.push(name.to_ascii_lowercase());
            }
            // As a mailbox begins.
            _ if names.is_empty() && line.starts_with("From ") => {}
            // The last line may be cut.
            _ => break,
        }
    }
    USUAL.iter().filter(|usual| names.iter().any(|name| name == *usual)).count() >= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_and_the_name_only_among_texts() {
        assert_eq!(sniff(b"%PDF-1.7\n", "letter.txt"), Some("application/pdf"));
        assert_eq!(sniff(b"# Title\n", "a.md"), Some("text/markdown"));
        assert_eq!(sniff(b"# Title\n", "a.pdf"), Some("text/plain"));
        assert_eq!(sniff(b"  <!DOCTYPE html><p>", "a"), Some("text/html"));
        assert_eq!(sniff(b"a,b\n1,2\n", "a.csv"), Some("text/csv"));
        assert_eq!(sniff(b"{\\rtf1 x}", "a.doc"), Some("application/rtf"));
        assert_eq!(sniff(b"From: a@b\nTo: c@d\nSubject: x\n\nhi", "a"), Some("message/rfc822"));
        assert_eq!(sniff(b"From: me\n\nDear Sir", "a.txt"), Some("text/plain"));
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a"), Some("image/png"));
        assert_eq!(sniff(b"\x7fELF\x02\x01\x01\0\0", "a.txt"), None);
        assert_eq!(sniff(&[0, 1, 2, 3, 4, 5], "a.txt"), None);
        assert_eq!(sniff(b"\xff\xfeH\0i\0", "a.txt"), Some("text/plain"));
        assert_eq!(sniff(CONTAINER, "a.docx"), Some(OFFICE[0].2));
        assert_eq!(sniff(CONTAINER, "a.doc"), None);
        assert_eq!(sniff(CONTAINER, "a.msg"), Some(outlook::MEDIA_TYPE));
        let name: Vec<u8> = "__substg1.0_0037001F".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(sniff(&[CONTAINER, &[0; 500], &name].concat(), "a.docx"), Some(outlook::MEDIA_TYPE));
    }

    #[test]
    fn archives_are_told_by_what_is_in_them() {
        let entry = |name: &str, content: &str| {
            let mut bytes = b"PK\x03\x04".to_vec();
            bytes.extend([0; 22]);
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend([0, 0]);
            bytes.extend(name.bytes().chain(content.bytes()));
            bytes
        };
        let types = entry("[Content_Types].xml", "");
        assert_eq!(sniff(&[types.clone(), entry("word/document.xml", "")].concat(), ""), Some(OFFICE[0].2));
        assert_eq!(sniff(&types, "a.pptx"), Some(OFFICE[2].2));
        assert_eq!(sniff(&entry("mimetype", DECLARED[3]), "a.zip"), Some(DECLARED[3]));
        assert_eq!(sniff(&entry("a.txt", "x"), "a.docx"), None);
    }
}
