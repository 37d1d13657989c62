use crate::{Engine, Error, PageRecord, task::Accepted};

/// Bytes of one batch, about: the engine holds a batch in memory several times over.
const BATCH_BYTES: usize = 4 << 20;
const BATCH_RECORDS: usize = 1_000;

/// Records on their way into the engine, sent in bounded batches while they come in.
///
/// Dropped before [`Feed::finish`], some batches may have been sent and others not.
#[derive(Debug)]
pub struct Feed {
    /// Each gets everything.
    targets: Vec<Engine>,
    /// One JSON object a line.
    batch: Vec<u8>,
    records: usize,
    tasks: Vec<Accepted>,
}

impl Feed {
    pub(crate) fn new(targets: Vec<Engine>) -> Self {
        Self { targets, batch: Vec::new(), records: 0, tasks: Vec::new() }
    }

    /// Takes a record; sends what has gathered when that is enough for a batch.
    ///
    /// # Errors
    /// [`Error`]; begin again from the first record then.
    pub async fn push(&mut self, record: &PageRecord) -> Result<(), Error> {
        serde_json::to_writer(&mut self.batch, record).map_err(Error::unreadable)?;
        self.batch.push(b'\n');
        self.records += 1;
        if self.batch.len() >= BATCH_BYTES || self.records >= BATCH_RECORDS {
            self.send().await?;
        }
        Ok(())
    }

    /// Sends the rest and returns when the engine has **done** all of it.
    ///
    /// # Errors
    /// [`Error`]; begin again from the first record then.
    pub async fn finish(mut self) -> Result<(), Error> {
        self.send().await?;
        let tasks = std::mem::take(&mut self.tasks);
        match self.targets.first() {
            Some(engine) => engine.follow(tasks).await,
            None => Ok(()),
        }
    }

    async fn send(&mut self) -> Result<(), Error> {
        if self.records == 0 {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        self.records = 0;
        for target in &self.targets {
            self.tasks.push(target.submit_records(batch.clone()).await?);
        }
        Ok(())
    }
}
