//! What browsers and programs hold to prove who they are. Only hashes are stored.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// The name of the session's cookie.
pub(crate) const COOKIE: &str = "dossier_session";
/// What every API token begins with, so that scanners recognise a leaked one.
const PREFIX: &str = "dsr_";

/// SHA-256 is enough: the secrets have 256 random bits, so guessing is hopeless.
pub(crate) type Hash = [u8; 32];

pub(crate) fn sha256(parts: &[&[u8]]) -> Hash {
    let mut digest = Sha256::new();
    for part in parts {
        // Lengths keep ("a", "bc") and ("ab", "c") apart.
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// What a caller sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Credential {
    Session(Hash),
    Token(Hash),
}

impl Credential {
    /// From a cookie's value.
    pub(crate) fn session(text: &str) -> Self {
        Credential::Session(Sha256::digest(text.as_bytes()).into())
    }

    /// From what follows `Bearer`; `None` when it cannot be one of our tokens.
    pub(crate) fn token(text: &str) -> Option<Self> {
        let plausible = text.starts_with(PREFIX) && text.len() < 100;
        plausible.then(|| Credential::Token(Sha256::digest(text.as_bytes()).into()))
    }

    pub(crate) fn hash(&self) -> &Hash {
        match self {
            Credential::Session(hash) | Credential::Token(hash) => hash,
        }
    }
}

/// 256 random bits.
pub(crate) fn random() -> [u8; 32] {
    rand::random()
}

/// The value of a session's cookie.
pub(crate) fn session_text(bits: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bits)
}

/// The bits of such a value; `None` when it cannot be one of ours.
pub(crate) fn session_bits(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// A token as it is shown, once.
pub(crate) fn token_text(bits: &[u8; 32]) -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bits))
}

/// What stands in the address of a link.
pub(crate) fn link_text(bits: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bits)
}

/// Of what stands in the address of a link.
pub(crate) fn link_hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// Hides a token's bits under an idempotency key, or shows them again to whoever sends the same
/// key. The key itself is stored only as a hash, so the database alone does not give the token away.
pub(crate) fn masked(bits: [u8; 32], key: &str) -> [u8; 32] {
    let mask = sha256(&[b"token under idempotency key", key.as_bytes()]);
    std::array::from_fn(|i| bits[i] ^ mask[i])
}
