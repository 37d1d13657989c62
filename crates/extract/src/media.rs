//! What the bytes are, by looking at them.

/// The media type of a document that begins with `prefix` (8 KiB are plenty), among those that can
/// be read. The name decides only between kinds of plain text, which look alike.
pub fn sniff(prefix: &[u8], file_name: &str) -> Option<&'static str> {
    let start = prefix.get(..1024.min(prefix.len())).unwrap_or_default();
    if start.windows(5).any(|w| w == b"%PDF-") {
        return Some("application/pdf");
    }
    if infer::get(prefix).is_some_and(|kind| !kind.mime_type().starts_with("text/")) {
        return None;
    }
    let utf16 = prefix.starts_with(&[0xff, 0xfe]) || prefix.starts_with(&[0xfe, 0xff]);
    let binary = prefix.iter().filter(|b| **b < 0x20 && !matches!(**b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b)).count();
    if !utf16 && (prefix.contains(&0) || binary * 20 > prefix.len()) {
        return None;
    }
    let head = String::from_utf8_lossy(start).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    if ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| head.starts_with(tag))
        || (head.starts_with("<?xml") || head.starts_with("<!--")) && head.contains("<html")
    {
        return Some("text/html");
    }
    let extension = file_name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).unwrap_or_default();
    Some(match extension.as_str() {
        "md" | "markdown" => "text/markdown",
        "csv" | "tsv" => "text/csv",
        "html" | "htm" | "xhtml" if head.contains('<') => "text/html",
        _ => "text/plain",
    })
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
        assert_eq!(sniff(b"\x7fELF\x02\x01\x01\0\0", "a.txt"), None);
        assert_eq!(sniff(&[0, 1, 2, 3, 4, 5], "a.txt"), None);
        assert_eq!(sniff(b"\xff\xfeH\0i\0", "a.txt"), Some("text/plain"));
    }
}
