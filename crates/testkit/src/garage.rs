use std::{path::PathBuf, time::Duration};

use stack::{
    ports,
    process::{Process, Program},
};
use tempfile::TempDir;

/// A real Garage with one bucket, as production has it.
#[derive(Debug)]
pub struct Garage {
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
    process: Process,
    _folder: TempDir,
}

/// Starts Garage when `GARAGE_BIN` names it, or it is in `.tools/bin` or on the path. `None`, said
/// aloud, when there is none.
pub async fn garage() -> Option<Garage> {
    let Some(path) = program() else {
        eprintln!("NOT TESTED against Garage: no program found (GARAGE_BIN, .tools/bin/garage or the path)");
        return None;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = || ports::free().expect("a free port");
    let (s3, rpc, admin) = (port(), port(), port());
    let root = folder.path().display();
    let config = format!(
        "metadata_dir = \"{root}/meta\"\ndata_dir = \"{root}/data\"\ndb_engine = \"sqlite\"\nreplication_factor = 1\n\
         metadata_fsync = true\ndata_fsync = true\nrpc_bind_addr = \"127.0.0.1:{rpc}\"\n\
         rpc_public_addr = \"127.0.0.1:{rpc}\"\n[s3_api]\ns3_region = \"garage\"\napi_bind_addr = \"127.0.0.1:{s3}\"\n\
         [admin]\napi_bind_addr = \"127.0.0.1:{admin}\"\n"
    );
    let config_path = folder.path().join("garage.toml");
    std::fs::write(&config_path, config).expect("the configuration is written");
    let (access_key, secret_key) = (format!("GK{}", "0a1b".repeat(6)), "1f".repeat(32));
    let environment = [
        ("GARAGE_RPC_SECRET", "ab".repeat(32)),
        ("GARAGE_DEFAULT_BUCKET", "dossier".to_owned()),
        ("GARAGE_DEFAULT_ACCESS_KEY", access_key.clone()),
        ("GARAGE_DEFAULT_SECRET_KEY", secret_key.clone()),
    ];
    let process = Process::new(Program {
        arguments: [
            "-c".into(),
            config_path.into(),
            "server".into(),
            "--single-node".into(),
            "--default-bucket".into(),
        ]
        .into(),
        environment: environment.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect(),
        ..Program::new("garage", path, folder.path().join("garage.log"))
    });
    process.start().expect("Garage starts");
    let answering = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", s3)).await.is_err() {
            assert!(process.pid().is_some(), "Garage ended: {}", process.log_tail());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    crate::within(Duration::from_secs(30), answering).await;
    Some(Garage {
        endpoint: format!("http://127.0.0.1:{s3}"),
        region: "garage".to_owned(),
        bucket: "dossier".to_owned(),
        access_key,
        secret_key,
        process,
        _folder: folder,
    })
}

fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("GARAGE_BIN") {
        return Some(named.into());
    }
    let kept = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin/garage");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|p| p.join("garage"));
    std::iter::once(kept).chain(found).find(|p| p.is_file())
}

impl Garage {
    /// The process, for faults.
    pub fn process(&self) -> &Process {
        &self.process
    }
}
