//! Entries of a tar archive, written and read as they come.

use actix_web::web::{Bytes, BytesMut};
use chassis::{Fault, FaultKind};
use futures_util::{Stream, StreamExt};
use jiff::Timestamp;

use crate::problem::Problem;

const BLOCK: u64 = 512;
/// Marks the end.
pub(super) const END: [u8; 1024] = [0; 1024];

/// What comes before the content of a file. Names of more than 100 bytes have no place in it.
pub(super) fn header(name: &str, size: u64, at: Timestamp) -> Result<Bytes, Fault> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).map_err(Fault::internal)?;
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(u64::try_from(at.as_second()).unwrap_or(0));
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(Bytes::copy_from_slice(header.as_bytes()))
}

/// What fills the last block of a content.
pub(super) fn padding(size: u64) -> Bytes {
    Bytes::from_static(&END[..usize::try_from(size.next_multiple_of(BLOCK) - size).unwrap_or(0)])
}

/// The head of an entry; its content is read with [`Reader::chunk`].
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) size: u64,
}

/// Reads an archive from a stream, holding no more than a piece of it.
pub(super) struct Reader<S> {
    source: S,
    rest: Bytes,
    /// Of the entry's content.
    left: u64,
    padding: u64,
    /// Read so far.
    pub(super) bytes: u64,
}

/// It ends where more must come.
pub(super) fn truncated() -> Fault {
    let detail = "the bundle ends before it is whole: it was cut off on its way";
    Fault::new(FaultKind::Unprocessable, detail).because("bundle-truncated")
}

/// It is not what was written.
pub(super) fn damaged(what: &str) -> Fault {
    Fault::new(FaultKind::Unprocessable, format!("the bundle is damaged: {what}")).because("bundle-damaged")
}

impl<S: Stream<Item = Result<Bytes, Problem>> + Unpin> Reader<S> {
    pub(super) fn new(source: S) -> Self {
        Self { source, rest: Bytes::new(), left: 0, padding: 0, bytes: 0 }
    }

    /// Up to so many bytes; none at the end of the source.
    async fn some(&mut self, most: u64) -> Result<Bytes, Problem> {
        while self.rest.is_empty() {
            match self.source.next().await {
                Some(piece) => self.rest = piece?,
                None => return Ok(Bytes::new()),
            }
        }
        let length = self.rest.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        self.bytes += length as u64;
        Ok(self.rest.split_to(length))
    }

    /// The next entry; what is left of the one before is passed over. `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Entry>, Problem> {
        while self.chunk().await?.is_some() {}
        let mut block = BytesMut::new();
        while (block.len() as u64) < BLOCK {
            let some = self.some(BLOCK - block.len() as u64).await?;
            if some.is_empty() {
                return if block.is_empty() { Ok(None) } else { Err(truncated().into()) };
            }
            block.extend_from_slice(&some);
        }
        if block.iter().all(|b| *b == 0) {
            return Ok(None);
        }
        let header = tar::Header::from_byte_slice(&block);
        let wrong = |_| damaged("an entry has no proper head");
        let sum: u32 =
            block.iter().enumerate().map(|(at, b)| u32::from(if (148..156).contains(&at) { b' ' } else { *b })).sum();
        if header.cksum().map_err(wrong)? != sum || !header.entry_type().is_file() {
            return Err(damaged("an entry has no proper head").into());
        }
        let size = header.entry_size().map_err(wrong)?;
        let name = String::from_utf8(header.path_bytes().into_owned()).map_err(|_| damaged("a name is no text"))?;
        (self.left, self.padding) = (size, size.next_multiple_of(BLOCK) - size);
        Ok(Some(Entry { name, size }))
    }

    /// The next piece of the entry's content; `None` after the last.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Problem> {
        if self.left > 0 {
            let some = self.some(self.left).await?;
            self.left -= some.len() as u64;
            return if some.is_empty() { Err(truncated().into()) } else { Ok(Some(some)) };
        }
        while self.padding > 0 {
            let some = self.some(self.padding).await?;
            if some.is_empty() {
                return Err(truncated().into());
            }
            self.padding -= some.len() as u64;
        }
        Ok(None)
    }

    /// The whole content of a small entry.
    pub(super) async fn whole(&mut self, most: u64) -> Result<Bytes, Problem> {
        if self.left > most {
            return Err(damaged("an entry is longer than any that is written").into());
        }
        let mut whole = BytesMut::new();
        while let Some(piece) = self.chunk().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, content) in entries {
            bytes.extend_from_slice(&header(name, content.len() as u64, Timestamp::UNIX_EPOCH).unwrap());
            bytes.extend_from_slice(content);
            bytes.extend_from_slice(&padding(content.len() as u64));
        }
        bytes.extend_from_slice(&END);
        bytes
    }

    async fn read(bytes: &[u8], piece: usize) -> Result<Vec<(String, Vec<u8>)>, Problem> {
        let pieces: Vec<_> = bytes.chunks(piece).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
        let mut reader = Reader::new(stream::iter(pieces));
        let mut entries = Vec::new();
        while let Some(entry) = reader.next().await? {
            let content = reader.whole(1 << 20).await?;
            assert_eq!(content.len() as u64, entry.size);
            entries.push((entry.name, content.to_vec()));
        }
        Ok(entries)
    }

    #[tokio::test]
    async fn what_is_written_is_read_however_it_is_cut() {
        let long = vec![7; 1000];
        let entries: [(&str, &[u8]); 3] = [("a.json", b"{}"), ("files/x", &long), ("empty", b"")];
        let bytes = archive(&entries);
        for piece in [1, 511, 512, 513, 4096] {
            let read = read(&bytes, piece).await.unwrap();
            let read: Vec<(&str, &[u8])> =
                read.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
            assert_eq!(read, entries);
        }
        let mut theirs = tar::Archive::new(bytes.as_slice());
        assert_eq!(theirs.entries().unwrap().count(), 3, "other programs read it");
    }

    #[tokio::test]
    async fn what_is_cut_off_or_no_archive_is_told() {
        let bytes = archive(&[("a.json", &[1; 600])]);
        for length in [100, 600, 1100, 1300] {
            let problem = read(&bytes[..length], 512).await.unwrap_err();
            assert_eq!(problem.fault.reason, "bundle-truncated", "{length}");
        }
        assert_eq!(read(&[9; 2048], 512).await.unwrap_err().fault.reason, "bundle-damaged");
    }
}
