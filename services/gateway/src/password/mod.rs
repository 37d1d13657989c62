//! Passwords: Argon2id with OWASP's parameters, off the serving threads, a few at a time; and what one
//! must be.

mod breaches;
mod policy;

use std::{sync::Arc, time::Duration};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

use crate::{domain::Check, error::Error};
use breaches::Breaches;
pub(crate) use policy::{LONGEST, SHORTEST, weakness};

/// 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet).
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// How long a sign-in waits for its turn.
const PATIENCE: Duration = Duration::from_secs(3);

/// Hashes and checks passwords; clones share the turns.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    breaches: Option<Breaches>,
}

/// Checked when there is no such account, so that both take the same time. Random bits stand where
/// a password's hash would.
pub(crate) const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$b2YgcmFuZG9tIGJpdHM$Kx1nq2WmC0c0m7yVw9bqQm0r5JQpT3v8oZkq4uH1sXY";

fn argon2() -> Result<Argon2<'static>, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|e| Error::Internal(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String, Error> {
    let hash = argon2()?.hash_password(password.as_bytes());
    hash.map(|h| h.to_string()).map_err(|e| Error::Internal(e.to_string()))
}

impl Passwords {
    /// `breaches`: whom to ask whether a password was stolen; "": nobody.
    pub(crate) fn new(breaches: &str) -> Self {
        let turns = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8));
        Self { turns: Arc::new(Semaphore::new(turns)), breaches: Breaches::new(breaches) }
    }

    /// Blames `field` for a password that somebody of whom this is known must not have.
    pub(crate) async fn examine(&self, check: &mut Check, field: &str, password: &str, about: &[&str]) {
        if let Some(weakness) = weakness(password, about) {
            match (SHORTEST..=LONGEST).contains(&password.chars().count()) {
                true => check.refuse(field, weakness),
                false => check.blame(field, weakness),
            }
        } else if let Some(breaches) = &self.breaches
            && breaches.know(password).await
        {
            check.refuse(field, "was stolen somewhere and is being tried; choose another one");
        }
    }

    /// The hash in PHC string format.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Error> {
        self.in_turn(move || hash(&password)).await?
    }

    /// Whether it is the password; `None` for an account that does not exist.
    pub(crate) async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, Error> {
        let check = move || {
            let known = stored.is_some();
            let against = stored.as_deref().unwrap_or(NOBODY);
            Ok(argon2()?.verify_password(password.as_bytes(), against).is_ok() && known)
        };
        self.in_turn(check).await?
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(Error::Busy) };
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        done.await.map_err(|e| Error::Internal(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_itself_and_nobody_has_none() {
        let passwords = Passwords::new("");
        let stored = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(passwords.verify("correct horse".to_owned(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("battery staple".to_owned(), Some(stored)).await.unwrap());
        assert!(!passwords.verify("anything".to_owned(), None).await.unwrap());
        // Were it malformed, an unknown account would be answered at once.
        assert!(argon2::password_hash::phc::PasswordHash::new(NOBODY).is_ok_and(|h| h.hash.is_some()));
    }
}
