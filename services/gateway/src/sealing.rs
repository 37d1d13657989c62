//! Secrets that the system must be able to read again, as the database holds them: encrypted
//! (XChaCha20-Poly1305) under a key that it does not hold.
//!
//! What is sealed says under which key, so that keys can be changed: the first one given seals, all of them
//! open, and [`run`] brings everything under the first. It is bound to the row that holds it, so that nobody
//! who can write to the database can put one row's secret into another.

use std::{sync::Arc, time::Duration};

use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use chassis::{CancellationToken, Dependency, ExposeSecret, Fault, FaultKind, SecretString};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::{error::Error, state::Shared};

/// The first byte of what is sealed: how it is laid out.
const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
/// What is in front of every secret that a key has sealed: the version, and which key it is.
pub(crate) const MARK: usize = 9;
/// No secret is as long without being sealed: they have 20 or 32 bytes.
const LEAST: usize = MARK + NONCE + TAG;
/// Characters that a key must have; they are hexadecimal digits where we make it.
const LEAST_KEY: usize = 32;

/// An older gateway that still runs while this one starts may have added some since.
const AGAIN: Duration = Duration::from_secs(3600);
const RETRY: Duration = Duration::from_secs(1);

/// Where a secret is kept; it opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    SecondFactor(Uuid),
    Webhook(Uuid),
}

impl Place {
    fn bytes(self) -> Vec<u8> {
        let (what, id) = match self {
            Place::SecondFactor(user) => ("access.second_factors.secret", user),
            Place::Webhook(webhook) => ("access.webhooks.secret", webhook),
        };
        [what.as_bytes(), &[0], id.as_bytes()].concat()
    }
}

/// The keys that this gateway was given, the one that seals first.
#[derive(Clone)]
pub(crate) struct Sealing(Arc<[SealingKey]>);

struct SealingKey {
    mark: [u8; MARK],
    cipher: XChaCha20Poly1305,
}

impl std::fmt::Debug for Sealing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

impl Sealing {
    /// From keys divided by white space.
    ///
    /// # Errors
    /// When one is too short to be a key.
    pub(crate) fn new(keys: Option<&SecretString>) -> anyhow::Result<Self> {
        let keys = keys.map_or("", |keys| keys.expose_secret()).split_whitespace();
        let keys = keys.map(|text| {
            anyhow::ensure!(text.len() >= LEAST_KEY, "SEALING_KEY must have {LEAST_KEY} characters at least");
            let mut mark = [VERSION; MARK];
            mark[1..].copy_from_slice(&derived(text, b"dossier sealing key: id")[..MARK - 1]);
            let cipher = XChaCha20Poly1305::new(&Key::from(derived(text, b"dossier sealing key: cipher")));
            Ok(SealingKey { mark, cipher })
        });
        Ok(Self(keys.collect::<anyhow::Result<_>>()?))
    }

    /// What stands in front of everything that is sealed as it should be; none without a key.
    pub(crate) fn mark(&self) -> Option<&[u8]> {
        self.0.first().map(|key| key.mark.as_slice())
    }

    /// # Errors
    /// [`locked`] without a key.
    pub(crate) fn seal(&self, place: Place, secret: &[u8]) -> Result<Vec<u8>, Error> {
        let key = self.0.first().ok_or_else(locked)?;
        let nonce: [u8; NONCE] = rand::random();
        let payload = Payload { msg: secret, aad: &place.bytes() };
        let sealed = key.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| Error::Internal("a secret was not sealed".to_owned()))?;
        Ok([key.mark.as_slice(), &nonce, &sealed].concat())
    }

    /// Also takes what was kept before anything was sealed.
    ///
    /// # Errors
    /// [`locked`] when none of the keys opens it, or it was put there from another place.
    pub(crate) fn open(&self, place: Place, kept: &[u8]) -> Result<Vec<u8>, Error> {
        if !is_sealed(kept) {
            return Ok(kept.to_vec());
        }
        let (mark, rest) = kept.split_at(MARK);
        let (nonce, sealed) = rest.split_at(NONCE);
        let nonce = XNonce::try_from(nonce).map_err(|_| locked())?;
        let key = self.0.iter().find(|key| key.mark == mark).ok_or_else(locked)?;
        let payload = Payload { msg: sealed, aad: &place.bytes() };
        Ok(key.cipher.decrypt(&nonce, payload).map_err(|_| locked())?)
    }
}

