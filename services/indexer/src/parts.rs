//! What is attached to a document, on its way from the reader to documents.

use std::{fs::File, io::Read, io::Seek, io::SeekFrom};

use bytes::{Bytes, BytesMut};
use extract::Attachment;
use futures_util::{Stream, StreamExt, stream};
use proto::documents::{AttachRequest, AttachStart, attach_request};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use crate::error::Error;

const CHUNK_BYTES: usize = 256 << 10;

/// Bytes with a name and a checksum, as often as they are asked for.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) sha256: String,
    pub(crate) size: u64,
    file: File,
}

impl Part {
    /// Reads it once, for the checksum.
    pub(crate) async fn new(attachment: Attachment) -> Result<Self, Error> {
        let Attachment { name, mut file, size } = attachment;
        let summing = tokio::task::spawn_blocking(move || {
            let (mut hash, mut buffer) = (Sha256::new(), vec![0; CHUNK_BYTES]);
            loop {
                match file.read(&mut buffer)? {
                    0 => return Ok::<_, std::io::Error>((hex::encode(hash.finalize()), file)),
                    length => hash.update(&buffer[..length]),
                }
            }
        });
        let (sha256, file) = summing.await.map_err(|error| Error::Internal(format!("attachments: {error}")))??;
        Ok(Self { name, sha256, size, file })
    }

    /// From the first byte. When the file cannot be read to its end, they end early, and documents sees
    /// that by the size.
    pub(crate) async fn messages(
        &self,
        start: AttachStart,
    ) -> Result<impl Stream<Item = AttachRequest> + Send + use<>, Error> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        let chunk = async |mut file: tokio::fs::File| {
            let mut buffer = BytesMut::with_capacity(CHUNK_BYTES);
            let read = file.read_buf(&mut buffer).await.unwrap_or(0);
            (read > 0).then(|| (buffer.freeze(), file))
        };
        let chunks = stream::unfold(tokio::fs::File::from_std(file), chunk);
        let message = |part| AttachRequest { part: Some(part) };
        let first = stream::once(std::future::ready(message(attach_request::Part::Start(start))));
        Ok(first.chain(chunks.map(move |bytes: Bytes| message(attach_request::Part::Chunk(bytes)))))
    }
}
