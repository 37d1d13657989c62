use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use chassis::{ProcessConfig, grpc::GrpcConfig};
use indexer::{App, Config, Drawing, Keeping, Reading};
use search_index::{Engine, EngineConfig};
use tempfile::TempDir;
use testkit::{Running, engine::FakeMeilisearch};

use crate::documents::Documents;

/// The program that opens documents, as it is shipped.
pub(crate) fn reader() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let test = std::env::current_exe().unwrap();
        let program = test.parent().and_then(Path::parent).unwrap().join("dossier-extract");
        if !program.is_file() {
            let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
            let built = Command::new(cargo).args(["build", "-p", "extract", "--bin", "dossier-extract"]).status();
            assert!(built.unwrap().success());
        }
        program
    };
    BUILT.get_or_init(build).clone()
}

pub(crate) struct Fixture {
    pub(crate) documents: Documents,
    pub(crate) running: Running,
    /// For what a test's own reader leaves behind.
    pub(crate) folder: TempDir,
}

/// What a test can choose.
pub(crate) struct Setting<'a> {
    pub(crate) lease: Duration,
    pub(crate) engine: Option<&'a FakeMeilisearch>,
    /// Lines of shell before the reader; `$FOLDER` is [`Fixture::folder`].
    pub(crate) before: &'a str,
    pub(crate) finish_seconds: u64,
}

impl Default for Setting<'_> {
    fn default() -> Self {
        Self { lease: Duration::from_secs(30), engine: None, before: "", finish_seconds: 15 }
    }
}

pub(crate) async fn start(setting: Setting<'_>) -> Fixture {
    let documents = Documents::start(setting.lease).await;
    let folder = tempfile::tempdir().unwrap();
    let running = testkit::serve::<App>(config(&documents.url(), folder.path(), &setting)).await;
    if let Some(engine) = setting.engine
        && client(engine).health().await.is_ok()
    {
        documents.until(|state| state.index.is_true()).await;
    }
    Fixture { documents, running, folder }
}

pub(crate) fn config(documents_url: &str, folder: &Path, setting: &Setting<'_>) -> Config {
    let extract_program = match setting.before {
        "" => reader(),
        lines => {
            let program = folder.join("reader");
            let (folder, reader) = (folder.display(), reader());
            let script = format!("#!/bin/sh\nFOLDER={folder}\n{lines}\nexec {} \"$@\"\n", reader.display());
            std::fs::write(&program, script).unwrap();
            std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
            program
        }
    };
    Config {
        process: ProcessConfig::default(),
        grpc: GrpcConfig {
            listen_addr: ([127, 0, 0, 1], 0).into(),
            rpc_token: testkit::rpc_token(),
            rpc_concurrency: 64,
        },
        engine: engine_config(setting.engine),
        meili_master_key: None,
        search_url: None,
        documents_url: documents_url.to_owned(),
        finish_seconds: setting.finish_seconds,
        reading: Reading { extract_program: Some(extract_program), ..Reading::default() },
        drawing: Drawing::default(),
        keeping: Keeping { index_look_ms: 50, ..Keeping::default() },
    }
}

fn engine_config(engine: Option<&FakeMeilisearch>) -> EngineConfig {
    EngineConfig::new(engine.map(|e| e.url.as_str()), engine.map(|e| e.key.as_str()))
}

/// The test's own view of the engine.
pub(crate) fn client(engine: &FakeMeilisearch) -> Engine {
    Engine::connect(&engine_config(Some(engine))).unwrap()
}
