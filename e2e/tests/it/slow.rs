//! Who is slow, guesses, or sends what can be read in two ways: bounded, refused, and nobody else notices.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Upload},
    words,
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    harness::tests,
    raw,
    system::{READY, System},
};

tests!(Alone:
    heads_that_never_end_hold_nobody_up_and_are_cut_off,
    bodies_that_never_end_hold_nobody_up_and_are_given_up,
    an_honest_upload_over_a_slow_line_has_the_time_that_it_needs,
    readers_who_do_not_read_hold_nobody_up,
    one_password_tried_on_many_accounts_is_slowed_down,
    what_can_be_read_in_two_ways_is_refused_or_made_plain,
);

/// As in the goal.
const SLOW: usize = 2000;
/// Longer than a head may take, with room for a busy machine.
const CUT_OFF: Duration = Duration::from_secs(25);

/// How long others wait meanwhile: the longest of some requests, each on a connection of its own, too.
async fn others(system: &System) -> anyhow::Result<Duration> {
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        let began = Instant::now();
        system.viewer.get("/api/v1/contacts").await?.expect(200)?;
        Client::anonymous(system.base())?.get("/").await?.expect(200)?;
        let form = json!({"name": "Other", "email": format!("{}@example.org", words::unique()), "message": "Hello"});
        system.nobody.post("/api/v1/submissions", &form).await?.expect(201)?;
        longest = longest.max(began.elapsed());
    }
    Ok(longest)
}

/// Others were served while it went on.
fn unaffected(what: &str, before: Duration, during: Duration) -> anyhow::Result<()> {
    println!("{what}: others waited {during:.0?} at most for three answers, {before:.0?} without");
    ensure!(during < before * 5 + Duration::from_secs(2), "{what}: others waited {during:?}, {before:?} without");
    Ok(())
}

async fn open(base: &str) -> anyhow::Result<TcpStream> {
    let connected = timeout(Duration::from_secs(10), TcpStream::connect(raw::host(base))).await?;
    Ok(connected?)
}

/// Opens connections and sends this on each.
async fn crowd(base: &str, count: usize, begin: &str) -> anyhow::Result<Vec<TcpStream>> {
    let mut crowd = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = open(base).await?;
        stream.write_all(begin.as_bytes()).await?;
        crowd.push(stream);
    }
    Ok(crowd)
}

/// Sends a little more every second, until the other side has had enough of each.
async fn until_cut_off(crowd: Vec<TcpStream>, more: &[u8]) -> anyhow::Result<(usize, Vec<u16>)> {
    let endings: FuturesUnordered<_> = crowd
        .into_iter()
        .map(async |mut stream| {
            let mut answer = Vec::new();
            let ended = timeout(CUT_OFF, async {
                let mut buffer = [0; 1024];
                loop {
                    tokio::select! {
                        read = stream.read(&mut buffer) => match read {
                            Ok(0) | Err(_) => return,
                            Ok(read) => answer.extend_from_slice(&buffer[..read]),
                        },
                        () = sleep(Duration::from_secs(1)) => if stream.write_all(more).await.is_err() {
                            return;
                        },
                    }
                }
            });
            let ended = ended.await.is_ok();
            let status = String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|s| s.parse().ok());
            (ended, status.unwrap_or(0))
        })
        .collect();
    let endings: Vec<(bool, u16)> = endings.collect().await;
    let mut statuses: Vec<u16> = endings.iter().map(|(_, status)| *status).collect();
    statuses.sort_unstable();
    statuses.dedup();
    Ok((endings.iter().filter(|(ended, _)| !ended).count(), statuses))
}

async fn heads_that_never_end_hold_nobody_up_and_are_cut_off(system: Arc<System>) -> anyhow::Result<()> {
    let before = others(&system).await?;
    let began = Instant::now();
    let begin = format!("GET /api/v1/contacts HTTP/1.1\r\nHost: {}\r\nX-Slow: a", raw::host(system.base()));
    let crowd = crowd(system.base(), SLOW, &begin).await?;
    let slowly = tokio::spawn(until_cut_off(crowd, b"a"));
    unaffected(&format!("{SLOW} heads that never end"), before, others(&system).await?)?;
    let (left, statuses) = slowly.await??;
    ensure!(left == 0, "{left} of {SLOW} connections were never cut off");
    println!("all {SLOW} were cut off within {:.1?}; answers: {statuses:?}", began.elapsed());
    Ok(())
}

