//! P6: from the first byte of an upload to the first search that finds it.

use std::time::{Duration, Instant};

use anyhow::ensure;
use e2e::{
    client::{Client, Upload},
    pdf, words,
};

use super::{
    Bench,
    figures::{Goal, Row, Sample, quantile},
};

const UNIT: &str = "ms";
const LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) async fn run(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let mut measured = vec![Vec::new(); bench.peers.len() + 1];
    for _ in 0..bench.scale.uploads {
        for (times, side) in measured.iter_mut().zip(bench.sides()) {
            times.push(until_found(&bench.client(side)?).await?.as_secs_f64() * 1000.0);
        }
    }
    let ours = measured.first().cloned().unwrap_or_default();
    let p95 = Sample::one(UNIT, quantile(&ours, 0.95));
    Ok(vec![
        Row::new("P6", "upload to searchable, ten pages, P50", Sample::new(UNIT, ours), None, Goal::AtMost(300.0)),
        Row::new("P6", "upload to searchable, ten pages, P95", p95, None, Goal::AtMost(1000.0)),
        bench.against_peers("P6", "upload to searchable, ten pages", UNIT, measured, Goal::Noted),
    ])
}

async fn until_found(client: &Client) -> anyhow::Result<Duration> {
    let mark = words::unique();
    let file = pdf::ten_pages(rand::random(), &["", "", "", "", "", "", &mark]);
    let started = Instant::now();
    client.add(&Upload::new("letter.pdf", file)).await?;
    loop {
        let reply = client.get(&format!("/api/v1/search?q={mark}")).await?.expect(200)?.json()?;
        if reply["hits"].as_array().is_some_and(|hits| !hits.is_empty()) {
            return Ok(started.elapsed());
        }
        ensure!(started.elapsed() < LIMIT, "{} did not find the document within {LIMIT:?}", client.base());
        tokio::time::sleep(PAUSE).await;
    }
}
