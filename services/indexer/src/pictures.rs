//! Pages as they look.
//!
//! A picture is drawn when somebody asks for it, by the child that opens documents, and kept in memory
//! for the next one who does. Nothing of it is stored: what was drawn is gone when the service ends, when
//! the document is thrown away, or after a day, and is drawn again when it is asked for again. Whoever
//! asks, documents decides whether they may see it, each time, also when it was drawn before.
//!
//! A few are drawn at once; the others wait, as many as [`WAITING`] and as long as who asks has time.
//! Those who ask for the same one wait for the same drawing.

use std::{
    io::Seek,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use chassis::{Fault, FaultKind};
use extract::{Failure, FailureCode, PagePicture, Renderer};
use moka::{Expiry, future::Cache};
use proto::{
    documents::ContentHead,
    indexer::{DrawPageRequest, DrawPageResponse},
};
use sha2::{Digest, Sha256};
use tokio::{
    io::AsyncWriteExt,
    sync::{Semaphore, SemaphorePermit},
};
use uuid::Uuid;

use crate::{config::Drawing, documents::Documents};

/// The widths that are drawn, in pixels: what is asked for in between is a little smaller on the screen.
const STEPS: [u32; 4] = [200, 400, 800, Renderer::WIDEST];
const USUAL_STEP: u32 = 400;
/// Drawings that are waited for or under way; more are refused for a moment.
const WAITING: usize = 256;
/// Of a document that is drawn: its pages are small, or it is not for looking at one of them.
const LARGEST_DOCUMENT: i64 = 256 * 1024 * 1024;
/// Until a picture is drawn again.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// Until what may go better another time is tried again.
const DOUBTED: Duration = Duration::from_secs(60);
/// What one kept picture costs beside its bytes, about.
const ENTRY_BYTES: usize = 512;

/// Draws pages and keeps what was drawn. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Pictures {
    documents: Documents,
    renderer: Renderer,
    spool: PathBuf,
    kept: Cache<Key, Kept>,
    waiting: Arc<Semaphore>,
    drawing: Arc<Semaphore>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    document: Uuid,
    version: i32,
    page: u32,
    width: u32,
}

#[derive(Clone, Debug)]
enum Kept {
    Drawn(DrawPageResponse),
    /// There is no picture, and why.
    Without(FailureCode),
}

/// How long each is kept.
struct Keeping;

impl Expiry<Key, Kept> for Keeping {
    fn expire_after_create(&self, _: &Key, kept: &Kept, _: Instant) -> Option<Duration> {
        Some(match kept {
            Kept::Without(code) if !Failure::new(*code).is_permanent() => DOUBTED,
            _ => KEPT,
        })
    }
}

