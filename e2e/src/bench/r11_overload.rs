//! R11: ten times as many requests as can be answered, in an open loop: what is answered all the same,
//! how fast the others are told to come back, and how soon it is as before.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    Bench,
    figures::{Goal, Row, Sample},
    load::{Connection, Plan, Script, Target, closed},
};

/// How many times the capacity is offered.
const TIMES: f64 = 10.0;
/// Clients that wait for nobody.
const CONNECTIONS: usize = 1024;
/// More than any recovery may take.
const RECOVERY: Duration = Duration::from_secs(30);

/// What came of the rush.
struct Rush {
    answered_per_second: f64,
    refused: u64,
    offered_per_second: f64,
    refusals: Histogram<u64>,
    answers: Histogram<u64>,
}

pub(crate) async fn run(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let duration = if bench.options.quick { Duration::from_secs(2) } else { Duration::from_secs(60) };
    let target = bench.gateway.clone();
    let script = searches(bench, &target).await?;
    let plan = Plan { connections: 32, warm_up: bench.scale.warm_up, duration: bench.scale.duration };
    let capacity = closed(&target, script.clone(), plan).await?;
    let rush = rush(&target, script.clone(), (capacity * TIMES) as u64, duration).await?;
    let ended = Instant::now();
    // As before: nobody is refused, and it is as fast as it was, on the same few connections.
    let short = Plan { connections: 8, warm_up: Duration::from_millis(1), duration: Duration::from_millis(500) };
    let recovered = loop {
        match closed(&target, script.clone(), short).await {
            Ok(rate) if rate > capacity * 0.5 => break ended.elapsed().as_secs_f64(),
            _ => ensure!(ended.elapsed() < RECOVERY, "it had not recovered after {RECOVERY:?}"),
        }
    };
    let ms = |of: &Histogram<u64>, q| of.value_at_quantile(q) as f64 / 1000.0;
    let goodput = rush.answered_per_second / capacity;
    let one = |unit, value| Sample::new(unit, vec![value]);
    let note = format!(
        "capacity {capacity:.0}/s, offered {:.0}/s, answered {:.0}/s, refused {}; answers P50 {:.0} ms, P99 {:.0} ms",
        rush.offered_per_second,
        rush.answered_per_second,
        rush.refused,
        ms(&rush.answers, 0.5),
        ms(&rush.answers, 0.99)
    );
    Ok(vec![
        Row::new("R11", "goodput under a tenfold rush, of capacity", one("×", goodput), None, Goal::AtLeast(0.8))
            .note(note),
        Row::new("R11", "refusals, P50", one("ms", ms(&rush.refusals, 0.5)), None, Goal::Noted),
        Row::new("R11", "refusals, P99", one("ms", ms(&rush.refusals, 0.99)), None, Goal::AtMost(50.0)),
        Row::new("R11", "recovery", one("s", recovered), None, Goal::AtMost(10.0)),
    ])
}

/// The dearest call that anybody may make: each one is another.
async fn searches(bench: &Bench, target: &Target) -> anyhow::Result<Script> {
    bench.fill_archive(target).await?;
    let target = target.clone();
    let words = ["archive", "merchants", "harbour", "ledgers", "garden", "timber", "evening", "letter"];
    Ok(Arc::new(move |index| {
        let pick = |shift: u64| words[(super::p02_submit::scatter(index) >> shift) as usize % words.len()];
        (target.get(&format!("/api/v1/search?q={}%20{}&limit=20", pick(3), pick(9))), 200)
    }))
}

async fn rush(target: &Target, script: Script, per_second: u64, duration: Duration) -> anyhow::Result<Rush> {
    let target = target.clone();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async move {
            let limit = duration * 2 + Duration::from_secs(30);
            tokio::time::timeout(limit, offer(&target, script, per_second, duration))
                .await
                .context("the rush got stuck")?
        })
    };
    tokio::task::spawn_blocking(run).await?
}

struct Counts {
    answered: AtomicU64,
    refused: AtomicU64,
    refusals: Mutex<Histogram<u64>>,
    answers: Mutex<Histogram<u64>>,
}

/// Every tick is a request of a client that waits for nobody, as long as one of so many is free.
async fn offer(target: &Target, script: Script, per_second: u64, duration: Duration) -> anyhow::Result<Rush> {
    let histogram = || Histogram::<u64>::new_with_bounds(1, 120_000_000, 3);
    let counts = Arc::new(Counts {
        answered: AtomicU64::new(0),
        refused: AtomicU64::new(0),
        refusals: Mutex::new(histogram()?),
        answers: Mutex::new(histogram()?),
    });
    let (ticks, next) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU64::new(0)));
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut connection = Connection::to(target).await?;
        let (script, ticks, next, counts) = (script.clone(), ticks.clone(), next.clone(), counts.clone());
        clients.spawn(async move {
            while let Ok(tick) = ticks.acquire().await {
                tick.forget();
                let (request, _) = script(next.fetch_add(1, Ordering::Relaxed));
                let began = Instant::now();
                let status = connection.ask(&request).await?;
                let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                let (count, times) = match status {
                    200 => (&counts.answered, &counts.answers),
                    503 => (&counts.refused, &counts.refusals),
                    other => anyhow::bail!("{other} instead of 200 or 503"),
                };
                count.fetch_add(1, Ordering::Relaxed);
                if let Ok(mut times) = times.lock() {
                    times.saturating_record(took);
                }
            }
            anyhow::Ok(())
        });
    }
    let began = Instant::now();
    let mut offered = 0;
    while began.elapsed() < duration {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let due = (began.elapsed().as_secs_f64() * per_second as f64) as u64;
        // Those who found no client free are lost to us, and no debt that is paid later.
        let fresh = (due - offered) as usize;
        ticks.add_permits(fresh.min(CONNECTIONS.saturating_sub(ticks.available_permits())));
        offered = due;
    }
    let took = began.elapsed().as_secs_f64();
    ticks.close();
    let answered = counts.answered.load(Ordering::Relaxed);
    while let Some(client) = clients.join_next().await {
        client??;
    }
    let counts = Arc::into_inner(counts).context("a client still runs")?;
    Ok(Rush {
        answered_per_second: answered as f64 / took,
        refused: counts.refused.into_inner(),
        offered_per_second: offered as f64 / took,
        refusals: counts.refusals.into_inner().map_err(|_| anyhow::anyhow!("a client panicked"))?,
        answers: counts.answers.into_inner().map_err(|_| anyhow::anyhow!("a client panicked"))?,
    })
}
