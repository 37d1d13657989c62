//! The keys that the search engine's master key stands for. The engine computes a key from the master
//! key and the key's uid, so what a service is to hold is known before the engine runs; the indexer, which
//! holds the master key, tells the engine what each may do (`search_index::Keyring`, where these uids are
//! made).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const SEARCH: &str = "835cb6ab-11e3-8602-b708-d23e0159feff";
const METRICS: &str = "77e2e9df-c032-848d-a1c8-15dc2993917f";

/// A key that can search the index `pages`, and nothing else.
pub(crate) fn search(master: &str) -> String {
    key(SEARCH, master)
}

/// A key that can read the engine's metrics, and nothing else.
pub(crate) fn metrics(master: &str) -> String {
    key(METRICS, master)
}

fn key(uid: &str, master: &str) -> String {
    // An HMAC takes a key of any length.
    let mac = Hmac::<Sha256>::new_from_slice(master.as_bytes());
    mac.map(|mac| hex::encode(mac.chain_update(uid).finalize().into_bytes())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_are_computed_as_the_engine_does() {
        // printf 835cb6ab-11e3-8602-b708-d23e0159feff | openssl dgst -sha256 -hmac masterKey
        assert_eq!(super::search("masterKey"), "e8260b5bd4d6ded814fc53568c22cbc157f63ba80cfe690aa1e9576429521205");
        assert_ne!(super::search("masterKey"), super::metrics("masterKey"));
    }
}
