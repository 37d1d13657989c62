//! Objects on a file system. An object is one file: its bytes, then a trailer of JSON, then the
//! trailer's length and a magic number. One rename makes it appear whole or not at all.

use std::{
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::{
    fs::{self, File},
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufWriter},
};
use uuid::Uuid;

const MAGIC: &[u8; 4] = b"DSO1";
const BUFFER_BYTES: usize = 256 * 1024;

/// What is known of an object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Meta {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) size: u64,
    /// Without the quotes.
    pub(super) etag: String,
    pub(super) content_type: Option<String>,
    pub(super) modified: SystemTime,
}

/// What a client said the bytes would be.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) size: Option<u64>,
    pub(super) md5: Option<Vec<u8>>,
    pub(super) sha256: Option<Vec<u8>>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum DiskError {
    #[error("there is no such object")]
    NoSuchKey,
    #[error("there is no such upload")]
    NoSuchUpload,
    #[error("a part is missing or not the one that was sent")]
    InvalidPart,
    #[error("the bytes are not those that were announced")]
    BadDigest,
    #[error("the body ended early")]
    Incomplete,
    #[error(transparent)]
    Io(#[from] io::Error),
}

type Result<T> = std::result::Result<T, DiskError>;

#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) id: String,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) content_type: Option<String>,
    pub(super) started: SystemTime,
}

/// A part of an upload that is not complete.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) number: i32,
    pub(super) etag: String,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
}

impl Disk {
    pub(super) async fn open(root: PathBuf) -> Result<Self> {
        for part in ["objects", "uploads", "tmp"] {
            fs::create_dir_all(root.join(part)).await?;
        }
        // Whatever was being written when the process ended was never acknowledged.
        let mut left = fs::read_dir(root.join("tmp")).await?;
        while let Some(entry) = left.next_entry().await? {
            fs::remove_file(entry.path()).await?;
        }
        Ok(Self { root })
    }

    fn path(&self, bucket: &str, key: &str) -> PathBuf {
        let name = hex::encode(Sha256::digest(format!("{bucket}/{key}")));
        self.root.join("objects").join(&name[..2]).join(name)
    }

    pub(super) async fn put<E: std::fmt::Display>(
        &self,
        bucket: &str,
        key: &str,
        content_type: Option<String>,
        body: impl Stream<Item = std::result::Result<Bytes, E>> + Unpin,
        expected: Expected,
    ) -> Result<Meta> {
        let temporary = Temporary::new(&self.root);
        let (mut file, size, md5) = receive(temporary.path(), body, expected).await?;
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let meta = Meta { bucket, key, size, etag: hex::encode(md5), content_type, modified: SystemTime::now() };
        finish(&mut file, &meta).await?;
        self.publish(temporary, &meta).await?;
        Ok(meta)
    }

    async fn publish(&self, temporary: Temporary, meta: &Meta) -> Result<()> {
        let path = self.path(&meta.bucket, &meta.key);
        let folder = path.parent().unwrap_or(&self.root).to_owned();
        if fs::create_dir(&folder).await.is_ok() {
            sync(&self.root.join("objects")).await?;
        }
        fs::rename(temporary.path(), &path).await?;
        sync(&folder).await?;
        Ok(())
    }

    pub(super) async fn open_object(&self, bucket: &str, key: &str) -> Result<(File, Meta)> {
        let mut file = File::open(self.path(bucket, key)).await.map_err(|e| missing(e, DiskError::NoSuchKey))?;
        let meta = read_trailer(&mut file).await?;
        Ok((file, meta))
    }

