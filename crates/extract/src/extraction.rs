//! How a document is to be read, and what was read of it.

use std::{collections::BTreeMap, path::Path, time::Duration};

use secrecy::SecretString;

use crate::{Attachment, Precedence};

/// What one document may cost.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From start to end.
    pub wall: Duration,
    /// Processor time, in whole seconds.
    pub cpu: Duration,
    /// Address space.
    pub memory_bytes: u64,
    /// What the child may print.
    pub output_bytes: u64,
    /// Pages read.
    pub pages: u32,
    /// What is attached to it, as far as that is wanted.
    pub attachments: usize,
    /// And the bytes of all of it.
    pub attachment_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(60),
            cpu: Duration::from_secs(30),
            memory_bytes: 512 * 1024 * 1024,
            output_bytes: 64 * 1024 * 1024,
            pages: 10_000,
            attachments: 100,
            attachment_bytes: 256 * 1024 * 1024,
        }
    }
}

/// How one document is to be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct How<'a> {
    /// What it is.
    pub media_type: &'a str,
    /// Tried where it, or one inside of it, does not open without.
    pub password: Option<&'a SecretString>,
    /// The folder for what is attached to it, in files without names. Absent: that is read as part of it.
    pub apart: Option<&'a Path>,
    /// Gives way to those who go first, and to everything else on the machine, and is given [`PATIENCE`]
    /// times the limit from start to end for that.
    pub giving_way: Option<&'a Precedence>,
}

/// How many times longer than [`Limits::wall`] a document may take whose reader gives way to others.
pub const PATIENCE: u32 = 10;

/// One page of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// NFC, without control characters but line ends and tabs.
    pub text: String,
}

/// What was read.
#[derive(Debug)]
pub struct Extraction {
    /// As it was asked for.
    pub media_type: String,
    /// In order, without gaps in the numbers.
    pub pages: Vec<Page>,
    /// What the document says of itself: title, author, subject.
    pub metadata: BTreeMap<String, String>,
    /// What is attached to it, when that was wanted apart.
    pub attachments: Vec<Attachment>,
    /// Why it is only part of the document: the name of a [`FailureCode`](crate::FailureCode).
    pub partial: Option<String>,
    /// Which reader it was.
    pub engine: String,
    /// Processor time that the child used.
    pub cpu_ms: u64,
    /// Memory that the child held at most; 0 when it did not live to say.
    pub peak_rss_bytes: u64,
}
