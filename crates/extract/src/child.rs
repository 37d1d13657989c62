//! The half that opens documents.

use std::{
    fs::File,
    io::{BufWriter, Read, Write, stdin, stdout},
    panic::catch_unwind,
    path::PathBuf,
};

use anyhow::Context;
use rustix::time::{ClockId, clock_gettime};

use crate::{
    Failure, FailureCode, html, markdown, pdf,
    sandbox::{self, Allowance},
    text,
    tidy::tidy,
    wire::{Done, Line},
};

/// Parsers recurse as deep as a document is nested.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// In one line of output; a longer page is cut and the document marked as partial.
const PAGE_BYTES: usize = 1024 * 1024 - 1024;

/// What the parent asks for.
#[derive(clap::Args, Debug)]
pub struct Order {
    /// What the parent says the bytes are.
    #[arg(long, default_value = "")]
    media_type: String,
    /// Address space.
    #[arg(long, default_value_t = 512 * 1024 * 1024)]
    memory_bytes: u64,
    /// Processor time.
    #[arg(long, default_value_t = 30)]
    cpu_seconds: u64,
    /// Pages read at most.
    #[arg(long, default_value_t = 10_000)]
    pages: u32,
    /// Instead of reading: try what must be impossible, and say how it went (for tests).
    #[arg(long, hide = true)]
    probe: Option<String>,
}

/// Reads the document on standard input and prints its pages.
///
/// # Errors
/// When the walls cannot be put up or the parent has gone; whatever is wrong with the document is
/// printed instead.
pub fn run(order: Order) -> anyhow::Result<()> {
    // Opened while that is still possible.
    let status = File::open("/proc/self/status").ok();
    let missing = sandbox::enter(Allowance { memory_bytes: order.memory_bytes, cpu_seconds: order.cpu_seconds })?;
    for wall in missing {
        eprintln!("sandbox: {wall} is missing");
    }
    let work = move || {
        if sandbox::seal().is_err() {
            eprintln!("sandbox: seccomp is missing");
        }
        match &order.probe {
            Some(what) => probe(what),
            None => answer(&order, status),
        }
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work)?;
    thread.join().map_err(|_| anyhow::anyhow!("the reader panicked"))?
}

struct Output {
    lines: BufWriter<std::io::Stdout>,
    most: u32,
    partial: Option<FailureCode>,
    broken: bool,
}

impl Output {
    /// Whether to go on.
    fn page(&mut self, number: u32, text: &str) -> bool {
        if number > self.most {
            self.partial = Some(FailureCode::LimitExceeded);
            return false;
        }
        let mut text = tidy(text);
        if text.len() > PAGE_BYTES {
            text.truncate(text.floor_char_boundary(PAGE_BYTES));
            self.partial = Some(FailureCode::LimitExceeded);
        }
        self.broken |= self.line(&Line::Page { number, text }).is_err();
        !self.broken
    }

    fn line(&mut self, line: &Line) -> std::io::Result<()> {
        serde_json::to_writer(&mut self.lines, line)?;
        self.lines.write_all(b"\n")?;
        // What was read before a limit is hit is kept.
        self.lines.flush()
    }
}

fn answer(order: &Order, status: Option<File>) -> anyhow::Result<()> {
    let mut output = Output { lines: BufWriter::new(stdout()), most: order.pages, partial: None, broken: false };
    let mut bytes = Vec::new();
    if stdin().lock().read_to_end(&mut bytes).is_err() {
        return Ok(output.line(&Line::Failed { code: FailureCode::TooLarge })?);
    }
    // Messages of panicking parsers quote the document.
    std::panic::set_hook(Box::new(|_| {}));
    let read = catch_unwind(std::panic::AssertUnwindSafe(|| read(&order.media_type, bytes, &mut output)));
    let line = match read {
        Ok(Ok(mut done)) => {
            done.partial = output.partial;
            done.cpu_ms = cpu_ms();
            done.peak_rss_bytes = status.and_then(peak_rss).unwrap_or(0);
            Line::Done(done)
        }
        Ok(Err(failure)) => Line::Failed { code: failure.code },
        Err(_) => Line::Failed { code: FailureCode::Corrupt },
    };
    output.line(&line).context("the parent has gone")
}