async fn bodies_that_never_end_hold_nobody_up_and_are_given_up(system: Arc<System>) -> anyhow::Result<()> {
    const FEW: usize = 100;
    let before = others(&system).await?;
    let begin = |path: &str, fields: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: {}\r\n{fields}\r\n\r\n{body}", raw::host(system.base()))
    };
    let form = begin("/api/v1/submissions", "Content-Type: application/json\r\nContent-Length: 5000", "{\"name\":\"");
    let file = format!(
        "Authorization: Bearer {}\r\nContent-Type: text/plain\r\nContent-Length: 20971520",
        system.editor_token
    );
    let file = begin("/api/v1/documents", &file, "a");
    let refused =
        begin("/api/v1/contacts", "Content-Type: application/json\r\nTransfer-Encoding: chunked", "1\r\na\r\n");
    let given_up = given_up(&system).await?;
    let mut all = Vec::new();
    // Where more files come at once than documents takes, some are refused before they are too slow.
    for (what, count, begin, more, expected) in [
        ("forms", SLOW, &form, &b"a"[..], &[408][..]),
        ("forms of which nothing more comes", FEW, &form, b"", &[408]),
        ("files", FEW, &file, b"a", &[408, 503]),
        ("files of which nothing more comes", FEW, &file, b"", &[408, 503]),
        ("what nobody may send", FEW, &refused, b"1\r\na\r\n", &[401]),
    ] {
        let began = Instant::now();
        let crowd = crowd(system.base(), count, begin).await?;
        all.push((what, count, expected, began, tokio::spawn(until_cut_off(crowd, more))));
    }
    unaffected(&format!("{SLOW} bodies that never end"), before, others(&system).await?)?;
    for (what, count, expected, began, slowly) in all {
        let (left, statuses) = slowly.await??;
        // When it comes between two of its reads, Caddy does not notice, and waits for its own last limit.
        ensure!(left * 100 <= count, "{left} of {count} {what} were not cut off: {statuses:?}");
        ensure!(statuses.iter().all(|s| expected.contains(s)), "{what} were answered {statuses:?}, not {expected:?}");
        let cut_off = count - left;
        println!("all {count} {what} were answered {statuses:?}, {cut_off} cut off within {:.1?}", began.elapsed());
    }
    let counted = self::given_up(&system).await? - given_up;
    ensure!(counted >= SLOW + FEW, "only {counted} were counted");
    Ok(())
}

/// How many bodies were too slow so far.
async fn given_up(system: &System) -> anyhow::Result<usize> {
    let metrics = system.admin("gateway", "/metrics").await?.expect(200)?;
    let metrics = String::from_utf8(metrics.body)?;
    let counter = metrics.lines().find_map(|line| line.strip_prefix("gateway_bodies_too_slow_total "));
    Ok(counter.map_or(Ok(0), str::parse)?)
}

async fn an_honest_upload_over_a_slow_line_has_the_time_that_it_needs(system: Arc<System>) -> anyhow::Result<()> {
    const PIECES: usize = 16;
    let piece: Vec<u8> = words::unique().bytes().cycle().take(1024).collect();
    let mut stream = open(system.base()).await?;
    let head = format!(
        "POST /api/v1/documents HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: text/plain\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        raw::host(system.base()),
        system.editor_token,
        PIECES * piece.len()
    );
    stream.write_all(head.as_bytes()).await?;
    // Longer than a body that brings nothing may take.
    for _ in 0..PIECES {
        stream.write_all(&piece).await?;
        sleep(Duration::from_secs(1)).await;
    }
    let mut answer = String::new();
    timeout(READY, stream.read_to_string(&mut answer)).await??;
    ensure!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    Ok(())
}

async fn readers_who_do_not_read_hold_nobody_up(system: Arc<System>) -> anyhow::Result<()> {
    const READERS: usize = 100;
    let bytes: Vec<u8> = words::unique().bytes().cycle().take(16 << 20).collect();
    let id = system.editor.add_ready(&Upload::new("large.txt", bytes), READY * 3).await?;
    let before = others(&system).await?;
    let resident = resident(&system)?;
    let begin = format!(
        "GET /api/v1/documents/{id}/content HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
        raw::host(system.base()),
        system.viewer_token
    );
    let mut readers = crowd(system.base(), READERS, &begin).await?;
    for reader in &mut readers {
        // It has begun.
        let mut first = [0; 512];
        let read = timeout(READY, reader.read(&mut first)).await??;
        ensure!(first[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&first[..read]));
    }
    unaffected(&format!("{READERS} readers who do not read"), before, others(&system).await?)?;
    let grown = self::resident(&system)?.saturating_sub(resident);
    println!("gateway and documents together grew by {} MiB meanwhile", grown >> 20);
    ensure!(grown < 256 << 20, "gateway and documents grew by {} MiB", grown >> 20);
    drop(readers);
    Ok(())
}

