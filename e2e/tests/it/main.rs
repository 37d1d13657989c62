//! The system as its users see it: through Caddy, over HTTP, with every process real.
//!
//! One system is started for all tests that leave it as they found it; they run side by side, each
//! with collections, words and people of its own. Tests that break something run one after another,
//! while nothing else runs, on a second system. Both are started when the first test asks for them
//! and stopped before this program ends; should it be killed, the kernel ends their processes.
//!
//! All of it is meant for one process: a runner that starts one for each test starts a system for each
//! test, too. `cargo test -p e2e -- documents` runs a part, `-- --list` names all. A folder of real documents
//! in `DOSSIER_CORPUS` and a search engine in `MEILISEARCH_BIN` (or `MEILI_URL`) are used when given.
//!
//! `E2E_SITE`, `E2E_OWNER_EMAIL` and `E2E_OWNER_PASSWORD` name a system that runs already, such as in containers:
//! then the tests that need nothing but its address run against that one, which keeps what they made;
//! `E2E_ENGINE=meilisearch` says that it has one.

mod access;
mod browser;
mod bundle;
mod caddies;
mod conformance;
mod contacts;
mod documents;
mod edge;
mod edges;
mod elsewhere;
mod engine;
mod faults;
mod harness;
mod journeys;
mod ledger;
mod links;
mod mail;
mod observatory;
mod office;
mod outages;
mod page;
mod pages;
mod payloads;
mod people;
mod pictures;
mod raw;
mod search;
mod secrets;
mod settings;
mod sharing;
mod slow;
mod system;
mod telemetry;
mod telemetry_canary;
mod telemetry_traces;
mod trust;
mod uploads;
mod webhooks;
mod website;

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::run(&[
        documents::TESTS,
        uploads::TESTS,
        search::TESTS,
        contacts::TESTS,
        links::TESTS,
        sharing::TESTS,
        bundle::TESTS,
        mail::TESTS,
        access::TESTS,
        trust::TESTS,
        page::TESTS,
        pages::TESTS,
        journeys::TESTS,
        pictures::TESTS,
        office::TESTS,
        settings::TESTS,
        people::TESTS,
        edge::TESTS,
        edges::TESTS,
        observatory::TESTS,
        payloads::TESTS,
        website::TESTS,
        telemetry::TESTS,
        telemetry_canary::TESTS,
        telemetry_traces::TESTS,
        faults::TESTS,
        outages::TESTS,
        slow::TESTS,
        conformance::TESTS,
        engine::TESTS,
        ledger::TESTS,
        pictures::alone::TESTS,
        journeys::alone::TESTS,
        webhooks::TESTS,
        secrets::TESTS,
        elsewhere::TESTS,
    ])
}
