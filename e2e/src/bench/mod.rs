//! The benchmark: what was promised, measured beside a yardstick in the same run.
//!
//! It starts the whole system (release binaries, commits on disk) on free ports, and drives it and
//! its peers in turn, round by round, so that whatever the machine does meanwhile hits both. A
//! figure is the median of the rounds with its spread; a ratio is the median of the rounds' ratios.
//! Each goal is a module of its own; [`load`] and [`open_loop`] are the two load generators.

mod archive;
mod figures;
mod load;
mod machine;
mod open_loop;
mod p01_read;
mod p02_submit;
mod p03_mix;
mod p06_searchable;
mod p07_pages;
mod p08_throughput;
mod p10_memory;
mod p11_start;
mod p13_queue;
mod p14_build;
mod page;
mod peer;
mod pgbench;
mod r11_overload;
mod r12_hostile;
mod report;
mod s3;
mod system;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::ensure;
use e2e::{
    client::{Client, Upload},
    pdf,
};
use serde_json::{Value, json};

use self::{
    figures::{Goal, Row, Sample},
    load::{Plan, Target},
    machine::Machine,
    peer::Peer,
    pgbench::Pgbench,
    report::Report,
    system::System,
};

/// What can be asked for.
const GOALS: [&str; 18] =
    ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P12", "P13", "P14", "R6", "R9", "R11", "R12"];
/// What is measured together, on a large archive in a system of its own.
const OF_AN_ARCHIVE: [&str; 4] = ["P4", "P5", "P9", "P12"];
/// What befalls the search index, on another archive.
const OF_THE_INDEX: [&str; 2] = ["R6", "R9"];
/// In the order in which they run. P10 comes first and again before P13 and P11, which start
/// services anew and so would show the memory of processes that have done nothing.
const ORDER: [&str; 13] = ["P10", "P1", "P2", "P3", "P6", "P8", "R12", "P10", "P7", "R11", "P13", "P11", "P14"];
const READERS: usize = 100;
const ARCHIVE_LIMIT: Duration = Duration::from_secs(300);

/// Measures the system, beside peers, in one run.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "bench", version)]
pub(crate) struct Options {
    /// Only these goals, such as P1,P2.
    #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(GOALS))]
    only: Vec<String>,
    /// Seconds instead of minutes: shows that everything runs; the figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Someone else who answers the same calls, as name=url; may be repeated. The first is the one
    /// that goals are measured against.
    #[arg(long = "peer")]
    peers: Vec<String>,
    /// The folder of the FastAPI baseline (app.py, requirements.txt): started as the first peer.
    #[arg(long)]
    baseline_dir: Option<PathBuf>,
    /// Where the baseline's packages are installed and kept; outside the repository.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    cache_dir: PathBuf,
    /// Time a build as well (P14), from nothing in a folder that is thrown away.
    #[arg(long)]
    build: bool,
    /// Rounds of every comparison.
    #[arg(long)]
    rounds: Option<usize>,
    /// Size of the large uploads of P8, in MiB.
    #[arg(long)]
    upload_mib: Option<u64>,
    /// For how many seconds the engine is down in R6: 600, or 3 with --quick.
    #[arg(long)]
    down_seconds: Option<u64>,
    /// Pages beyond those of the archive that P12 goes on to, by PostgreSQL alone.
    #[arg(long)]
    rows: Option<u64>,
    /// Documents with a few bytes wrong that R12 uploads; the goal is 100,000.
    #[arg(long)]
    mutants: Option<usize>,
    /// Pages of the generated archive of P4, P5, P9 and P12: 100,000, or 200 with --quick. Of R6 and R9:
    /// 10,000, or 400.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pages: Option<u64>,
    /// Where the services' programs are; without it, beside this one.
    #[arg(long)]
    binaries: Option<PathBuf>,
    /// A Meilisearch to search with; without it, search is PostgreSQL's.
    #[arg(long, env)]
    meilisearch_bin: Option<PathBuf>,
    /// Documents to read (P7): a folder with a manifest.tsv.
    #[arg(long, env = "DOSSIER_CORPUS")]
    corpus: Option<PathBuf>,
    /// What the services log.
    #[arg(long, default_value = "info")]
    log: String,
    /// Where report.json and report.html are written.
    #[arg(long, default_value = "target/bench")]
    report_dir: PathBuf,
}

/// How much of everything.
#[derive(Clone, Copy, Debug)]
struct Scale {
    rounds: usize,
    duration: Duration,
    warm_up: Duration,
    /// Of the mix, each second.
    rate: u32,
    mix: Duration,
    /// Documents that the mix searches in.
    archive: usize,
    /// Documents that are awaited in search.
    uploads: usize,
    upload_mib: u64,
    upload_rounds: usize,
    uploads_at_once: usize,
    jobs: u64,
    /// How long ordinary documents are read beside bombs.
    ordinary: Duration,
    mutants: usize,
}

