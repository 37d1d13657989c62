//! The indexer as it runs, with the real reader, between a stand-in for documents and one for the
//! search engine.

#![allow(clippy::unwrap_used)]

mod attached;
mod content;
mod documents;
mod engine;
mod fixture;
mod leases;
mod life;
mod pictures;
mod reading;
mod truth;
mod truths;
mod unlocking;
