//! R12 in the running system: bombs and mutants among ordinary documents. What the indexer and its children
//! take at most, whether everything comes to a typed end, and what the ordinary ones lose.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Upload},
    pdf, words,
};
use futures_util::future::try_join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    Bench,
    figures::{Goal, Row, Sample},
    machine,
};

const BOMBS: usize = 10;
/// Uploads at once, of ordinary documents and of mutants.
const AT_ONCE: usize = 4;
const LIMIT: Duration = Duration::from_secs(600);
/// Between two looks at the memory of children.
const LOOK: Duration = Duration::from_millis(10);
/// Of one child, as the indexer is started: 512 MiB of address space.
const CHILD_MIB: f64 = 512.0;

pub(crate) async fn run(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let indexer = bench.system.services().into_iter().find(|(name, _)| *name == "indexer");
    let (_, indexer) = indexer.context("the indexer is not one of ours")?;
    let client = bench.client(&bench.gateway)?;
    machine::reset_peak(indexer);
    let watch = Watch::start(indexer);
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let mut ends = BTreeMap::new();
    for round in 0..bench.scale.upload_rounds {
        alone.push(ordinary(&client, bench.scale.ordinary).await?);
        let bombs = bombs(&client, round as u64);
        // The bombs take longer, unless there is nothing to them.
        let (rate, ended) = tokio::try_join!(ordinary(&client, bench.scale.ordinary), bombs)?;
        beside.push(rate);
        ended.into_iter().for_each(|end| *ends.entry(end).or_insert(0) += 1);
    }
    let peak = machine::memory(indexer)?.peak;
    let (children, bomb_count) = (watch.stop().await, bench.scale.upload_rounds * BOMBS);
    let yardstick = ("the same undisturbed".to_owned(), Sample::new("documents/s", alone));
    let mut rows = vec![
        Row::new(
            "R12",
            format!("ordinary documents read while {BOMBS} bombs are"),
            Sample::new("documents/s", beside),
            Some(yardstick),
            Goal::RatioAtLeast(0.9),
        )
        .note(format!("how {bomb_count} bombs ended: {}", told(&ends))),
        Row::new("R12", "peak memory of the indexer meanwhile", Sample::one("MiB", peak), None, Goal::AtMost(64.0)),
        Row::new("R12", "peak memory of one child", Sample::one("MiB", children), None, Goal::AtMost(CHILD_MIB)),
    ];
    rows.push(mutants(bench, &client, indexer).await?);
    Ok(rows)
}

/// How many ordinary documents are read in a second, seen for so long.
async fn ordinary(client: &Client, lasting: Duration) -> anyhow::Result<f64> {
    let (count, began) = (AtomicUsize::new(0), Instant::now());
    let reader = async || {
        while began.elapsed() < lasting {
            let file = pdf::ten_pages(rand::random(), &[&words::unique()]);
            client.add_ready(&Upload::new("ordinary.pdf", file), LIMIT).await?;
            count.fetch_add(1, Ordering::Relaxed);
        }
        anyhow::Ok(())
    };
    try_join_all((0..AT_ONCE).map(|_| reader())).await?;
    Ok(count.into_inner() as f64 / began.elapsed().as_secs_f64())
}

/// Uploads them together and answers how each ended.
async fn bombs(client: &Client, round: u64) -> anyhow::Result<Vec<String>> {
    let upload = async |n: usize| {
        let (name, bytes) = bomb(n, round);
        let id = client.add(&Upload::new(&name, bytes)).await?;
        end(client, &id).await
    };
    try_join_all((0..BOMBS).map(upload)).await
}

/// `ready`, `ready (limit_exceeded)`, or the code of the failure.
async fn end(client: &Client, id: &str) -> anyhow::Result<String> {
    let document = client.wait_settled(id, LIMIT).await?;
    if document["status"] == "failed" {
        return Ok(document["failure"]["code"].as_str().context("a failure has a code")?.to_owned());
    }
    Ok(document["notes"][0]["code"].as_str().map_or("ready".to_owned(), |code| format!("ready ({code})")))
}

