//! PostgreSQL as every service uses it: a bounded pool, named and timed transactions, errors
//! sorted into what callers may be told, migrations under a lock, notifications, and the one
//! implementation of idempotency keys.
//!
//! Queries live in the services' `store.rs`; the only SQL here is about connections, schema
//! versions, the first setting-up of roles, and the `idempotency` table that several schemas have.

mod bootstrap;
mod connection;
mod error;
pub mod idempotency;
mod json;
mod listen;
mod migrate;
mod page;

pub use bootstrap::{RolePasswords, bootstrap};
pub use connection::{Connection, PgConfig, Pool, Transaction};
pub use error::Error;
pub use idempotency::Idempotency;
pub use json::has_control;
pub use listen::Listener;
pub use migrate::{MigrateConfig, migrate, watch};
pub use page::PageRequest;
pub use tokio_postgres::{Row, types};
