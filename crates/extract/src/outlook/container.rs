//! The compound file: folders and streams, each read once and up to a limit.

use std::io::{Cursor, Read};

use cfb::CompoundFile;

use crate::{Failure, FailureCode};

/// Looked at in one folder.
const MOST_ENTRIES: usize = 20_000;
/// What one stream may hold.
const STREAM_BYTES: u64 = 64 * 1024 * 1024;
/// What all streams that are looked at may hold together: they may share their bytes.
const ALL_BYTES: u64 = 160 * 1024 * 1024;

pub(crate) struct Container<'a> {
    file: CompoundFile<Cursor<&'a [u8]>>,
    left: u64,
    whole: bool,
}

impl<'a> Container<'a> {
    /// # Errors
    /// `corrupt` when its tables cannot be followed.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Failure> {
        let file = CompoundFile::open(Cursor::new(bytes)).map_err(|_| Failure::new(FailureCode::Corrupt))?;
        Ok(Self { file, left: ALL_BYTES, whole: true })
    }

    /// Whether everything that was asked for could be read.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// What is in a stream, as far as it can be read; nothing when there is no such stream.
    pub(crate) fn stream(&mut self, path: &str) -> Option<Vec<u8>> {
        if !self.file.is_stream(path) {
            return None;
        }
        let most = STREAM_BYTES.min(self.left);
        let mut bytes = Vec::new();
        let read = self.file.open_stream(path).and_then(|stream| stream.take(most + 1).read_to_end(&mut bytes));
        self.whole &= read.is_ok() && bytes.len() as u64 <= most;
        bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        self.left -= bytes.len() as u64;
        Some(bytes)
    }

    /// The paths of the streams in a folder.
    pub(crate) fn streams(&self, folder: &str) -> Vec<String> {
        self.entries(folder, |entry| entry.is_stream())
    }

    /// The paths of the folders in a folder whose names begin so, in the order of their names.
    pub(crate) fn folders(&self, folder: &str, start: &str) -> Vec<String> {
        let mut found = self.entries(folder, |entry| entry.is_storage() && entry.name().starts_with(start));
        found.sort();
        found
    }

    fn entries(&self, folder: &str, wanted: impl Fn(&cfb::Entry) -> bool) -> Vec<String> {
        let Ok(entries) = self.file.read_storage(format!("/{folder}")) else { return Vec::new() };
        entries
            .take(MOST_ENTRIES)
            .filter(|entry| wanted(entry))
            .map(|entry| format!("{folder}/{}", entry.name()))
            .collect()
    }
}
