//! Reads documents from the command line, through the same sandbox as the indexer.

use std::{
    fs::File,
    io::{BufRead, Read, stdin},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::Parser;
use extract::{Extractor, Failure, FailureCode, Limits, Ocr, Renderer, child, sniff};
use secrecy::SecretString;
use serde_json::json;

/// Prints the text of documents, page by page, as one JSON object in a line for each.
///
/// {file, media_type, pages: [{number, text}], metadata, partial?, failure?, engine, cpu_ms, peak_rss}
///
/// Reads PDF, Word, PowerPoint and Excel (docx, pptx, xlsx), OpenDocument (odt, ods, odp), RTF, EPUB,
/// HTML, Markdown, CSV and TSV, e-mail (eml, msg) with what is attached, plain text in common encodings and,
/// with tesseract, text in pictures (PNG, JPEG, TIFF, GIF, BMP, WebP) and scanned pages. What a file is
/// is told by its content.
///
/// media_type is null when it is none of these. partial says why the pages are not all there is:
/// limit_exceeded, timeout, crashed, corrupt (the rest is damaged), or ocr_unavailable (there are
/// pictures and no tesseract). failure is {code, detail} when nothing could be read: encrypted,
/// unsupported_type, corrupt, too_large, limit_exceeded, timeout or crashed. engine names the readers;
/// cpu_ms is processor time in milliseconds and peak_rss memory in bytes, of the process that opened the
/// document (0 when it did not live to say).
///
/// With --picture a page of one document is drawn instead, and written to the file that --output names, as
/// JPEG or PNG: of PDFs and of pictures. The line is then {file, media_type, picture: {media_type, width,
/// height, bytes}, failure?, cpu_ms, peak_rss}; failure is also no_such_page.
///
/// Each document is opened in a process of its own without files, network or privileges.
/// A file that cannot be opened is named on standard error and the others are read all the same.
/// Exit code 0: all were read; 1: at least one was not; 2: the command line is wrong.
#[derive(Parser)]
#[command(name = "dossier-extract", version)]
struct Arguments {
    /// The documents.
    #[arg(required_unless_present = "child")]
    files: Vec<PathBuf>,
    /// Read a password from the first line of standard input, for PDFs that do not open without one.
    #[arg(long)]
    password_stdin: bool,
    /// Draw this page, from 1, instead of reading.
    #[arg(long, value_name = "PAGE", requires = "output", conflicts_with = "password_stdin")]
    picture: Option<u32>,
    /// The most that the picture may be wide, in pixels, up to 1600. It is at most twice as high.
    #[arg(long, value_name = "PIXELS", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=1600))]
    width: u32,
    /// Where the picture goes.
    #[arg(short, long, value_name = "FILE", requires = "picture")]
    output: Option<PathBuf>,
    /// Seconds for each document.
    #[arg(long, default_value_t = 60)]
    timeout: u64,
    /// Mebibytes of address space for each document.
    #[arg(long, default_value_t = 512)]
    memory: u64,
    /// Seconds of processor time for each document.
    #[arg(long, default_value_t = 30)]
    cpu: u64,
    /// The program that reads text in pictures, a path or a name in PATH; empty: nobody does.
    #[arg(long, env = "EXTRACT_OCR_PROGRAM", default_value = "tesseract")]
    ocr: String,
    /// The languages that it is to expect, as it names them.
    #[arg(long, env = "EXTRACT_OCR_LANGUAGES", default_value = "eng")]
    ocr_languages: String,
    /// Be the child: read the document on standard input.
    #[arg(long, hide = true)]
    child: bool,
    #[command(flatten, next_help_heading = "Of the child")]
    order: child::Order,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ran = if arguments.child { child::run(arguments.order).map(|()| true) } else { print(&arguments) };
    match ran {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("dossier-extract: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn print(arguments: &Arguments) -> anyhow::Result<bool> {
    let limits = Limits {
        wall: Duration::from_secs(arguments.timeout),
        cpu: Duration::from_secs(arguments.cpu),
        memory_bytes: arguments.memory.saturating_mul(1024 * 1024),
        ..Limits::default()
    };
    if let (Some(page), Some(output)) = (arguments.picture, &arguments.output) {
        return draw(arguments, limits, page, output).await;
    }
    let extractor =
        Extractor::new(std::env::current_exe()?, limits).with_ocr(Ocr::find(&arguments.ocr, &arguments.ocr_languages));
    let password = arguments.password_stdin.then(password).transpose()?;
    let mut all = true;
    for path in &arguments.files {
        let (media_type, outcome) = match read(&extractor, path, password.as_ref()).await {
            Ok(read) => read,
            Err(error) => {
                eprintln!("dossier-extract: {error:#}");
                all = false;
                continue;
            }
        };
        all &= outcome.is_ok();
        let line = match outcome {
            Ok(read) => json!({
                "file": path, "media_type": media_type, "engine": read.engine,
                "pages": read.pages.iter().map(|p| json!({"number": p.number, "text": p.text})).collect::<Vec<_>>(),
                "metadata": read.metadata, "partial": read.partial, "failure": null,
                "cpu_ms": read.cpu_ms, "peak_rss": read.peak_rss_bytes,
            }),
            Err(failure) => json!({
                "file": path, "media_type": media_type, "engine": "", "pages": [], "metadata": {}, "partial": null,
                "failure": {"code": failure.code, "detail": failure.detail}, "cpu_ms": 0, "peak_rss": 0,
            }),
        };
        println!("{line}");
    }
    Ok(all)
}

/// Draws a page of the only document.
async fn draw(arguments: &Arguments, limits: Limits, page: u32, output: &Path) -> anyhow::Result<bool> {
    let [path] = arguments.files.as_slice() else { anyhow::bail!("--picture takes one document") };
    let renderer = Renderer::new(std::env::current_exe()?, limits);
    let media_type = kind(path)?;
    let drawn = match media_type {
        Some(media_type) => renderer.draw(open(path)?, media_type, page, arguments.width).await,
        None => Err(Failure::new(FailureCode::UnsupportedType)),
    };
    let line = match &drawn {
        Ok(drawn) => {
            std::fs::write(output, &drawn.bytes).with_context(|| format!("{} cannot be written", output.display()))?;
            json!({
                "file": path, "media_type": media_type, "picture": {
                    "media_type": drawn.kind.media_type(), "width": drawn.width, "height": drawn.height,
                    "bytes": drawn.bytes.len(),
                }, "failure": null, "cpu_ms": drawn.cpu_ms, "peak_rss": drawn.peak_rss_bytes,
            })
        }
        Err(failure) => json!({
            "file": path, "media_type": media_type, "picture": null,
            "failure": {"code": failure.code, "detail": failure.detail}, "cpu_ms": 0, "peak_rss": 0,
        }),
    };
    println!("{line}");
    Ok(drawn.is_ok())
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("{} cannot be opened", path.display()))
}

/// What a file is, by its content.
fn kind(path: &Path) -> anyhow::Result<Option<&'static str>> {
    let mut prefix = Vec::new();
    open(path)?.take(8192).read_to_end(&mut prefix)?;
    Ok(sniff(&prefix, &path.file_name().unwrap_or_default().to_string_lossy()))
}

async fn read(
    extractor: &Extractor,
    path: &Path,
    password: Option<&SecretString>,
) -> anyhow::Result<(Option<&'static str>, Result<extract::Extraction, Failure>)> {
    let Some(media_type) = kind(path)? else {
        return Ok((None, Err(Failure::new(FailureCode::UnsupportedType))));
    };
    let read = match password {
        Some(password) => extractor.extract_locked(open(path)?, media_type, password).await,
        None => extractor.extract(open(path)?, media_type).await,
    };
    Ok((Some(media_type), read))
}

/// Without the end of the line.
fn password() -> anyhow::Result<SecretString> {
    let mut line = String::new();
    stdin().lock().read_line(&mut line).context("standard input has no password in UTF-8")?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line.into())
}
