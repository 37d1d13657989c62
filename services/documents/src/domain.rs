//! Values that cannot be wrong, parsed once at the door, and the rules that need no database.

use chassis::{Fault, FieldFault};
use proto::documents as api;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::Error;

pub(crate) type Metadata = Map<String, Value>;

/// The collection that exists from the start, and takes the documents that name none.
pub(crate) const FIRST_COLLECTION: Uuid = Uuid::from_u128(0x01900000_0000_7000_8000_000000000001);

/// Of one page; the rest of it is cut off.
pub(crate) const PAGE_BYTES: usize = 1 << 20;
/// Of all pages of one document.
pub(crate) const TEXT_BYTES: usize = 64 << 20;

/// Failures that say nothing about the document: something that the worker needs was down. They use
/// up no attempt and are tried again until it is back.
pub(crate) const OUTAGES: [&str; 2] = ["engine_unavailable", "unavailable"];

/// How much of what is attached becomes documents: to one message, within one that was uploaded, and how
/// deep. The rest is read as part of the message that has it, or named there.
pub(crate) const ATTACHED_TO_ONE: i64 = 100;
pub(crate) const ATTACHED_WITHIN_ONE: i64 = 500;
pub(crate) const ATTACHMENT_DEPTH: i32 = 4;

const METADATA_BYTES: usize = 16 * 1024;
const TAGS: usize = 50;
const NAME_CHARACTERS: usize = 255;

/// Collects what is wrong with each field, so that a client hears it all at once.
#[derive(Debug, Default)]
pub(crate) struct Check(Vec<FieldFault>);

impl Check {
    fn fail(&mut self, field: &str, detail: impl Into<String>) {
        self.0.push(FieldFault { field: field.to_owned(), detail: detail.into() });
    }

    /// An error when anything was wrong.
    pub(crate) fn done(self) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err(Fault::fields(self.0)) }
    }

    /// One line, trimmed.
    pub(crate) fn line(&mut self, field: &str, text: &str, required: bool, most: usize) -> String {
        if text.chars().any(char::is_control) {
            self.fail(field, "must be one line without control characters");
        }
        self.length(field, text.trim(), required, most)
    }

    /// Several lines; line ends become `\n`.
    pub(crate) fn text(&mut self, field: &str, text: &str, most: usize) -> String {
        let text = text.replace("\r\n", "\n");
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            self.fail(field, "must not contain control characters");
        }
        self.length(field, text.trim(), false, most)
    }

    fn length(&mut self, field: &str, text: &str, required: bool, most: usize) -> String {
        match text.chars().count() {
            0 if required => self.fail(field, "is required"),
            n if n > most => self.fail(field, format!("must have at most {most} characters")),
            _ => {}
        }
        text.to_owned()
    }

    /// Trimmed, without repetitions, in the order given.
    pub(crate) fn tags(&mut self, tags: &[String]) -> Vec<String> {
        if tags.len() > TAGS {
            self.fail("tags", format!("must be at most {TAGS}"));
        }
        let mut kept: Vec<String> = Vec::new();
        for tag in tags.iter().take(TAGS) {
            let tag = self.line("tags", tag, true, 50);
            if !kept.contains(&tag) {
                kept.push(tag);
            }
        }
        kept
    }

    /// The text of a JSON object.
    pub(crate) fn metadata(&mut self, text: &str) -> Metadata {
        if text.len() > METADATA_BYTES {
            self.fail("metadata", format!("must have at most {METADATA_BYTES} bytes"));
            return Metadata::new();
        }
        let metadata = match text {
            "" => Metadata::new(),
            text => serde_json::from_str(text).unwrap_or_else(|_| {
                self.fail("metadata", "must be a JSON object");
                Metadata::new()
            }),
        };
        if pg::has_control(&metadata) {
            self.fail("metadata", "must not contain control characters");
        }
        metadata
    }

    /// Lower-case hexadecimal; "" when nothing is expected.
    pub(crate) fn sha256(&mut self, field: &str, text: &str) -> String {
        let hex = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !text.is_empty() && !hex {
            self.fail(field, "must be 64 hexadecimal digits");
        }
        text.to_ascii_lowercase()
    }

    /// The name in the database, "" when it is not said.
    pub(crate) fn visibility(&mut self, visibility: api::Visibility, required: bool) -> &'static str {
        match visibility {
            api::Visibility::Public => "public",
            api::Visibility::Internal => "internal",
            api::Visibility::Restricted => "restricted",
            api::Visibility::Unspecified => {
                if required {
                    self.fail("visibility", "must be public, internal or restricted");
                }
                ""
            }
        }
    }
}

