//! P13: how many jobs a second the work queue leases and settles, when the jobs are nothing to do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use chassis::{Caller, RequestContext, SecretString, grpc::Channel};
use e2e::client::{Client, Upload};
use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use proto::documents::{LeaseRequest, SettleRequest, work_client::WorkClient};

use super::{
    Bench,
    figures::{Goal, Row, Sample},
};

const WORKERS: usize = 4;
const BATCH: i32 = 16;
const LIMIT: Duration = Duration::from_secs(120);

/// The indexer pauses; documents are uploaded and trashed, which leaves one job each (the search
/// engine is to forget them); four workers lease and settle these.
pub(crate) async fn run(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let stack = bench.system.stack();
    stack.process("indexer").stop(LIMIT).await;
    let measured = measure(bench).await;
    stack.start("indexer").await?;
    let rate = Sample::new("jobs/s", measured?);
    let note = "River publishes 501 jobs/s on 4 cores";
    Ok(vec![Row::new("P13", "empty jobs leased and settled, 4 workers", rate, None, Goal::AtLeast(1000.0)).note(note)])
}

async fn measure(bench: &Bench) -> anyhow::Result<Vec<f64>> {
    let token = SecretString::from(bench.system.stack().rpc_token()?);
    let channel = chassis::grpc::connect(&format!("http://{}", bench.system.stack().address("documents")), &token)?;
    let mut rates = Vec::new();
    for _ in 0..bench.scale.rounds {
        let jobs = fill(&bench.client(&bench.gateway)?, bench.scale.jobs).await?;
        let settled = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let context = RequestContext { caller: Caller::Service, ..RequestContext::background(LIMIT) };
        let working = (0..WORKERS).map(|n| {
            tokio::spawn(context.clone().scope(work(n, WorkClient::new(channel.clone()), settled.clone(), jobs)))
        });
        for ended in try_join_all(working).await? {
            ended?;
        }
        rates.push(settled.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64());
    }
    Ok(rates)
}

/// Makes so many jobs.
async fn fill(client: &Client, jobs: u64) -> anyhow::Result<u64> {
    let make = |n: u64| async move {
        let text = format!("Nothing to do, {n} of {}.", rand::random::<u64>());
        let id = client.add(&Upload::new("nothing.txt", text)).await?;
        client.delete(&format!("/api/v1/documents/{id}")).await?.expect(204)
    };
    stream::iter(0..jobs).map(make).buffer_unordered(16).try_for_each(|_| async { Ok(()) }).await?;
    Ok(jobs)
}

async fn work(n: usize, mut client: WorkClient<Channel>, settled: Arc<AtomicU64>, jobs: u64) -> anyhow::Result<()> {
    let deadline = Instant::now() + LIMIT;
    while settled.load(Ordering::Relaxed) < jobs {
        ensure!(Instant::now() < deadline, "only {} of {jobs} jobs were settled", settled.load(Ordering::Relaxed));
        let request = LeaseRequest { worker: format!("bench-{n}"), max_jobs: BATCH, wait_ms: 0, ..Default::default() };
        let leased = client.lease(request).await.context("lease")?.into_inner();
        let settling = leased.jobs.into_iter().map(|job| {
            let mut client = client.clone();
            async move { client.settle(SettleRequest { lease: job.lease }).await }
        });
        let done = try_join_all(settling).await.context("settle")?.len();
        settled.fetch_add(done as u64, Ordering::Relaxed);
    }
    Ok(())
}