impl Pictures {
    pub(crate) fn new(documents: Documents, renderer: Renderer, spool: PathBuf, config: &Drawing) -> Self {
        let weight = |_: &Key, kept: &Kept| {
            let bytes = match kept {
                Kept::Drawn(drawn) => drawn.picture.len(),
                Kept::Without(_) => 0,
            };
            u32::try_from(bytes + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        let kept = Cache::builder()
            .max_capacity(config.picture_cache_mib * 1024 * 1024)
            .weigher(weight)
            .expire_after(Keeping)
            .support_invalidation_closures()
            .build();
        Self {
            documents,
            renderer,
            spool,
            kept,
            waiting: Arc::new(Semaphore::new(WAITING)),
            drawing: Arc::new(Semaphore::new(config.picture_workers.max(1))),
        }
    }

    /// The picture, for the current caller.
    ///
    /// # Errors
    /// `Invalid`; `NotFound` for what is not there, or may not be seen, or has no picture; `Unavailable`
    /// when documents cannot be reached or too many wait.
    pub(crate) async fn page(&self, asked: &DrawPageRequest) -> Result<DrawPageResponse, Fault> {
        let (page, width) = valid(asked)?;
        let head = self.documents.content_head(&asked.document_id, asked.version.max(0)).await;
        let head = head.map_err(|status| Fault::of(&status))?;
        let document = asked.document_id.parse().map_err(|_| Fault::not_found("document"))?;
        let key = Key { document, version: head.version, page, width };
        let known = self.kept.get(&key).await;
        let outcome = if known.is_some() { "kept" } else { "drawn" };
        let kept = match known {
            Some(kept) => kept,
            None => {
                let drawing = self.kept.try_get_with(key, self.draw(&asked.document_id, &head, key));
                Box::pin(drawing).await.map_err(|fault| Fault::clone(&fault))?
            }
        };
        metrics::gauge!("indexer_picture_cache_bytes").set(self.kept.weighted_size() as f64);
        match kept {
            Kept::Drawn(drawn) => {
                metrics::counter!("indexer_pictures_total", "outcome" => outcome).increment(1);
                Ok(drawn)
            }
            Kept::Without(code) => {
                metrics::counter!("indexer_pictures_total", "outcome" => "none").increment(1);
                Err(without(code))
            }
        }
    }

    /// What was drawn of a document that is thrown away.
    pub(crate) fn forget(&self, document: Uuid) {
        if let Err(error) = self.kept.invalidate_entries_if(move |key, _| key.document == document) {
            tracing::error!(%error, "pictures of a document could not be forgotten");
        }
    }

    async fn draw(&self, id: &str, head: &ContentHead, key: Key) -> Result<Kept, Fault> {
        if !Renderer::draws(&head.media_type) {
            return Ok(Kept::Without(FailureCode::UnsupportedType));
        }
        if head.size > LARGEST_DOCUMENT {
            return Ok(Kept::Without(FailureCode::TooLarge));
        }
        let _turn = self.turn().await?;
        let started = Instant::now();
        let file = self.fetch(id, head).await?;
        let drawn = self.renderer.draw(file, &head.media_type, key.page, key.width).await;
        metrics::histogram!("indexer_picture_duration_seconds").record(started.elapsed());
        match drawn {
            Ok(drawn) => {
                metrics::histogram!("indexer_child_cpu_seconds").record(drawn.cpu_ms as f64 / 1000.0);
                metrics::histogram!("indexer_child_peak_bytes").record(drawn.peak_rss_bytes as f64);
                Ok(Kept::Drawn(response(drawn)))
            }
            Err(failure) => {
                tracing::info!(document_id = id, outcome = failure.code.as_str(), "a page has no picture");
                Ok(Kept::Without(failure.code))
            }
        }
    }

    /// The right to draw. Whoever gives up, by its deadline, is no longer in the way.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, Fault> {
        let busy = || Fault { retry_after: Some(Duration::from_secs(1)), ..Fault::unavailable("pictures of pages") };
        let _waiting = self.waiting.try_acquire().map_err(|_| busy())?;
        self.drawing.acquire().await.map_err(|_| busy())
    }

    /// Into a file without a name: it is gone with the picture.
    async fn fetch(&self, id: &str, head: &ContentHead) -> Result<std::fs::File, Fault> {
        let spooled = |error: std::io::Error| {
            tracing::error!(%error, "the spool folder cannot be written");
            Fault::unavailable("pictures of pages")
        };
        let mut file = tokio::fs::File::from_std(tempfile::tempfile_in(&self.spool).map_err(spooled)?);
        let mut content = self.documents.content(id, head.version).await.map_err(|status| Fault::of(&status))?;
        let mut bytes = 0;
        while let Some(chunk) = content.next().await.map_err(|status| Fault::of(&status))? {
            bytes += chunk.len() as u64;
            file.write_all(&chunk).await.map_err(spooled)?;
        }
        if i64::try_from(bytes) != Ok(head.size) {
            return Err(Fault::unavailable("the document"));
        }
        file.flush().await.map_err(spooled)?;
        let mut file = file.into_std().await;
        file.rewind().map_err(spooled)?;
        Ok(file)
    }
}

/// The page, and the width of its step.
fn valid(asked: &DrawPageRequest) -> Result<(u32, u32), Fault> {
    let page = u32::try_from(asked.page).ok().filter(|page| *page > 0).ok_or_else(|| Fault::not_found("page"))?;
    let step = match u32::try_from(asked.width) {
        Ok(0) => Some(USUAL_STEP),
        Ok(width) => STEPS.into_iter().find(|step| width <= *step),
        Err(_) => None,
    };
    let width = step.ok_or_else(|| Fault::field("width", format!("must be from 1 to {}", Renderer::WIDEST)))?;
    Ok((page, width))
}

fn response(drawn: PagePicture) -> DrawPageResponse {
    let digest = Sha256::digest(&drawn.bytes);
    DrawPageResponse {
        media_type: drawn.kind.media_type().to_owned(),
        tag: hex::encode(&digest[..16]),
        width: i32::try_from(drawn.width).unwrap_or(i32::MAX),
        height: i32::try_from(drawn.height).unwrap_or(i32::MAX),
        picture: Bytes::from(drawn.bytes),
    }
}

/// What a caller is told who wants to see what has no looks.
fn without(code: FailureCode) -> Fault {
    let none = |reason, detail: &str| Fault::new(FaultKind::NotFound, detail).because(reason);
    match code {
        FailureCode::NoSuchPage => Fault::not_found("page"),
        FailureCode::UnsupportedType => none("no-picture", "Documents of this type have no picture."),
        FailureCode::Encrypted => none("picture-locked", code.sentence()),
        code => none("picture-failed", code.sentence()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(page: i32, width: i32) -> Option<(u32, u32)> {
        valid(&DrawPageRequest { page, width, ..Default::default() }).ok()
    }

    #[test]
    fn a_width_is_rounded_up_to_a_step() {
        assert_eq!(asked(1, 0), Some((1, 400)));
        assert_eq!(asked(3, 1), Some((3, 200)));
        assert_eq!(asked(3, 401), Some((3, 800)));
        assert_eq!(asked(3, 1600), Some((3, 1600)));
        for (page, width) in [(0, 400), (-1, 400), (1, 1601), (1, -1)] {
            assert_eq!(asked(page, width), None, "{page} {width}");
        }
    }
}
