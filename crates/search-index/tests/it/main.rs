//! The contract with the search engine, held against the stand-in always and against a real
//! Meilisearch when `MEILISEARCH_BIN` names a program or `MEILI_URL` (and `MEILI_KEY`) a server.
#![allow(clippy::unwrap_used)]

mod contract;
mod faults;
mod keys;
mod successor;
mod target;