impl Scale {
    fn of(options: &Options) -> Self {
        let seconds = Duration::from_secs;
        let mut scale = match options.quick {
            false => Self {
                rounds: 5,
                duration: seconds(6),
                warm_up: seconds(2),
                rate: 500,
                mix: seconds(15),
                archive: 60,
                uploads: 30,
                upload_mib: 1024,
                upload_rounds: 3,
                uploads_at_once: 10,
                jobs: 2000,
                ordinary: seconds(40),
                mutants: 1000,
            },
            true => Self {
                rounds: 1,
                duration: seconds(1),
                warm_up: Duration::from_millis(200),
                rate: 50,
                mix: seconds(2),
                archive: 3,
                uploads: 2,
                upload_mib: 8,
                upload_rounds: 1,
                uploads_at_once: 2,
                jobs: 50,
                ordinary: seconds(2),
                mutants: 20,
            },
        };
        scale.rounds = options.rounds.unwrap_or(scale.rounds).max(1);
        scale.mutants = options.mutants.unwrap_or(scale.mutants);
        scale.upload_mib = options.upload_mib.unwrap_or(scale.upload_mib).max(1);
        scale
    }

    /// Saturation, as the goals have it.
    fn plan(&self) -> Plan {
        Plan { connections: 32, warm_up: self.warm_up, duration: self.duration }
    }
}

/// Both sides, running.
struct Bench {
    options: Options,
    scale: Scale,
    system: System,
    /// Of the owner.
    token: String,
    /// Our gateway without a proxy.
    gateway: Target,
    /// The same through Caddy.
    edge: Target,
    peers: Vec<Peer>,
    pgbench: Option<Pgbench>,
}

/// Everything: starts, measures, reports, stops. Answers whether all that was asked for ran.
pub(crate) async fn run(options: Options) -> anyhow::Result<bool> {
    let (began, scratch) = (Instant::now(), tempfile::Builder::new().prefix("dossier-bench-").tempdir()?);
    let bench = Bench::start(options, scratch.path()).await?;
    let outcome = bench.measure().await;
    let binaries = bench.system.stack().postgres().map(|p| p.binaries().to_owned()).unwrap_or_default();
    let report = Report {
        machine: Machine::look(&binaries),
        quick: bench.options.quick,
        seconds: began.elapsed().as_secs_f64(),
        peers: bench.peers.iter().map(|peer| format!("{} {}", peer.target.name, peer.target.url())).collect(),
        rows: outcome.rows,
    };
    println!("{}", report.table());
    report.write(&bench.options.report_dir)?;
    println!("written to {}", bench.options.report_dir.join("report.html").display());
    bench.stop().await;
    Ok(outcome.complete)
}

struct Measured {
    rows: Vec<Row>,
    complete: bool,
}

impl Bench {
    async fn start(options: Options, scratch: &std::path::Path) -> anyhow::Result<Self> {
        eprintln!("starting the system");
        let system = System::start(None, &options).await?;
        let token = system.token().await?;
        let gateway = Target::new("dossier", &system.stack().gateway_url(), Some(&token)).await?;
        let edge = Target::new("dossier behind Caddy", system.stack().url(), Some(&token)).await?;
        let mut peers = Vec::new();
        if let Some(dir) = &options.baseline_dir {
            let admin = system.stack().database_admin_url();
            peers.push(Peer::baseline(dir, &options.cache_dir, scratch, &admin, &system.s3()).await?);
        }
        for given in &options.peers {
            peers.push(Peer::given(given).await?);
        }
        let pgbench = system.stack().postgres().and_then(|postgres| Pgbench::find(postgres.binaries(), scratch));
        Ok(Self { scale: Scale::of(&options), options, system, token, gateway, edge, peers, pgbench })
    }

    async fn stop(self) {
        for peer in &self.peers {
            peer.stop().await;
        }
        self.system.stop().await;
    }

    /// A goal that cannot be measured is a row that says why, and the others still run.
    async fn measure(&self) -> Measured {
        let mut measured = Measured { rows: Vec::new(), complete: true };
        for (position, id) in ORDER.into_iter().enumerate() {
            if self.wants(id) {
                eprintln!("measuring {id}");
                let rows = Box::pin(self.goal(id, position == 0)).await;
                measured.complete &= rows.is_ok();
                let failed = |error| vec![Row::missing(id, "FAILED", format!("{error:#}"))];
                measured.rows.extend(rows.unwrap_or_else(failed));
            }
        }
        let wanted: Vec<&'static str> = OF_AN_ARCHIVE.into_iter().filter(|id| self.wants(id)).collect();
        if let Some(first) = wanted.first() {
            eprintln!("measuring {}", wanted.join(", "));
            let rows = Box::pin(archive::run(&self.options, |id| self.wants(id))).await;
            measured.complete &= rows.is_ok();
            measured.rows.extend(rows.unwrap_or_else(|e| vec![Row::missing(first, "FAILED", format!("{e:#}"))]));
        }
        let wanted: Vec<&'static str> = OF_THE_INDEX.into_iter().filter(|id| self.wants(id)).collect();
        if let Some(first) = wanted.first() {
            eprintln!("measuring {}", wanted.join(", "));
            let rows = Box::pin(archive::faults::run(&self.options, |id| self.wants(id))).await;
            measured.complete &= rows.is_ok();
            measured.rows.extend(rows.unwrap_or_else(|e| vec![Row::missing(first, "FAILED", format!("{e:#}"))]));
        }
        measured.rows.sort_by_key(|row| row.id.trim_matches(char::is_alphabetic).parse::<u32>().unwrap_or(0));
        measured
    }

