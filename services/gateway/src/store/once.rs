use chassis::Caller;
use pg::{Idempotency, Transaction, idempotency::Claim};
use uuid::Uuid;

use crate::{
    error::Error,
    secret::{self, masked},
};

/// Makes a secret that is shown where it is made, and again only to whoever sends the same idempotency
/// key: without that key, what is kept for the replay does not give the secret away.
pub(super) struct Once {
    sent: String,
    key: Option<Idempotency>,
    operation: &'static str,
}

impl Once {
    pub(super) fn new(key: Option<Idempotency>, operation: &'static str) -> Self {
        let sent = key.as_ref().map(|k| k.key.clone()).unwrap_or_default();
        let key = key.map(|k| Idempotency { key: hex::encode(secret::sha256(&[k.key.as_bytes()])), ..k });
        Self { sent, key, operation }
    }

    /// What the same key made before.
    pub(super) async fn claim(&self, tx: &Transaction<'_>, caller: &Caller) -> Result<Option<(Uuid, [u8; 32])>, Error> {
        let Some(key) = &self.key else { return Ok(None) };
        let Claim::Replay(kept) = key.claim(tx, caller, self.operation).await? else { return Ok(None) };
        let parts = kept
            .split_at_checked(16)
            .and_then(|(id, hidden)| Some((Uuid::from_slice(id).ok()?, <[u8; 32]>::try_from(hidden).ok()?)));
        let (id, hidden) = parts.ok_or_else(|| Error::Internal("a kept secret is malformed".to_owned()))?;
        Ok(Some((id, masked(hidden, &self.sent))))
    }

    /// Keeps what was made, before the commit.
    pub(super) async fn keep(
        &self,
        tx: &Transaction<'_>,
        caller: &Caller,
        id: Uuid,
        bits: [u8; 32],
    ) -> Result<(), Error> {
        if let Some(key) = &self.key {
            let kept = [id.as_bytes().as_slice(), &masked(bits, &self.sent)].concat();
            key.keep(tx, caller, self.operation, &kept).await?;
        }
        Ok(())
    }
}