fn read(media_type: &str, bytes: Vec<u8>, output: &mut Output) -> Result<Done, Failure> {
    let mut done = Done { engine: "text".to_owned(), ..Done::default() };
    let pages = match media_type {
        "application/pdf" => {
            let read = pdf::read(bytes, |number, text| output.page(number, &text))?;
            return Ok(Done { engine: read.engine.to_owned(), metadata: read.metadata, ..done });
        }
        "text/html" | "application/xhtml+xml" => {
            let read = html::read(&bytes);
            done.engine = "html".to_owned();
            done.metadata.extend(read.title.map(|title| ("title".to_owned(), tidy(&title))));
            read.pages
        }
        "text/markdown" => {
            done.engine = "markdown".to_owned();
            markdown::pages(&text::decode(&bytes, None))
        }
        "text/plain" | "text/csv" | "text/tab-separated-values" => text::pages(&text::decode(&bytes, None)),
        _ => return Err(Failure::new(FailureCode::UnsupportedType)),
    };
    for (number, page) in (1..).zip(&pages) {
        if !output.page(number, page) {
            break;
        }
    }
    Ok(done)
}

fn cpu_ms() -> u64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(spent.tv_sec * 1000 + spent.tv_nsec / 1_000_000).unwrap_or(0)
}

fn peak_rss(mut status: File) -> Option<u64> {
    let mut text = String::new();
    status.read_to_string(&mut text).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// No process has this id, so a signal that is let through hurts nobody.
const NOBODY: libc::c_long = 0x3fff_ffff;

/// What a parser that was taken over would try.
fn probe(what: &str) -> anyhow::Result<()> {
    let outcome = match what {
        "open" => File::open("/etc/passwd").map(drop),
        "create" => File::create(PathBuf::from("/tmp/dossier-extract-probe")).map(drop),
        "connect" => std::net::TcpStream::connect(("127.0.0.1", 9)).map(drop),
        "listen" => std::net::TcpListener::bind(("127.0.0.1", 0)).map(drop),
        "spawn" => std::process::Command::new("/bin/true").status().map(drop),
        "read_link" => std::fs::read_link("/proc/1/exe").map(drop),
        "ptrace" => sandbox::attempt(libc::SYS_ptrace, [libc::PTRACE_TRACEME.into(), 0, 0]),
        "execve" => sandbox::attempt(libc::SYS_execve, [0, 0, 0]),
        "kill" => sandbox::attempt(libc::SYS_kill, [NOBODY, 0, 0]),
        "abort_another" => sandbox::attempt(libc::SYS_tgkill, [NOBODY, NOBODY, libc::SIGABRT.into()]),
        "io_uring" => sandbox::attempt(libc::SYS_io_uring_setup, [1, 0, 0]),
        "memory" => {
            let mut all: Vec<Vec<u8>> = Vec::new();
            loop {
                all.push(vec![1; 16 * 1024 * 1024]);
                std::hint::black_box(&all);
            }
        }
        "spin" => loop {
            std::hint::spin_loop();
        },
        "sleep" => {
            std::thread::sleep(std::time::Duration::from_secs(60));
            Ok(())
        }
        "flood" => {
            let text = "x".repeat(64 * 1024);
            for number in 1.. {
                println!("{}", serde_json::to_string(&Line::Page { number, text: text.clone() })?);
            }
            Ok(())
        }
        "garbage" => {
            println!("{{\"page\":{{\"number\":1,\"text\":\"kept\"}}}}\n\u{0}nonsense");
            return Ok(());
        }
        "pages_then_abort" => {
            println!("{}", serde_json::to_string(&Line::Page { number: 1, text: "kept".to_owned() })?);
            std::process::abort()
        }
        _ => anyhow::bail!("no such probe"),
    };
    match outcome {
        Ok(()) => println!("possible"),
        Err(error) => println!("{}", error.raw_os_error().unwrap_or(0)),
    }
    Ok(())
}
