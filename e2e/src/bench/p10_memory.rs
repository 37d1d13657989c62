//! P10: the resident memory of the five services, idle and after everything else has run.

use super::{
    Bench,
    figures::{Goal, Row, Sample},
    machine,
};

const UNIT: &str = "MiB";

/// Before anything else has run.
pub(crate) fn idle(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    row(bench, "memory of the five services, idle (one sign-in)", 100.0)
}

/// After the load, before anything is started anew.
pub(crate) fn afterwards(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    row(bench, "memory of the five services, after the bench", 250.0)
}

fn row(bench: &Bench, what: &str, most: f64) -> anyhow::Result<Vec<Row>> {
    let (mut sum, mut each) = (0.0, Vec::new());
    for (name, pid) in bench.system.services() {
        let resident = machine::memory(pid)?.resident;
        sum += resident;
        each.push(format!("{name} {resident:.1}"));
    }
    let mut yardstick = None;
    for peer in &bench.peers {
        if let Some(pid) = peer.pid() {
            let family = std::iter::once(pid).chain(machine::descendants(pid));
            let resident = family.filter_map(|pid| Some(machine::memory(pid).ok()?.resident)).sum();
            yardstick = Some((format!("{} and its workers", peer.target.name), Sample::one(UNIT, resident)));
        }
    }
    let goal = Goal::AtMost(most);
    Ok(vec![Row::new("P10", what, Sample::one(UNIT, sum), yardstick, goal).note(each.join(", "))])
}
