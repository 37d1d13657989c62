//! P2: submissions of the contact form that are on disk when they are answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::json;

use super::{
    Bench,
    figures::{Goal, Row, Sample},
    load::{Script, Target, closed},
};

const UNIT: &str = "requests/s";
/// As many people write to us.
const PEOPLE: u64 = 100_000;

pub(crate) async fn run(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let mut sides = vec![submitting(&bench.gateway)];
    sides.extend(bench.peers.iter().map(|peer| submitting(&peer.target)));
    let mut measured = vec![Vec::new(); sides.len()];
    let mut limit = Vec::new();
    let plan = bench.scale.plan();
    for _ in 0..bench.scale.rounds {
        for (rates, (target, script)) in measured.iter_mut().zip(&sides) {
            rates.push(closed(target, script.clone(), plan).await?);
        }
        if let Some(pgbench) = &bench.pgbench {
            limit.push(
                pgbench.submissions(&bench.system.contacts_database_url(), plan.connections, plan.duration).await?,
            );
        }
    }
    let ours = Sample::new(UNIT, measured.first().cloned().unwrap_or_default());
    let what = "durable submissions";
    let against_limit = match limit.is_empty() {
        true => Row::missing("P2b", what, "pgbench is not on this machine"),
        false => {
            let yardstick = ("pgbench".to_owned(), Sample::new(UNIT, limit));
            Row::new("P2b", what, ours, Some(yardstick), Goal::RatioAtLeast(0.5))
        }
    };
    Ok(vec![bench.against_peers("P2a", what, UNIT, measured, Goal::RatioAtLeast(4.0)), against_limit])
}

/// One of many people writes.
pub(crate) fn submitting(target: &Target) -> (Target, Script) {
    let (sender, n) = (target.clone(), AtomicU64::new(start()));
    let script: Script = Arc::new(move |_| {
        let n = n.fetch_add(1, Ordering::Relaxed);
        (sender.post("/api/v1/submissions", &submission(&format!("bench-{}@example.org", scatter(n) % PEOPLE))), 201)
    });
    (target.clone(), script)
}

/// A message such as people send.
pub(crate) fn submission(email: &str) -> String {
    json!({
        "name": "Anna Muster",
        "email": email,
        "message": "Good morning, I would like to hear more about the archive and when it can be visited.",
    })
    .to_string()
}

/// Somewhere else in every run.
fn start() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// SplitMix64: neighbours land far from each other.
pub(crate) fn scatter(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
