//! What the index holds of each document, to be compared with the truth.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::{Engine, Error, query::among};

/// Records named in one answer.
const AT_ONCE: usize = 1_000;

/// What the index holds of one document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// The latest version that a record is of.
    pub version: i32,
    /// Records of that version.
    pub records: i64,
    /// Records of earlier versions.
    pub older: i64,
}

impl Held {
    fn count(&mut self, version: i32) {
        match version.cmp(&self.version) {
            std::cmp::Ordering::Less => self.older += 1,
            std::cmp::Ordering::Equal => self.records += 1,
            std::cmp::Ordering::Greater => {
                self.older += self.records;
                (self.version, self.records) = (version, 1);
            }
        }
    }
}

/// Document → what is held of it; about 50 bytes a document.
pub type Inventory = HashMap<Uuid, Held>;

#[derive(Deserialize)]
struct Fetched {
    results: Vec<Record>,
    total: usize,
}

#[derive(Deserialize)]
struct Record {
    document_id: Uuid,
    version: i32,
}

impl Engine {
    /// Adds the records from `offset` on to `inventory`, a bounded number of them. Answers where to go
    /// on, `None` after the last. What is written meanwhile may be missed or counted twice: look at
    /// documents that differ again with [`Engine::held_of`].
    ///
    /// # Errors
    /// [`Error`].
    pub async fn take_inventory(&self, offset: usize, inventory: &mut Inventory) -> Result<Option<usize>, Error> {
        self.fetch(None, offset, inventory).await
    }

    /// What is held of these documents, at most 1,000 of them; those without a record are missing.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn held_of(&self, documents: &[Uuid]) -> Result<Inventory, Error> {
        let mut inventory = Inventory::new();
        if documents.is_empty() {
            return Ok(inventory);
        }
        let (filter, mut next) = (among(documents), Some(0));
        while let Some(offset) = next {
            next = self.fetch(Some(&filter), offset, &mut inventory).await?;
        }
        Ok(inventory)
    }

    async fn fetch(
        &self,
        filter: Option<&str>,
        offset: usize,
        inventory: &mut Inventory,
    ) -> Result<Option<usize>, Error> {
        let mut body = json!({"offset": offset, "limit": AT_ONCE, "fields": ["document_id", "version"]});
        if let Some(filter) = filter {
            body["filter"] = filter.into();
        }
        let fetched: Fetched = self.transport().post_json(&self.url("/documents/fetch"), &body).await?;
        for record in &fetched.results {
            inventory.entry(record.document_id).or_default().count(record.version);
        }
        let next = offset + fetched.results.len();
        Ok((!fetched.results.is_empty() && next < fetched.total).then_some(next))
    }
}
