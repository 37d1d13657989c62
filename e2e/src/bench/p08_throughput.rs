//! P8: large uploads, one and ten at once: how fast, and in how much memory.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::ensure;
use bytes::Bytes;
use e2e::pdf;
use futures_util::{future::try_join_all, stream};
use serde_json::Value;

use super::{
    Bench,
    figures::{Goal, Row, Sample},
    machine,
};

const UNIT: &str = "MiB/s";
const MIB: f64 = 1024.0 * 1024.0;
const CHUNK: usize = 64 * 1024;
const LIMIT: Duration = Duration::from_secs(1800);

pub(crate) async fn run(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let services = bench.system.services();
    services.iter().for_each(|(_, pid)| machine::reset_peak(*pid));
    let size = bench.scale.upload_mib * 1024 * 1024;
    let many = bench.scale.uploads_at_once;
    let http = reqwest::Client::builder().no_proxy().timeout(LIMIT).build()?;
    let mut single = (Vec::new(), Vec::new());
    for _ in 0..bench.scale.upload_rounds {
        single.0.push(uploads(bench, &http, 1, size).await?);
        single.1.push(puts(bench, &http, 1, size).await?);
    }
    let together = (uploads(bench, &http, many, size).await?, puts(bench, &http, many, size).await?);
    let mut rows = vec![
        throughput(format!("upload, one of {} MiB", bench.scale.upload_mib), single.0, single.1),
        throughput(
            format!("upload, {many} of {} MiB at once", bench.scale.upload_mib),
            vec![together.0],
            vec![together.1],
        ),
    ];
    for (name, pid) in services {
        let peak = Sample::one("MiB", machine::memory(pid)?.peak);
        rows.push(Row::new("P8", format!("peak memory of {name} meanwhile"), peak, None, Goal::AtMost(64.0)));
    }
    Ok(rows)
}

fn throughput(what: String, ours: Vec<f64>, direct: Vec<f64>) -> Row {
    let yardstick = ("PUT to the same store".to_owned(), Sample::new(UNIT, direct));
    Row::new("P8", what, Sample::new(UNIT, ours), Some(yardstick), Goal::RatioAtLeast(0.7))
}

/// Through the gateway, `count` at once; MiB per second altogether, up to the last 201. What the
/// indexer then does with them is waited for, and not counted.
async fn uploads(bench: &Bench, http: &reqwest::Client, count: usize, size: u64) -> anyhow::Result<f64> {
    let url = format!("{}/api/v1/documents", bench.gateway.url());
    let upload = async || {
        let (length, body) = large(size);
        let request = http
            .post(&url)
            .bearer_auth(&bench.token)
            .header("content-type", "application/pdf")
            .header("content-disposition", "attachment; filename=\"large.pdf\"")
            .header("content-length", length)
            .body(body);
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status == 201, "an upload was answered {status}: {text}");
        let document: Value = serde_json::from_str(&text)?;
        anyhow::Ok((document["id"].as_str().unwrap_or_default().to_owned(), length))
    };
    let started = Instant::now();
    let done = try_join_all((0..count).map(|_| upload())).await?;
    let took = started.elapsed();
    let bytes: u64 = done.iter().map(|(_, length)| length).sum();
    let client = bench.client(&bench.gateway)?;
    for (id, _) in done {
        client.wait_settled(&id, LIMIT).await?;
        client.delete(&format!("/api/v1/documents/{id}")).await?.expect(204)?;
    }
    Ok(bytes as f64 / MIB / took.as_secs_f64())
}

/// The same bytes straight to the object store.
async fn puts(bench: &Bench, http: &reqwest::Client, count: usize, size: u64) -> anyhow::Result<f64> {
    let s3 = bench.system.s3();
    let put = async |index: usize| {
        let (key, (length, body)) = (format!("bench/{index}"), large(size));
        s3.put(http, &key, length, body).await?;
        anyhow::Ok((key, length))
    };
    let started = Instant::now();
    let done = try_join_all((0..count).map(put)).await?;
    let took = started.elapsed();
    for (key, _) in &done {
        s3.delete(http, key).await?;
    }
    Ok(done.iter().map(|(_, length)| *length).sum::<u64>() as f64 / MIB / took.as_secs_f64())
}

/// A PDF of a little more than `size` bytes, no two alike, never whole in memory: one page of text
/// and a comment that fills the rest.
fn large(size: u64) -> (u64, reqwest::Body) {
    static SERIAL: AtomicU64 = AtomicU64::new(0);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let mark: u64 = rand::random();
    let file = pdf::document(&[format!("A large document, number {serial} of series {mark}.")]);
    let trailer = file.windows(9).rposition(|window| window == b"startxref").unwrap_or(0);
    let mut tail = b"\n".to_vec();
    tail.extend_from_slice(&file[trailer..]);
    let (head, tail) = ([&file[..], b"%"].concat(), Bytes::from(tail));
    let chunk = Bytes::from((0..CHUNK).map(|n| b'A' + (n % 26) as u8).collect::<Vec<_>>());
    let chunks = size.div_ceil(CHUNK as u64);
    let length = head.len() as u64 + chunks * CHUNK as u64 + tail.len() as u64;
    let parts = std::iter::once(Bytes::from(head))
        .chain((0..chunks).map(move |_| chunk.clone()))
        .chain(std::iter::once(tail))
        .map(Ok::<_, std::io::Error>);
    (length, reqwest::Body::wrap_stream(stream::iter(parts)))
}