    fn wants(&self, id: &str) -> bool {
        self.options.only.is_empty() || self.options.only.iter().any(|only| only == id)
    }

    async fn goal(&self, id: &'static str, first: bool) -> anyhow::Result<Vec<Row>> {
        match id {
            "P1" => p01_read::run(self).await,
            "P2" => p02_submit::run(self).await,
            "P3" => p03_mix::run(self).await,
            "P6" => p06_searchable::run(self).await,
            "P7" => p07_pages::run(self).await,
            "P8" => p08_throughput::run(self).await,
            "R12" => r12_hostile::run(self).await,
            "P10" if first => p10_memory::idle(self),
            "P10" => p10_memory::afterwards(self),
            "P11" => p11_start::run(self).await,
            "P13" => p13_queue::run(self).await,
            "R11" => r11_overload::run(self).await,
            _ if self.options.build => p14_build::run().await,
            _ => Ok(vec![Row::missing("P14", "builds", "only with --build")]),
        }
    }

    /// Ours first.
    fn sides(&self) -> impl Iterator<Item = &Target> {
        std::iter::once(&self.gateway).chain(self.peers.iter().map(|peer| &peer.target))
    }

    /// For what is not load.
    fn client(&self, side: &Target) -> anyhow::Result<Client> {
        let client = Client::anonymous(&side.url())?;
        Ok(if side.name.starts_with("dossier") { client.with_token(&self.token) } else { client })
    }

    /// The row of what was measured on all sides, ours first; the goal is against the first peer,
    /// and the note has the others.
    fn against_peers(
        &self,
        id: &'static str,
        what: &str,
        unit: &'static str,
        measured: Vec<Vec<f64>>,
        goal: Goal,
    ) -> Row {
        let mut samples = measured.into_iter().map(|values| Sample::new(unit, values));
        let ours = samples.next().unwrap_or_else(|| Sample::new(unit, Vec::new()));
        let mut others = self.peers.iter().map(|peer| peer.target.name.clone()).zip(samples);
        let first = others.next();
        let note = match &first {
            None => "no peer was given".to_owned(),
            Some(_) => others.map(|(name, sample)| format!("{name}: {}", sample.text())).collect::<Vec<_>>().join("; "),
        };
        Row::new(id, what, ours, first, goal).note(note)
    }

    /// The ids of contacts that the contact form has made on this side.
    async fn some_contacts(&self, side: &Target) -> anyhow::Result<Vec<String>> {
        let client = self.client(side)?;
        let mut ids = Vec::new();
        for n in 0..READERS {
            let form =
                json!({"name": "Anna Muster", "email": format!("reader-{n}@example.org"), "message": "Good morning."});
            ids.push(client.post("/api/v1/submissions", &form).await?.expect(201)?.text_of("contact_id")?);
        }
        Ok(ids)
    }

    /// Uploads the documents that the mix searches in, and waits until they are read.
    async fn fill_archive(&self, side: &Target) -> anyhow::Result<()> {
        let client = self.client(side)?;
        let mut ids = Vec::new();
        for n in 0..self.scale.archive {
            let name = format!("archive-{n}.pdf");
            // Known already, where another goal wanted it before.
            let reply = client.upload(&Upload::new(&name, pdf::ten_pages(n as u64, &[]))).await?;
            ensure!(matches!(reply.status.as_u16(), 200 | 201), "{name}: {reply}");
            ids.push(reply.text_of("id")?);
        }
        for id in ids {
            settled(&client, &id).await?;
        }
        Ok(())
    }
}

/// Waits by asking: not every peer has events.
async fn settled(client: &Client, id: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let document: Value = client.get(&format!("/api/v1/documents/{id}")).await?.expect(200)?.json()?;
        ensure!(document["status"] != "failed", "a document failed: {document}");
        if document["status"] == "ready" {
            return Ok(());
        }
        ensure!(began.elapsed() < ARCHIVE_LIMIT, "a document was not ready within {ARCHIVE_LIMIT:?}: {document}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