fn told(ends: &BTreeMap<String, usize>) -> String {
    ends.iter().map(|(end, count)| format!("{end} {count}")).collect::<Vec<_>>().join(", ")
}

/// No two are alike, or the second would be known already.
fn bomb(n: usize, round: u64) -> (String, Vec<u8>) {
    let mark = format!("{n}-{round}-{}", rand::random::<u64>());
    match n % 5 {
        0 => (format!("{mark}.html"), format!("<!doctype html><p>{mark}{}", "<div>".repeat(400_000)).into_bytes()),
        1 => (format!("{mark}.rtf"), format!("{{\\rtf1 {mark} {}", "{\\b ".repeat(500_000)).into_bytes()),
        2 => (format!("{mark}.xlsx"), sparse_sheet(&mark)),
        3 => (format!("{mark}.pdf"), pdf_of_forms(&mark)),
        _ => (format!("{mark}.eml"), nested_messages(&mark)),
    }
}

/// Cells at the corners of the largest sheet there can be, many times.
fn sparse_sheet(mark: &str) -> Vec<u8> {
    let cells: String =
        (0..60_000).map(|n| format!("<row r=\"{}\"><c r=\"XFD{0}\"><v>{n}</v></c></row>", 1_048_576 - n)).collect();
    let sheet = format!("<worksheet><sheetData>{cells}</sheetData></worksheet>");
    stored(&[
        ("[Content_Types].xml", format!("<Types><!--{mark}--></Types>")),
        (
            "_rels/.rels",
            "<Relationships><Relationship Id=\"a\" Type=\"x/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>".into(),
        ),
        ("xl/workbook.xml", "<workbook><sheets><sheet name=\"S\" r:id=\"b\"/></sheets></workbook>".into()),
        (
            "xl/_rels/workbook.xml.rels",
            "<Relationships><Relationship Id=\"b\" Type=\"x/worksheet\" Target=\"worksheets/s.xml\"/></Relationships>".into(),
        ),
        ("xl/worksheets/s.xml", sheet),
    ])
}

/// An archive without compression and without its table of contents, which readers do without.
fn stored(entries: &[(&str, String)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in entries {
        let length = (content.len() as u32).to_le_bytes();
        bytes.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
        bytes.extend([length, length].concat());
        bytes.extend([(name.len() as u16).to_le_bytes(), [0, 0]].concat());
        bytes.extend(name.bytes().chain(content.bytes()));
    }
    bytes
}

/// Forms that each show the next ten times: 10^12 words.
fn pdf_of_forms(mark: &str) -> Vec<u8> {
    let stream =
        |dictionary: &str, text: &str| format!("<<{dictionary}/Length {}>>stream\n{text}\nendstream", text.len());
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Count 1/Kids[3 0 R]>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</XObject<</X 6 0 R>>>>>>".to_owned(),
        stream("", "/X Do"),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_owned(),
    ];
    for n in 6..18 {
        let resources =
            format!("/Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources<</XObject<</X {} 0 R>>>>", n + 1);
        objects.push(stream(&resources, &"/X Do ".repeat(10)));
    }
    let last = "/Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources<</Font<</F 5 0 R>>>>";
    objects.push(stream(last, &format!("BT /F 9 Tf 10 10 Td ({mark}) Tj ET")));
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (n, object) in (1..).zip(&objects) {
        places.push(file.len());
        file.extend(format!("{n} 0 obj\n{object}\nendobj\n").bytes());
    }
    let start = file.len();
    let table: String = places.iter().map(|place| format!("{place:010} 00000 n \n")).collect();
    let size = objects.len() + 1;
    file.extend(
        format!("xref\n0 {size}\n0000000000 65535 f \n{table}trailer<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n")
            .bytes(),
    );
    file
}

