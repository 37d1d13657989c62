//! A real browser: Chromium without a window, driven by WebDriver.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use base64::Engine;
use fantoccini::{Client, ClientBuilder, Locator, elements::Element};
use serde_json::{Map, Value, json};
use stack::{
    ports,
    process::{Process, Program},
};
use tempfile::TempDir;

/// How long the page may take to show what it should.
const PATIENCE: Duration = Duration::from_secs(25);

/// What the browser says of its reader's screen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    pub(crate) dark: bool,
    pub(crate) phone: bool,
    /// Without scripts.
    pub(crate) plain: bool,
}

/// A browser with a profile of its own, which goes away with it.
pub(crate) struct Browser {
    driver: Process,
    client: Client,
    profile: TempDir,
    port: u16,
}

impl Browser {
    /// Starts the driver and the browser. `None` when they are not on this machine.
    pub(crate) async fn start() -> anyhow::Result<Option<Self>> {
        Self::start_as(Look::default()).await
    }

    /// The same, without scripts.
    pub(crate) async fn start_plain() -> anyhow::Result<Option<Self>> {
        Self::start_as(Look { plain: true, ..Look::default() }).await
    }

    /// The same for another screen.
    pub(crate) async fn start_as(look: Look) -> anyhow::Result<Option<Self>> {
        let (Some(driver), Some(chromium)) = (find("chromedriver"), find("chromium")) else {
            return Ok(None);
        };
        let profile = TempDir::new()?;
        let chromium = bound_to_its_driver(&chromium, profile.path())?;
        let port = ports::free()?;
        let mut program = Program::new("chromedriver", driver, profile.path().join("driver.log"));
        program.arguments = vec![format!("--port={port}").into(), "--log-level=INFO".into()];
        program.environment.insert("HOME".to_owned(), profile.path().into());
        program.environment.insert("TMPDIR".to_owned(), profile.path().into());
        let driver = Process::new(program);
        driver.start()?;
        match connect(port, &chromium, &profile, look).await {
            Ok(client) => Ok(Some(Self { driver, client, profile, port })),
            Err(error) => {
                let log = driver.log_tail();
                driver.stop(Duration::from_secs(5)).await;
                Err(error.context(log))
            }
        }
    }

    /// Runs a session and ends the browser, whatever comes of it.
    pub(crate) async fn visit(self, session: impl AsyncFnOnce(&Self) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let outcome = session(&self).await;
        let shown = match &outcome {
            Ok(()) => String::new(),
            Err(_) => self.client.source().await.unwrap_or_default(),
        };
        // Should it not close, it is ended below.
        let _ = tokio::time::timeout(Duration::from_secs(10), self.client.clone().close()).await;
        self.driver.stop(Duration::from_secs(5)).await;
        end_processes_with(&self.profile.path().to_string_lossy());
        outcome.with_context(|| format!("the page was: {shown}"))
    }

    /// Opens an address.
    pub(crate) async fn open(&self, url: &str) -> anyhow::Result<()> {
        Ok(self.client.goto(url).await?)
    }

    /// Waits until there is such an element, and answers it.
    pub(crate) async fn find(&self, css: &str) -> anyhow::Result<Element> {
        let element = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await;
        element.with_context(|| format!("no {css} appeared"))
    }

    /// Types into a field.
    pub(crate) async fn type_into(&self, css: &str, text: &str) -> anyhow::Result<()> {
        Ok(self.find(css).await?.send_keys(text).await?)
    }

    /// Clicks.
    pub(crate) async fn click(&self, css: &str) -> anyhow::Result<()> {
        Ok(self.find(css).await?.click().await?)
    }

