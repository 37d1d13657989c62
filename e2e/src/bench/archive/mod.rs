//! P4, P5, P9 and P12: what a large archive costs, on a system of its own, at growing sizes.

pub(super) mod faults;
mod generator;
mod library;
mod plot;
mod questions;

use std::{path::Path, time::Instant};

use anyhow::Context;
use e2e::index_faults::Seen;
use serde_json::{Value, json};

use self::{
    library::{EngineApi, Library},
    plot::Curve,
    questions::{Judged, KINDS, Question},
};
use super::{
    Options,
    figures::{Goal, Row, Sample, quantile},
};

const UNIT: &str = "ms";
const SMALLEST: u64 = 1_000;
const QUICK_PAGES: u64 = 200;
const FULL_PAGES: u64 = 100_000;
/// Below the engine's limit for one request, 100 MB.
const CHUNK: usize = 64 << 20;
/// The index is compared when it is rebuilt, and not while documents come in behind its back.
const NEVER: u64 = 86_400_000;
/// Load of the yardstick of P9, in its own index.
const YARDSTICK: &str = "yardstick";

/// What people did without us.
const PLAIN: &str = "
    SELECT p.document_id, p.number, ts_rank(p.tsv, q) AS rank
    FROM documents.searchable_pages p, websearch_to_tsquery('pg_catalog.simple', $1) q
    WHERE p.tsv @@ q ORDER BY rank DESC LIMIT 10";
const RECORDS: &str = "
    SELECT json_build_object('id', p.document_id || '-' || p.number, 'document_id', p.document_id, 'version', p.version,
        'page', p.number, 'page_count', d.page_count, 'collection_id', d.collection_id, 'title', d.title,
        'file_name', d.file_name, 'text', p.text, 'language', d.language, 'media_type', d.media_type, 'tags', d.tags,
        'created_at', extract(epoch FROM d.created_at)::bigint)::text
    FROM documents.searchable_pages p JOIN documents.searchable_documents d ON d.id = p.document_id
    WHERE d.id > $1 ORDER BY d.id LIMIT 2000";

/// One size of the archive.
#[derive(Default)]
struct Step {
    pages: u64,
    /// Milliseconds, by kind of question.
    engine: Vec<Vec<f64>>,
    direct: Vec<Vec<f64>>,
    fallback: Vec<Vec<f64>>,
    plain: Vec<Vec<f64>>,
    read: Vec<f64>,
    suggest: Vec<f64>,
    judged: Vec<Judged>,
    rebuilt: Option<Rebuilt>,
}

struct Rebuilt {
    seconds: f64,
    yardstick: f64,
    searches: u64,
    failed: u64,
    bytes_per_page: f64,
}

/// All of these goals that are wanted.
pub(crate) async fn run(options: &Options, wants: impl Fn(&str) -> bool) -> anyhow::Result<Vec<Row>> {
    let pages = options.pages.unwrap_or(if options.quick { QUICK_PAGES } else { FULL_PAGES }).max(1);
    let mut sizes = vec![pages];
    if wants("P12") {
        let smaller = std::iter::successors(Some(SMALLEST), |size| size.checked_mul(10));
        sizes.splice(..0, smaller.take_while(|size| *size < pages));
    }
    let mut library = Library::start(options, NEVER).await?;
    let mut steps = Vec::new();
    for size in sizes {
        eprintln!("an archive of {size} pages");
        let engine = library.has_engine();
        steps.push(step(&mut library, options, size, engine, wants("P9") && size == pages).await?);
    }
    let beyond = options.rows.filter(|rows| wants("P12") && *rows > pages);
    if let Some(rows) = beyond {
        eprintln!("{rows} pages, by PostgreSQL alone");
        library.stop_engine().await?;
        steps.push(step(&mut library, options, rows, false, false).await?);
    }
    let last = steps.iter().find(|step| step.pages == pages).context("no size")?;
    let mut rows = Vec::new();
    if wants("P4") {
        rows.extend(p4(last, library.has_engine()));
        let table = questions::table(&last.judged);
        println!("\nTop 10 at {pages} pages, engine and fallback:\n\n{table}");
        write(&options.report_dir, "overlap.md", &table)?;
    }
    if wants("P5") {
        rows.extend(p5(last));
    }
    if wants("P9") {
        rows.extend(p9(last));
    }
    if wants("P12") {
        rows.extend(p12(&steps, &options.report_dir)?);
    }
    library.system.stop().await;
    Ok(rows)
}