    pub(super) async fn delete(&self, bucket: &str, key: &str) -> Result<()> {
        let path = self.path(bucket, key);
        match fs::remove_file(&path).await {
            Ok(()) => Ok(sync(path.parent().unwrap_or(&self.root)).await?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// All objects of the bucket whose key starts with `prefix` and comes after `after`, by key.
    pub(super) async fn list(&self, bucket: &str, prefix: &str, after: &str) -> Result<Vec<Meta>> {
        let mut found = Vec::new();
        let mut folders = fs::read_dir(self.root.join("objects")).await?;
        while let Some(folder) = folders.next_entry().await? {
            let mut files = fs::read_dir(folder.path()).await?;
            while let Some(entry) = files.next_entry().await? {
                // Deleted between the two calls: then it is not there.
                let Ok(mut file) = File::open(entry.path()).await else { continue };
                let meta = read_trailer(&mut file).await?;
                if meta.bucket == bucket && meta.key.starts_with(prefix) && meta.key.as_str() > after {
                    found.push(meta);
                }
            }
        }
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    pub(super) async fn start_upload(&self, bucket: &str, key: &str, content_type: Option<String>) -> Result<String> {
        let id = Uuid::new_v4().simple().to_string();
        let folder = self.root.join("uploads").join(&id);
        fs::create_dir(&folder).await?;
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let upload = Upload { id: id.clone(), bucket, key, content_type, started: SystemTime::now() };
        fs::write(folder.join("upload.json"), serde_json::to_vec(&upload).map_err(io::Error::other)?).await?;
        Ok(id)
    }

    fn upload_folder(&self, id: &str) -> Result<PathBuf> {
        // The id becomes part of a path.
        Uuid::try_parse(id).map_err(|_| DiskError::NoSuchUpload)?;
        Ok(self.root.join("uploads").join(id))
    }

    async fn upload(&self, id: &str) -> Result<Upload> {
        let bytes = fs::read(self.upload_folder(id)?.join("upload.json")).await;
        let bytes = bytes.map_err(|e| missing(e, DiskError::NoSuchUpload))?;
        Ok(serde_json::from_slice(&bytes).map_err(io::Error::other)?)
    }

    pub(super) async fn put_part<E: std::fmt::Display>(
        &self,
        id: &str,
        number: i32,
        body: impl Stream<Item = std::result::Result<Bytes, E>> + Unpin,
        expected: Expected,
    ) -> Result<String> {
        self.upload(id).await?;
        let temporary = Temporary::new(&self.root);
        let (mut file, _, md5) = receive(temporary.path(), body, expected).await?;
        file.flush().await?;
        file.get_ref().sync_all().await?;
        let etag = hex::encode(md5);
        let folder = self.upload_folder(id)?;
        fs::rename(temporary.path(), folder.join(format!("{number:05}-{etag}"))).await?;
        Ok(etag)
    }

    /// Number, digest, size and time of what was sent, by number.
    pub(super) async fn parts(&self, id: &str) -> Result<Vec<Part>> {
        self.upload(id).await?;
        let mut found = Vec::new();
        let mut files = fs::read_dir(self.upload_folder(id)?).await?;
        while let Some(entry) = files.next_entry().await? {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some((number, etag)) = name.split_once('-') else { continue };
            let Ok(number) = number.parse() else { continue };
            let known = entry.metadata().await?;
            found.push(Part { number, etag: etag.to_owned(), size: known.len(), modified: known.modified()? });
        }
        found.sort_by_key(|part| (part.number, part.modified));
        Ok(found)
    }

    pub(super) async fn complete_upload(&self, id: &str, parts: &[(i32, String)]) -> Result<Meta> {
        let upload = self.upload(id).await?;
        let folder = self.upload_folder(id)?;
        let temporary = Temporary::new(&self.root);
        let mut whole = BufWriter::with_capacity(BUFFER_BYTES, File::create_new(temporary.path()).await?);
        let (mut size, mut digests) = (0, Md5::new());
        for (number, etag) in parts {
            let digest = hex::decode(etag).map_err(|_| DiskError::InvalidPart)?;
            let part = File::open(folder.join(format!("{number:05}-{etag}"))).await;
            let mut part = part.map_err(|e| missing(e, DiskError::InvalidPart))?;
            size += tokio::io::copy(&mut part, &mut whole).await?;
            digests.update(digest);
        }
        let etag = format!("{}-{}", hex::encode(digests.finalize()), parts.len());
        let Upload { bucket, key, content_type, .. } = upload;
        let meta = Meta { bucket, key, size, etag, content_type, modified: SystemTime::now() };
        finish(&mut whole, &meta).await?;
        self.publish(temporary, &meta).await?;
        fs::remove_dir_all(folder).await?;
        Ok(meta)
    }

    pub(super) async fn abort_upload(&self, id: &str) -> Result<()> {
        fs::remove_dir_all(self.upload_folder(id)?).await.map_err(|e| missing(e, DiskError::NoSuchUpload))
    }

    pub(super) async fn uploads(&self, bucket: &str) -> Result<Vec<Upload>> {
        let mut found = Vec::new();
        let mut folders = fs::read_dir(self.root.join("uploads")).await?;
        while let Some(folder) = folders.next_entry().await? {
            if let Ok(upload) = self.upload(&folder.file_name().to_string_lossy()).await
                && upload.bucket == bucket
            {
                found.push(upload);
            }
        }
        found.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
        Ok(found)
    }
}

fn missing(error: io::Error, otherwise: DiskError) -> DiskError {
    if error.kind() == io::ErrorKind::NotFound { otherwise } else { error.into() }
}

/// A file that goes away unless it is renamed.
struct Temporary(PathBuf);

impl Temporary {
    fn new(root: &Path) -> Self {
        Self(root.join("tmp").join(Uuid::new_v4().simple().to_string()))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Gone already when it was renamed.
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn receive<E: std::fmt::Display>(
    path: &Path,
    mut body: impl Stream<Item = std::result::Result<Bytes, E>> + Unpin,
    expected: Expected,
) -> Result<(BufWriter<File>, u64, [u8; 16])> {
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, File::create_new(path).await?);
    let (mut md5, mut sha256, mut size) = (Md5::new(), expected.sha256.as_ref().map(|_| Sha256::new()), 0);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| {
            tracing::debug!(%error, "a body ended early");
            DiskError::Incomplete
        })?;
        md5.update(&chunk);
        if let Some(sha256) = &mut sha256 {
            sha256.update(&chunk);
        }
        size += chunk.len() as u64;
        file.write_all(&chunk).await?;
    }
    let md5: [u8; 16] = md5.finalize().into();
    if expected.size.is_some_and(|announced| announced != size) {
        return Err(DiskError::Incomplete);
    }
    let sha256_matches = expected.sha256.is_none_or(|e| sha256.is_some_and(|s| s.finalize()[..] == e[..]));
    if expected.md5.is_some_and(|e| e != md5) || !sha256_matches {
        return Err(DiskError::BadDigest);
    }
    Ok((file, size, md5))
}

async fn finish(file: &mut BufWriter<File>, meta: &Meta) -> Result<()> {
    let trailer = serde_json::to_vec(meta).map_err(io::Error::other)?;
    let length = u32::try_from(trailer.len()).map_err(io::Error::other)?;
    file.write_all(&trailer).await?;
    file.write_all(&length.to_le_bytes()).await?;
    file.write_all(MAGIC).await?;
    file.flush().await?;
    file.get_ref().sync_all().await?;
    Ok(())
}

async fn read_trailer(file: &mut File) -> Result<Meta> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the object's trailer is damaged");
    let length = file.metadata().await?.len();
    let mut end = [0; 8];
    file.seek(io::SeekFrom::Start(length.checked_sub(8).ok_or_else(damaged)?)).await?;
    file.read_exact(&mut end).await?;
    let size = u64::from(u32::from_le_bytes([end[0], end[1], end[2], end[3]]));
    if end[4..] != MAGIC[..] || size > 64 * 1024 {
        return Err(damaged().into());
    }
    file.seek(io::SeekFrom::Start(length.checked_sub(8 + size).ok_or_else(damaged)?)).await?;
    let mut trailer = vec![0; size as usize];
    file.read_exact(&mut trailer).await?;
    serde_json::from_slice(&trailer).map_err(|_| damaged().into())
}

async fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder).await?.sync_all().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bytes: &'static [u8]) -> impl Stream<Item = std::result::Result<Bytes, io::Error>> + Unpin {
        futures_util::stream::iter(bytes.chunks(3).map(|c| Ok(Bytes::from_static(c))))
    }

    async fn read(disk: &Disk, key: &str) -> Vec<u8> {
        let (mut file, meta) = disk.open_object("b", key).await.unwrap();
        file.rewind().await.unwrap();
        let mut bytes = Vec::new();
        file.take(meta.size).read_to_end(&mut bytes).await.unwrap();
        bytes
    }

    #[tokio::test]
    async fn keys_that_are_prefixes_of_each_other_live_side_by_side() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path().into()).await.unwrap();
        for key in ["a", "a/b", "a/../c"] {
            disk.put("b", key, None, body(b"hello world"), Expected::default()).await.unwrap();
            assert_eq!(read(&disk, key).await, b"hello world");
        }
        let keys: Vec<_> = disk.list("b", "a/", "").await.unwrap().into_iter().map(|m| m.key).collect();
        assert_eq!(keys, ["a/../c", "a/b"]);
        disk.delete("b", "a").await.unwrap();
        assert!(matches!(disk.open_object("b", "a").await, Err(DiskError::NoSuchKey)));
    }

    #[tokio::test]
    async fn a_wrong_digest_keeps_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path().into()).await.unwrap();
        disk.put("b", "k", None, body(b"old"), Expected::default()).await.unwrap();
        let wrong = Expected { md5: Some(vec![0; 16]), ..Expected::default() };
        assert!(matches!(disk.put("b", "k", None, body(b"new"), wrong).await, Err(DiskError::BadDigest)));
        let short = Expected { size: Some(4), ..Expected::default() };
        assert!(matches!(disk.put("b", "k", None, body(b"new"), short).await, Err(DiskError::Incomplete)));
        assert_eq!(read(&disk, "k").await, b"old");
        assert_eq!(std::fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn parts_make_a_whole_and_an_abort_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path().into()).await.unwrap();
        let id = disk.start_upload("b", "k", None).await.unwrap();
        let two = disk.put_part(&id, 2, body(b"world"), Expected::default()).await.unwrap();
        let one = disk.put_part(&id, 1, body(b"hello "), Expected::default()).await.unwrap();
        assert_eq!(disk.uploads("b").await.unwrap().len(), 1);
        let parts = disk.parts(&id).await.unwrap();
        assert_eq!(parts.iter().map(|p| (p.number, p.size)).collect::<Vec<_>>(), [(1, 6), (2, 5)]);
        let unknown = [(1, "00".repeat(16))];
        assert!(matches!(disk.complete_upload(&id, &unknown).await, Err(DiskError::InvalidPart)));
        let meta = disk.complete_upload(&id, &[(1, one), (2, two)]).await.unwrap();
        assert!(meta.etag.ends_with("-2"));
        assert_eq!(read(&disk, "k").await, b"hello world");
        let id = disk.start_upload("b", "other", None).await.unwrap();
        disk.abort_upload(&id).await.unwrap();
        assert!(disk.uploads("b").await.unwrap().is_empty());
        assert!(matches!(disk.abort_upload("../objects").await, Err(DiskError::NoSuchUpload)));
    }
}
