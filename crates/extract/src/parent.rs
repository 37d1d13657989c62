//! The half that never parses.

use std::{
    fs::File,
    io::{Seek, SeekFrom},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    time::Instant,
};

use crate::{
    Failure, FailureCode, Ocr,
    attached::{self, Arrivals},
    extraction::{Extraction, How, Limits, PATIENCE, Page},
    ocr::Picture,
    precedence::{Halted, Precedence, giving_way},
    tidy::tidy,
    wire::{Done, Line},
};

/// The beginning of what the child says on standard error, for telling why it ended.
const COMPLAINT_BYTES: u64 = 4096;
/// Pictures of one document that are read.
const PICTURES: usize = 500;
/// For a killed child to be gone.
pub(crate) const BURIAL: Duration = Duration::from_secs(5);
/// Of what a document says of itself.
const METADATA_FIELDS: usize = 32;
const METADATA_CHARACTERS: usize = 500;

/// The longest password that is tried, in bytes. No format takes more than half of it.
const PASSWORD_BYTES: usize = 1024;
const WRONG_PASSWORD: &str = "The password that was given does not open the file.";

/// Starts a child for each document.
#[derive(Clone, Debug)]
pub struct Extractor {
    program: PathBuf,
    limits: Limits,
    ocr: Option<Ocr>,
    probe: Option<String>,
}

impl Extractor {
    /// `program` is the `dossier-extract` binary. Text in pictures is not read.
    pub fn new(program: PathBuf, limits: Limits) -> Self {
        Self { program, limits, ocr: None, probe: None }
    }

    /// Who reads text in pictures; with nobody, what has pictures is marked `ocr_unavailable`.
    pub fn with_ocr(mut self, ocr: Option<Ocr>) -> Self {
        self.ocr = ocr;
        self
    }

    /// Lets the child misbehave in a certain way, for tests.
    #[doc(hidden)]
    pub fn probing(mut self, what: &str) -> Self {
        self.probe = Some(what.to_owned());
        self
    }

    /// Reads an open file, from its current position. Dropping the future kills the child.
    ///
    /// # Errors
    /// [`Failure`] when nothing could be read. What was read before a limit was hit is no failure,
    /// but `partial`.
    pub async fn extract(&self, file: File, media_type: &str) -> Result<Extraction, Failure> {
        self.read(file, How { media_type, ..How::default() }).await
    }

    /// The same with a password, which is tried where a document, or one inside of it, does not open
    /// without. It goes to the child through a pipe and nowhere else, and is forgotten with it. PDF and the
    /// documents of Office (docx, xlsx, pptx) are opened; what is locked in another way stays `encrypted`.
    ///
    /// # Errors
    /// As [`extract`](Self::extract); `encrypted` when the password is not the right one, or longer
    /// than 1024 bytes.
    pub async fn extract_locked(
        &self,
        file: File,
        media_type: &str,
        password: &SecretString,
    ) -> Result<Extraction, Failure> {
        self.read(file, How { media_type, password: Some(password), ..How::default() }).await
    }

    /// The same in any manner.
    ///
    /// # Errors
    /// As [`extract_locked`](Self::extract_locked).
    pub async fn read(&self, file: File, how: How<'_>) -> Result<Extraction, Failure> {
        let order = Order { how, alone: false, glance: None };
        // Without a limit to the glance there always is an outcome.
        self.unlock(file, order).await.unwrap_or_else(|| Err(Failure::new(FailureCode::Crashed)))
    }

    /// The same, if that takes no more than `most` of processor time and there is no picture to be read:
    /// so it is known what a document costs before it holds up others. `None` when it is not done by then.
    pub async fn glance(&self, file: File, how: How<'_>, most: Duration) -> Option<Result<Extraction, Failure>> {
        // The limit counts in whole seconds, and its signal means something else.
        let glance = Some(most).filter(|most| *most < self.limits.cpu);
        self.unlock(file, Order { how, alone: false, glance }).await
    }

    async fn unlock(&self, file: File, order: Order<'_>) -> Option<Result<Extraction, Failure>> {
        let Some(password) = order.how.password else { return self.open(file, order).await };
        let wrong = || Failure { detail: WRONG_PASSWORD.to_owned(), ..Failure::new(FailureCode::Encrypted) };
        if password.expose_secret().len() > PASSWORD_BYTES {
            return Some(Err(wrong()));
        }
        let read = self.open(file, order).await?;
        Some(read.map_err(|failure| if failure.code == FailureCode::Encrypted { wrong() } else { failure }))
    }

