//! The open-loop load generator: requests begin when the clock says so, whether or not the server
//! keeps up, and latency counts from the moment at which a request should have begun. A server that
//! stalls is charged for everybody who would have come meanwhile (no coordinated omission).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use hdrhistogram::Histogram;
use tokio::{sync::Semaphore, task::JoinSet};

use super::load::{Connection, Script, Target};

/// How fast, how long and how wide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) per_second: u32,
    pub(crate) duration: Duration,
    /// Requests in flight at most. Those that find no free connection wait, and their wait counts.
    pub(crate) connections: usize,
}

/// Drives `target` at a fixed rate; answers the latencies in microseconds.
pub(crate) async fn open(target: &Target, script: Script, pace: Pace) -> anyhow::Result<Histogram<u64>> {
    let target = target.clone();
    let name = target.name.clone();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async move {
            let limit = pace.duration * 4 + Duration::from_secs(30);
            let driving = drive(&target, script, pace);
            tokio::time::timeout(limit, driving).await.context("the server fell hopelessly behind the rate")?
        })
    };
    tokio::task::spawn_blocking(run).await?.with_context(|| format!("while driving {name}"))
}

async fn drive(target: &Target, script: Script, pace: Pace) -> anyhow::Result<Histogram<u64>> {
    let mut connections = Vec::new();
    for _ in 0..pace.connections {
        connections.push(Connection::to(target).await?);
    }
    let total = (f64::from(pace.per_second) * pace.duration.as_secs_f64()) as u64;
    let interval = Duration::from_secs(1) / pace.per_second;
    let start = Instant::now() + Duration::from_millis(20);
    let due = move |index: u64| start + interval.mul_f64(index as f64);
    let (ticks, next) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU64::new(0)));
    pacer(ticks.clone(), total, due, pace.connections)?;

    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let (script, ticks, next) = (script.clone(), ticks.clone(), next.clone());
        tasks.spawn(async move {
            let mut latency = histogram()?;
            loop {
                ticks.acquire().await?.forget();
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= total {
                    return anyhow::Ok(latency);
                }
                let (request, expected) = script(index);
                connection.exchange(&request, expected).await?;
                latency.saturating_record(micros(due(index).elapsed()));
            }
        });
    }
    let mut latency = histogram()?;
    while let Some(done) = tasks.join_next().await {
        latency.add(done??)?;
    }
    Ok(latency)
}

/// A histogram of microseconds up to two minutes.
fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 120_000_000, 3)?)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Releases one request at each tick, from a thread of its own: the runtime's timers tick in
/// milliseconds, which is as long as an answer takes. One more for each worker ends the run.
fn pacer(
    ticks: Arc<Semaphore>,
    total: u64,
    due: impl Fn(u64) -> Instant + Send + 'static,
    workers: usize,
) -> anyhow::Result<()> {
    std::thread::Builder::new().name("pacer".to_owned()).spawn(move || {
        for index in 0..total {
            std::thread::sleep(due(index).saturating_duration_since(Instant::now()));
            ticks.add_permits(1);
        }
        ticks.add_permits(workers);
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::bench::load::{Plan, closed};

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    /// Answers every request with `answer`, one after the other; the tenth takes half a second.
    async fn server(answer: &'static [u8]) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = Arc::new(AtomicU64::new(0));
        let one_at_a_time = Arc::new(tokio::sync::Mutex::new(()));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (served, turn) = (served.clone(), one_at_a_time.clone());
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                        let _turn = turn.lock().await;
                        if served.fetch_add(1, Ordering::Relaxed) == 10 {
                            tokio::time::sleep(Duration::from_millis(500)).await;
                        }
                        stream.write_all(answer).await.unwrap();
                    }
                });
            }
        });
        Target::new("a server", &url, None).await.unwrap()
    }

    fn asking(target: &Target) -> Script {
        let request = target.get("/");
        Arc::new(move |_| (request.clone(), 200))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_stall_is_charged_for_everybody_who_came_meanwhile() {
        let target = server(OK).await;
        let pace = Pace { per_second: 100, duration: Duration::from_secs(2), connections: 4 };
        let latency = open(&target, asking(&target), pace).await.unwrap();
        assert_eq!(latency.len(), 200);
        // One request was slow; fifty were due before it was answered, a quarter of all.
        assert!(latency.value_at_quantile(0.9) > 150_000, "{}", latency.value_at_quantile(0.9));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_refusal_is_no_speed() {
        let plan = Plan { connections: 2, warm_up: Duration::from_millis(10), duration: Duration::from_millis(800) };
        let good = server(OK).await;
        assert!(closed(&good, asking(&good), plan).await.unwrap() > 10.0);
        let bad = server(b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 5\r\n\r\nlater").await;
        let error = closed(&bad, asking(&bad), plan).await.unwrap_err();
        assert!(format!("{error:#}").contains("429 instead of 200: later"), "{error:#}");
    }
}
