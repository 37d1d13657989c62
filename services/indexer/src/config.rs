use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use chassis::{ProcessConfig, SecretString, grpc::GrpcConfig};
use extract::{Limits, Ocr};
use search_index::{EngineConfig, Keyring, Purpose};

/// What `dossier-indexer serve` is told.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// What every service is told.
    #[command(flatten)]
    pub process: ProcessConfig,
    /// How it is reached.
    #[command(flatten)]
    pub grpc: GrpcConfig,
    /// The search engine, if there is one.
    #[command(flatten)]
    pub engine: EngineConfig,
    /// Meilisearch's master key, of which keys that can do less are made: this service's own, the one
    /// of search and the one that reads metrics. Absent: MEILI_KEY is used as it is.
    #[arg(long, env, hide_env_values = true, value_parser = chassis::parse_secret)]
    pub meili_master_key: Option<SecretString>,
    /// Where search is served, as http://host:port: it says which words stand for others. Absent: the
    /// search engine knows of none.
    #[arg(long, env)]
    pub search_url: Option<String>,
    /// Where documents is served, as http://host:port.
    #[arg(long, env)]
    pub documents_url: String,
    /// After SIGTERM, how long documents in hand may take until they are handed back, in seconds.
    #[arg(long, env, default_value_t = 15)]
    pub finish_seconds: u64,
    /// How documents are read.
    #[command(flatten)]
    pub reading: Reading,
    /// How pages are drawn.
    #[command(flatten)]
    pub drawing: Drawing,
    /// How the search index is kept true.
    #[command(flatten)]
    pub keeping: Keeping,
}

impl Config {
    /// How the engine is used, and who tells it what keys may do.
    pub(crate) fn engine(&self) -> anyhow::Result<(EngineConfig, Option<Keyring>)> {
        let there = self.engine.meili_url.as_ref().is_some_and(|url| !url.trim().is_empty());
        match &self.meili_master_key {
            Some(master) if there => {
                let own = Purpose::Index.key(&self.engine.meili_index, master);
                let config = EngineConfig { meili_key: Some(own), ..self.engine.clone() };
                Ok((config, Some(Keyring::new(&self.engine, master)?)))
            }
            _ => Ok((self.engine.clone(), None)),
        }
    }
}

/// How the search index is compared with the documents.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Keeping {
    /// Between two looks at whether the index is there, in order, and has as many records as it must,
    /// in milliseconds.
    #[arg(long, env, default_value_t = 5_000)]
    pub index_look_ms: u64,
    /// Between two comparisons of every record with every document, in seconds.
    #[arg(long, env, default_value_t = 600)]
    pub index_compare_seconds: u64,
}

impl Default for Keeping {
    fn default() -> Self {
        Self { index_look_ms: 5_000, index_compare_seconds: 600 }
    }
}

