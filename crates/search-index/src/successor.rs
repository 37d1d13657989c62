//! The index that takes the place of the one that is read from.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Engine, Error};

/// More indexes than one engine has.
const INDEXES: usize = 1_000;

/// Which indexes are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// The one that is read from.
    pub live: bool,
    /// The one that will take its place.
    pub successor: bool,
}

#[derive(Deserialize)]
struct Indexes {
    results: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    uid: String,
}

impl Engine {
    /// The index that will take this one's place, whether it is there or not.
    #[must_use]
    pub fn successor(&self) -> Engine {
        self.at(&format!("{}_next", self.index()))
    }

    /// Which of the two are there.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn presence(&self) -> Result<Presence, Error> {
        let found: Indexes = self.transport().get(&self.host_url(&format!("/indexes?limit={INDEXES}"))).await?;
        let has = |name: &str| found.results.iter().any(|index| index.uid == name);
        Ok(Presence { live: has(self.index()), successor: has(self.successor().index()) })
    }

    pub(crate) async fn present(&self) -> Result<Vec<Engine>, Error> {
        let Presence { live, successor } = self.presence().await?;
        let live = live.then(|| self.clone());
        Ok(live.into_iter().chain(successor.then(|| self.successor())).collect())
    }

    /// Makes the successor, empty and with our settings; one that is there goes.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn begin_successor(&self) -> Result<(), Error> {
        let next = self.successor();
        next.drop_index().await?;
        next.ensure_index().await
    }

    /// Puts the successor in the place of the index, in one step, and forgets what was there. No
    /// query in between fails or sees only some of the records.
    ///
    /// # Errors
    /// [`Error`]; `index_not_found` when there is no successor.
    pub async fn promote_successor(&self) -> Result<(), Error> {
        let next = self.successor();
        let live = self.presence().await?.live;
        // Renaming needs the name to be free, swapping needs both.
        let swap = json!([{"indexes": [next.index(), self.index()], "rename": !live}]);
        let accepted = self.transport().post_json(&self.host_url("/swap-indexes"), &swap).await?;
        self.follow(vec![accepted]).await?;
        if live { next.drop_index().await } else { Ok(()) }
    }

    /// Gives the index these synonyms when it has others; answers whether it did.
    ///
    /// # Errors
    /// [`Error`]; `index_not_found` when there is no index.
    pub async fn keep_synonyms(&self, wanted: &BTreeMap<String, Vec<String>>) -> Result<bool, Error> {
        let url = self.url("/settings/synonyms");
        let found: Option<BTreeMap<String, Vec<String>>> = self.transport().get(&url).await?;
        if found.unwrap_or_default() == *wanted {
            return Ok(false);
        }
        let accepted = self.transport().put_json(&url, wanted).await?;
        self.follow(vec![accepted]).await?;
        Ok(true)
    }

    /// Removes the index if it is there.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn drop_index(&self) -> Result<(), Error> {
        let present: Result<Value, Error> = self.transport().get(&self.url("")).await;
        match present {
            Ok(_) => {
                let accepted = self.transport().delete(&self.url("")).await?;
                self.follow(vec![accepted]).await
            }
            Err(e) if e.is_code("index_not_found") => Ok(()),
            Err(e) => Err(e),
        }
    }
}
