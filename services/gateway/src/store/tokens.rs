//! API tokens.

use chassis::{Caller, Role};
use pg::{Idempotency, PageRequest, Row, Transaction, idempotency::Claim};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{By, Store, audit, tell};
use crate::{
    domain::Token,
    error::Error,
    secret::{self, Credential},
};

/// A new token, and whether it is one that was made before under the same idempotency key.
#[derive(Debug)]
pub(crate) struct MadeToken {
    pub(crate) token: Token,
    pub(crate) bits: [u8; 32],
    pub(crate) replayed: bool,
}

impl Store {
    /// One keyset page of tokens of a user, newest first.
    pub(crate) async fn list_tokens(&self, user: Uuid, page: &PageRequest) -> Result<(Vec<Token>, String), Error> {
        let after = page.after.as_ref().map(|(_, id)| *id);
        let sql = "SELECT id, name, scopes, created_at, expires_at, last_used_at FROM tokens
                   WHERE user_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3";
        let rows = self.get().await?.query(sql, &[&user, &after, &page.fetch()]).await?;
        Ok(page.split(rows.iter().map(to_token).collect(), |token| (String::new(), token.id)))
    }

    pub(crate) async fn create_token(
        &self,
        by: By<'_>,
        user: Uuid,
        wanted: &Token,
        idempotency: Option<Idempotency>,
    ) -> Result<MadeToken, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("create_token").await?;
        let caller = Caller::User { id: user, role: Role::Viewer };
        let sent_key = idempotency.as_ref().map(|i| i.key.clone()).unwrap_or_default();
        let idempotency =
            idempotency.map(|i| Idempotency { key: hex::encode(secret::sha256(&[i.key.as_bytes()])), ..i });
        if let Some(key) = &idempotency
            && let Claim::Replay(kept) = key.claim(&tx, &caller, "create_token").await?
        {
            return replayed_token(&tx, user, &kept, &sent_key).await;
        }
        let (bits, token) = (secret::random(), Token { id: Uuid::now_v7(), ..wanted.clone() });
        let Some(Credential::Token(hash)) = Credential::token(&secret::token_text(&bits)) else {
            return Err(Error::Internal("a token of ours is not one".to_owned()));
        };
        tx.execute(
            "INSERT INTO tokens (id, user_id, name, hash, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[&token.id, &user, &token.name, &hash.as_slice(), &token.scopes, &token.created_at, &token.expires_at],
        )
        .await?;
        if let Some(key) = &idempotency {
            let kept = [token.id.as_bytes().as_slice(), &secret::masked(bits, &sent_key)].concat();
            key.keep(&tx, &caller, "create_token", &kept).await?;
        }
        audit(&tx, by, "token.created", Some(token.id), json!({"scopes": token.scopes})).await?;
        tx.commit().await?;
        Ok(MadeToken { token, bits, replayed: false })
    }

    /// Revokes a token of this user; `None`: of anybody.
    pub(crate) async fn delete_token(&self, by: By<'_>, id: Uuid, of: Option<Uuid>) -> Result<Uuid, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("delete_token").await?;
        let sql = "DELETE FROM tokens WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2) RETURNING user_id";
        let row = tx.query_opt(sql, &[&id, &of]).await?.ok_or(Error::NotFound("token"))?;
        let user = row.get(0);
        tell(&tx, user).await?;
        audit(&tx, by, "token.revoked", Some(id), Value::Null).await?;
        tx.commit().await?;
        Ok(user)
    }
}

async fn replayed_token(tx: &Transaction<'_>, user: Uuid, kept: &[u8], key: &str) -> Result<MadeToken, Error> {
    let parts = kept
        .split_at_checked(16)
        .and_then(|(id, masked)| Some((Uuid::from_slice(id).ok()?, <[u8; 32]>::try_from(masked).ok()?)));
    let (id, masked) = parts.ok_or_else(|| Error::Internal("a kept token is malformed".to_owned()))?;
    let sql =
        "SELECT id, name, scopes, created_at, expires_at, last_used_at FROM tokens WHERE id = $1 AND user_id = $2";
    let row = tx.query_opt(sql, &[&id, &user]).await?.ok_or(Error::NotFound("token"))?;
    Ok(MadeToken { token: to_token(&row), bits: secret::masked(masked, key), replayed: true })
}

fn to_token(row: &Row) -> Token {
    Token {
        id: row.get(0),
        name: row.get(1),
        scopes: row.get(2),
        created_at: row.get(3),
        expires_at: row.get(4),
        last_used_at: row.get(5),
    }
}
