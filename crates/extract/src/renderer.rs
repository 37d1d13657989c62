//! Has pages drawn, and looks at what comes back before anybody else does.

use std::{
    fs::File,
    path::PathBuf,
    process::{ExitStatus, Stdio},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::{Instant, timeout, timeout_at},
};

use crate::{
    Failure, FailureCode, Limits,
    parent::{BURIAL, complaint, why},
    render::{Answer, Frame},
};

/// For the line before the bytes.
const LINE_BYTES: u64 = 4096;

/// How a picture is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureType {
    /// image/jpeg
    Jpeg,
    /// image/png
    Png,
}

impl PictureType {
    /// As in a `Content-Type`.
    pub fn media_type(self) -> &'static str {
        match self {
            PictureType::Jpeg => "image/jpeg",
            PictureType::Png => "image/png",
        }
    }
}

/// A page as it looks.
#[derive(Clone, Debug)]
pub struct PagePicture {
    /// What the bytes are.
    pub kind: PictureType,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// The encoded picture.
    pub bytes: Vec<u8>,
    /// Processor time that the child used.
    pub cpu_ms: u64,
    /// Memory that the child held at most.
    pub peak_rss_bytes: u64,
}

/// Starts a child for each picture.
#[derive(Clone, Debug)]
pub struct Renderer {
    program: PathBuf,
    limits: Limits,
    probe: Option<String>,
}

impl Renderer {
    /// The widest picture that can be asked for, in pixels.
    pub const WIDEST: u32 = crate::render::WIDEST;

    /// Whether documents of this type have looks.
    pub fn draws(media_type: &str) -> bool {
        crate::render::draws(media_type)
    }

    /// `program` is the `dossier-extract` binary. Of the limits, `pages` means nothing here, and
    /// `output_bytes` is the size of a picture.
    pub fn new(program: PathBuf, limits: Limits) -> Self {
        Self { program, limits, probe: None }
    }

    /// Lets the child misbehave in a certain way, for tests.
    #[doc(hidden)]
    pub fn probing(mut self, what: &str) -> Self {
        self.probe = Some(what.to_owned());
        self
    }

    /// Draws page `page`, from 1, of an open file, from its current position: at most `width` pixels wide
    /// and twice as high. Dropping the future kills the child.
    ///
    /// # Errors
    /// [`Failure`]: `unsupported_type` when documents of this type have no looks, `encrypted`,
    /// `no_such_page`, or why the page could not be drawn within the limits.
    pub async fn draw(&self, file: File, media_type: &str, page: u32, width: u32) -> Result<PagePicture, Failure> {
        let deadline = Instant::now() + self.limits.wall;
        let mut child = self.start(file, media_type, page, width).map_err(|error| {
            tracing::error!(%error, program = %self.program.display(), "the reader cannot be started");
            Failure::new(FailureCode::Crashed)
        })?;
        let complained = child.stderr.take().map(|pipe| tokio::spawn(complaint(pipe)));
        let heard = timeout_at(deadline, self.hear(&mut child)).await;
        let _ = timeout(BURIAL, child.kill()).await;
        let complaint = match complained {
            Some(task) => timeout(BURIAL, task).await.ok().and_then(Result::ok).unwrap_or_default(),
            None => String::new(),
        };
        if complaint.contains("is missing") {
            tracing::warn!(complaint, "the sandbox is not complete on this machine");
        }
        match heard {
            Err(_) => Err(Failure::new(FailureCode::Timeout)),
            Ok((said, Some(status))) if said.is_empty() => Err(Failure::new(why(status, &complaint))),
            Ok((said, _)) => checked(&said, Frame::of(width), self.limits.output_bytes),
        }
    }

    fn start(&self, file: File, media_type: &str, page: u32, width: u32) -> std::io::Result<Child> {
        let mut command = Command::new(&self.program);
        command
            .args(["--child", "--alone"])
            .arg(format!("--media-type={media_type}"))
            .arg(format!("--memory-bytes={}", self.limits.memory_bytes))
            .arg(format!("--cpu-seconds={}", self.limits.cpu.as_secs().max(1)))
            .arg(format!("--draw={page}"))
            .arg(format!("--draw-width={width}"))
            .args(self.probe.as_ref().map(|what| format!("--probe={what}")))
            .env_clear()
            // Each arena of the allocator reserves 64 MiB of address space, which is limited.
            .env("MALLOC_ARENA_MAX", "1")
            .stdin(Stdio::from(file))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }

    /// All that the child says, up to what it may, and how it ended when it said nothing.
    async fn hear(&self, child: &mut Child) -> (Vec<u8>, Option<ExitStatus>) {
        let mut said = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            // One byte more than allowed tells "too much" from "just enough".
            let mut pipe = pipe.take(self.limits.output_bytes + LINE_BYTES + 1);
            read_all(&mut pipe, &mut said).await;
        }
        match said.is_empty() {
            true => (said, child.wait().await.ok()),
            false => (said, None),
        }
    }
}

/// What came before an error is judged like everything else.
async fn read_all(pipe: &mut (impl AsyncRead + Unpin), into: &mut Vec<u8>) {
    let _ = pipe.read_to_end(into).await;
}

/// The child is not believed: it is a picture of a known kind and size, or it is none.
pub(crate) fn checked(said: &[u8], frame: Frame, most: u64) -> Result<PagePicture, Failure> {
    let crashed = || Failure::new(FailureCode::Crashed);
    let line = said.iter().take(LINE_BYTES as usize).position(|byte| *byte == b'\n').ok_or_else(crashed)?;
    let (line, bytes) = (&said[..line], &said[line + 1..]);
    let (cpu_ms, peak_rss_bytes) = match serde_json::from_slice(line).map_err(|_| crashed())? {
        Answer::Drawn { cpu_ms, peak_rss_bytes } => (cpu_ms, peak_rss_bytes),
        Answer::Failed { code } => return Err(Failure::new(code)),
    };
    if bytes.len() as u64 > most {
        return Err(Failure::new(FailureCode::LimitExceeded));
    }
    let kind = match bytes {
        [0xff, 0xd8, 0xff, ..] if bytes.ends_with(&[0xff, 0xd9]) => PictureType::Jpeg,
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] if bytes.ends_with(b"IEND\xae\x42\x60\x82") => {
            PictureType::Png
        }
        _ => return Err(crashed()),
    };
    let size = imagesize::blob_size(bytes).map_err(|_| crashed())?;
    let (Ok(width), Ok(height)) = (u32::try_from(size.width), u32::try_from(size.height)) else {
        return Err(crashed());
    };
    if !frame.holds(width, height) {
        return Err(crashed());
    }
    Ok(PagePicture { kind, width, height, bytes: bytes.to_vec(), cpu_ms, peak_rss_bytes })
}
