//! R6 and R9 with a real engine: what the search index suffers, and when it is right again.

use std::time::Duration;

use e2e::index_faults::Engine;

use super::{
    super::{
        Options,
        figures::{Goal, Row, Sample},
    },
    library::Library,
};

/// As in production.
const LOOK_MS: u64 = 5_000;
const QUICK_LOOK_MS: u64 = 500;
const MENDED: Duration = Duration::from_secs(600);
const WHOLE: Duration = Duration::from_secs(300);
const REBUILT: Duration = Duration::from_secs(1_800);

/// Those of the two that are wanted.
pub(crate) async fn run(options: &Options, wants: impl Fn(&str) -> bool) -> anyhow::Result<Vec<Row>> {
    let (pages, drifts, look_ms) = if options.quick { (400, 30, QUICK_LOOK_MS) } else { (10_000, 1_000, LOOK_MS) };
    let down = options.down_seconds.unwrap_or(if options.quick { 3 } else { 600 });
    let mut library = Library::start(options, look_ms).await?;
    if !library.has_engine() {
        library.system.stop().await;
        let missing = ["R6", "R9"].into_iter().filter(|id| wants(id));
        return Ok(missing.map(|id| Row::missing(id, "faults of the index", "only with MEILISEARCH_BIN")).collect());
    }
    library.grow(options.pages.unwrap_or(pages)).await?;
    library.rebuild().await?;
    library.answers_by("meilisearch").await?;
    let (scene, mut rows) = (library.scene(), Vec::new());
    let seconds = |took: Duration| Sample::one("s", took.as_secs_f64());
    if wants("R9") {
        eprintln!("  {drifts} drifts");
        let took = scene.drift(drifts, MENDED).await?;
        let limit = Goal::AtMost(MENDED.as_secs_f64());
        rows.push(Row::new(
            "R9",
            format!("{drifts} drifts injected, until all are mended"),
            seconds(took),
            None,
            limit,
        ));
    }
    if wants("R6") {
        eprintln!("  the engine down for {down} s, then empty");
        let seen = scene.outage(&mut Engine::Real, Duration::from_secs(down), WHOLE).await?;
        let what = format!("engine down {down} s, then wiped: searches not answered, of {}", seen.searches);
        rows.push(Row::new("R6", what, Sample::one("", seen.failed as f64), None, Goal::AtMost(0.0)));
        eprintln!("  the index rebuilt, the indexer and the engine killed meanwhile");
        let seen = scene.killed_while_rebuilding(&mut Engine::Real, REBUILT).await?;
        let what = format!(
            "indexer and engine killed during a rebuild, which ends: searches not answered, of {}",
            seen.searches
        );
        rows.push(Row::new("R6", what, Sample::one("", seen.failed as f64), None, Goal::AtMost(0.0)));
    }
    library.system.stop().await;
    Ok(rows)
}
