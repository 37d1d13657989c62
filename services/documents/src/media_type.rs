//! What a document is, told by its first bytes. The name only tells Markdown and CSV, which look
//! like any other text, and an office document whose first 8 KiB do not say which it is.

/// As much as is looked at.
pub(crate) const HEAD_BYTES: usize = 8 * 1024;

pub(crate) const PDF: &str = "application/pdf";
const TEXT: &str = "text/plain";
const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const PPTX: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";

/// What a ZIP archive may say it is in its first entry, named `mimetype`.
const DECLARED: [&str; 4] = [
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.presentation",
    "application/epub+zip",
];
/// How the containers of the old office programs begin.
const CONTAINER: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
const OUTLOOK: &str = "application/vnd.ms-outlook";
/// How parts of a message begin in such a container ([MS-OXMSG]).
const MESSAGE_PARTS: [&str; 3] = ["__substg1.0_", "__nameid_version1.0", "__properties_version1.0"];
const IMAGES: [&str; 8] =
    ["image/jpeg", "image/png", "image/gif", "image/webp", "image/tiff", "image/bmp", "image/heif", "image/avif"];

/// The type of the content that starts with `head`.
///
/// # Errors
/// The type it has instead, when it is one that is not taken.
pub(crate) fn detect(head: &[u8], file_name: &str) -> Result<&'static str, &'static str> {
    let head = &head[..head.len().min(HEAD_BYTES)];
    if head.starts_with(b"%PDF-") {
        return Ok(PDF);
    }
    if is_text(head) {
        return text_type(head, file_name);
    }
    // Readers of PDF allow up to 1 KiB of anything before it.
    if find(&head[..head.len().min(1024)], b"%PDF-").is_some() {
        return Ok(PDF);
    }
    if head.starts_with(b"PK\x03\x04") {
        return zip_type(head, file_name);
    }
    if head.starts_with(CONTAINER) {
        if MESSAGE_PARTS.iter().any(|part| find(head, &utf16(part)).is_some()) || extension(file_name) == "msg" {
            return Ok(OUTLOOK);
        }
        // An office document with a password is a container of the old kind; the reader will say so.
        if let Some(kind) = office_name(file_name) {
            return Ok(kind);
        }
    }
    let known = infer::get(head).map_or("application/octet-stream", |kind| kind.mime_type());
    match known {
        "image/heic" => Ok("image/heif"),
        image => IMAGES.iter().find(|i| **i == image).copied().ok_or(known),
    }
}

fn is_text(head: &[u8]) -> bool {
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        // UTF-16 has zero bytes at every other place; binary data that happens to start like it
        // hardly ever decodes.
        let big = head[0] == 0xfe;
        let units =
            head.as_chunks::<2>().0.iter().map(|b| if big { u16::from_be_bytes(*b) } else { u16::from_le_bytes(*b) });
        let bad =
            char::decode_utf16(units).filter(|c| !matches!(c, Ok(c) if !c.is_control() || c.is_whitespace())).count();
        return bad <= 1;
    }
    let control = |b: &u8| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x08 | 0x0c | 0x1b) || *b == 0x7f;
    if head.iter().any(control) {
        return false;
    }
    match std::str::from_utf8(head) {
        Ok(_) => true,
        // Cut in the middle of a character.
        Err(error) if error.error_len().is_none() && error.valid_up_to() + 4 > head.len() => true,
        // One byte for each character, as Windows had it.
        Err(_) => infer::get(head).is_none(),
    }
}

fn text_type(head: &[u8], file_name: &str) -> Result<&'static str, &'static str> {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with("{\\rtf") {
        return Ok("application/rtf");
    }
    let opened = ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| text.starts_with(tag));
    let later = ["<?xml", "<!--"].iter().any(|start| text.starts_with(start));
    if opened || later && text.contains("<html") {
        return Ok("text/html");
    }
    if text.starts_with("<svg") || text.starts_with("<?xml") && text.contains("<svg") {
        return Err("image/svg+xml");
    }
    if is_mail(text) {
        return Ok("message/rfc822");
    }
    Ok(match extension(file_name).as_str() {
        "md" | "markdown" => "text/markdown",
        "csv" | "tsv" => "text/csv",
        _ => TEXT,
    })
}

/// Starts with header fields, among them two that every message has.
fn is_mail(text: &str) -> bool {
    let fields = text.lines().take_while(|line| !line.is_empty());
    let mut names = Vec::new();
    for line in fields {
        match line.split_once(':') {
            _ if line.starts_with([' ', '\t']) && !names.is_empty() => {}
            Some((name, _)) if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => names.push(name),
            _ => return false,
        }
    }
    let usual = ["from", "date", "message-id", "received", "return-path", "mime-version", "to", "subject"];
    usual.iter().filter(|name| names.contains(name)).count() >= 3
}

