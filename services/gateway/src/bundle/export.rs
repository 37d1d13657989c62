//! Everything out, as it is read.

use std::{collections::BTreeMap, time::Duration};

use actix_web::web::{Bytes, Data};
use chassis::{Fault, RequestContext};
use jiff::Timestamp;
use proto::{
    contacts::{self, ExportResponse},
    documents::{self, export_response::Part},
};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{FORMAT, Files, HEAD, Head, Listed, MANIFEST, Manifest, Seal, tar};
use crate::{
    problem::Problem,
    state::State,
    store::{By, export_line},
};

/// The whole of it at most.
const TRANSFER: Duration = Duration::from_secs(24 * 3600);
/// Between two pieces, on either side.
const IDLE: Duration = Duration::from_secs(60);
/// Pieces on their way to the client.
const DEPTH: usize = 4;
/// Users of one entry.
const USERS: usize = 1000;

type Piece = Result<Bytes, Fault>;

/// The bundle as a body. What cannot even begin is a problem; what goes wrong later breaks the connection off, so
/// that nobody takes a part for the whole.
pub(crate) async fn export(state: Data<State>, by: By<'_>) -> Result<ReceiverStream<Piece>, Problem> {
    let context = RequestContext::current().unwrap_or_else(|| RequestContext::background(TRANSFER));
    let open = async {
        let contacts = state.contacts.clone().export(contacts::ExportRequest {}).await?.into_inner();
        let documents = state.documents.clone().export(documents::ExportRequest {}).await?.into_inner();
        Ok::<_, Problem>((contacts, documents))
    };
    let (contacts, documents) = open.await?;
    state.shared.store.note(by, "bundle.exported").await?;
    let (sender, receiver) = mpsc::channel(DEPTH);
    let writing = async move {
        let at = Timestamp::now();
        let manifest = Manifest {
            format: FORMAT,
            created_at: at,
            counts: BTreeMap::new(),
            entries: Vec::new(),
            files: Files::default(),
            seal: String::new(),
        };
        let mut writer = Writer { sender: sender.clone(), at, manifest, seal: Seal::default(), number: 0 };
        let written = async {
            writer.head().await?;
            users(&state, &mut writer).await?;
            of_contacts(contacts, &mut writer).await?;
            of_documents(documents, &mut writer).await?;
            writer.finish().await
        };
        if let Err(End::Failed(fault)) = written.await {
            tracing::warn!(error = %fault, "an export was broken off");
            let _ = sender.send(Err(fault)).await;
        }
    };
    actix_web::rt::spawn(context.with_budget(TRANSFER).scope(writing));
    Ok(ReceiverStream::new(receiver))
}

/// Why it ends early.
enum End {
    /// Nobody reads it any more.
    Unwanted,
    Failed(Fault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        End::Failed(fault)
    }
}

impl From<tonic::Status> for End {
    fn from(status: tonic::Status) -> Self {
        End::Failed(Fault::of(&status))
    }
}

impl From<crate::error::Error> for End {
    fn from(error: crate::error::Error) -> Self {
        End::Failed(error.into())
    }
}

async fn users(state: &State, writer: &mut Writer) -> Result<(), End> {
    for users in state.shared.store.export_users().await?.chunks(USERS) {
        let mut lines = Vec::new();
        for user in users {
            lines.extend(export_line(user)?);
        }
        writer.records("users", lines.into(), users.len() as i64).await?;
    }
    Ok(())
}

async fn of_contacts(mut parts: Streaming<ExportResponse>, writer: &mut Writer) -> Result<(), End> {
    while let Some(part) = in_time(parts.message()).await? {
        writer.records(&part.kind, part.lines, part.records).await?;
    }
    Ok(())
}

async fn of_documents(mut parts: Streaming<documents::ExportResponse>, writer: &mut Writer) -> Result<(), End> {
    let (mut size, mut left) = (0, 0);
    while let Some(part) = in_time(parts.message()).await? {
        match part.part {
            Some(Part::Records(records)) => writer.records(&records.kind, records.lines, records.count).await?,
            Some(Part::File(file)) => {
                size = u64::try_from(file.size).unwrap_or(0);
                left = size;
                writer.file(&file.sha256, size).await?;
            }
            Some(Part::Chunk(bytes)) => {
                let length = bytes.len() as u64;
                left = left.checked_sub(length).ok_or_else(|| Fault::internal("a file is longer than it was said"))?;
                writer.send(bytes).await?;
                if left == 0 {
                    writer.send(tar::padding(size)).await?;
                }
            }
            None => return Err(Fault::internal("a part of an export without anything").into()),
        }
    }
    match left {
        0 => Ok(()),
        _ => Err(Fault::internal("a file is shorter than it was said").into()),
    }
}

async fn in_time<T>(next: impl Future<Output = Result<T, tonic::Status>>) -> Result<T, End> {
    Ok(tokio::time::timeout(IDLE, next).await.map_err(|_| Fault::timeout())??)
}

/// Writes entries, and keeps what the manifest says of them.
struct Writer {
    sender: mpsc::Sender<Piece>,
    at: Timestamp,
    manifest: Manifest,
    seal: Seal,
    number: u64,
}

impl Writer {
    async fn send(&self, bytes: Bytes) -> Result<(), End> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.sender.send_timeout(Ok(bytes), IDLE).await.map_err(|_| End::Unwanted)
    }

    async fn entry(&mut self, name: &str, content: Bytes) -> Result<(), End> {
        let size = content.len() as u64;
        self.seal.add(name, size);
        self.send(tar::header(name, size, self.at)?).await?;
        self.send(content).await?;
        self.send(tar::padding(size)).await
    }

    async fn head(&mut self) -> Result<(), End> {
        let head = Head { format: FORMAT, software: env!("CARGO_PKG_VERSION").to_owned(), created_at: self.at };
        let head = serde_json::to_vec(&head).map_err(Fault::internal)?;
        self.entry(HEAD, head.into()).await
    }

    async fn records(&mut self, kind: &str, lines: Bytes, count: i64) -> Result<(), End> {
        *self.manifest.counts.entry(kind.to_owned()).or_default() += count;
        if lines.is_empty() {
            return Ok(());
        }
        self.number += 1;
        let sha256 = hex::encode(Sha256::digest(&lines));
        let name = format!("{kind}/{:06}-{sha256}.ndjson", self.number);
        let size = lines.len() as u64;
        self.manifest.entries.push(Listed { name: name.clone(), size, sha256, records: count });
        self.entry(&name, lines).await
    }

    async fn file(&mut self, sha256: &str, size: u64) -> Result<(), End> {
        let name = format!("files/{sha256}");
        self.manifest.files.count += 1;
        self.manifest.files.bytes += size;
        self.seal.add(&name, size);
        self.send(tar::header(&name, size, self.at)?).await
    }

    async fn finish(mut self) -> Result<(), End> {
        self.manifest.seal = std::mem::take(&mut self.seal).hex();
        let manifest = serde_json::to_vec(&self.manifest).map_err(Fault::internal)?;
        self.entry(MANIFEST, manifest.into()).await?;
        self.send(Bytes::from_static(&tar::END)).await
    }
}
