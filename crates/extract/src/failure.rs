use serde::{Deserialize, Serialize};

/// Why a document could not be read. The names are stable: they are in the public API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// It opens with a password only.
    Encrypted,
    /// There is no reader for this type.
    UnsupportedType,
    /// It is damaged beyond what the readers can mend.
    Corrupt,
    /// It is larger than a reader may hold.
    TooLarge,
    /// Reading it would take more memory, processor time, pages or output than is allowed.
    LimitExceeded,
    /// Reading it took too long.
    Timeout,
    /// It has pictures that could have text, and the program that reads such is not installed. Only
    /// ever a note on what was read.
    OcrUnavailable,
    /// It has fewer pages than that. Only ever said of pictures of pages.
    NoSuchPage,
    /// The reader ended in a way that it should not.
    Crashed,
}

impl FailureCode {
    /// As it is in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureCode::Encrypted => "encrypted",
            FailureCode::UnsupportedType => "unsupported_type",
            FailureCode::Corrupt => "corrupt",
            FailureCode::TooLarge => "too_large",
            FailureCode::LimitExceeded => "limit_exceeded",
            FailureCode::Timeout => "timeout",
            FailureCode::OcrUnavailable => "ocr_unavailable",
            FailureCode::NoSuchPage => "no_such_page",
            FailureCode::Crashed => "crashed",
        }
    }

    /// A sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            FailureCode::Encrypted => "The file is protected with a password.",
            FailureCode::UnsupportedType => "Files of this type cannot be read yet.",
            FailureCode::Corrupt => "The file is damaged and cannot be read.",
            FailureCode::TooLarge => "The file is too large to be read.",
            FailureCode::LimitExceeded => "Reading the file would take more memory or time than is allowed.",
            FailureCode::Timeout => "Reading the file took too long.",
            FailureCode::OcrUnavailable => "Text in pictures cannot be read here: the program for it is not installed.",
            FailureCode::NoSuchPage => "The file has no such page.",
            FailureCode::Crashed => "The reader failed on this file.",
        }
    }
}

/// A document that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    /// What kind of reason.
    pub code: FailureCode,
    /// A sentence for people.
    pub detail: String,
}

impl Failure {
    /// With the code's own sentence.
    pub fn new(code: FailureCode) -> Self {
        Self { code, detail: code.sentence().to_owned() }
    }

    /// Whether another attempt would end in the same way.
    pub fn is_permanent(&self) -> bool {
        !matches!(self.code, FailureCode::Timeout | FailureCode::Crashed)
    }
}