    async fn open(&self, file: File, order: Order<'_>) -> Option<Result<Extraction, Failure>> {
        // To begin anew, or to show it to another program. A pipe can be read only once.
        let again = file.try_clone().ok().zip((&file).stream_position().ok());
        let patience = order.how.giving_way.map_or(1, |_| PATIENCE);
        let deadline = Instant::now() + self.limits.wall * patience;
        let (first, dragged) = self.run(file, &again, order, deadline).await?;
        // One of the readers that are asked second has dragged the first down with it.
        let Some(file) = again.as_ref().filter(|_| dragged).and_then(rewound) else { return Some(first) };
        let (second, _) = self.run(file, &again, Order { alone: true, ..order }, deadline).await?;
        let text = |read: &Result<Extraction, Failure>| {
            read.as_ref().map_or(0, |read| 1 + read.pages.iter().map(|page| page.text.len()).sum::<usize>())
        };
        Some(match (first, second) {
            // Whatever it was, the first reader alone knows what is wrong.
            (Err(_), second) => second,
            (first, second) if text(&second) > text(&first) => second.map(|read| Extraction {
                partial: read.partial.or_else(|| Some(FailureCode::LimitExceeded.as_str().to_owned())),
                ..read
            }),
            (first, _) => first,
        })
    }

    /// What the child said, and whether it died while it asked others. `None` when it takes more than a
    /// glance.
    async fn run(
        &self,
        file: File,
        again: &Option<(File, u64)>,
        order: Order<'_>,
        deadline: Instant,
    ) -> Option<(Result<Extraction, Failure>, bool)> {
        let mut child = match self.start(file, &order) {
            Ok(child) => child,
            Err(error) => {
                tracing::error!(%error, program = %self.program.display(), "the reader cannot be started");
                return Some((Err(Failure::new(FailureCode::Crashed)), false));
            }
        };
        let complaint = child.stderr.take().map(|pipe| tokio::spawn(complaint(pipe)));
        let most = attached::Allowance { count: self.limits.attachments, bytes: self.limits.attachment_bytes };
        let mut reading = Reading { apart: order.how.apart.map(|_| Arrivals::new(most)), ..Reading::default() };
        let halted = Halted::new(order.how.giving_way, &child);
        let watching = self.watch(&mut child, &mut reading, again, &order);
        let watching = giving_way(halted, Box::pin(watching));
        let watched = tokio::time::timeout_at(deadline, watching).await;
        let ended = match watched {
            Ok(ended) => ended,
            Err(_) => End::Stopped(FailureCode::Timeout),
        };
        // Whatever it is doing, nobody listens any more. One that the kernel cannot end yet is not waited for.
        let _ = tokio::time::timeout(BURIAL, child.kill()).await;
        let complaint = match complaint {
            Some(task) => tokio::time::timeout(BURIAL, task).await.ok().and_then(Result::ok).unwrap_or_default(),
            None => String::new(),
        };
        if complaint.contains("is missing") {
            tracing::warn!(complaint, "the sandbox is not complete on this machine");
        }
        let unfinished = match ended {
            End::Unfinished => true,
            End::Exited(status) => order.glance.is_some() && status.signal() == Some(libc::SIGPROF),
            End::Answered | End::Stopped(_) => false,
        };
        if unfinished {
            return None;
        }
        let dragged = reading.asked && matches!(ended, End::Exited(_));
        Some((self.conclude(order.how.media_type, reading, ended, &complaint), dragged))
    }

    fn start(&self, file: File, order: &Order<'_>) -> std::io::Result<Child> {
        let mut command = Command::new(&self.program);
        command
            .arg("--child")
            .arg(format!("--media-type={}", order.how.media_type))
            .arg(format!("--memory-bytes={}", self.limits.memory_bytes))
            .arg(format!("--cpu-seconds={}", self.limits.cpu.as_secs().max(1)))
            .arg(format!("--pages={}", self.limits.pages))
            .arg(format!("--output-bytes={}", self.limits.output_bytes))
            .args(order.alone.then_some("--alone"))
            .args(order.how.giving_way.map(|_| "--giving-way"))
            .args(order.glance.map(|glance| format!("--glance-ms={}", glance.as_millis())));
        let mut file = Some(file);
        if order.how.apart.is_some() {
            command
                .arg(format!("--attachments={}", self.limits.attachments))
                .arg(format!("--attachment-bytes={}", self.limits.attachment_bytes));
        }
        let stdin = match order.how.password {
            // Others can see arguments and the environment. They cannot see what is in a pipe.
            Some(_) => {
                command.arg("--locked");
                Stdio::piped()
            }
            None => file.take().map_or_else(Stdio::null, Stdio::from),
        };
        if self.ocr.is_some() {
            command.arg("--pictures");
        }
        if let Some(what) = &self.probe {
            command.arg(format!("--probe={what}"));
        }
        let mut child = command
            .env_clear()
            // Each arena of the allocator reserves 64 MiB of address space, which is limited.
            .env("MALLOC_ARENA_MAX", "1")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let (Some(key), Some(file), Some(pipe)) = (order.how.password, file, child.stdin.take()) {
            // It ends with the child, who is the only one to read from the pipe.
            tokio::spawn(feed(pipe, key.clone(), file));
        }
        Ok(child)
    }