fn nested_messages(mark: &str) -> Vec<u8> {
    let head = format!("From: a@b.ch\r\nTo: c@d.ch\r\nSubject: {mark}\r\nMIME-Version: 1.0\r\n");
    let mut message = head.clone();
    for n in 0..2_000 {
        message.push_str(&format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"));
    }
    message.into_bytes()
}

/// Ordinary documents with a few bytes wrong, through the whole system.
async fn mutants(bench: &Bench, client: &Client, indexer: i32) -> anyhow::Result<Row> {
    let (count, next, began) = (bench.scale.mutants, AtomicUsize::new(0), Instant::now());
    let whole = [
        ("a.pdf", pdf::ten_pages(1, &[])),
        ("a.rtf", format!("{{\\rtf1\\ansi {}}}", words::prose(1, 400)).into_bytes()),
        ("a.html", format!("<!doctype html><h1>Title</h1><p>{}</p>", words::prose(2, 400)).into_bytes()),
        ("a.eml", format!("From: a@b.ch\r\nTo: c@d.ch\r\nSubject: x\r\n\r\n{}", words::prose(3, 400)).into_bytes()),
    ];
    let reader = async || {
        let mut ends = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count {
                return anyhow::Ok(ends);
            }
            let (name, bytes) = &whole[n % whole.len()];
            let reply = client.upload(&Upload::new(name, mutant(bytes, n as u64))).await?;
            ends.push(match reply.status.as_u16() {
                201 => end(client, &reply.text_of("id")?).await?,
                // It is no longer of a kind that is taken, or just like another one.
                415 | 200 => format!("answered {}", reply.status.as_u16()),
                _ => anyhow::bail!("mutant {n} was answered {}", reply.status),
            });
        }
    };
    let mut ends = BTreeMap::new();
    for end in try_join_all((0..AT_ONCE).map(|_| reader())).await?.into_iter().flatten() {
        *ends.entry(end).or_insert(0) += 1;
    }
    let still = bench.system.services().into_iter().any(|(name, pid)| name == "indexer" && pid == indexer);
    ensure!(still && machine::memory(indexer).is_ok(), "the indexer died");
    let rate = Sample::one("mutants/s", count as f64 / began.elapsed().as_secs_f64());
    let note = format!("how {count} mutants ended: {}", told(&ends));
    Ok(Row::new("R12", "mutants uploaded and read to a typed end", rate, None, Goal::Noted).note(note))
}

/// The same for the same number.
fn mutant(whole: &[u8], n: u64) -> Vec<u8> {
    let (mut random, mut bytes) = (StdRng::seed_from_u64(n), whole.to_vec());
    for _ in 0..random.random_range(1..20) {
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..4) {
            0 => bytes[at] = random.random(),
            1 => bytes[at] ^= 1 << random.random_range(0..8),
            2 => drop(bytes.drain(at..(at + random.random_range(1..200)).min(bytes.len()))),
            _ => {
                let piece = bytes[at..(at + 50).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
        if bytes.is_empty() {
            bytes = whole.to_vec();
        }
    }
    bytes
}

/// Looks at the children of a process until it is stopped.
struct Watch {
    stop: Arc<AtomicBool>,
    looking: tokio::task::JoinHandle<f64>,
}

impl Watch {
    fn start(pid: i32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let looking = tokio::task::spawn_blocking(move || {
            let mut most = 0.0f64;
            while !stopped.load(Ordering::Relaxed) {
                let children = machine::descendants(pid).into_iter();
                most = children.filter_map(|child| Some(machine::memory(child).ok()?.peak)).fold(most, f64::max);
                std::thread::sleep(LOOK);
            }
            most
        });
        Self { stop, looking }
    }

    /// The most that one child held, in MiB.
    async fn stop(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        self.looking.await.unwrap_or(f64::NAN)
    }
}