/// RFC 7396: what `patch` names replaces what is there, `null` removes it.
pub(crate) fn merge(target: &mut Metadata, patch: Metadata) {
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.remove(&key);
            }
            Value::Object(inner) => {
                let slot = target.entry(key).or_insert_with(|| Value::Object(Metadata::new()));
                if !slot.is_object() {
                    *slot = Value::Object(Metadata::new());
                }
                if let Value::Object(existing) = slot {
                    merge(existing, inner);
                }
            }
            value => {
                target.insert(key, value);
            }
        }
    }
}

/// The last part of a path, without what a file name cannot have. Never fails: whatever a client
/// calls its file, the bytes are welcome.
pub(crate) fn file_name(sent: &str) -> String {
    let last = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).collect();
    let clean = clean.trim().trim_start_matches('.');
    if clean.chars().count() <= NAME_CHARACTERS {
        return if clean.is_empty() { "document".to_owned() } else { clean.to_owned() };
    }
    // The extension is worth keeping.
    let (stem, extension) = match clean.rsplit_once('.') {
        Some((stem, extension)) if extension.chars().count() <= 10 => (stem, format!(".{extension}")),
        _ => (clean, String::new()),
    };
    let room = NAME_CHARACTERS - extension.chars().count();
    stem.chars().take(room).chain(extension.chars()).collect()
}

/// What a document is called when nobody says: its file name without the extension.
pub(crate) fn title_of(file_name: &str) -> String {
    match file_name.rsplit_once('.') {
        Some((stem, _)) if !stem.trim().is_empty() => stem.trim().to_owned(),
        _ => file_name.to_owned(),
    }
}

/// A range of bytes, resolved: where it starts and how long it is. Neither `first` nor `suffix`
/// means all.
///
/// # Errors
/// [`Error::Range`] when there is no such byte.
pub(crate) fn range(
    size: i64,
    first: Option<i64>,
    last: Option<i64>,
    suffix: Option<i64>,
) -> Result<(i64, i64), Error> {
    let outside = || Error::Range(size);
    match (first, last, suffix) {
        (None, None, None) => Ok((0, size)),
        (None, None, Some(suffix)) if suffix > 0 => Ok((size - suffix.min(size), suffix.min(size))),
        (Some(first), last, None) if (0..size).contains(&first) => {
            let last = last.unwrap_or(size - 1).min(size - 1);
            if last < first { Err(outside()) } else { Ok((first, last - first + 1)) }
        }
        _ => Err(outside()),
    }
}

/// The page's text as the database can hold it: no NUL, at most [`PAGE_BYTES`].
pub(crate) fn page_text(mut text: String) -> String {
    if text.contains('\0') {
        text.retain(|c| c != '\0');
    }
    text.truncate(text.floor_char_boundary(PAGE_BYTES));
    text
}

