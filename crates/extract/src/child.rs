//! The half that opens documents.

use std::{
    fs::File,
    io::{BufWriter, Read, Write, stdin, stdout},
    panic::catch_unwind,
    path::PathBuf,
    time::Duration,
};

use anyhow::Context;
use rustix::time::{ClockId, clock_gettime};

use crate::{
    FailureCode, attached, formats,
    help::Help,
    outlook, render,
    sandbox::{self, Allowance},
    tidy::tidy,
    wire::{Done, Line},
};

/// Parsers recurse as deep as a document is nested.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// In one line of output; a longer page is cut and the document marked as partial.
const PAGE_BYTES: usize = 1024 * 1024 - 1024;
/// For the last line.
const DONE_BYTES: u64 = 64 * 1024;

/// What the parent asks for.
#[derive(clap::Args, Debug)]
pub struct Order {
    /// What the parent says the bytes are.
    #[arg(long, default_value = "", hide = true)]
    media_type: String,
    /// Address space.
    #[arg(long, default_value_t = 512 * 1024 * 1024, hide = true)]
    memory_bytes: u64,
    /// Processor time.
    #[arg(long, default_value_t = 30, hide = true)]
    cpu_seconds: u64,
    /// Processor time after which the parent will not wait for it, in milliseconds.
    #[arg(long, hide = true)]
    glance_ms: Option<u64>,
    /// Take only what nobody else on the machine wants.
    #[arg(long, hide = true)]
    giving_way: bool,
    /// Pages read at most.
    #[arg(long, default_value_t = 10_000, hide = true)]
    pages: u32,
    /// Text printed.
    #[arg(long, default_value_t = 64 * 1024 * 1024, hide = true)]
    output_bytes: u64,
    /// Ask only the reader of PDF that goes first.
    #[arg(long, hide = true)]
    alone: bool,
    /// The parent has pictures read.
    #[arg(long, hide = true)]
    pictures: bool,
    /// The parent takes what is attached: so many.
    #[arg(long, default_value_t = 0, hide = true)]
    attachments: usize,
    /// And so many bytes of it.
    #[arg(long, default_value_t = 0, hide = true)]
    attachment_bytes: u64,
    /// Standard input begins with a password, and two bytes for its length before that.
    #[arg(long, hide = true)]
    locked: bool,
    /// Instead of reading: draw this page, from 1.
    #[arg(long, hide = true)]
    draw: Option<u32>,
    /// No wider than this, in pixels.
    #[arg(long, default_value_t = 400, hide = true)]
    draw_width: u32,
    /// Instead of reading: become this program, which reads the picture on standard input.
    #[arg(long, hide = true)]
    r#become: Option<PathBuf>,
    /// The languages that it is to expect.
    #[arg(long, default_value = "eng", hide = true)]
    languages: String,
    /// Instead of reading: try what must be impossible, and say how it went (for tests).
    #[arg(long, hide = true)]
    probe: Option<String>,
}

impl Order {
    fn allowance(&self) -> Allowance {
        Allowance {
            memory_bytes: self.memory_bytes,
            cpu_seconds: self.cpu_seconds,
            glance_ms: self.glance_ms,
            giving_way: self.giving_way,
        }
    }
}

/// Reads the document on standard input and prints its pages.
///
/// # Errors
/// When the walls cannot be put up or the parent has gone; whatever is wrong with the document is
/// printed instead.
pub fn run(order: Order) -> anyhow::Result<()> {
    if let Some(program) = &order.r#become {
        return Err(sandbox::turn_into(program, &order.languages, order.allowance()));
    }
    // Opened while that is still possible.
    let status = File::open("/proc/self/status").ok();
    let missing = sandbox::enter(order.allowance())?;
    for wall in missing {
        eprintln!("sandbox: {wall} is missing");
    }
    let second = (!order.alone).then(|| Duration::from_secs(order.cpu_seconds.div_ceil(3)));
    let of_pdf = matches!(order.media_type.as_str(), "application/pdf" | "message/rfc822" | outlook::MEDIA_TYPE);
    let help = Help::start(second.filter(|_| of_pdf), order.pictures)?;
    let work = move || {
        if sandbox::seal().is_err() {
            eprintln!("sandbox: seccomp is missing");
        }
        match &order.probe {
            Some(what) => probe(what),
            None => match order.draw {
                Some(page) => draw(&order, page, status),
                None => answer(&order, status, help),
            },
        }
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work)?;
    thread.join().map_err(|_| anyhow::anyhow!("the reader panicked"))?
}

struct Output {
    lines: BufWriter<std::io::Stdout>,
    most: u32,
    number: u32,
    left: u64,
    partial: Option<FailureCode>,
    broken: bool,
}

