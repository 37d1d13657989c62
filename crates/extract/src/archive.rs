//! ZIP archives, as office documents and e-books are. Everything is bounded: the entries, what one
//! of them and what all of them may become, and each is read from the archive's own bytes only.
//!
//! An archive whose table of contents is lost (cut off, or wrong) is searched for its entries, so that
//! what is left of a document can be read.

use std::{cell::Cell, collections::HashMap, io::Read};

use flate2::read::DeflateDecoder;

use crate::{Failure, FailureCode};

const MOST_ENTRIES: usize = 20_000;
/// What one entry may become.
const ENTRY_BYTES: u64 = 64 * 1024 * 1024;
/// What all entries that are looked at may become together.
const ALL_BYTES: u64 = 160 * 1024 * 1024;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";

pub(crate) struct Archive<'a> {
    bytes: &'a [u8],
    entries: HashMap<String, Entry>,
    left: Cell<u64>,
    /// Why something that was asked for was given in part.
    cut: Cell<Option<FailureCode>>,
}

#[derive(Clone, Copy)]
struct Entry {
    /// Of the header before the content.
    at: usize,
    method: u16,
    encrypted: bool,
    /// Of the content; `None`: as far as it goes.
    length: Option<usize>,
}

impl<'a> Archive<'a> {
    /// # Errors
    /// `corrupt` when there is not one entry in it.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Failure> {
        let (mut entries, mut cut) = (contents(bytes).unwrap_or_default(), None);
        if entries.is_empty() {
            entries = search(bytes);
            cut = Some(FailureCode::Corrupt);
        }
        if entries.is_empty() {
            return Err(Failure::new(FailureCode::Corrupt));
        }
        Ok(Self { bytes, entries, left: Cell::new(ALL_BYTES), cut: Cell::new(cut) })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Names that begin and end so, those with numbers in the order of their numbers.
    pub(crate) fn names(&self, start: &str, end: &str) -> Vec<String> {
        let mut names: Vec<String> =
            self.entries.keys().filter(|n| n.starts_with(start) && n.ends_with(end)).cloned().collect();
        names.sort_by_key(|name| {
            let digits: String = name.chars().filter(char::is_ascii_digit).collect();
            (digits.parse::<u64>().unwrap_or(u64::MAX), name.clone())
        });
        names
    }

    /// Why what was read so far is only part of what is in the archive.
    pub(crate) fn cut(&self) -> Option<FailureCode> {
        self.cut.get()
    }

    /// Says that something was found to be broken inside.
    pub(crate) fn is_cut(&self, code: FailureCode) {
        self.cut.set(self.cut.get().or(Some(code)));
    }

    /// What the entry holds, as far as it can be read; nothing when there is no such entry.
    ///
    /// # Errors
    /// `encrypted` when it has a password.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        if entry.encrypted {
            return Err(Failure::new(FailureCode::Encrypted));
        }
        let Some(content) = self.content(entry) else {
            self.is_cut(FailureCode::Corrupt);
            return Ok(None);
        };
        let most = ENTRY_BYTES.min(self.left.get());
        let mut read = Vec::new();
        let whole = match entry.method {
            STORED => content.take(most + 1).read_to_end(&mut read),
            DEFLATED => DeflateDecoder::new(content).take(most + 1).read_to_end(&mut read),
            _ => {
                self.is_cut(FailureCode::UnsupportedType);
                return Ok(None);
            }
        };
        if whole.is_err() {
            self.is_cut(FailureCode::Corrupt);
        }
        if read.len() as u64 > most {
            read.truncate(most as usize);
            self.is_cut(FailureCode::LimitExceeded);
        }
        self.left.set(self.left.get() - read.len() as u64);
        Ok(Some(read))
    }

    fn content(&self, entry: &Entry) -> Option<&'a [u8]> {
        let header = self.bytes.get(entry.at..)?;
        if !header.starts_with(LOCAL) {
            return None;
        }
        let rest = header.get(30 + usize::from(u16_at(header, 26)?) + usize::from(u16_at(header, 28)?)..)?;
        Some(&rest[..entry.length.unwrap_or(rest.len()).min(rest.len())])
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize)
}

