//! The documents service, running, on a real PostgreSQL and a real object store.

mod access;
mod collections;
mod faults;
mod fixture;
mod garage;
mod lifecycle;
mod upload;
mod work;