/// Of gateway and documents, in bytes.
fn resident(system: &System) -> anyhow::Result<usize> {
    let mut sum = 0;
    for service in ["gateway", "documents"] {
        let pid = system.stack().process(service).pid().context("it runs")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        sum += line.trim().trim_end_matches(" kB").trim().parse::<usize>()? << 10;
    }
    Ok(sum)
}

async fn one_password_tried_on_many_accounts_is_slowed_down(system: Arc<System>) -> anyhow::Result<()> {
    let began = Instant::now();
    for tried in 1..=150 {
        let body = json!({"email": format!("{}@example.org", words::unique()), "password": "Summer2026 summer"});
        let reply = system.nobody.post("/api/v1/session", &body).await?;
        if reply.status == 401 {
            continue;
        }
        let problem = reply.problem(429, "rate-limited")?;
        ensure!(reply.header("retry-after").parse::<u64>().is_ok_and(|s| (1..=60).contains(&s)), "{problem}");
        println!("spraying: {} accounts were tried in {:.1?}, then 429", tried - 1, began.elapsed());
        // Who has a session already is not kept out by it.
        system.viewer.get("/api/v1/contacts").await?.expect(200)?;
        return Ok(());
    }
    anyhow::bail!("a hundred and fifty accounts were tried")
}

/// Requests that a proxy and a server may take for different ones. `true`: both have to refuse it;
/// otherwise it may be read in the one way that the standard allows.
const AMBIGUOUS: [(&str, bool, &str); 14] = [
    ("length and chunks", false, "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"),
    ("chunks and length", false, "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n8\r\nSMUGGLED\r\n0\r\n\r\n"),
    ("two lengths", true, "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    ("two lengths in one", true, "Content-Length: 5, 6\r\n\r\nhello!"),
    ("a length with a sign", true, "Content-Length: +5\r\n\r\nhello"),
    ("a negative length", true, "Content-Length: -5\r\n\r\nhello"),
    ("a length that is none", true, "Content-Length: 0x5\r\n\r\nhello"),
    ("another coding", true, "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("two codings", true, "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    ("a blank before the colon", true, "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    ("a folded field", false, "X-Folded: a\r\n b\r\nContent-Length: 0\r\n\r\n"),
    ("a folded coding", true, "Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    ("a field with NUL", true, "X-Nul: a\0b\r\nContent-Length: 0\r\n\r\n"),
    ("a chunk that is none", true, "Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n"),
];

async fn what_can_be_read_in_two_ways_is_refused_or_made_plain(system: Arc<System>) -> anyhow::Result<()> {
    let gateway = system.stack().gateway_url();
    let (mut refused, mut plain) = (0, 0);
    for (name, both, rest) in AMBIGUOUS {
        for (side, base) in [("edge", system.base()), ("gateway", gateway.as_str())] {
            // Were the rest taken for a request of its own, it would be answered, too.
            let smuggled = format!(
                "GET /api/v1/health/live HTTP/1.1\r\nHost: {}\r\nX-Request-Id: smuggled\r\n\r\n",
                raw::host(base)
            );
            let request = format!(
                "POST /api/v1/visits HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nConnection: close\r\n{rest}{smuggled}",
                raw::host(base)
            );
            let answer =
                raw::exchange(base, request.as_bytes()).await.with_context(|| format!("{name} at the {side}"))?;
            let answers = answer.text.matches("HTTP/1.1 ").count();
            ensure!(answers == 1, "{name} at the {side} was taken for {answers} requests: {}", answer.text);
            ensure!(!answer.text.contains("smuggled"), "{name} at the {side}: {}", answer.text);
            ensure!(answer.status == 501 || answer.status < 500, "{name} at the {side}: {}", answer.text);
            let is_refused = answer.status >= 400;
            ensure!(is_refused || !both, "{name} is not refused at the {side}: {}", answer.text);
            refused += usize::from(is_refused);
            plain += usize::from(!is_refused);
        }
    }
    println!("{refused} ambiguous requests were refused, {plain} read in the one way that the standard allows");
    Ok(())
}
