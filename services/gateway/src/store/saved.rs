//! Searches that somebody keeps.

use chassis::Caller;
use pg::{Idempotency, PageRequest, Row, idempotency::Claim};
use serde_json::Value;
use uuid::Uuid;

use super::Store;
use crate::{
    domain::{SavedQuery, SavedSearch},
    error::Error,
};

/// Of one person.
pub(crate) const MOST_SEARCHES: i64 = 100;

const SEARCH: &str = "id, name, query, created_at";

impl Store {
    /// This user's, the newest first.
    pub(crate) async fn list_searches(
        &self,
        user: Uuid,
        page: &PageRequest,
    ) -> Result<(Vec<SavedSearch>, String), Error> {
        let after = page.after.as_ref().map(|(_, id)| *id);
        let sql = format!(
            "SELECT {SEARCH} FROM saved_searches
             WHERE user_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"
        );
        let rows = self.get().await?.query(&sql, &[&user, &after, &page.fetch()]).await?;
        let searches = rows.iter().map(to_search).collect::<Result<_, _>>()?;
        Ok(page.split(searches, |search: &SavedSearch| (String::new(), search.id)))
    }

    /// A new one, and whether the same idempotency key made it before.
    pub(crate) async fn create_search(
        &self,
        caller: &Caller,
        user: Uuid,
        name: &str,
        query: &SavedQuery,
        key: Option<Idempotency>,
    ) -> Result<(SavedSearch, bool), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("create_search").await?;
        if let Some(key) = &key
            && let Claim::Replay(kept) = key.claim(&tx, caller, "create_search").await?
        {
            let id = Uuid::from_slice(&kept).map_err(|e| Error::Internal(e.to_string()))?;
            let sql = format!("SELECT {SEARCH} FROM saved_searches WHERE id = $1 AND user_id = $2");
            let row = tx.query_opt(&sql, &[&id, &user]).await?;
            return Ok((to_search(&row.ok_or(Error::NotFound("saved search"))?)?, true));
        }
        // One after the other, so that together they are not too many.
        tx.query_one("SELECT pg_advisory_xact_lock(hashtext('saved searches'), hashtext($1))", &[&user.to_string()])
            .await?;
        let sql = "SELECT count(*) FROM saved_searches WHERE user_id = $1";
        if tx.query_one(sql, &[&user]).await?.get::<_, i64>(0) >= MOST_SEARCHES {
            return Err(Error::TooManySearches(MOST_SEARCHES));
        }
        let id = Uuid::now_v7();
        let query = serde_json::to_value(query).map_err(|e| Error::Internal(e.to_string()))?;
        let sql =
            format!("INSERT INTO saved_searches (id, user_id, name, query) VALUES ($1, $2, $3, $4) RETURNING {SEARCH}");
        let made = tx.query_one(&sql, &[&id, &user, &name, &query]).await;
        let taken =
            |e: pg::Error| if e.is_constraint("saved_searches_name") { Error::SearchNameTaken } else { e.into() };
        let search = to_search(&made.map_err(taken)?)?;
        if let Some(key) = &key {
            key.keep(&tx, caller, "create_search", id.as_bytes()).await?;
        }
        tx.commit().await?;
        Ok((search, false))
    }

    /// Removes one of this user's.
    pub(crate) async fn delete_search(&self, user: Uuid, id: Uuid) -> Result<(), Error> {
        let sql = "DELETE FROM saved_searches WHERE id = $1 AND user_id = $2";
        match self.get().await?.execute(sql, &[&id, &user]).await? {
            0 => Err(Error::NotFound("saved search")),
            _ => Ok(()),
        }
    }
}

fn to_search(row: &Row) -> Result<SavedSearch, Error> {
    let query = serde_json::from_value(row.get::<_, Value>(2)).map_err(|e| Error::Internal(e.to_string()))?;
    Ok(SavedSearch { id: row.get(0), name: row.get(1), query, created_at: row.get(3) })
}
