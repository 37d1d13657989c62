use chassis::{ProcessConfig, grpc::GrpcConfig};
use pg::PgConfig;

/// What `dossier-contacts serve` is told.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// What every service is told.
    #[command(flatten)]
    pub process: ProcessConfig,
    /// How it is reached.
    #[command(flatten)]
    pub grpc: GrpcConfig,
    /// How it reaches its tables.
    #[command(flatten)]
    pub pg: PgConfig,
}
