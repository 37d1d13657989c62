//! PostgreSQL, the object store, processes and the program itself, for real.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, also in the functions that tests share")]

mod objects;
mod postgres;
mod processes;
mod program;

use std::{os::unix::fs::PermissionsExt, path::Path};

/// A folder that goes away.
fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("dossier-test-").tempdir().unwrap()
}

/// As closed as the home of root is.
fn close(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
}
