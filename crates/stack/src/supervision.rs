use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    builder::{Progress, Step},
    process::Process,
};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// After this long, an end is no longer part of a series.
const STEADY: Duration = Duration::from_secs(30);

/// Starts processes again when they end, until it is dropped.
#[derive(Debug)]
pub struct Supervision {
    _watchers: JoinSet<()>,
}

impl Supervision {
    pub(crate) fn of(processes: impl Iterator<Item = Arc<Process>>, progress: &Progress) -> Self {
        let mut watchers = JoinSet::new();
        for process in processes {
            watchers.spawn(keep_running(process, Arc::clone(progress)));
        }
        Self { _watchers: watchers }
    }
}

async fn keep_running(process: Arc<Process>, progress: Progress) {
    let mut pause = FIRST_PAUSE;
    loop {
        let began = Instant::now();
        let ended = process.ended().await;
        pause = if began.elapsed() > STEADY { FIRST_PAUSE } else { pause };
        // Pauses grow, so that a program that cannot start does not take the machine with it.
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        let how = ended.map_or_else(|| "ended".to_owned(), |status| format!("ended ({status})"));
        let detail = match process.start() {
            Ok(()) => format!("{how}, started again"),
            Err(error) => format!("{how}, cannot be started again: {error:#}"),
        };
        progress(&Step { name: process.name().to_owned(), detail, took: began.elapsed() });
    }
}
