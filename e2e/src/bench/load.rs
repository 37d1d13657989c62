//! The closed-loop load generator: each connection asks, waits for the whole answer, asks again.
//!
//! It speaks HTTP/1.1 over plain sockets, on one thread of its own, with requests that are bytes
//! before they are needed: on a small machine every cycle that the generator takes is one that the
//! server does not get.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// How long a run may go on after its end before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somewhere that answers the public API.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    addr: SocketAddr,
    host: String,
    bearer: Option<String>,
}

impl Target {
    /// `url` is `http://host:port`; `bearer` the token that goes with every request.
    pub(crate) async fn new(name: &str, url: &str, bearer: Option<&str>) -> anyhow::Result<Self> {
        let host = url.trim_end_matches('/').strip_prefix("http://").context("only http:// URLs can be driven")?;
        let named = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let addr = tokio::net::lookup_host(named).await?.next().with_context(|| format!("{url} has no address"))?;
        Ok(Self { name: name.to_owned(), addr, host: host.to_owned(), bearer: bearer.map(str::to_owned) })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    /// A whole GET request.
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{}\r\n", self.host, self.authorization()).into_bytes()
    }

    /// A whole POST request.
    pub(crate) fn post(&self, path: &str, json: &str) -> Vec<u8> {
        format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\n{}content-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
            self.host,
            self.authorization(),
            json.len()
        )
        .into_bytes()
    }

    fn authorization(&self) -> String {
        self.bearer.as_ref().map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default()
    }
}

/// The nth request of a run, and the status that must answer it.
pub(crate) type Script = Arc<dyn Fn(u64) -> (Vec<u8>, u16) + Send + Sync>;

/// How long and how wide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) connections: usize,
    /// Not measured.
    pub(crate) warm_up: Duration,
    pub(crate) duration: Duration,
}

/// Saturates `target`; answers its requests per second. Any answer with another status than the script's ends the run with an error:
/// refusing is fast, and must not look like speed.
pub(crate) async fn closed(target: &Target, script: Script, plan: Plan) -> anyhow::Result<f64> {
    let (addr, name) = (target.addr, target.name.clone());
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async move {
            let limit = plan.warm_up + plan.duration + PATIENCE;
            tokio::time::timeout(limit, saturate(addr, script, plan)).await.context("the run got stuck")?
        })
    };
    tokio::task::spawn_blocking(run).await?.with_context(|| format!("while driving {name}"))
}

async fn saturate(addr: SocketAddr, script: Script, plan: Plan) -> anyhow::Result<f64> {
    let next = Arc::new(AtomicU64::new(0));
    let begin = Instant::now() + plan.warm_up;
    let end = begin + plan.duration;
    let mut tasks = JoinSet::new();
    for _ in 0..plan.connections {
        let (script, next) = (script.clone(), next.clone());
        tasks.spawn(async move {
            let (mut connection, mut answered) = (Connection::open(addr).await?, 0_u64);
            loop {
                let started = Instant::now();
                if started >= end {
                    return anyhow::Ok(answered);
                }
                let (request, expected) = script(next.fetch_add(1, Ordering::Relaxed));
                connection.exchange(&request, expected).await?;
                let finished = Instant::now();
                answered += u64::from(finished >= begin && finished <= end);
            }
        });
    }
    let mut answered = 0;
    while let Some(done) = tasks.join_next().await {
        answered += done??;
    }
    ensure!(answered > 0, "no request was answered");
    Ok(answered as f64 / plan.duration.as_secs_f64())
}

/// One kept-alive connection, one request at a time.
pub(crate) struct Connection {
    addr: SocketAddr,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(addr: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(addr).await.with_context(|| format!("{addr} cannot be reached"))?;
        stream.set_nodelay(true)?;
        Ok(Self { addr, stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// To `target`.
    pub(crate) async fn to(target: &Target) -> anyhow::Result<Self> {
        Self::open(target.addr).await
    }

    /// Sends a request and reads its whole answer, which must have this status.
    pub(crate) async fn exchange(&mut self, request: &[u8], expected: u16) -> anyhow::Result<()> {
        let status = self.ask(request).await?;
        if status != expected {
            let asked = String::from_utf8_lossy(request);
            let answer = String::from_utf8_lossy(&self.buffer).into_owned();
            let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            bail!(
                "{} was answered {status} instead of {expected}: {body:.300}",
                asked.lines().next().unwrap_or_default(),
            );
        }
        Ok(())
    }

    /// Sends a request, reads its whole answer, and answers the status.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let body = loop {
            match self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(found) => break found + 4,
                None => self.fill().await?,
            }
        };
        let head = Head::parse(&self.buffer[..body])?;
        while !head.is_whole(&self.buffer[body..]) {
            self.fill().await?;
        }
        if head.close {
            let answered = std::mem::take(&mut self.buffer);
            *self = Self { buffer: answered, ..Self::open(self.addr).await? };
        }
        Ok(head.status)
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the connection was closed within an answer");
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// `None`: chunked.
    length: Option<usize>,
    close: bool,
}

impl Head {
    fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let text = std::str::from_utf8(bytes)?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status line")?.parse()?;
        let mut fields = BTreeMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            fields.insert(name.to_ascii_lowercase(), value.trim());
        }
        let chunked = fields.get("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let length = match fields.get("content-length") {
            _ if chunked => None,
            Some(length) => Some(length.parse()?),
            None => Some(0),
        };
        let close = fields.get("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        Ok(Self { status, length, close })
    }

    fn is_whole(&self, body: &[u8]) -> bool {
        match self.length {
            Some(length) => body.len() >= length,
            None => chunks_are_whole(body),
        }
    }
}

fn chunks_are_whole(mut body: &[u8]) -> bool {
    loop {
        let Some(line) = body.windows(2).position(|window| window == b"\r\n") else { return false };
        let digits = body[..line].split(|byte| *byte == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(digits).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let after = line + 2;
        match size {
            Some(0) => return body[after..].starts_with(b"\r\n"),
            Some(size) if body.len() >= after + size + 2 => body = &body[after + size + 2..],
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_framing_says_so() {
        let head = Head::parse(b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(head, Head { status: 201, length: Some(5), close: true });
        assert!(!head.is_whole(b"1234"));
        assert!(head.is_whole(b"12345"));
        let head = Head::parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
        let body = b"3\r\nabc\r\na;x=y\r\n0123456789\r\n0\r\n\r\n";
        for cut in 0..body.len() {
            assert!(!head.is_whole(&body[..cut]), "{cut}");
        }
        assert!(head.is_whole(body));
    }
}
