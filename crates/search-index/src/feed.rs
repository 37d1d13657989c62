use crate::{Engine, Error, PageRecord, task::Accepted};

/// Bytes of one batch, about: the engine holds a batch in memory several times over.
const BATCH_BYTES: usize = 4 << 20;
const BATCH_RECORDS: usize = 1_000;

/// Records that the engine has, and has not done yet.
#[derive(Debug)]
#[must_use]
pub struct Underway {
    engine: Option<Engine>,
    tasks: Vec<Accepted>,
}

impl Underway {
    /// Returns when the engine has **done** all of them.
    ///
    /// # Errors
    /// [`Error`]; begin again from the first record then.
    pub async fn done(self) -> Result<(), Error> {
        match self.engine {
            Some(engine) => engine.follow(self.tasks).await,
            None => Ok(()),
        }
    }
}

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
    pub async fn finish(self) -> Result<(), Error> {
        self.send_off().await?.done().await
    }

    /// Sends the rest. What the engine finds waiting it does in one go, which is cheaper than one after the
    /// other.
    ///
    /// # Errors
    /// [`Error`]; begin again from the first record then.
    pub async fn send_off(mut self) -> Result<Underway, Error> {
        self.send().await?;
        Ok(Underway { engine: self.targets.into_iter().next(), tasks: self.tasks })
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
