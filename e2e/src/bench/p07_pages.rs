//! P7: how many pages a second documents are read at, with a process for each, and how much of them
//! is found; over the documents of a folder that has a `manifest.tsv` with a line for each: file,
//! reference text, bytes, class, pages.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::process::Command;

use super::{
    Bench,
    figures::{Goal, Row, Sample},
};

const LIMIT: Duration = Duration::from_secs(120);
/// Of a quick run.
const FEW: usize = 4;
const PYPDF: &str = "import sys, pypdf
for page in pypdf.PdfReader(sys.argv[1]).pages: print(page.extract_text())";
const PDFIUM: &str = "import sys, pypdfium2
for page in pypdfium2.PdfDocument(sys.argv[1]): print(page.get_textpage().get_text_range())";
/// Where the readers in Python are looked for.
const PYTHON: &str = ".tools/readers/bin/python";
const HOW: &str =
    "NOT MEASURED: python3 -m venv .tools/readers && .tools/readers/bin/pip install pypdf pypdfium2 installs it";
/// What to know of the recall.
const REFERENCE: &str = "the reference texts of the PDFs were made with pdftotext, so that its own recall says little";

/// A program that prints the text of a file.
struct Reader {
    name: &'static str,
    command: Vec<String>,
    /// It prints JSON, as ours does.
    json: bool,
}

struct Document {
    path: PathBuf,
    reference: String,
    is_pdf: bool,
    pages: f64,
}

/// What one reader did in one round.
#[derive(Clone, Default)]
struct Round {
    pages: f64,
    seconds: f64,
    /// Of each document that has a reference.
    recalls: Vec<f64>,
}

impl Round {
    fn add(&mut self, document: &Document, (text, took): &(String, Duration)) {
        self.pages += document.pages;
        self.seconds += took.as_secs_f64();
        self.recalls.extend(recall(&document.reference, text));
    }
}

pub(crate) async fn run(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let Some(root) = &bench.options.corpus else {
        return Ok(vec![Row::missing("P7", "pages read", "NOT MEASURED: DOSSIER_CORPUS names no folder")]);
    };
    let mut documents = documents(root)?;
    if bench.options.quick {
        documents.sort_by_key(|document| !document.is_pdf);
        let (pdfs, others): (Vec<_>, Vec<_>) = documents.into_iter().partition(|document| document.is_pdf);
        documents = pdfs.into_iter().take(FEW).chain(others.into_iter().take(FEW)).collect();
    }
    let ours = Reader {
        name: "dossier-extract",
        // Nobody else reads the text in pictures.
        command: vec![program(bench)?.display().to_string(), "--ocr=".to_owned()],
        json: true,
    };
    let (others, mut rows) = others().await;
    let mut measured = vec![Vec::new(); others.len() + 1];
    for _ in 0..bench.scale.rounds {
        let mut round = vec![Round::default(); others.len() + 1];
        for document in documents.iter().filter(|document| document.is_pdf) {
            // One after the other on each file, so that whatever else goes on hits all of them.
            for (done, reader) in round.iter_mut().zip(std::iter::once(&ours).chain(&others)) {
                done.add(document, &reader.read(&document.path).await?);
            }
        }
        measured.iter_mut().zip(round).for_each(|(rounds, done)| rounds.push(done));
    }
    let mut office = Round::default();
    for document in documents.iter().filter(|document| !document.is_pdf) {
        office.add(document, &ours.read(&document.path).await?);
    }
    let mut all = compared(&measured, &others);
    let what = format!("words found in {} other documents, mean", office.recalls.len());
    all.push(Row::new("P7", what, Sample::one("%", percent(&office)), None, Goal::Noted));
    all.append(&mut rows);
    Ok(all)
}

/// Ours beside each of the others.
fn compared(measured: &[Vec<Round>], others: &[Reader]) -> Vec<Row> {
    let Some((ours, theirs)) = measured.split_first() else { return Vec::new() };
    let count = ours.first().map_or(0, |round| round.recalls.len());
    let speed =
        |rounds: &[Round]| Sample::new("pages/s", rounds.iter().map(|round| round.pages / round.seconds).collect());
    let found = |rounds: &[Round]| Sample::one("%", rounds.last().map_or(f64::NAN, percent));
    let mut rows = Vec::new();
    for (reader, theirs) in others.iter().zip(theirs) {
        let goal = if reader.name == "pdftotext" { Goal::RatioAtLeast(1.0) } else { Goal::Noted };
        let what = format!("pages of {count} PDFs read, a process for each file, one at a time");
        rows.push(Row::new("P7", what, speed(ours), Some((reader.name.to_owned(), speed(theirs))), goal));
    }
    for (reader, theirs) in others.iter().zip(theirs) {
        let what = format!("words found in {count} PDFs, mean");
        let row = Row::new("P7", what, found(ours), Some((reader.name.to_owned(), found(theirs))), Goal::Noted);
        rows.push(if reader.name == "pdftotext" { row.note(REFERENCE) } else { row });
    }
    if others.is_empty() {
        let what = format!("pages of {count} PDFs read, a process for each file, one at a time");
        rows.push(Row::new("P7", what, speed(ours), None, Goal::RatioAtLeast(1.0)));
        rows.push(Row::new("P7", format!("words found in {count} PDFs, mean"), found(ours), None, Goal::Noted));
    }
    rows
}