    async fn watch(
        &self,
        child: &mut Child,
        reading: &mut Reading,
        again: &Option<(File, u64)>,
        order: &Order<'_>,
    ) -> End {
        if let Some(pipe) = child.stdout.take() {
            // One byte more than allowed tells "too much" from "just enough".
            let mut lines = BufReader::new(pipe.take(self.limits.output_bytes + 1));
            let mut line = Vec::new();
            loop {
                line.clear();
                match lines.read_until(b'\n', &mut line).await {
                    Ok(0) | Err(_) => break,
                    Ok(_) if !line.ends_with(b"\n") => break,
                    Ok(_) => match serde_json::from_slice(&line) {
                        Ok(heard @ (Line::Attached { .. } | Line::Bytes { .. } | Line::AttachedWhole)) => {
                            if matches!(heard, Line::Bytes { .. }) {
                                let pipe = lines.get_mut();
                                // It is no text, and has limits of its own.
                                pipe.set_limit(pipe.limit() + line.len() as u64);
                            }
                            let (Some(arrivals), Some(folder)) = (&mut reading.apart, order.how.apart) else { break };
                            if let Err(code) = arrivals.take(heard, folder) {
                                return End::Stopped(code);
                            }
                        }
                        Ok(heard) => {
                            if let Some(picture) = reading.hear(heard, again) {
                                reading.pictures += 1;
                                if reading.pictures > PICTURES {
                                    return End::Stopped(FailureCode::LimitExceeded);
                                }
                                let pipe = lines.get_mut();
                                // It is no text, and has limits of its own.
                                pipe.set_limit(pipe.limit() + line.len() as u64);
                                if order.glance.is_some() && self.ocr.is_some() {
                                    return End::Unfinished;
                                }
                                self.recognise(picture, reading, order.how.giving_way).await;
                            }
                        }
                        Err(_) => break,
                    },
                }
                // The child counts as well, but is not believed.
                if reading.pages.len() > self.limits.pages as usize {
                    reading.pages.truncate(self.limits.pages as usize);
                    return End::Stopped(FailureCode::LimitExceeded);
                }
            }
            if lines.get_ref().limit() == 0 {
                return End::Stopped(FailureCode::LimitExceeded);
            }
        }
        match reading.done.is_some() || reading.failed.is_some() {
            true => End::Answered,
            false => child.wait().await.map_or(End::Stopped(FailureCode::Crashed), End::Exited),
        }
    }

    /// Adds what a picture says to the last page.
    async fn recognise(&self, picture: Picture, reading: &mut Reading, giving_way: Option<&Precedence>) {
        let Some(ocr) = self.ocr.as_ref().filter(|_| !reading.unread_for_good) else { return };
        match ocr.read(&self.program, &self.limits, picture, giving_way).await {
            Ok(text) => {
                let recognised = tidy(&text.replace('\u{0c}', "\n"));
                if let Some(page) = reading.pages.last_mut()
                    && !recognised.is_empty()
                {
                    page.text = format!("{}\n{recognised}", page.text).trim().to_owned();
                    reading.recognised = true;
                }
            }
            Err(code) => {
                reading.unread_for_good = code == FailureCode::OcrUnavailable;
                reading.unread = reading.unread.or(Some(code));
            }
        }
    }

    fn conclude(&self, media_type: &str, reading: Reading, ended: End, complaint: &str) -> Result<Extraction, Failure> {
        let stopped = match ended {
            End::Answered | End::Unfinished => reading.failed,
            End::Stopped(code) => Some(code),
            End::Exited(status) => Some(why(status, complaint)),
        };
        let done = reading.done.unwrap_or_default();
        if let Some(code) = stopped.filter(|_| reading.pages.is_empty()) {
            return Err(Failure::new(code));
        }
        Ok(Extraction {
            media_type: media_type.to_owned(),
            pages: reading.pages,
            attachments: reading.apart.map(Arrivals::all).unwrap_or_default(),
            metadata: done
                .metadata
                .into_iter()
                .take(METADATA_FIELDS)
                .map(|(name, value)| {
                    (printable(&name).collect(), printable(&value).take(METADATA_CHARACTERS).collect())
                })
                .collect(),
            partial: stopped.or(done.partial).or(reading.unread).map(|code| code.as_str().to_owned()),
            engine: match reading.recognised {
                true => printable(&done.engine).take(64).chain("+tesseract".chars()).collect(),
                false => printable(&done.engine).take(64).collect(),
            },
            cpu_ms: done.cpu_ms,
            peak_rss_bytes: done.peak_rss_bytes,
        })
    }
}

