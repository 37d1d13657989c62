//! What the services' tests share: a real database, a real object store, a stand-in for the search
//! engine that keeps its contract, and a service that runs in the test's own process.
//!
//! Only ever a dev-dependency. One PostgreSQL server serves all tests of a test binary, each test
//! with a database of its own; it ends with the test process, however that ends.

mod database;
pub mod engine;
mod garage;
mod object_store;
mod service;

pub use database::{Database, append_only, database};
pub use garage::{Garage, garage};
pub use object_store::{ObjectStore, object_store};
pub use service::{RPC_TOKEN, Running, as_caller, channel, owner, rpc_token, serve, user, within};
