//! P3: a day's mix at a fixed rate: 70 % reads, 20 % searches, 10 % writes.

use std::sync::Arc;

use super::{
    Bench,
    figures::{Goal, Row, Sample},
    load::{Script, Target},
    open_loop::{Pace, open},
    p02_submit::{scatter, submission},
};

const UNIT: &str = "ms";

pub(crate) async fn run(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let pace = Pace { per_second: bench.scale.rate, duration: bench.scale.mix, connections: 64 };
    let mut sides = vec![(bench.gateway.clone(), mix(bench, &bench.gateway).await?)];
    for peer in &bench.peers {
        sides.push((peer.target.clone(), mix(bench, &peer.target).await?));
    }
    let mut quantiles = vec![[Vec::new(), Vec::new(), Vec::new()]; sides.len()];
    for _ in 0..bench.scale.rounds {
        for (found, (target, script)) in quantiles.iter_mut().zip(&sides) {
            let latency = open(target, script.clone(), pace).await?;
            for (values, q) in found.iter_mut().zip([0.5, 0.95, 0.99]) {
                values.push(latency.value_at_quantile(q) as f64 / 1000.0);
            }
        }
    }
    let of = |which: usize| quantiles.iter().map(|found| found[which].clone()).collect::<Vec<_>>();
    let ours =
        |which: usize| Sample::new(UNIT, quantiles.first().map(|found| found[which].clone()).unwrap_or_default());
    let rate = pace.per_second;
    Ok(vec![
        Row::new("P3", format!("mix at {rate}/s, P50"), ours(0), None, Goal::Noted),
        Row::new("P3", format!("mix at {rate}/s, P95"), ours(1), None, Goal::AtMost(10.0)),
        Row::new("P3", format!("mix at {rate}/s, P99"), ours(2), None, Goal::AtMost(25.0)),
        bench.against_peers("P3", &format!("mix at {rate}/s, P95"), UNIT, of(1), Goal::RatioAtMost(0.4)),
    ])
}

/// The same sequence on every side.
async fn mix(bench: &Bench, target: &Target) -> anyhow::Result<Script> {
    let contacts = bench.some_contacts(target).await?;
    bench.fill_archive(target).await?;
    let target = target.clone();
    let words = ["archive", "merchants", "harbour", "ledgers", "garden", "timber", "evening", "letter"];
    Ok(Arc::new(move |index| {
        let dice = scatter(index);
        let pick = |from: usize| (dice >> 8) as usize % from;
        match dice % 10 {
            0..7 => (target.get(&format!("/api/v1/contacts/{}", contacts[pick(contacts.len())])), 200),
            7..9 => {
                let (one, two) = (words[pick(8)], words[(dice >> 16) as usize % 8]);
                (target.get(&format!("/api/v1/search?q={one}%20{two}&limit=20")), 200)
            }
            _ => (target.post("/api/v1/submissions", &submission(&format!("mix-{}@example.org", pick(5000)))), 201),
        }
    }))
}