/// How documents are read, and what one of them may cost.
#[derive(clap::Args, Clone, Debug)]
pub struct Reading {
    /// Documents read at the same time, each in a child process of its own.
    #[arg(long, env, default_value_t = 2)]
    pub workers: usize,
    /// Beside those, documents read at the same time that take longer than a glance.
    #[arg(long, env, default_value_t = 2)]
    pub slow_workers: usize,
    /// What a glance is, in milliseconds of processor time. A document that takes longer, or has pictures to
    /// be read, is read by a slow worker, which gives way to the others.
    #[arg(long, env, default_value_t = 250, value_parser = clap::value_parser!(u64).range(1..))]
    pub extract_glance_ms: u64,
    /// The program that opens documents; absent: `dossier-extract` beside this one.
    #[arg(long, env)]
    pub extract_program: Option<PathBuf>,
    /// Where the bytes of documents are kept while they are read, in files without names; absent: the
    /// system's folder for temporary files. Holds the largest document once for each worker of either kind.
    #[arg(long, env)]
    pub spool_dir: Option<PathBuf>,
    /// How long reading one document may take, in seconds; ten times as long by a slow worker.
    #[arg(long, env, default_value_t = 60)]
    pub extract_seconds: u64,
    /// Processor time for one document, in seconds.
    #[arg(long, env, default_value_t = 30)]
    pub extract_cpu_seconds: u64,
    /// Memory for one document, in mebibytes of address space.
    #[arg(long, env, default_value_t = 512)]
    pub extract_memory_mib: u64,
    /// Pages of one document that are read.
    #[arg(long, env, default_value_t = 10_000)]
    pub extract_pages: u32,
    /// Of what is attached to a message: how many become documents.
    #[arg(long, env, default_value_t = 100)]
    pub extract_attachments: usize,
    /// And mebibytes of all of it.
    #[arg(long, env, default_value_t = 256)]
    pub extract_attachment_mib: u64,
    /// The program that reads text in pictures and scanned pages: a path, or a name in PATH; empty: nobody
    /// does. Without it such documents are marked `ocr_unavailable`, and everything else is read.
    #[arg(long, env, default_value = "tesseract")]
    pub extract_ocr_program: String,
    /// The languages that it is to expect, as it names them, with plus signs between them.
    #[arg(long, env, default_value = "eng")]
    pub extract_ocr_languages: String,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            workers: 2,
            slow_workers: 2,
            extract_glance_ms: 250,
            extract_program: None,
            spool_dir: None,
            extract_seconds: 60,
            extract_cpu_seconds: 30,
            extract_memory_mib: 512,
            extract_pages: 10_000,
            extract_attachments: 100,
            extract_attachment_mib: 256,
            extract_ocr_program: "tesseract".to_owned(),
            extract_ocr_languages: "eng".to_owned(),
        }
    }
}

/// How pictures of pages are drawn. Memory for one is that for reading a document.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Drawing {
    /// Pictures drawn at the same time, each in a child process of its own, beside the documents that are
    /// read.
    #[arg(long, env, default_value_t = 2)]
    pub picture_workers: usize,
    /// Memory for pictures that were drawn before, in mebibytes.
    #[arg(long, env, default_value_t = 32)]
    pub picture_cache_mib: u64,
    /// How long drawing one may take, in seconds, of the clock and of a processor.
    #[arg(long, env, default_value_t = 8)]
    pub picture_seconds: u64,
}

impl Default for Drawing {
    fn default() -> Self {
        Self { picture_workers: 2, picture_cache_mib: 32, picture_seconds: 8 }
    }
}

/// A picture at most; four times what was ever seen. Fits into one message.
const PICTURE_BYTES: u64 = 3 * 1024 * 1024;

impl Drawing {
    pub(crate) fn limits(&self, reading: &Reading) -> Limits {
        let time = Duration::from_secs(self.picture_seconds);
        Limits { wall: time, cpu: time, output_bytes: PICTURE_BYTES, ..reading.limits() }
    }
}

impl Reading {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            wall: Duration::from_secs(self.extract_seconds),
            cpu: Duration::from_secs(self.extract_cpu_seconds),
            memory_bytes: self.extract_memory_mib * 1024 * 1024,
            pages: self.extract_pages,
            attachments: self.extract_attachments,
            attachment_bytes: self.extract_attachment_mib * 1024 * 1024,
            ..Limits::default()
        }
    }

    pub(crate) fn glance(&self) -> Duration {
        Duration::from_millis(self.extract_glance_ms)
    }

    pub(crate) fn ocr(&self) -> Option<Ocr> {
        Ocr::find(&self.extract_ocr_program, &self.extract_ocr_languages)
    }

    pub(crate) fn program(&self) -> anyhow::Result<PathBuf> {
        let program = match &self.extract_program {
            Some(program) => program.clone(),
            None => std::env::current_exe()?.with_file_name("dossier-extract"),
        };
        anyhow::ensure!(program.is_file(), "EXTRACT_PROGRAM: there is no program {}", program.display());
        program.canonicalize().context("EXTRACT_PROGRAM")
    }

    /// A folder that files can be made in.
    pub(crate) fn spool(&self) -> anyhow::Result<PathBuf> {
        let folder = self.spool_dir.clone().unwrap_or_else(std::env::temp_dir);
        tempfile::tempfile_in(&folder)
            .with_context(|| format!("SPOOL_DIR: no file can be made in {}", folder.display()))?;
        Ok(folder)
    }
}

/// There is nothing to migrate.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Migration {}