impl Output {
    /// Whether to go on.
    fn page(&mut self, text: &str) -> bool {
        if self.number == self.most {
            self.partial = Some(FailureCode::LimitExceeded);
            return false;
        }
        self.number += 1;
        let mut text = tidy(text);
        if text.len() > PAGE_BYTES {
            text.truncate(text.floor_char_boundary(PAGE_BYTES));
            self.partial = Some(FailureCode::LimitExceeded);
        }
        let Ok(line) = serde_json::to_vec(&Line::Page { number: self.number, text }) else { return false };
        // The parent stops listening there, and would not hear how it ended.
        let Some(left) = self.left.checked_sub(line.len() as u64 + 1) else {
            self.partial = Some(FailureCode::LimitExceeded);
            return false;
        };
        self.left = left;
        self.broken |= self.raw(&line).is_err();
        !self.broken
    }

    fn line(&mut self, line: &Line) -> std::io::Result<()> {
        self.raw(&serde_json::to_vec(line)?)
    }

    fn raw(&mut self, line: &[u8]) -> std::io::Result<()> {
        self.lines.write_all(line)?;
        self.lines.write_all(b"\n")?;
        // What was read before a limit is hit is kept.
        self.lines.flush()
    }
}

fn answer(order: &Order, status: Option<File>, mut help: Help) -> anyhow::Result<()> {
    let mut output = Output {
        lines: BufWriter::new(stdout()),
        most: order.pages,
        number: 0,
        left: order.output_bytes.saturating_sub(DONE_BYTES),
        partial: None,
        broken: false,
    };
    // Messages of panicking parsers quote the document.
    std::panic::set_hook(Box::new(|_| {}));
    help.apart = (order.attachments > 0)
        .then_some(attached::Allowance { count: order.attachments, bytes: order.attachment_bytes });
    let mut input = stdin().lock();
    if order.locked {
        help.password = password(&mut input)?;
    }
    let mut bytes = Vec::new();
    if input.read_to_end(&mut bytes).is_err() {
        return Ok(output.line(&Line::Failed { code: FailureCode::TooLarge })?);
    }
    let read = catch_unwind(std::panic::AssertUnwindSafe(|| {
        formats::read(&order.media_type, bytes, &mut help, 0, &mut |text| output.page(text))
    }));
    let line = match read {
        Ok(Ok(found)) => Line::Done(Done {
            engine: found.engine.to_owned(),
            metadata: found.metadata.into_iter().map(|(name, value)| (name, tidy(&value))).collect(),
            partial: output.partial.or(found.cut).or(help.unread),
            cpu_ms: cpu_ms(),
            peak_rss_bytes: status.and_then(peak_rss).unwrap_or(0),
        }),
        Ok(Err(failure)) => Line::Failed { code: failure.code },
        Err(_) => Line::Failed { code: FailureCode::Corrupt },
    };
    output.line(&line).context("the parent has gone")
}

/// Draws a page of the document on standard input.
fn draw(order: &Order, page: u32, status: Option<File>) -> anyhow::Result<()> {
    // Messages of panicking parsers quote the document.
    std::panic::set_hook(Box::new(|_| {}));
    let mut bytes = Vec::new();
    let drawn = match stdin().lock().read_to_end(&mut bytes) {
        Err(_) => Err(FailureCode::TooLarge),
        Ok(_) => match catch_unwind(|| render::draw(&order.media_type, bytes, page, order.draw_width)) {
            Ok(drawn) => drawn.map_err(|failure| failure.code),
            Err(_) => Err(FailureCode::Corrupt),
        },
    };
    let (answer, picture) = match drawn {
        Ok(picture) => {
            let peak_rss_bytes = status.and_then(peak_rss).unwrap_or(0);
            (render::Answer::Drawn { cpu_ms: cpu_ms(), peak_rss_bytes }, picture)
        }
        Err(code) => (render::Answer::Failed { code }, Vec::new()),
    };
    render::answer(&mut stdout().lock(), &answer, &picture).context("the parent has gone")
}

fn password(input: &mut impl Read) -> anyhow::Result<String> {
    let mut length = [0; 2];
    input.read_exact(&mut length)?;
    let mut password = vec![0; usize::from(u16::from_le_bytes(length))];
    input.read_exact(&mut password)?;
    String::from_utf8(password).map_err(|_| anyhow::anyhow!("the password is no text"))
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
        "attachments" => {
            let data = || Line::Bytes { data: "eHh4".repeat(16 * 1024) };
            for number in 0..50 {
                println!("{}", serde_json::to_string(&Line::Attached { name: format!("../../{number}\u{0}") })?);
                for _ in 0..64 {
                    println!("{}", serde_json::to_string(&data())?);
                }
                println!("{}", serde_json::to_string(&Line::AttachedWhole)?);
            }
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
