use chassis::{ProcessConfig, SecretString};

/// What `dossier-prober serve` is told.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// What every service is told.
    #[command(flatten)]
    pub process: ProcessConfig,
    /// The site as people reach it, or its edge, as http(s)://host[:port].
    #[arg(long, env)]
    pub site_url: String,
    /// The API token of its account; the gateway is told the same.
    #[arg(long, env, hide_env_values = true, value_parser = chassis::parse_secret)]
    pub prober_token: SecretString,
    /// Between the beginnings of two journeys, in seconds.
    #[arg(long, env, default_value_t = 60)]
    pub probe_every_seconds: u64,
    /// What a journey may take until it counts as failed, in seconds; removing what it left behind may
    /// take as long again.
    #[arg(long, env, default_value_t = 30)]
    pub probe_limit_seconds: u64,
}

/// There is nothing to migrate.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Migration {}
