//! Text in pictures, by tesseract, when it is installed. It is started like the child that opens
//! documents: by our own program, which gives up network, new files, new processes and most of its
//! memory first, and then becomes tesseract (see `sandbox`).

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
};

use crate::{
    FailureCode, Limits,
    precedence::{Halted, Precedence, giving_way},
};

/// What one picture may say.
const TEXT_BYTES: u64 = 4 * 1024 * 1024;
const COMPLAINT_BYTES: u64 = 4096;

/// The program that reads pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ocr {
    program: PathBuf,
    languages: String,
}

/// What is to be read.
pub(crate) enum Picture {
    File(File),
    /// From the top left, a byte for each pixel.
    Grey {
        width: u32,
        height: u32,
        data: Vec<u8>,
    },
}

impl Ocr {
    /// `program` is a path or, without a slash, a name that is looked for in `PATH`; `languages` are
    /// as tesseract names them (`eng`, `deu+eng`). `None` when there is no such program.
    pub fn find(program: &str, languages: &str) -> Option<Self> {
        let candidates: Vec<PathBuf> = match program {
            "" => Vec::new(),
            path if path.contains('/') => vec![PathBuf::from(path)],
            name => {
                std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).map(|p| p.join(name)).collect()
            }
        };
        let program = candidates.into_iter().find(|path| path.is_file())?.canonicalize().ok()?;
        Some(Self { program, languages: languages.to_owned() })
    }

    /// # Errors
    /// `ocr_unavailable` when it cannot be started or lacks its languages; else what became of it.
    /// Dropping the future ends it.
    pub(crate) async fn read(
        &self,
        launcher: &Path,
        limits: &Limits,
        picture: Picture,
        gives_way: Option<&Precedence>,
    ) -> Result<String, FailureCode> {
        let mut command = Command::new(launcher);
        command
            .arg("--child")
            .arg(format!("--memory-bytes={}", limits.memory_bytes))
            .arg(format!("--cpu-seconds={}", limits.cpu.as_secs().max(1)))
            .arg(format!("--become={}", self.program.display()))
            .arg(format!("--languages={}", self.languages))
            .args(gives_way.map(|_| "--giving-way"))
            .env_clear()
            .envs(std::env::var_os("TESSDATA_PREFIX").map(|folder| ("TESSDATA_PREFIX", folder)))
            .env("OMP_THREAD_LIMIT", "1")
            .env("MALLOC_ARENA_MAX", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let data = match picture {
            Picture::File(file) => {
                command.stdin(Stdio::from(file));
                None
            }
            Picture::Grey { width, height, data } => {
                command.stdin(Stdio::piped());
                Some([format!("P5 {width} {height} 255\n").into_bytes(), data].concat())
            }
        };
        let mut child = command.spawn().map_err(|_| FailureCode::OcrUnavailable)?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let writing = async {
            if let (Some(mut stdin), Some(data)) = (stdin, data) {
                // One that does not want all of it has its reasons.
                let _ = stdin.write_all(&data).await;
            }
        };
        let halted = Halted::new(gives_way, &child);
        let reading = async {
            let heard = tokio::join!(writing, heard(stdout, TEXT_BYTES), heard(stderr, COMPLAINT_BYTES));
            (heard, child.wait().await)
        };
        let (((), text, complaint), status) = giving_way(halted, Box::pin(reading)).await;
        let status = status.map_err(|_| FailureCode::Crashed)?;
        let complaint = String::from_utf8_lossy(&complaint).into_owned();
        match status.code() {
            Some(0) => Ok(String::from_utf8_lossy(&text).into_owned()),
            Some(_)
                if ["opening data file", "load any languages", "cannot be started"]
                    .iter()
                    .any(|c| complaint.contains(c)) =>
            {
                tracing::warn!(complaint, "text in pictures cannot be read");
                Err(FailureCode::OcrUnavailable)
            }
            Some(_) => Err(FailureCode::Corrupt),
            None => Err(FailureCode::LimitExceeded),
        }
    }
}

/// The beginning; the rest is read and forgotten, so that nobody waits for us.
async fn heard(pipe: Option<impl tokio::io::AsyncRead + Unpin>, most: u64) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = (&mut pipe).take(most).read_to_end(&mut kept).await;
        let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    }
    kept
}
