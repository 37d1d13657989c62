use chassis::{ProcessConfig, grpc::GrpcConfig};
use pg::PgConfig;
use search_index::EngineConfig;

/// What `dossier-search serve` is told.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// What every service is told.
    #[command(flatten)]
    pub process: ProcessConfig,
    /// How it is reached.
    #[command(flatten)]
    pub grpc: GrpcConfig,
    /// How it reaches its tables, and the views that documents publishes to it.
    #[command(flatten)]
    pub pg: PgConfig,
    /// How it reaches the search engine.
    #[command(flatten)]
    pub engine: EngineConfig,
    /// How long the engine may take to answer a query before PostgreSQL is asked, in milliseconds.
    #[arg(long, env, default_value_t = 800)]
    pub engine_deadline_ms: u64,
    /// Failures in a row after which the engine is left alone for a while.
    #[arg(long, env, default_value_t = 3)]
    pub engine_failures: u32,
    /// How long it is left alone, in milliseconds; then one query tries it again.
    #[arg(long, env, default_value_t = 3_000)]
    pub engine_pause_ms: u64,
    /// How often it is looked which past queries may be suggested, in milliseconds.
    #[arg(long, env, default_value_t = 600_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub past_queries_every_ms: u64,
}