/// The table of contents at the end.
fn contents(bytes: &[u8]) -> Option<HashMap<String, Entry>> {
    let from = bytes.len().saturating_sub(22 + usize::from(u16::MAX));
    let end = from + bytes[from..].windows(4).rposition(|w| w == END)?;
    let mut at = u32_at(bytes, end + 16)?;
    let mut entries = HashMap::new();
    while entries.len() < MOST_ENTRIES && bytes.get(at..)?.starts_with(CENTRAL) {
        let (name, extra, comment) = (u16_at(bytes, at + 28)?, u16_at(bytes, at + 30)?, u16_at(bytes, at + 32)?);
        let name_end = at + 46 + usize::from(name);
        let length = u32_at(bytes, at + 20)?;
        let entry = Entry {
            at: u32_at(bytes, at + 42)?,
            method: u16_at(bytes, at + 10)?,
            encrypted: u16_at(bytes, at + 8)? & 1 == 1,
            // All ones: the true length is elsewhere (ZIP64), and a compressed stream knows its end.
            length: Some(length).filter(|n| *n != u32::MAX as usize),
        };
        entries.entry(name_of(bytes.get(at + 46..name_end)?)).or_insert(entry);
        at = name_end + usize::from(extra) + usize::from(comment);
    }
    Some(entries)
}

/// Whatever looks like the header of an entry.
fn search(bytes: &[u8]) -> HashMap<String, Entry> {
    let mut entries = HashMap::new();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(4).position(|w| w == LOCAL) {
        at += found;
        let header = &bytes[at..];
        let entry = || {
            let flags = u16_at(header, 6)?;
            let length = u32_at(header, 18)?;
            let entry = Entry {
                at,
                method: u16_at(header, 8)?,
                encrypted: flags & 1 == 1,
                // With bit 3 the length comes after the content.
                length: Some(length).filter(|_| flags & 8 == 0),
            };
            Some((name_of(header.get(30..30 + usize::from(u16_at(header, 26)?))?), entry))
        };
        if let Some((name, entry)) = entry() {
            entries.entry(name).or_insert(entry);
        }
        at += LOCAL.len();
        if entries.len() == MOST_ENTRIES {
            break;
        }
    }
    entries
}

/// As it is asked for: with slashes, and without one at the beginning.
fn name_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\\', "/").trim_start_matches('/').to_owned()
}

/// `target`, as it is meant in a part that lies in `folder`: without `.` and `..`.
pub(crate) fn resolve(folder: &str, target: &str) -> String {
    let mut path: Vec<&str> = match target.starts_with('/') {
        true => Vec::new(),
        false => folder.split('/').filter(|s| !s.is_empty()).collect(),
    };
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(path.pop()),
            step => path.push(step),
        }
    }
    path.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One stored entry, with its table of contents or without.
    fn archive(name: &str, content: &[u8], table: bool) -> Vec<u8> {
        let length = (content.len() as u32).to_le_bytes();
        let mut bytes = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        bytes.extend([length, length].concat());
        bytes.extend([(name.len() as u16).to_le_bytes(), [0, 0]].concat());
        bytes.extend(name.bytes());
        bytes.extend(content);
        if table {
            let at = bytes.len() as u32;
            bytes.extend(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
            bytes.extend([length, length].concat());
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend([0; 16]);
            bytes.extend(name.bytes());
            bytes.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0\0\0\0\0");
            bytes.extend(at.to_le_bytes());
            bytes.extend([0, 0]);
        }
        bytes
    }

    #[test]
    fn entries_are_found_by_the_table_and_without_it() {
        let whole = archive("a/b.xml", b"content", true);
        let read = Archive::open(&whole).unwrap();
        assert_eq!(read.read("a/b.xml").unwrap().unwrap(), b"content");
        assert_eq!(read.cut(), None);
        let bytes = archive("a/b.xml", b"content", false);
        let read = Archive::open(&bytes).unwrap();
        assert_eq!(read.read("a/b.xml").unwrap().unwrap(), b"content");
        assert_eq!(read.cut(), Some(FailureCode::Corrupt));
    }

    #[test]
    fn an_archive_that_is_cut_anywhere_gives_what_it_has() {
        let whole = archive("a", b"content", true);
        for end in 0..whole.len() {
            if let Ok(read) = Archive::open(&whole[..end])
                && let Ok(Some(content)) = read.read("a")
            {
                assert!(b"content".starts_with(&content));
            }
        }
    }

    #[test]
    fn targets_are_meant_from_where_they_stand() {
        assert_eq!(resolve("ppt/slides", "../notesSlides/n1.xml"), "ppt/notesSlides/n1.xml");
        assert_eq!(resolve("ppt", "/ppt/slides/s1.xml"), "ppt/slides/s1.xml");
        assert_eq!(resolve("", "../../../etc/passwd"), "etc/passwd");
    }
}
