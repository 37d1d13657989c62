//! The documents service, running, on a real PostgreSQL and a real object store.
// The lint knows tests by their attribute only, not what they call.
#![allow(clippy::unwrap_used)]

mod access;
mod attachments;
mod collections;
mod faults;
mod fixture;
mod garage;
mod lifecycle;
mod memory;
mod outbox;
mod reread;
mod truth;
mod upload;
mod work;
