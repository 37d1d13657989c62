//! The search service, running, on a real PostgreSQL with the tables of `documents`, with the
//! engine's stand-in and without.
#![allow(clippy::unwrap_used)]

mod analytics;
mod engine_faults;
mod links;
mod log;
mod questions;
mod suggestions;
mod visibility;
mod world;
