//! Tests that enter through Caddy only, and the benchmark.
//!
//! Everything here sees the system as its users do: one address, HTTP. The library holds what the
//! tests (`tests/it`) and the benchmark share: a small typed [`client`], and [`pdf`] and [`words`],
//! which make documents whose content is known, and [`index_faults`]. The system itself is started by `crates/stack`.

pub mod client;
pub mod events;
pub mod index_faults;
pub mod pdf;
pub mod words;
