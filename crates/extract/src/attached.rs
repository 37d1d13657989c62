//! What is attached to a document, handed from the child to the parent: a name, the bytes in pieces, an
//! end. The parent counts and cuts for itself; whatever has no end is not there.

use std::{
    fs::File,
    io::{Seek, Write},
    path::Path,
};

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::{FailureCode, help::say, tidy::tidy, wire::Line};

/// In one line.
const PIECE_BYTES: usize = 48 * 1024;
const NAME_CHARACTERS: usize = 255;

/// Something that was attached, in a file without a name that stands at its beginning.
#[derive(Debug)]
pub struct Attachment {
    /// One line; what the document calls it, or what it is called for want of that.
    pub name: String,
    /// Its bytes.
    pub file: File,
    /// How many.
    pub size: u64,
}

/// What may still be handed over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    pub(crate) count: usize,
    pub(crate) bytes: u64,
}

impl Allowance {
    /// The child's side. Answers whether there was room for it.
    pub(crate) fn hand_over(&mut self, name: &str, bytes: &[u8]) -> bool {
        let Some(left) = self.bytes.checked_sub(bytes.len() as u64).filter(|_| self.count > 0) else { return false };
        (self.bytes, self.count) = (left, self.count - 1);
        say(&Line::Attached { name: tidy(name).chars().take(NAME_CHARACTERS).collect() });
        for piece in bytes.chunks(PIECE_BYTES) {
            say(&Line::Bytes { data: BASE64_STANDARD.encode(piece) });
        }
        say(&Line::AttachedWhole);
        true
    }
}

/// The parent's side: what came so far.
#[derive(Debug)]
pub(crate) struct Arrivals {
    left: Allowance,
    whole: Vec<Attachment>,
    coming: Option<Attachment>,
}

impl Arrivals {
    pub(crate) fn new(most: Allowance) -> Self {
        Self { left: most, whole: Vec::new(), coming: None }
    }

    /// Takes the next line of this kind; files are made in `folder`.
    ///
    /// # Errors
    /// `limit_exceeded` when it is more than was agreed, `crashed` when there is no room for it here or
    /// it makes no sense.
    pub(crate) fn take(&mut self, line: Line, folder: &Path) -> Result<(), FailureCode> {
        match line {
            Line::Attached { name } => {
                self.left.count = self.left.count.checked_sub(1).ok_or(FailureCode::LimitExceeded)?;
                let name = name.chars().filter(|c| !c.is_control()).take(NAME_CHARACTERS).collect();
                let file = tempfile::tempfile_in(folder).map_err(no_room)?;
                self.coming = Some(Attachment { name, file, size: 0 });
            }
            Line::Bytes { data } => {
                let bytes = BASE64_STANDARD.decode(data).map_err(|_| FailureCode::Crashed)?;
                let coming = self.coming.as_mut().ok_or(FailureCode::Crashed)?;
                let length = bytes.len() as u64;
                self.left.bytes = self.left.bytes.checked_sub(length).ok_or(FailureCode::LimitExceeded)?;
                coming.file.write_all(&bytes).map_err(no_room)?;
                coming.size += length;
            }
            _ => {
                let mut whole = self.coming.take().ok_or(FailureCode::Crashed)?;
                whole.file.rewind().map_err(no_room)?;
                self.whole.push(whole);
            }
        }
        Ok(())
    }

    pub(crate) fn all(self) -> Vec<Attachment> {
        self.whole
    }
}

fn no_room(error: std::io::Error) -> FailureCode {
    tracing::error!(%error, "what is attached to a document cannot be spooled");
    FailureCode::Crashed
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn bytes(data: &[u8]) -> Line {
        Line::Bytes { data: BASE64_STANDARD.encode(data) }
    }

    fn named(name: &str) -> Line {
        Line::Attached { name: name.to_owned() }
    }

    #[test]
    fn only_what_has_an_end_is_there_and_its_name_is_one_short_line() {
        let folder = std::env::temp_dir();
        let mut arrivals = Arrivals::new(Allowance { count: 3, bytes: 100 });
        for line in [named(&format!("a\n{}", "b".repeat(300))), bytes(b"one "), bytes(b"two"), Line::AttachedWhole] {
            arrivals.take(line, &folder).unwrap();
        }
        for line in [named("c"), bytes(b"three")] {
            arrivals.take(line, &folder).unwrap();
        }
        let mut all = arrivals.all();
        assert_eq!((all.len(), all[0].size, all[0].name.len()), (1, 7, 255));
        let mut read = String::new();
        all[0].file.read_to_string(&mut read).unwrap();
        assert_eq!(read, "one two");
        assert!(all[0].name.starts_with("abb"));
    }

    #[test]
    fn a_child_that_hands_over_more_than_was_agreed_is_not_listened_to() {
        let folder = std::env::temp_dir();
        let mut arrivals = Arrivals::new(Allowance { count: 1, bytes: 4 });
        assert_eq!(arrivals.take(bytes(b"x"), &folder), Err(FailureCode::Crashed));
        assert_eq!(arrivals.take(Line::AttachedWhole, &folder), Err(FailureCode::Crashed));
        arrivals.take(named("a"), &folder).unwrap();
        assert_eq!(arrivals.take(bytes(b"12345"), &folder), Err(FailureCode::LimitExceeded));
        assert_eq!(arrivals.take(Line::Bytes { data: "?".to_owned() }, &folder), Err(FailureCode::Crashed));
        assert_eq!(arrivals.take(named("b"), &folder), Err(FailureCode::LimitExceeded));
    }
}