fn percent(round: &Round) -> f64 {
    100.0 * round.recalls.iter().sum::<f64>() / round.recalls.len() as f64
}

impl Reader {
    /// What it prints, and how long that took. What it cannot read is empty.
    async fn read(&self, file: &Path) -> anyhow::Result<(String, Duration)> {
        let (program, arguments) = self.command.split_first().context("no program")?;
        let mut command = Command::new(program);
        command.args(arguments).arg(file).stdin(Stdio::null()).kill_on_drop(true);
        if self.name == "pdftotext" {
            command.arg("-");
        }
        let started = Instant::now();
        let output = tokio::time::timeout(LIMIT, command.output()).await;
        let output = output.with_context(|| format!("{} does not end on {}", self.name, file.display()))??;
        let took = started.elapsed();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok((if self.json { pages(&text)? } else { text }, took))
    }

    /// Whether it runs here; what it says of a file that is not there does not matter.
    async fn is_there(&self, probe: &[&str]) -> bool {
        let Some(program) = self.command.first() else { return false };
        let status = Command::new(program).args(probe).stdin(Stdio::null()).output().await;
        status.is_ok_and(|output| output.status.success())
    }
}

fn pages(line: &str) -> anyhow::Result<String> {
    let read: Value = serde_json::from_str(line).context("dossier-extract printed something else")?;
    let pages = read["pages"].as_array().context("dossier-extract printed no pages")?;
    Ok(pages.iter().filter_map(|page| page["text"].as_str()).collect::<Vec<_>>().join("\n"))
}

/// The yardsticks that are on this machine, and a row for each that is not.
async fn others() -> (Vec<Reader>, Vec<Row>) {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PYTHON).display().to_string();
    let script = |script: &str| vec![python.clone(), "-c".to_owned(), script.to_owned()];
    let pdftotext = ["pdftotext", "-q", "-enc", "UTF-8"].map(str::to_owned).to_vec();
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for (name, command, probe, how) in [
        ("pdftotext", pdftotext, &["-v"][..], "NOT MEASURED: apt-get install poppler-utils installs it"),
        ("pypdf", script(PYPDF), &["-c", "import pypdf"], HOW),
        ("pypdfium2", script(PDFIUM), &["-c", "import pypdfium2"], HOW),
    ] {
        let reader = Reader { name, command, json: false };
        match reader.is_there(probe).await {
            true => found.push(reader),
            false => {
                eprintln!("P7 without {name}: {how}");
                missing.push(Row::missing("P7", format!("beside {name}"), how));
            }
        }
    }
    (found, missing)
}

/// Ours, beside this one or where the services' programs are.
fn program(bench: &Bench) -> anyhow::Result<PathBuf> {
    let beside = std::env::current_exe()?;
    let folder = bench.options.binaries.as_deref().or(beside.parent()).context("no folder of programs")?;
    let program = folder.join("dossier-extract");
    ensure!(program.is_file(), "{} is not there", program.display());
    Ok(program)
}

/// Those with a reference text that has words.
fn documents(root: &Path) -> anyhow::Result<Vec<Document>> {
    let manifest = root.join("manifest.tsv");
    let manifest =
        std::fs::read_to_string(&manifest).with_context(|| format!("{} cannot be read", manifest.display()))?;
    let mut documents = Vec::new();
    for line in manifest.lines().skip(1) {
        let [file, reference, _, class, pages, ..] = line.split('\t').collect::<Vec<_>>()[..] else { continue };
        let is_pdf = file.ends_with(".pdf");
        if is_pdf && class != "text" {
            continue;
        }
        let reference = std::fs::read_to_string(root.join(reference))?;
        if !words(&reference).is_empty() {
            documents.push(Document { path: root.join(file), reference, is_pdf, pages: pages.parse()? });
        }
    }
    ensure!(documents.iter().any(|document| document.is_pdf), "there is no PDF with text in {}", root.display());
    Ok(documents)
}

fn words(text: &str) -> HashMap<String, usize> {
    let mut words = HashMap::new();
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *words.entry(word.to_owned()).or_default() += 1;
    }
    words
}

/// The part of the reference's words that was found.
fn recall(reference: &str, found: &str) -> Option<f64> {
    let (reference, found) = (words(reference), words(found));
    let all: usize = reference.values().sum();
    let both: usize = reference.iter().map(|(word, n)| *n.min(found.get(word).unwrap_or(&0))).sum();
    (all > 0).then(|| both as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_counts_words_as_often_as_they_stand_there() {
        assert_eq!(recall("One two, two", "two one three"), Some(2.0 / 3.0));
        assert_eq!(recall("–", "two"), None);
    }

    #[test]
    fn the_text_of_all_pages_is_taken() {
        let line = r#"{"pages":[{"number":1,"text":"a"},{"number":2,"text":"b"}]}"#;
        assert_eq!(pages(line).unwrap(), "a\nb");
        assert!(pages("nothing").is_err());
    }
}
