//! The export bundle: everything that the system holds for people, in one file that any later release reads.
//!
//! It is a tar archive. `dossier.json` comes first and says the format. Then come records, `KIND/NUMBER-SHA256.ndjson`
//! with a JSON object on each line, in an order in which they can be brought in one after another; those of
//! documents are followed by the bytes of their versions, `files/SHA256`. `manifest.json` comes last. Each entry's
//! name says what its content must be, and the manifest seals names, sizes and order, so whatever was cut off,
//! damaged or left out is noticed, without anything having to be held.
//!
//! The services know their own records ([`crate::store`] those of people); this is only the envelope. What is not in
//! it: passwords, sessions, keys and links that let somebody in, webhooks, the audit logs, and what is derived.

mod export;
mod import;
mod tar;

use bundle_format::FORMAT;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use export::export;
pub(crate) use import::{Imports, Report, Tally, import};

const HEAD: &str = "dossier.json";
const MANIFEST: &str = "manifest.json";
/// Records of one entry at most.
const LARGEST_RECORDS: u64 = 4 << 20;
const LARGEST_MANIFEST: u64 = 64 << 20;

/// `dossier.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    /// Rises when older releases cannot read it any more.
    format: i32,
    /// The release that wrote it.
    software: String,
    created_at: Timestamp,
}

/// `manifest.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: i32,
    created_at: Timestamp,
    /// Records of each kind.
    counts: BTreeMap<String, i64>,
    /// The entries with records. Those with bytes are named in the records of documents, with size and SHA-256.
    entries: Vec<Listed>,
    files: Files,
    /// SHA-256 of all names and sizes before this entry, in their order: see [`Seal`].
    seal: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Listed {
    name: String,
    size: u64,
    sha256: String,
    records: i64,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Files {
    count: u64,
    bytes: u64,
}

/// Names and sizes as they pass.
#[derive(Default)]
struct Seal(sha2::Sha256);

impl Seal {
    /// `NAME SIZE\n`
    fn add(&mut self, name: &str, size: u64) {
        sha2::Digest::update(&mut self.0, format!("{name} {size}\n"));
    }

    fn hex(self) -> String {
        hex::encode(sha2::Digest::finalize(self.0))
    }
}

/// What an entry is, by its name.
#[derive(Debug, PartialEq, Eq)]
enum Named<'a> {
    Records { kind: &'a str, sha256: &'a str },
    File { sha256: &'a str },
    Manifest,
}

fn named(name: &str) -> Option<Named<'_>> {
    if name == MANIFEST {
        return Some(Named::Manifest);
    }
    let sha256 =
        |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match name.split_once('/')? {
        ("files", hash) => sha256(hash).then_some(Named::File { sha256: hash }),
        (kind, rest) => {
            let (number, hash) = rest.strip_suffix(".ndjson")?.split_once('-')?;
            let numbered = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            (numbered && sha256(hash)).then_some(Named::Records { kind, sha256: hash })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_an_entry_is() {
        let hash = "0123456789abcdef".repeat(4);
        let records = format!("contacts/000001-{hash}.ndjson");
        assert_eq!(named(&records), Some(Named::Records { kind: "contacts", sha256: &hash }));
        assert_eq!(named(&format!("files/{hash}")), Some(Named::File { sha256: &hash }));
        assert_eq!(named("manifest.json"), Some(Named::Manifest));
        let upper = format!("files/{}", hash.to_uppercase());
        for other in ["", "files/", "files/../etc/passwd", "contacts/1.ndjson", "contacts/-x.ndjson", upper.as_str()] {
            assert_eq!(named(other), None, "{other}");
        }
    }
}
