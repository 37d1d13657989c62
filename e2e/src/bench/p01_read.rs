//! P1: reading a contact by its id, at saturation.

use std::sync::Arc;

use anyhow::ensure;
use e2e::words;
use serde_json::json;

use super::{
    Bench,
    figures::{Goal, Row, Sample},
    load::{Script, Target, closed},
};

const UNIT: &str = "requests/s";

pub(crate) async fn run(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let rows = vec![direct(bench).await?, proxied(bench).await?];
    for target in [&bench.gateway, &bench.edge] {
        reads_own_writes(bench, target).await?;
    }
    Ok(rows)
}

/// Speed that comes from showing what was true before would not count.
async fn reads_own_writes(bench: &Bench, target: &Target) -> anyhow::Result<()> {
    let client = bench.client(target)?;
    for id in bench.some_contacts(target).await?.iter().take(20) {
        let (path, name) = (format!("/api/v1/contacts/{id}"), words::unique());
        client.patch(&path, &json!({ "name": name }), None).await?.expect(200)?;
        let read = client.get(&path).await?.expect(200)?.text_of("name")?;
        ensure!(read == name, "{} answered a name that had been changed before", target.name);
    }
    Ok(())
}

/// Without a proxy, against the peers.
async fn direct(bench: &Bench) -> anyhow::Result<Row> {
    let mut sides = vec![reading(bench, &bench.gateway).await?];
    for peer in &bench.peers {
        sides.push(reading(bench, &peer.target).await?);
    }
    let measured = alternate(bench, &sides).await?;
    Ok(bench.against_peers("P1a", "read a contact, no proxy", UNIT, measured, Goal::RatioAtLeast(4.0)))
}

/// Through Caddy, against a handler behind the same Caddy that does nothing.
async fn proxied(bench: &Bench) -> anyhow::Result<Row> {
    let edge = bench.edge.clone();
    let empty = edge.get("/api/v1/health/live");
    let nothing: Script = Arc::new(move |_| (empty.clone(), 200));
    let sides = [reading(bench, &edge).await?, (edge.clone(), nothing)];
    let mut measured = alternate(bench, &sides).await?.into_iter();
    let (ours, other) = (measured.next().unwrap_or_default(), measured.next().unwrap_or_default());
    let yardstick = ("empty handler".to_owned(), Sample::new(UNIT, other));
    Ok(Row::new(
        "P1b",
        "read a contact, through Caddy",
        Sample::new(UNIT, ours),
        Some(yardstick),
        Goal::RatioAtLeast(0.75),
    ))
}

/// Contacts made by the contact form, which every side has, read in turn.
async fn reading(bench: &Bench, target: &Target) -> anyhow::Result<(Target, Script)> {
    let contacts = bench.some_contacts(target).await?;
    let requests: Vec<Vec<u8>> = contacts.iter().map(|id| target.get(&format!("/api/v1/contacts/{id}"))).collect();
    let script: Script = Arc::new(move |index| (requests[index as usize % requests.len()].clone(), 200));
    Ok((target.clone(), script))
}

/// Requests per second of each side, round by round.
pub(crate) async fn alternate(bench: &Bench, sides: &[(Target, Script)]) -> anyhow::Result<Vec<Vec<f64>>> {
    let mut measured = vec![Vec::new(); sides.len()];
    for _ in 0..bench.scale.rounds {
        for (rates, (target, script)) in measured.iter_mut().zip(sides) {
            rates.push(closed(target, script.clone(), bench.scale.plan()).await?);
        }
    }
    Ok(measured)
}
