use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use search_index::{Engine, EngineConfig};
use tempfile::TempDir;
use testkit::engine::FakeMeilisearch;
use tokio::sync::OnceCell;
use uuid::Uuid;

/// What a contract test is run against.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    /// The master key.
    pub(crate) key: String,
    pub(crate) engine: Engine,
    _fake: Option<FakeMeilisearch>,
}

/// The stand-in, and the real engine where there is one; each with an index of its own.
pub(crate) async fn targets() -> Vec<Target> {
    let fake = FakeMeilisearch::start().await;
    let target = |name, url: &str, key: &str, fake| {
        let (url, key, engine) = (url.to_owned(), key.to_owned(), engine(url, key));
        Target { name, url, key, engine, _fake: fake }
    };
    let (url, key) = (fake.url.clone(), fake.key.clone());
    let mut targets = vec![target("stand-in", &url, &key, Some(fake))];
    match real().await {
        Some((url, key)) => targets.push(target("Meilisearch", url, key, None)),
        None => eprintln!(
            "\n*** NOT TESTED against a real Meilisearch: set MEILISEARCH_BIN to the program or MEILI_URL to a server ***\n"
        ),
    }
    targets
}

fn engine(url: &str, key: &str) -> Engine {
    let index = format!("contract_{}", Uuid::new_v4().simple());
    let config = EngineConfig { meili_index: index, ..EngineConfig::new(Some(url), Some(key)) };
    Engine::connect(&config).expect("the configuration is valid")
}

const KEY: &str = "master-key-for-the-contract-tests";

/// One server for all tests of this process. Its end is watched by a shell that outlives us, so
/// that nothing is left behind when the test process ends in any way.
async fn real() -> Option<(&'static str, &'static str)> {
    static REAL: OnceCell<Option<(String, String)>> = OnceCell::const_new();
    let found = REAL.get_or_init(|| async {
        if let Ok(url) = std::env::var("MEILI_URL") {
            return Some((url, std::env::var("MEILI_KEY").unwrap_or_default()));
        }
        let program = std::env::var_os("MEILISEARCH_BIN")?;
        Some((start(Path::new(&program)).await, KEY.to_owned()))
    });
    found.await.as_ref().map(|(url, key)| (url.as_str(), key.as_str()))
}

static RUNNING: Mutex<Option<(Child, TempDir)>> = Mutex::new(None);

async fn start(program: &Path) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    let at = |name: &str| folder.path().join(name);
    // The shell waits for our end (its standard input closes) and takes the engine and its files away.
    let script = r#""$@" </dev/null >"$DIR/log" 2>&1 & read -r _; kill -9 $!; rm -rf "$DIR""#;
    let child = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(program)
        .args(["--no-analytics", "--env", "production", "--master-key", KEY])
        .args(["--http-addr", &format!("127.0.0.1:{port}")])
        .arg("--db-path")
        .arg(at("data"))
        .arg("--dump-dir")
        .arg(at("dumps"))
        .arg("--snapshot-dir")
        .arg(at("snapshots"))
        .env("DIR", folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .expect("MEILISEARCH_BIN starts");
    let url = format!("http://127.0.0.1:{port}");
    let probe = engine(&url, KEY);
    let answering = async {
        while probe.health().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    testkit::within(Duration::from_secs(30), answering).await;
    *RUNNING.lock().unwrap() = Some((child, folder));
    url
}
