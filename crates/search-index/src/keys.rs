//! Keys that can do one thing each, made from the engine's master key.
//!
//! The engine computes a key from the master key and the key's uid. The uids are fixed, so whoever has
//! the master key knows the other keys before the engine has been told of them, and hands each service
//! its own; telling the engine what each may do is done again whenever it has forgotten, as after its
//! data were thrown away.

use anyhow::Context;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Engine, EngineConfig, Error};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Searching the index, and nothing else.
    Search,
    /// Filling, comparing and replacing the index.
    Index,
    /// Reading the engine's metrics.
    Metrics,
}

impl Purpose {
    const ALL: [Purpose; 3] = [Purpose::Search, Purpose::Index, Purpose::Metrics];

    fn name(self) -> &'static str {
        match self {
            Purpose::Search => "search",
            Purpose::Index => "index",
            Purpose::Metrics => "metrics",
        }
    }

    fn actions(self) -> &'static [&'static str] {
        match self {
            Purpose::Search => &["search"],
            Purpose::Index => &[
                "documents.add",
                "documents.delete",
                "documents.get",
                "indexes.create",
                "indexes.delete",
                "indexes.get",
                "indexes.swap",
                "settings.get",
                "settings.update",
                "stats.get",
                "tasks.get",
            ],
            Purpose::Metrics => &["metrics.get"],
        }
    }

    fn indexes(self, index: &str) -> Vec<String> {
        match self {
            Purpose::Search => vec![index.to_owned()],
            // The engine gives its metrics for nothing less, and shows how the swap of two indexes went to
            // nobody who may not see all.
            Purpose::Index | Purpose::Metrics => vec!["*".to_owned()],
        }
    }

    /// The uid of the key with this purpose for `index`. Whoever derives keys without this crate (the
    /// scripts that make secrets, the stack) has those for the index `pages` written down.
    pub fn uid(self, index: &str) -> Uuid {
        let digest = Sha256::digest(format!("dossier {} {index}", self.name()));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// The key itself.
    pub fn key(self, index: &str, master: &SecretString) -> SecretString {
        // An HMAC takes a key of any length.
        let mac = Hmac::<Sha256>::new_from_slice(master.expose_secret().as_bytes());
        let tag = mac.map(|mac| mac.chain_update(self.uid(index).to_string()).finalize().into_bytes());
        let hexadecimal = tag.map(|tag| tag.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        SecretString::from(hexadecimal.unwrap_or_default())
    }
}

/// Who holds the master key, and uses it for nothing but this.
#[derive(Clone, Debug)]
pub struct Keyring {
    engine: Engine,
}

#[derive(Deserialize)]
struct Known {
    actions: Vec<String>,
    indexes: Vec<String>,
}

impl Keyring {
    /// For the engine and index of `config`, whatever key stands there.
    ///
    /// # Errors
    /// As [`Engine::connect`].
    pub fn new(config: &EngineConfig, master: &SecretString) -> anyhow::Result<Self> {
        let config = EngineConfig { meili_key: Some(master.clone()), ..config.clone() };
        Ok(Self { engine: Engine::connect(&config).context("MEILI_MASTER_KEY")? })
    }

    /// Tells the engine what each key may do, where it does not know or has it otherwise. Answers how
    /// many it did not know.
    ///
    /// # Errors
    /// [`Error`]; `invalid_api_key` when the master key is wrong.
    pub async fn ensure(&self) -> Result<usize, Error> {
        let mut made = 0;
        for purpose in Purpose::ALL {
            made += usize::from(self.ensure_one(purpose).await?);
        }
        Ok(made)
    }

    async fn ensure_one(&self, purpose: Purpose) -> Result<bool, Error> {
        let (index, transport) = (self.engine.index(), self.engine.transport());
        let (uid, indexes) = (purpose.uid(index), purpose.indexes(index));
        let url = self.engine.host_url(&format!("/keys/{uid}"));
        match transport.get::<Known>(&url).await {
            Ok(mut known) => {
                known.actions.sort();
                if known.actions == purpose.actions() && known.indexes == indexes {
                    return Ok(false);
                }
                // The engine changes neither of the two.
                transport.remove(&url).await?;
            }
            Err(e) if e.is_code("api_key_not_found") => {}
            Err(e) => return Err(e),
        }
        let key = json!({
            "uid": uid,
            "name": format!("dossier {}", purpose.name()),
            "description": "Made by the indexer, and again when it is missing",
            "actions": purpose.actions(),
            "indexes": indexes,
            "expiresAt": null,
        });
        match transport.post_json::<Value>(&self.engine.host_url("/keys"), &key).await {
            // Another process was faster.
            Err(e) if e.is_code("api_key_already_exists") => Ok(false),
            made => made.map(|_| true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_computed_as_the_engine_does() {
        let master = SecretString::from("masterKey".to_owned());
        let uids = Purpose::ALL.map(|purpose| purpose.uid("pages").to_string());
        // Those that scripts have written down.
        let wanted = [
            "835cb6ab-11e3-8602-b708-d23e0159feff",
            "77807f60-f5e8-8370-afdc-b9213c12dab5",
            "77e2e9df-c032-848d-a1c8-15dc2993917f",
        ];
        assert_eq!(uids, wanted);
        // printf 835cb6ab-11e3-8602-b708-d23e0159feff | openssl dgst -sha256 -hmac masterKey
        assert_eq!(
            Purpose::Search.key("pages", &master).expose_secret(),
            "e8260b5bd4d6ded814fc53568c22cbc157f63ba80cfe690aa1e9576429521205"
        );
        assert_ne!(Purpose::Search.uid("pages"), Purpose::Search.uid("other"));
        for purpose in Purpose::ALL {
            assert!(purpose.actions().is_sorted(), "they are compared in this order");
        }
    }
}
