//! The whole system on one machine, without containers.
//!
//! [`Stack`] starts PostgreSQL, an S3 server, Meilisearch where there is one, the five services and
//! Caddy as child processes, waits until the whole answers, and stops everything in order. The
//! end-to-end tests and the benchmark start it on free ports in a folder that is thrown away; the
//! program `dossier-stack` (`make up`) starts it on a fixed port in a folder that is kept.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let stack = stack::Stack::builder().start().await?;
//! println!("{} {:?}", stack.url(), stack.owner());
//! stack.process("indexer").kill9().await;
//! stack.start("indexer").await?;
//! stack.stop().await;
//! # Ok(()) }
//! ```
//!
//! Everything lives in one folder, the home: `postgres/` and `objects/` are the data, `secrets/` the
//! passwords (made once, readable by their owner only, given to the services as files and never in
//! their environment), `log/` what each process writes, `run/` what is running now.
//!
//! Children belong to their parent: they ask the kernel to be told to stop when it dies, however
//! it dies, and what was left over all the same is found through `run/` at the next start.
//! [`postgres`], [`object_store`] and [`process`] are useful alone, and testkit uses them so.

mod builder;
mod edge;
mod engine_keys;
mod external;
mod home;
mod http;
mod leftovers;
pub mod object_store;
mod observe;
pub mod ports;
pub mod postgres;
pub mod process;
mod programs;
pub mod secrets;
mod stack;
mod supervision;

pub use builder::{Builder, Ports, Step};
pub use edge::{OPERATOR, OPERATOR_PASSWORD};
pub use external::{External, ExternalS3};
pub use home::{Home, State};
pub use leftovers::Recorded;
pub use observe::OBSERVERS;
pub use stack::{Owner, Stack, readiness};
pub use supervision::Supervision;

/// The services, in the order in which they are started.
pub const SERVICES: [&str; 5] = ["contacts", "documents", "search", "indexer", "gateway"];

/// Everything that can be running, in the order in which it is stopped.
pub const PROCESSES: [&str; 15] = [
    "prober",
    "alertmanager",
    "prometheus",
    "blackbox-exporter",
    "node-exporter",
    "postgres-exporter",
    "caddy",
    "gateway",
    "indexer",
    "search",
    "contacts",
    "documents",
    "meilisearch",
    "object-store",
    "postgresql",
];
