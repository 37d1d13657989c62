//! An S3 server for laptops and tests: small, and durable in the way that production is.
//!
//! A success means that the bytes are on disk: [`disk`] writes to a temporary file, syncs it,
//! checks the digest, renames, syncs the folder. Keys are hashed, so any key can be stored. Listing
//! reads every object's trailer, which is fine for what fits on a laptop.
//! The protocol (signatures, XML, errors) is the `s3s` crate's.

mod disk;
mod protocol;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use self::{disk::Disk, protocol::Server};

/// The only bucket there is.
pub const BUCKET: &str = "dossier";
/// What clients must sign for.
pub const REGION: &str = "garage";

/// A running server; stopped when dropped.
#[derive(Debug)]
pub struct ObjectStore {
    addr: SocketAddr,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl ObjectStore {
    /// Serves the objects in `dir` on `listen` to whoever signs with this key pair.
    ///
    /// # Errors
    /// When the folder cannot be made or the address not bound.
    pub async fn start(dir: PathBuf, listen: SocketAddr, access_key: &str, secret_key: &str) -> anyhow::Result<Self> {
        let disk = Disk::open(dir).await?;
        let listener =
            TcpListener::bind(listen).await.with_context(|| format!("the object store's address {listen} is taken"))?;
        let mut builder = S3ServiceBuilder::new(Server::new(Arc::new(disk)));
        builder.set_auth(SimpleAuth::from_single(access_key, secret_key));
        let service = builder.build();
        let (addr, stop) = (listener.local_addr()?, CancellationToken::new());
        let stopping = stop.clone();
        let task = tokio::spawn(async move {
            let graceful = GracefulShutdown::new();
            while let Some(accepted) = stopping.run_until_cancelled(listener.accept()).await {
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
                let watched = graceful.watch(connection);
                tokio::spawn(async move {
                    if let Err(error) = watched.await {
                        tracing::debug!(%error, "a connection ended early");
                    }
                });
            }
            let _ = tokio::time::timeout(Duration::from_secs(5), graceful.shutdown()).await;
        });
        Ok(Self { addr, stop, task: Some(task) })
    }

    /// `http://host:port`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Finishes what is in flight.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
