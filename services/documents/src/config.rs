use std::time::Duration;

use chassis::{ProcessConfig, SecretString, grpc::GrpcConfig};
use pg::PgConfig;

/// What `dossier-documents serve` is told.
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
    /// How it reaches the bytes.
    #[command(flatten)]
    pub s3: S3Config,
    /// What is taken, and how long things last.
    #[command(flatten)]
    pub limits: Limits,
}

/// An S3-compatible object store; addressed by path, not by host name.
#[derive(clap::Args, Clone, Debug)]
pub struct S3Config {
    /// http(s)://host:port
    #[arg(long, env)]
    pub s3_endpoint: String,
    /// What requests are signed for.
    #[arg(long, env, default_value = "garage")]
    pub s3_region: String,
    /// The bucket; it exists, and is this service's alone.
    #[arg(long, env, default_value = "dossier")]
    pub s3_bucket: String,
    /// Half of the key pair.
    #[arg(long, env)]
    pub s3_access_key: String,
    /// The other half.
    #[arg(long, env, hide_env_values = true, value_parser = chassis::parse_secret)]
    pub s3_secret_key: SecretString,
}

/// What is taken, and how long things last.
#[derive(clap::Args, Clone, Debug)]
pub struct Limits {
    /// Bytes of one document; more are refused.
    #[arg(long, env, default_value_t = 2 << 30)]
    pub max_document_bytes: u64,
    /// Parts of 5 MiB of all uploads together that may be in memory.
    #[arg(long, env, default_value_t = 4)]
    pub upload_buffers: usize,
    /// How long a worker keeps a job without a heartbeat, in milliseconds.
    #[arg(long, env, default_value_t = 30_000)]
    pub lease_ms: u32,
    /// How often a job is tried before its document is failed.
    #[arg(long, env, default_value_t = 5)]
    pub max_attempts: i32,
    /// Before the first retry, in milliseconds; doubles with each.
    #[arg(long, env, default_value_t = 2_000)]
    pub retry_base_ms: u32,
    /// How often the sweeper looks, in seconds.
    #[arg(long, env, default_value_t = 600)]
    pub sweep_seconds: u64,
    /// How long a document stays in the trash before it is purged, in seconds.
    #[arg(long, env, default_value_t = 30 * 86_400)]
    pub trash_seconds: u64,
    /// How long the bytes of a purged document are kept for backups in progress, in seconds.
    #[arg(long, env, default_value_t = 86_400)]
    pub object_grace_seconds: u64,
    /// How old an object that no document names must be before it is removed, in seconds. Longer
    /// than any upload takes.
    #[arg(long, env, default_value_t = 86_400)]
    pub orphan_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_document_bytes: 2 << 30,
            upload_buffers: 4,
            lease_ms: 30_000,
            max_attempts: 5,
            retry_base_ms: 2_000,
            sweep_seconds: 600,
            trash_seconds: 30 * 86_400,
            object_grace_seconds: 86_400,
            orphan_seconds: 86_400,
        }
    }
}

impl Limits {
    pub(crate) fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms.into())
    }
}