/// What a child is told.
#[derive(Clone, Copy)]
struct Order<'a> {
    how: How<'a>,
    /// Only the reader that goes first may be asked.
    alone: bool,
    /// The processor time after which nobody waits for it.
    glance: Option<Duration>,
}

/// The password, and two bytes for its length before it, then the document.
async fn feed(mut pipe: ChildStdin, key: SecretString, file: File) {
    let key = key.expose_secret().as_bytes();
    let length = u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes();
    let fed = async {
        pipe.write_all(&length).await?;
        pipe.write_all(key).await?;
        tokio::io::copy(&mut tokio::fs::File::from_std(file), &mut pipe).await?;
        pipe.shutdown().await
    };
    // A child that wants no more has its reasons, and says them.
    let _ = fed.await;
}

enum End {
    /// It said that it is done, or that it cannot.
    Answered,
    /// We ended it.
    Stopped(FailureCode),
    /// It takes more than a glance.
    Unfinished,
    /// It ended without a word.
    Exited(ExitStatus),
}

#[derive(Default)]
struct Reading {
    pages: Vec<Page>,
    done: Option<Done>,
    failed: Option<FailureCode>,
    /// What is attached, when that is wanted apart.
    apart: Option<Arrivals>,
    /// Whether other readers were asked for a second opinion.
    asked: bool,
    /// How many pictures were shown.
    pictures: usize,
    /// Whether one of them had text.
    recognised: bool,
    /// Why one of them was not read.
    unread: Option<FailureCode>,
    /// Whether no other will be.
    unread_for_good: bool,
}

/// The file at the place where it was handed over.
fn rewound((file, position): &(File, u64)) -> Option<File> {
    let mut file = file.try_clone().ok()?;
    file.seek(SeekFrom::Start(*position)).ok()?;
    Some(file)
}

impl Reading {
    /// Numbers are given anew: the child's are not believed. A picture is for somebody else.
    fn hear(&mut self, line: Line, again: &Option<(File, u64)>) -> Option<Picture> {
        match line {
            Line::Page { text, .. } => {
                let text = printable(&text).collect();
                let number = u32::try_from(self.pages.len()).unwrap_or(u32::MAX).saturating_add(1);
                self.pages.push(Page { number, text });
            }
            Line::Picture => return again.as_ref().and_then(rewound).map(Picture::File),
            Line::Scan { width, height, grey } => {
                let data = BASE64_STANDARD.decode(grey).unwrap_or_default();
                let pixels = u64::from(width) * u64::from(height);
                return (pixels > 0 && pixels == data.len() as u64).then_some(Picture::Grey { width, height, data });
            }
            Line::Attached { .. } | Line::Bytes { .. } | Line::AttachedWhole => {}
            Line::Asked => self.asked = true,
            Line::Done(done) => self.done = Some(done),
            Line::Failed { code } => self.failed = Some(code),
        }
        None
    }
}

/// Listens to a line of a child, and checks what is believed of it.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzzed(line: Line) {
    let mut reading = Reading::default();
    if let Some(Picture::Grey { width, height, data }) = reading.hear(line, &None) {
        assert_eq!(u64::from(width) * u64::from(height), data.len() as u64);
    }
    assert!(reading.pages.iter().all(|page| page.number == 1 && !page.text.contains('\0')));
}

fn printable(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
}

/// Why a child ended that did not say so.
pub(crate) fn why(status: ExitStatus, complaint: &str) -> FailureCode {
    match status.signal() {
        Some(signal) if signal == libc::SIGXCPU => FailureCode::LimitExceeded,
        Some(_) if complaint.contains("memory allocation of") => FailureCode::LimitExceeded,
        _ => FailureCode::Crashed,
    }
}

pub(crate) async fn complaint(pipe: impl AsyncRead + Unpin) -> String {
    let mut pipe = pipe;
    let mut kept = Vec::new();
    let _ = (&mut pipe).take(COMPLAINT_BYTES).read_to_end(&mut kept).await;
    // The rest is read as well, so that the child does not wait for us, and forgotten.
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&kept).into_owned()
}
