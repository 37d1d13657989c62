//! HTTP by hand, for what a proper client would not send.

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// An answer, as far as a test looks at it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line, header fields and body.
    pub(crate) text: String,
}

/// Sends these bytes on a fresh connection and answers what comes back until the other side closes.
pub(crate) async fn exchange(base: &str, request: &[u8]) -> anyhow::Result<Answer> {
    let exchange = async {
        let mut stream = connect(base).await?;
        stream.write_all(request).await?;
        let mut answer = Vec::new();
        // A reset after the answer is as good as a close.
        let ended = stream.read_to_end(&mut answer).await;
        ensure!(!answer.is_empty(), "no answer at all: {ended:?}");
        parse(answer)
    };
    timeout(PATIENCE, exchange).await.context("no whole answer in time")?
}

/// Sends these bytes and hangs up without waiting for anything.
pub(crate) async fn send_and_hang_up(base: &str, request: &[u8]) -> anyhow::Result<()> {
    let mut stream = connect(base).await?;
    timeout(PATIENCE, stream.write_all(request)).await??;
    timeout(PATIENCE, stream.flush()).await??;
    // An orderly half-close: the server sees the end of the body before it should be there.
    timeout(PATIENCE, stream.shutdown()).await??;
    let mut answer = [0_u8; 4096];
    // Whatever it answers, the connection is over.
    let _ = timeout(PATIENCE, stream.read(&mut answer)).await?;
    Ok(())
}

/// GET of a path exactly as spelt, which URL libraries would tidy up.
pub(crate) async fn get(base: &str, path: &str) -> anyhow::Result<Answer> {
    get_with(base, path, "").await
}

/// The same with more header fields, each ended by a line break.
pub(crate) async fn get_with(base: &str, path: &str, fields: &str) -> anyhow::Result<Answer> {
    let host = host(base);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{fields}Connection: close\r\n\r\n");
    exchange(base, request.as_bytes()).await
}

/// `host:port` of a base URL.
pub(crate) fn host(base: &str) -> &str {
    base.trim_start_matches("http://")
}

async fn connect(base: &str) -> anyhow::Result<TcpStream> {
    timeout(PATIENCE, TcpStream::connect(host(base))).await?.with_context(|| format!("connecting to {base}"))
}

fn parse(answer: Vec<u8>) -> anyhow::Result<Answer> {
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Answer { status: status.with_context(|| format!("not HTTP: {text:?}"))?, text })
}