/// What people should know of the text of a document: why it is only a part (`partial`), and why a later
/// reading did not replace it (`kept`). Either may be empty.
pub(crate) fn notes(partial: &str, kept: &str) -> Vec<api::Failure> {
    let missing = match partial {
        "" => None,
        "ocr_unavailable" => Some("Text in pictures was not read: the program for it is not installed."),
        "encrypted" => Some("A part of it is protected with a password and was not read."),
        "limit_exceeded" | "too_large" => Some("It is longer than is read of one document; the rest was left out."),
        "timeout" => Some("Reading all of it would have taken too long; the rest was left out."),
        "corrupt" => Some("A part of the file is damaged and could not be read."),
        "unsupported_type" => Some("A part of it is of a kind that cannot be read yet."),
        _ => Some("The reader failed on a part of the file."),
    };
    let later = match kept {
        "" => None,
        "encrypted" => Some((
            "kept_encrypted",
            "It was read again without its password; the text of the earlier reading was kept.",
        )),
        _ => Some(("kept", "It was read again with less success; the text of the earlier reading was kept.")),
    };
    let note = |code: &str, detail: &str| api::Failure { code: code.to_owned(), detail: detail.to_owned() };
    missing
        .map(|detail| note(partial, detail))
        .into_iter()
        .chain(later.map(|(code, detail)| note(code, detail)))
        .collect()
}

pub(crate) fn status_of(name: &str) -> api::Status {
    match name {
        "pending" => api::Status::Pending,
        "processing" => api::Status::Processing,
        "ready" => api::Status::Ready,
        "failed" => api::Status::Failed,
        _ => api::Status::Unspecified,
    }
}

pub(crate) fn status_name(status: api::Status) -> &'static str {
    match status {
        api::Status::Pending => "pending",
        api::Status::Processing => "processing",
        api::Status::Ready => "ready",
        api::Status::Failed => "failed",
        api::Status::Unspecified => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_lose_paths_and_keep_extensions() {
        assert_eq!(file_name("../../etc/passwd"), "passwd");
        assert_eq!(file_name("C:\\Users\\x\\Brief.pdf"), "Brief.pdf");
        assert_eq!(file_name("a\r\nSet-Cookie: x.txt"), "aSet-Cookie: x.txt");
        assert_eq!(file_name(" . "), "document");
        assert_eq!(file_name(""), "document");
        let long = file_name(&format!("{}.pdf", "ä".repeat(400)));
        assert!(long.ends_with("ä.pdf") && long.chars().count() == 255);
        assert_eq!(title_of("Brief 2024.final.pdf"), "Brief 2024.final");
        assert_eq!(title_of("README"), "README");
    }

    #[test]
    fn ranges_resolve_as_rfc_9110_says() {
        assert_eq!(range(10, None, None, None).unwrap(), (0, 10));
        assert_eq!(range(10, Some(2), Some(4), None).unwrap(), (2, 3));
        assert_eq!(range(10, Some(2), None, None).unwrap(), (2, 8));
        assert_eq!(range(10, Some(2), Some(i64::MAX), None).unwrap(), (2, 8));
        assert_eq!(range(10, None, None, Some(3)).unwrap(), (7, 3));
        assert_eq!(range(10, None, None, Some(i64::MAX)).unwrap(), (0, 10));
        for (first, last, suffix) in
            [(Some(10), None, None), (Some(5), Some(4), None), (None, None, Some(0)), (Some(-1), None, None)]
        {
            assert!(range(10, first, last, suffix).is_err());
        }
    }

    #[test]
    fn page_text_fits_the_database() {
        assert_eq!(page_text("a\0b".to_owned()), "ab");
        let long = page_text("ä".repeat(PAGE_BYTES));
        assert!(long.len() <= PAGE_BYTES && long.ends_with('ä'));
    }

    #[test]
    fn a_patch_merges_as_the_rfc_says() {
        let object = |text: &str| serde_json::from_str::<Metadata>(text).unwrap();
        let mut target = object(r#"{"a":{"b":1,"c":2},"d":3}"#);
        merge(&mut target, object(r#"{"a":{"b":null,"e":{"f":1}},"d":[4]}"#));
        assert_eq!(target, object(r#"{"a":{"c":2,"e":{"f":1}},"d":[4]}"#));
    }
}