fn zip_type(head: &[u8], file_name: &str) -> Result<&'static str, &'static str> {
    let mut rest = head;
    let mut office = false;
    while let Some(at) = find(rest, b"PK\x03\x04") {
        let entry = &rest[at..];
        let length = |i: usize| entry.get(i..i + 2).map_or(0, |b| usize::from(u16::from_le_bytes([b[0], b[1]])));
        let (name, extra) = (length(26), length(28));
        let content = entry.get(30 + name + extra..).unwrap_or_default();
        let name = entry.get(30..30 + name).unwrap_or_default();
        if name == b"mimetype"
            && let Some(declared) = DECLARED.iter().find(|declared| content.starts_with(declared.as_bytes()))
        {
            return Ok(declared);
        }
        for (folder, kind) in [(&b"word/"[..], DOCX), (b"xl/", XLSX), (b"ppt/", PPTX)] {
            if name.starts_with(folder) {
                return Ok(kind);
            }
        }
        office |= name == b"[Content_Types].xml" || name == b"_rels/.rels";
        rest = &entry[4..];
    }
    office_name(file_name).filter(|_| office).ok_or("application/zip")
}

fn office_name(file_name: &str) -> Option<&'static str> {
    match extension(file_name).as_str() {
        "docx" => Some(DOCX),
        "xlsx" => Some(XLSX),
        "pptx" => Some(PPTX),
        _ => None,
    }
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len()).position(|window| window == pattern)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn extension(file_name: &str) -> String {
    file_name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, content) in entries {
            bytes.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend([0, 0]);
            bytes.extend(name.as_bytes());
            bytes.extend(content.as_bytes());
        }
        bytes
    }

    #[test]
    fn the_content_decides_and_the_name_only_among_texts() {
        for (head, name, expected) in [
            (&b"%PDF-1.7\n%\xe2\xe3\xcf\xd3"[..], "a.txt", PDF),
            (b"\0\0junk%PDF-1.4", "a", PDF),
            (b"just words, \xc3\xa4 too", "a.pdf", TEXT),
            (b"latin-1 \xe4\xf6\xfc", "a.txt", TEXT),
            (b"MZ is how it starts", "a.exe", TEXT),
            (b"\xff\xfeh\0i\0", "a.txt", TEXT),
            (b"# Title\n\ntext", "README.md", "text/markdown"),
            (b"a;b\n1;2", "x.CSV", "text/csv"),
            (b"\xef\xbb\xbf <!DOCTYPE html><p>", "a.md", "text/html"),
            (b"<?xml version=\"1.0\"?><html>", "a", "text/html"),
            (b"{\\rtf1 x}", "a.doc", "application/rtf"),
            (b"Return-Path: <a@b>\nFrom: a@b\nTo: c@d\nSubject: x\n\nhi", "a", "message/rfc822"),
            (b"From: me\n\nDear Sir", "letter.txt", TEXT),
            (b"\x89PNG\r\n\x1a\n\0\0\0", "a.png", "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a.jpg", "image/jpeg"),
        ] {
            assert_eq!(detect(head, name), Ok(expected), "{name}");
        }
    }

    #[test]
    fn office_documents_are_told_from_archives() {
        let types = ("[Content_Types].xml", "x");
        assert_eq!(detect(&zip(&[types, ("_rels/.rels", ""), ("word/document.xml", "")]), ""), Ok(DOCX));
        assert_eq!(detect(&zip(&[types, ("xl/workbook.xml", "")]), "a.docx"), Ok(XLSX));
        assert_eq!(detect(&zip(&[types]), "a.pptx"), Ok(PPTX));
        assert_eq!(detect(&zip(&[("mimetype", DECLARED[0])]), ""), Ok(DECLARED[0]));
        assert_eq!(detect(&zip(&[("mimetype", DECLARED[3])]), ""), Ok(DECLARED[3]));
        assert_eq!(detect(&zip(&[("a.txt", "x")]), "a.docx"), Err("application/zip"));
        assert_eq!(detect(CONTAINER, "locked.docx"), Ok(DOCX));
        assert!(detect(CONTAINER, "old.doc").is_err());
        assert_eq!(detect(CONTAINER, "letter.MSG"), Ok(OUTLOOK));
        let message = [CONTAINER, &[0; 600], &utf16("__properties_version1.0")].concat();
        assert_eq!(detect(&message, "letter"), Ok(OUTLOOK));
    }

    #[test]
    fn programs_and_media_are_not_taken() {
        for head in [
            &b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0"[..],
            b"MZ\x90\0\x03\0\0\0",
            b"ID3\x03\0\0\0\0\0",
            b"\x1f\x8b\x08\0\0\0\0\0",
            b"\0\x01\x02\x03\x04",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"<?xml version='1.0'?><svg onload='x'/>",
        ] {
            assert!(detect(head, "a.pdf").is_err(), "{head:?}");
        }
    }
}