fn is_sealed(kept: &[u8]) -> bool {
    kept.len() >= LEAST && kept[0] == VERSION
}

fn derived(key: &str, purpose: &[u8]) -> [u8; 32] {
    let mut mac =
        <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(purpose);
    mac.finalize().into_bytes().into()
}

/// 503 without a time to come back: only who runs the system can mend it.
fn locked() -> Fault {
    let detail =
        "the key that this is encrypted with is missing; whoever runs the system must give it back (SEALING_KEY)";
    Fault::new(FaultKind::Unavailable, detail).because("secrets-locked")
}

/// Seals with the first key what is not, at the start and from time to time, and says what no key opens.
pub(crate) async fn run(shared: &Shared, secrets: Dependency, stop: CancellationToken) -> anyhow::Result<()> {
    loop {
        let wait = match shared.store.seal_all().await {
            Ok(done) => {
                if done.sealed > 0 {
                    tracing::info!(secrets = done.sealed, "encrypted under the present key");
                }
                match done.locked {
                    0 => secrets.up(),
                    locked => secrets.down(format!("no SEALING_KEY opens {locked} of them")),
                }
                AGAIN
            }
            Err(error) => {
                tracing::debug!(%error, "secrets were not looked at");
                RETRY
            }
        };
        if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(keys: &str) -> Sealing {
        Sealing::new(Some(&SecretString::from(keys))).unwrap()
    }

    const OLD: &str = "0123456789abcdef0123456789abcdef";
    const NEW: &str = "fedcba9876543210fedcba9876543210";

    #[test]
    fn what_is_sealed_opens_in_its_place_alone_and_not_when_a_bit_was_changed() {
        let (sealing, id) = (with(OLD), Uuid::now_v7());
        let sealed = sealing.seal(Place::Webhook(id), b"a secret").unwrap();
        assert_eq!(sealing.open(Place::Webhook(id), &sealed).unwrap(), b"a secret");
        assert!(!sealed.windows(8).any(|part| part == b"a secret"));
        assert_ne!(sealing.seal(Place::Webhook(id), b"a secret").unwrap(), sealed);
        for other in [Place::Webhook(Uuid::now_v7()), Place::SecondFactor(id)] {
            assert!(sealing.open(other, &sealed).is_err(), "{other:?}");
        }
        for at in 1..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(sealing.open(Place::Webhook(id), &changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn an_older_key_opens_and_the_first_one_seals() {
        let place = Place::SecondFactor(Uuid::now_v7());
        let old = with(OLD).seal(place, &[7; 20]).unwrap();
        let both = with(&format!("{NEW}\n{OLD}\n"));
        assert_eq!(both.open(place, &old).unwrap(), [7; 20]);
        let new = both.seal(place, &[7; 20]).unwrap();
        assert!(new.starts_with(both.mark().unwrap()) && !old.starts_with(both.mark().unwrap()));
        assert_eq!(with(NEW).open(place, &new).unwrap(), [7; 20]);
        assert!(with(NEW).open(place, &old).is_err());
    }

    #[test]
    fn without_a_key_nothing_is_sealed_and_what_never_was_is_read() {
        let (none, place) = (Sealing::new(None).unwrap(), Place::Webhook(Uuid::now_v7()));
        assert_eq!(none.open(place, &[1; 32]).unwrap(), [1; 32]);
        let Err(Error::Fault(fault)) = none.seal(place, &[1; 32]) else { panic!("sealed with nothing") };
        assert_eq!((fault.reason.as_ref(), fault.retry_after), ("secrets-locked", None));
        assert!(Sealing::new(Some(&SecretString::from("short"))).is_err());
        assert!(Sealing::new(Some(&SecretString::from(" \n"))).unwrap().mark().is_none());
    }
}