    /// Waits until an element's text contains this.
    pub(crate) async fn sees(&self, css: &str, text: &str) -> anyhow::Result<Element> {
        let mut last = String::new();
        let seen = async {
            loop {
                // It may be replaced while we look at it; then we look again.
                for element in self.client.find_all(Locator::Css(css)).await.unwrap_or_default() {
                    let shown = element.text().await.unwrap_or_default();
                    if shown.to_lowercase().contains(&text.to_lowercase()) {
                        return element;
                    }
                    last = shown;
                }
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
        };
        let seen = tokio::time::timeout(PATIENCE, seen).await;
        seen.with_context(|| format!("{css} never showed {text:?}; last: {last:?}"))
    }

    /// Waits until there is no such element.
    pub(crate) async fn gone(&self, css: &str) -> anyhow::Result<()> {
        let gone = async {
            while !self.client.find_all(Locator::Css(css)).await.unwrap_or_default().is_empty() {
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.with_context(|| format!("{css} stayed"))
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) -> anyhow::Result<()> {
        Ok(self.client.active_element().await?.send_keys(keys).await?)
    }

    /// The text of what has the focus.
    pub(crate) async fn focused(&self) -> anyhow::Result<String> {
        Ok(self.client.active_element().await?.text().await?)
    }

    /// Runs a script in the page.
    pub(crate) async fn run(&self, script: &str) -> anyhow::Result<Value> {
        Ok(self.client.execute(script, Vec::new()).await?)
    }

    /// Runs a script that answers by calling its last argument.
    pub(crate) async fn run_to_the_end(&self, script: &str) -> anyhow::Result<Value> {
        Ok(self.client.execute_async(script, Vec::new()).await?)
    }

    /// Drops files and folders onto the page, as from the desktop.
    pub(crate) async fn drop_files(&self, paths: &[&Path]) -> anyhow::Result<()> {
        let data = json!({"items": [], "files": paths, "dragOperationsMask": 1});
        for kind in ["dragEnter", "dragOver", "drop"] {
            let event = json!({"type": kind, "x": 400, "y": 300, "data": data});
            self.devtools("Input.dispatchDragEvent", event).await?;
        }
        Ok(())
    }

    /// Lets the page send no more than this many bytes in a second; `None`: as many as it can.
    pub(crate) async fn send_slowly(&self, bytes: Option<u32>) -> anyhow::Result<()> {
        self.network(false, bytes).await
    }

    /// Takes the network away from the page, or gives it back.
    pub(crate) async fn disconnect(&self, offline: bool) -> anyhow::Result<()> {
        self.network(offline, None).await
    }

    /// Runs a script in every page from now on, before the page's own; no policy of the page stops it.
    pub(crate) async fn before_every_page(&self, script: &str) -> anyhow::Result<()> {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await.map(drop)
    }

    /// As on a first visit: the browser keeps no files of before.
    pub(crate) async fn forget_files(&self) -> anyhow::Result<()> {
        self.devtools("Network.clearBrowserCache", json!({})).await.map(drop)
    }

    async fn network(&self, offline: bool, upload: Option<u32>) -> anyhow::Result<()> {
        self.devtools("Network.enable", json!({})).await?;
        let upload = upload.map_or(-1, i64::from);
        let line = json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload});
        self.devtools("Network.emulateNetworkConditions", line).await.map(drop)
    }

    /// Asks the browser by its own protocol.
    async fn devtools(&self, command: &str, parameters: Value) -> anyhow::Result<Value> {
        let session = self.client.session_id().await?.context("no session")?;
        let url = format!("http://127.0.0.1:{}/session/{session}/goog/cdp/execute", self.port);
        let request = reqwest::Client::new().post(url).json(&json!({"cmd": command, "params": parameters}));
        let answer = request.timeout(PATIENCE).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "{command}: {}", answer.text().await?);
        Ok(answer.json::<Value>().await?["value"].take())
    }

    /// The page from its top, as PNG; not more of it than anybody would look at.
    pub(crate) async fn picture(&self) -> anyhow::Result<Vec<u8>> {
        const SIZE: &str = "const all = document.documentElement;
            return { x: 0, y: 0, width: all.clientWidth, height: Math.min(all.scrollHeight, 2400), scale: 1 }";
        let clip = self.run(SIZE).await?;
        let parameters = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let taken = self.devtools("Page.captureScreenshot", parameters).await?;
        let encoded = taken["data"].as_str().context("no picture was taken")?;
        Ok(base64::prelude::BASE64_STANDARD.decode(encoded)?)
    }

    /// The address that is shown.
    pub(crate) async fn address(&self) -> anyhow::Result<String> {
        Ok(self.client.current_url().await?.to_string())
    }

    /// What the browser complained about: scripts that failed, things that the page's policy refused.
    pub(crate) fn complaints(&self) -> anyhow::Result<()> {
        let log = std::fs::read_to_string(self.profile.path().join("driver.log")).unwrap_or_default();
        // What a test itself runs in the page is logged as well, and may speak of such things.
        let mut lines = log.lines().filter(|line| !line.trim_start().starts_with("\"script\""));
        let refused = lines.find(|line| line.contains("Content Security Policy") || line.contains("Uncaught"));
        ensure!(refused.is_none(), "{refused:?}");
        Ok(())
    }
}

async fn connect(port: u16, chromium: &Path, profile: &TempDir, look: Look) -> anyhow::Result<Client> {
    let data = profile.path().join("profile");
    let arguments = [
        "--headless=new",
        // Chromium's own sandbox cannot run as root; it only sees pages that this test made.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--no-default-browser-check",
        "--window-size=1200,900",
        // 0 is dark, 1 is light.
        &format!("--blink-settings=preferredColorScheme={}", i32::from(!look.dark)),
        &format!("--user-data-dir={}", data.display()),
    ];
    let scripts =
        if look.plain { json!({"profile.managed_default_content_settings.javascript": 2}) } else { json!({}) };
    let mut options = json!({"binary": chromium, "args": arguments, "prefs": scripts});
    if look.phone {
        let screen = json!({"width": 360, "height": 740, "pixelRatio": 2.0, "touch": true, "mobile": true});
        options["mobileEmulation"] = json!({"deviceMetrics": screen});
    }
    let capabilities = Map::from_iter([
        ("goog:chromeOptions".to_owned(), options),
        ("goog:loggingPrefs".to_owned(), json!({"browser": "ALL"})),
        ("pageLoadStrategy".to_owned(), Value::from("normal")),
    ]);
    let address = format!("http://127.0.0.1:{port}");
    let mut client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
    client.capabilities(capabilities);
    let connected = async {
        loop {
            match client.connect(&address).await {
                Ok(client) => return client,
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, connected).await.context("the browser did not start")
}

/// A program that is the browser, and asks the kernel to be ended with the driver that started it.
fn bound_to_its_driver(chromium: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let program = folder.join("browser");
    let script = format!("#!/bin/sh\nexec setpriv --pdeathsig KILL '{}' \"$@\"\n", chromium.display());
    std::fs::write(&program, script)?;
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(program)
}

/// A program on the path.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Ends what was started with this folder as an argument and outlived its parent.
fn end_processes_with(folder: &str) {
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(folder)
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}
