//! Bytes → pages of text.
//!
//! Two halves that never share a process. [`Extractor`] is the parent's: it starts
//! `dossier-extract --child` with the document as standard input, reads what it prints under a cap
//! and a deadline, and believes nothing of it. [`child`] is the other: it gives up files, network,
//! processes and most of its memory (see [`sandbox`]), and only then looks at the first byte.
//!
//! Text in pictures and scanned pages is read by tesseract where that is installed, in a third process
//! with walls of its own; the child only says how large the picture is, or what a page shows.
//!
//! [`Renderer`] has a page drawn by the same child, behind the same walls.
//!
//! A page is a page of a PDF or of a Word document as it was last laid out, a slide, a sheet, a chapter,
//! a message or what is attached to it, a section of a text between form feeds or of about three
//! thousand characters, or what stands under the headings of a Markdown or HTML document. Very long
//! sheets and chapters are several. Page text is NFC, without control characters, with ligatures taken
//! apart and words that were hyphenated at a line end put together again.

mod archive;
mod attached;
pub mod child;
mod epub;
mod extraction;
mod failure;
mod formats;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod help;
mod html;
mod mail;
mod markdown;
mod media;
mod ocr;
mod office;
mod outlook;
mod parent;
mod pdf;
mod picture;
mod precedence;
mod render;
mod renderer;
mod rtf;
mod sandbox;
mod table;
mod text;
mod tidy;
mod wire;
mod xml;

pub use attached::Attachment;
pub use extraction::{Extraction, How, Limits, PATIENCE, Page};
pub use failure::{Failure, FailureCode};
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use fuzzing::{fuzzed, fuzzed_answer, fuzzed_drawing, fuzzed_lock, fuzzed_packing, fuzzed_picture};
pub use media::sniff;
pub use ocr::Ocr;
pub use parent::Extractor;
pub use precedence::{GoingFirst, Precedence};
pub use renderer::{PagePicture, PictureType, Renderer};

/// Raised when documents are read better than before, so that what an older version read can be
/// read again.
pub const EXTRACTOR_VERSION: i32 = 3;
