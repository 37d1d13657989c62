//! The search engine's schema and its client: what the indexer writes and the search service reads.
//!
//! Meilisearch holds one record for each page of each document, so that a hit names its page. The
//! index is a cache: everything in it comes from PostgreSQL and can be written again, and whoever
//! reads from it asks PostgreSQL what the caller may see before answering.
//!
//! The official SDK supplies the shapes of settings, queries and results. The HTTP layer under it
//! is ours, because the SDK's has no time limits; tasks are read by structs of our own, because the
//! SDK cannot read a task that was canceled. Every call ends within [`EngineConfig::meili_timeout_ms`].
//!
//! An index is never filled in place: a *successor* beside it is made, filled and promoted in one
//! step, so that whoever reads finds everything or, where there is no index, an error, and never
//! silently too little. Ordinary writes go to both while there are two.
//!
//! A write is accepted first and done later, as a *task*. [`Feed::finish`] and the other writes
//! return when their tasks have **succeeded**. The engine forgets finished tasks in time: a task
//! that it does not know is [`Error::Lost`], to be submitted again, and never a success.

mod config;
mod engine;
mod error;
mod feed;
mod inventory;
mod keys;
mod query;
mod schema;
mod successor;
mod task;
mod transport;

pub use config::EngineConfig;
pub use engine::{Engine, Stats};
pub use error::Error;
pub use feed::{Feed, Underway};
pub use inventory::{Held, Inventory};
pub use keys::{Keyring, Purpose};
pub use query::{Answer, Facets, PageCounts, PageHit, Query, among, quote};
pub use schema::PageRecord;
pub use successor::Presence;
