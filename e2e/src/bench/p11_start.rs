//! P11: how long a start takes, of one service and of everything.

use std::time::{Duration, Instant};

use anyhow::Context;

use super::{
    Bench,
    figures::{Goal, Row, Sample},
    system::System,
};

const LIMIT: Duration = Duration::from_secs(30);

pub(crate) async fn run(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for name in stack::SERVICES {
        let mut times = Vec::new();
        for _ in 0..bench.scale.rounds {
            times.push(until_ready(bench, name).await?.as_secs_f64() * 1000.0);
        }
        let what = format!("{name}: from start to ready");
        rows.push(Row::new("P11", what, Sample::new("ms", times), None, Goal::AtMost(200.0)));
    }
    let (first, again) = whole(bench).await?;
    let goal = Goal::AtMost(5.0);
    rows.push(Row::new("P11", "everything, an empty folder, to the first answer", Sample::one("s", first), None, goal));
    rows.push(Row::new("P11", "everything, a kept folder, to the first answer", Sample::one("s", again), None, goal));
    Ok(rows)
}

async fn until_ready(bench: &Bench, name: &str) -> anyhow::Result<Duration> {
    let stack = bench.system.stack();
    let (process, ready) = (stack.process(name), format!("{}/readyz", stack.admin_url(name)));
    let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(LIMIT).build()?;
    process.stop(LIMIT).await;
    let started = Instant::now();
    process.start()?;
    let asking = async {
        while !http.get(&ready).send().await.is_ok_and(|answer| answer.status() == 200) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        started.elapsed()
    };
    let took = tokio::time::timeout(LIMIT, asking).await.with_context(|| format!("{name} does not get ready"))?;
    // The others find out that it is back.
    stack.wait_ready(name).await?;
    Ok(took)
}

/// Seconds of a first start and of a second one, to an answer through Caddy.
async fn whole(bench: &Bench) -> anyhow::Result<(f64, f64)> {
    let home = tempfile::Builder::new().prefix("dossier-bench-").tempdir()?;
    let mut seconds = [0.0; 2];
    for took in &mut seconds {
        let started = Instant::now();
        let system = System::start(Some(home.path()), &bench.options).await?;
        let url = format!("{}/api/v1/health/ready", system.stack().url());
        let answer = reqwest::Client::builder().no_proxy().timeout(LIMIT).build()?.get(url).send().await?;
        answer.error_for_status()?;
        *took = started.elapsed().as_secs_f64();
        system.stop().await;
    }
    Ok((seconds[0], seconds[1]))
}
