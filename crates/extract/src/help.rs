//! What a reader can have done by others: a second opinion on a page of PDF, and the recognition of
//! text in pictures, which a process of its own does when the parent finds the program for it.

use std::{
    io::{Write, stdout},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::{
    FailureCode,
    attached::Allowance,
    pdf::{Canvas, Second},
    wire::Line,
};

#[derive(Default)]
pub(crate) struct Help {
    /// Whoever is asked when the first reader of PDF is at a loss.
    pub(crate) second: Option<Second>,
    /// Whether the parent has pictures read.
    pub(crate) pictures: bool,
    /// For documents that do not open without one; empty: none is known.
    pub(crate) password: String,
    /// What is attached is handed to the parent, as far as this allows; absent: it is read as part of
    /// what it is attached to.
    pub(crate) apart: Option<Allowance>,
    /// Why something stayed unread.
    pub(crate) unread: Option<FailureCode>,
}

impl Help {
    /// While threads can be started: with a second opinion that may take `time` in all.
    pub(crate) fn start(time: Option<Duration>, pictures: bool) -> std::io::Result<Self> {
        Ok(Self { second: time.map(Second::start).transpose()?, pictures, ..Self::default() })
    }

    /// Lets the text of a picture be added to the page before.
    pub(crate) fn scan(&mut self, canvas: &Canvas) {
        let grey = BASE64_STANDARD.encode(&canvas.grey);
        say(&Line::Scan { width: canvas.width, height: canvas.height, grey });
    }

    /// Lets the whole document be read as a picture.
    pub(crate) fn picture(&mut self) {
        say(&Line::Picture);
    }

    /// That there is a picture which nobody reads.
    pub(crate) fn is_unread(&mut self) {
        self.unread = Some(FailureCode::OcrUnavailable);
    }
}

/// When the parent has gone, the next page finds out.
pub(crate) fn say(line: &Line) {
    if let Ok(mut line) = serde_json::to_vec(line) {
        line.push(b'\n');
        let mut out = stdout().lock();
        let _ = out.write_all(&line).and_then(|()| out.flush());
    }
}
