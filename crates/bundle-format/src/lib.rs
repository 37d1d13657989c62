//! What gateway, contacts and documents must agree on about the export bundle: the number of its format,
//! and that records are JSON objects, each on a line of its own.
//!
//! A later format may add fields, with a default for what older bundles do not have; what is there is
//! never taken away, so that every release reads the bundles of all earlier ones.

use chassis::Fault;
use serde::{Serialize, de::DeserializeOwned};

/// The newest format that is known, and the one that is written.
///
/// 1: people, collections, documents, contacts, submissions, visits, links.
/// 2: which message a document came with, what came with a message, and which contacts were merged.
pub const FORMAT: i32 = 2;

/// Whether this release reads bundles of this format.
pub fn is_known(format: i32) -> bool {
    (1..=FORMAT).contains(&format)
}

/// Refuses a format that this release does not read.
///
/// # Errors
/// 422 `bundle-format`.
pub fn known(format: i32) -> Result<(), Fault> {
    let newer = || Fault::unprocessable("format", "is newer than this release reads").because("bundle-format");
    if is_known(format) { Ok(()) } else { Err(newer()) }
}

/// For a kind of records that no release has written: 422 `bundle-damaged`.
pub fn unknown_kind() -> Fault {
    Fault::unprocessable("kind", "is not known").because("bundle-damaged")
}

/// The records of these lines; empty ones are left out.
///
/// # Errors
/// 422 `bundle-damaged` when a line is no such record; nothing of the line is said.
pub fn read<T: DeserializeOwned>(lines: &[u8]) -> Result<Vec<T>, Fault> {
    let lines = lines.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    let wrong = |error: serde_json::Error| {
        let detail = format!("holds a line that is no record ({:?})", error.classify());
        Fault::unprocessable("lines", detail).because("bundle-damaged")
    };
    lines.map(|line| serde_json::from_slice(line).map_err(wrong)).collect()
}

/// Adds a record to lines.
///
/// # Errors
/// When it cannot be JSON, which is a mistake of ours.
pub fn write(lines: &mut Vec<u8>, record: &impl Serialize) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *lines, record)?;
    lines.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_nothing_else_is() {
        let mut lines = Vec::new();
        for number in [1, 2] {
            write(&mut lines, &number).unwrap();
        }
        assert_eq!(lines, b"1\n2\n");
        assert_eq!(read::<i32>(&lines).unwrap(), [1, 2]);
        let refused = read::<i32>(b"1\n\"secret\"\n").unwrap_err();
        assert_eq!(refused.reason, "bundle-damaged");
        assert!(!refused.detail.contains("secret"), "{refused:?}");
    }

    #[test]
    fn what_a_later_release_wrote_is_refused() {
        assert!(known(FORMAT).is_ok());
        for format in [0, -1, FORMAT + 1] {
            assert_eq!(known(format).unwrap_err().reason, "bundle-format");
        }
    }
}
