//! gRPC between the services: what each call carries, and how it is served and measured.
//!
//! The wire: `authorization` (the RPC token), `x-request-id`, `x-dossier-caller`, `traceparent`
//! and `grpc-timeout`. [`Server`] turns them into a [`RequestContext`](crate::RequestContext) that
//! is current while the handler runs; [`Channel`] writes the current one onto outgoing calls.

mod client;
mod server;

pub use client::{Channel, connect, idempotent};
pub use server::{GrpcConfig, Server, caller, context};

const CALLER: &str = "x-dossier-caller";
const REQUEST_ID: &str = "x-request-id";
const TRACEPARENT: &str = "traceparent";
const TIMEOUT: &str = "grpc-timeout";