/// With `engine`, the engine is asked as well; with `load`, its load is measured.
async fn step(library: &mut Library, options: &Options, size: u64, engine: bool, load: bool) -> anyhow::Result<Step> {
    let began = Instant::now();
    library.grow(size).await?;
    eprintln!("  stored after {:.0} s", began.elapsed().as_secs_f64());
    let mut step = Step { pages: size, ..Step::default() };
    for times in [&mut step.engine, &mut step.direct, &mut step.fallback, &mut step.plain] {
        times.resize(KINDS.len(), Vec::new());
    }
    let count = if options.quick { 5 } else { 60 };
    let questions = questions::make(&library.generator, library.documents, count, size);
    // Other questions of the same kinds, for caches that are as warm as after a day's work.
    let others = questions::make(&library.generator, library.documents, count, size + 1);
    for n in 0..questions.len() as u64 {
        let id = library.generator.document(n * library.documents / questions.len() as u64).id;
        let began = Instant::now();
        library.client.get(&format!("/api/v1/documents/{id}")).await?.expect(200)?;
        step.read.push(milliseconds(began));
    }
    for (n, question) in others.iter().chain(&questions).enumerate() {
        // As somebody types: from one letter to six.
        let typed: String = question.right.trim_matches('"').chars().take(n % 6 + 1).collect();
        let began = Instant::now();
        library.client.query("/api/v1/search/suggest", &[("q", typed.as_str())]).await?.expect(200)?;
        if n >= others.len() {
            step.suggest.push(milliseconds(began));
        }
    }
    let mut found = Vec::new();
    if engine {
        step.rebuilt = rebuilt(library, load).await?;
        library.answers_by("meilisearch").await?;
        let direct_engine = library.engine()?;
        for question in others.iter().chain(&questions) {
            let (direct, ours) =
                (engine_alone(&direct_engine, library, question).await?, ask(library, question).await?);
            if found.len() >= others.len() {
                step.direct[question.kind].push(direct);
                step.engine[question.kind].push(ours.0);
            }
            found.push(ours.1);
        }
        library.stop_engine().await?;
    }
    for (n, question) in others.iter().chain(&questions).enumerate() {
        let began = Instant::now();
        // A misspelt word would find nothing at all in no time.
        library.database.query(PLAIN, &[&question.right]).await?;
        let (plain, ours) = (milliseconds(began), ask(library, question).await?);
        if n >= others.len() {
            step.plain[question.kind].push(plain);
            step.fallback[question.kind].push(ours.0);
            if let Some(engine) = found.get(n) {
                let (kind, wanted) = (question.kind, question.wanted);
                step.judged.push(Judged { kind, wanted, engine: engine.clone(), fallback: ours.1 });
            }
        }
    }
    if engine {
        library.start_engine().await?;
    }
    Ok(step)
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

async fn ask(library: &Library, question: &Question) -> anyhow::Result<(f64, Vec<uuid::Uuid>)> {
    let began = Instant::now();
    let found = questions::top(library, &question.text).await?;
    Ok((milliseconds(began), found))
}

/// The same question as the search service asks.
async fn engine_alone(engine: &EngineApi, library: &Library, question: &Question) -> anyhow::Result<f64> {
    let body = json!({
        "q": question.text, "filter": format!("collection_id IN [\"{}\"]", library.collection), "page": 1,
        "hitsPerPage": 10, "distinct": "document_id", "matchingStrategy": "all",
        "attributesToRetrieve": ["document_id", "version", "page", "collection_id"],
        "attributesToHighlight": ["text"], "attributesToCrop": ["text"], "cropLength": 30, "showRankingScore": true,
    });
    let began = Instant::now();
    engine.post("/indexes/pages/search", &body).await?;
    Ok(milliseconds(began))
}

/// Fills the index; with `load` also builds it anew while somebody searches, and then has the engine
/// load the same lines.
async fn rebuilt(library: &Library, load: bool) -> anyhow::Result<Option<Rebuilt>> {
    // Nobody searches yet: the documents have just come in behind the index's back.
    library.rebuild().await?;
    if !load {
        return Ok(None);
    }
    let searching = library.scene().search();
    let seconds = library.rebuild().await?.as_secs_f64();
    let Seen { searches, failed, .. } = searching.end().await?;
    eprintln!("  rebuilt in {seconds:.1} s; {searches} searches meanwhile, {failed} failed");
    let engine = library.engine()?;
    let bytes = engine.get("/stats").await?["usedDatabaseSize"].as_f64().context("the engine's size")?;
    let chunks = records(library).await?;
    let searching = library.scene().search();
    let began = Instant::now();
    let mut tasks = Vec::new();
    for chunk in chunks {
        tasks.push(engine.load(YARDSTICK, chunk).await?);
    }
    for task in tasks {
        engine.done(task).await?;
    }
    let yardstick = began.elapsed().as_secs_f64();
    searching.end().await?;
    engine.drop_index(YARDSTICK).await?;
    Ok(Some(Rebuilt { seconds, yardstick, searches, failed, bytes_per_page: bytes / library.pages as f64 }))
}

async fn records(library: &Library) -> anyhow::Result<Vec<Vec<u8>>> {
    let (mut chunks, mut last) = (vec![Vec::new()], uuid::Uuid::nil());
    loop {
        // Whole documents: the last of a batch may have been cut, and is read again.
        let rows = library.database.query(RECORDS, &[&last]).await?;
        let lines: Vec<Value> = rows.iter().map(|row| serde_json::from_str(row.get(0))).collect::<Result<_, _>>()?;
        let id = |line: &Value| line["document_id"].as_str().and_then(|id| id.parse::<uuid::Uuid>().ok());
        let (Some(end), whole) = (lines.last().and_then(id), lines.len() < 2000) else { return Ok(chunks) };
        for line in lines.iter().filter(|line| whole || id(line) != Some(end)) {
            if chunks.last().is_none_or(|chunk| chunk.len() > CHUNK) {
                chunks.push(Vec::new());
            }
            last = id(line).unwrap_or(last);
            if let Some(chunk) = chunks.last_mut() {
                serde_json::to_writer(&mut *chunk, line)?;
                chunk.push(b'\n');
            }
        }
        if whole {
            return Ok(chunks);
        }
    }
}

fn all(times: &[Vec<f64>]) -> Vec<f64> {
    times.concat()
}

fn percentile(q: f64, times: &[f64]) -> Sample {
    Sample::one(UNIT, quantile(times, q))
}

fn p4(step: &Step, has_engine: bool) -> Vec<Row> {
    let suggest = Row::new(
        "P4",
        format!("suggestions, {} pages, one letter to six, P95", step.pages),
        percentile(0.95, &step.suggest),
        None,
        Goal::AtMost(20.0),
    );
    if !has_engine {
        return vec![suggest, Row::missing("P4", "search", "only with MEILISEARCH_BIN")];
    }
    let (ours, direct) = (all(&step.engine), all(&step.direct));
    let pages = step.pages;
    let alone = |q| Some(("the engine asked directly".to_owned(), percentile(q, &direct)));
    vec![
        Row::new(
            "P4",
            format!("search, {pages} pages, P50"),
            percentile(0.5, &ours),
            alone(0.5),
            Goal::RatioAtMost(1.3),
        ),
        Row::new("P4", format!("search, {pages} pages, P95"), percentile(0.95, &ours), alone(0.95), Goal::AtMost(20.0)),
        suggest,
    ]
}

fn p5(step: &Step) -> Vec<Row> {
    let pages = step.pages;
    let row = |name: &str, ours: &[f64], plain: &[f64], goal| {
        let against = Some(("plain websearch_to_tsquery".to_owned(), percentile(0.95, plain)));
        Row::new("P5", format!("fallback, {pages} pages, {name}, P95"), percentile(0.95, ours), against, goal)
    };
    let kinds =
        KINDS.iter().enumerate().map(|(n, name)| row(name, &step.fallback[n], &step.plain[n], Goal::AtMost(100.0)));
    let mut rows: Vec<Row> = kinds.collect();
    rows.push(row("all", &all(&step.fallback), &all(&step.plain), Goal::RatioAtMost(2.0)));
    rows
}

fn p9(step: &Step) -> Vec<Row> {
    let Some(r) = &step.rebuilt else {
        return vec![Row::missing("P9", "rebuild of the index", "only with MEILISEARCH_BIN")];
    };
    let against = Some(("the engine alone, default settings".to_owned(), Sample::one("s", r.yardstick)));
    let rebuild = format!("rebuild of the index, {} pages", step.pages);
    let failed = format!("searches that failed or found nothing meanwhile, of {}", r.searches);
    vec![
        Row::new("P9", rebuild, Sample::one("s", r.seconds), against, Goal::RatioAtMost(1.0)),
        Row::new("P9", failed, Sample::one("", r.failed as f64), None, Goal::AtMost(0.0)),
        Row::new("P9", "index, bytes per page", Sample::one("B", r.bytes_per_page), None, Goal::Noted),
    ]
}

/// No faster than log n, from the first size to the last.
fn p12(steps: &[Step], folder: &Path) -> anyhow::Result<Vec<Row>> {
    let curve = |name: &'static str, of: &dyn Fn(&Step) -> Vec<f64>| Curve {
        name,
        points: steps
            .iter()
            .map(|step| (step.pages as f64, quantile(&of(step), 0.95)))
            .filter(|p| p.1.is_finite())
            .collect(),
    };
    let curves = [
        curve("read", &|s| s.read.clone()),
        curve("search", &|s| all(&s.engine)),
        curve("fallback", &|s| all(&s.fallback)),
    ];
    write(folder, "growth.svg", &plot::svg(&curves))?;
    write(folder, "growth.csv", &plot::csv(&curves))?;
    Ok(curves.iter().map(growth).collect())
}

fn growth(curve: &Curve) -> Row {
    let (Some(first), Some(last)) = (curve.points.first(), curve.points.last()) else {
        return Row::missing("P12", format!("growth of {}", curve.name), "not measured here");
    };
    if first.0 >= last.0 {
        return Row::missing("P12", format!("growth of {}", curve.name), format!("needs more than {SMALLEST} pages"));
    }
    let what = format!("{}: P95 at {} pages, beside {} pages and log n", curve.name, last.0, first.0);
    let allowed = first.1 * last.0.ln() / first.0.ln();
    let against = Some(("P95 that grew as log n".to_owned(), Sample::one(UNIT, allowed)));
    Row::new("P12", what, Sample::one(UNIT, last.1), against, Goal::RatioAtMost(1.0)).note("growth.svg has the plot")
}

fn write(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    Ok(std::fs::write(folder.join(name), text)?)
}
