//! The life of a service, the same for all of them.
//!
//! A service's `main` is one call of [`run`]. It reads the configuration (flags, environment, and
//! `*_FILE` variables for secrets), starts logs, metrics and traces, then executes one of three
//! subcommands: `serve`, `migrate` or `healthcheck`. While it serves, an admin listener answers
//! `/metrics`, `/livez` and `/readyz`; SIGTERM or SIGINT makes it unready, lets it drain, and ends
//! it within [`DRAIN`].
//!
//! What a call between services carries (caller, request id, trace, deadline) is
//! a [`RequestContext`]; [`grpc`] puts it on the wire and takes it off again, so that no handler
//! does. What a caller is told when a call fails is a [`Fault`], the one error map of the house.

mod admin;
mod context;
mod fault;
pub mod grpc;
mod health;
mod process;
mod telemetry;

pub use context::{Caller, RequestContext, Role, TraceContext, UnknownRole, valid_request_id};
pub use fault::{Fault, FaultKind, FieldFault};
pub use health::{Dependency, Health};
pub use process::{DRAIN, ProcessConfig, Service, parse_secret, run};
pub use secrecy::{ExposeSecret, SecretString};
pub use telemetry::{record_link, record_parent};
pub use tokio_util::sync::CancellationToken;
