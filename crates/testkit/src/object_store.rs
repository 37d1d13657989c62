use std::net::SocketAddr;

use tempfile::TempDir;

/// An object store of one test, with an empty bucket.
#[derive(Debug)]
pub struct ObjectStore {
    /// `http://host:port`.
    pub endpoint: String,
    /// What clients sign for.
    pub region: String,
    /// The bucket, which exists.
    pub bucket: String,
    /// Half of the key pair.
    pub access_key: String,
    /// The other half.
    pub secret_key: String,
    folder: TempDir,
    addr: SocketAddr,
    server: Option<stack::object_store::ObjectStore>,
}

const ACCESS_KEY: &str = "GKtest";
const SECRET_KEY: &str = "secret-for-tests";

/// The embedded store on a free port.
pub async fn object_store() -> ObjectStore {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = start(&folder, any).await;
    let endpoint = server.endpoint();
    let addr = endpoint.trim_start_matches("http://").parse().expect("an address");
    ObjectStore {
        endpoint,
        region: stack::object_store::REGION.to_owned(),
        bucket: stack::object_store::BUCKET.to_owned(),
        access_key: ACCESS_KEY.to_owned(),
        secret_key: SECRET_KEY.to_owned(),
        folder,
        addr,
        server: Some(server),
    }
}

async fn start(folder: &TempDir, addr: SocketAddr) -> stack::object_store::ObjectStore {
    stack::object_store::ObjectStore::start(folder.path().into(), addr, ACCESS_KEY, SECRET_KEY)
        .await
        .expect("the object store starts")
}

impl ObjectStore {
    /// Refuses connections from now on.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Back on the same port, with the same objects.
    pub async fn start_again(&mut self) {
        self.server = Some(start(&self.folder, self.addr).await);
    }
}
