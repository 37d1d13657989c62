use pg::types::ToSql;
use serde_json::json;
use uuid::Uuid;

use super::{By, Store, audit, tell};
use crate::{error::Error, secret::Hash};

/// It hands in, finds and removes documents.
const SCOPES: [&str; 2] = ["documents:write", "search:read"];
/// No hash, so that no password is right.
const NO_PASSWORD: &str = "!";

impl Store {
    /// The prober's account, with this token and no other; made when it is not there.
    pub(crate) async fn settle_prober(&self, email: &str, hash: &Hash) -> Result<Uuid, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("settle_prober").await?;
        // Two gateways may start at the same moment.
        tx.query_one("SELECT pg_advisory_xact_lock(hashtext('dossier prober'))", &[]).await?;
        let by = By { actor: None, request_id: "" };
        let user = match tx.query_opt("SELECT id FROM users WHERE lower(email) = $1", &[&email]).await? {
            Some(row) => row.get(0),
            None => {
                let id = Uuid::now_v7();
                let sql = "INSERT INTO users (id, email, name, role, password_hash) VALUES ($1, $2, 'Self-test', 'editor', $3)";
                tx.execute(sql, &[&id, &email, &NO_PASSWORD]).await?;
                audit(&tx, by, "user.created", Some(id), json!({"role": "editor", "prober": true})).await?;
                id
            }
        };
        let (hash, scopes) = (hash.as_slice(), SCOPES.as_slice());
        let token: [&(dyn ToSql + Sync); 2] = [&user, &hash];
        let gone = tx.execute("DELETE FROM tokens WHERE user_id = $1 AND hash <> $2", &token).await?;
        let sql = "INSERT INTO tokens (id, user_id, name, hash, scopes) VALUES ($1, $2, 'prober', $3, $4) ON CONFLICT DO NOTHING";
        let made = tx.execute(sql, &[&Uuid::now_v7(), &user, &hash, &scopes]).await?;
        if gone + made > 0 {
            tell(&tx, user).await?;
            audit(&tx, by, "token.created", Some(user), json!({"scopes": SCOPES, "prober": true})).await?;
        }
        tx.commit().await?;
        Ok(user)
    }
}
