use std::net::{IpAddr, SocketAddr};

use chassis::{ProcessConfig, SecretString};
use pg::PgConfig;

/// What `dossier-gateway serve` is told.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// What every service is told.
    #[command(flatten)]
    pub process: ProcessConfig,
    /// Where the API and the pages are served; a proxy that speaks TLS stands before it.
    #[arg(long, env, default_value = "127.0.0.1:0")]
    pub listen_addr: SocketAddr,
    /// How it reaches its tables.
    #[command(flatten)]
    pub pg: PgConfig,
    /// The secret that every call between services carries.
    #[arg(long, env, hide_env_values = true, value_parser = chassis::parse_secret)]
    pub rpc_token: SecretString,
    /// http://host:port of the contacts service.
    #[arg(long, env)]
    pub contacts_url: String,
    /// http://host:port of the documents service.
    #[arg(long, env)]
    pub documents_url: String,
    /// http://host:port of the indexer service.
    #[arg(long, env)]
    pub indexer_url: String,
    /// http://host:port of the search service.
    #[arg(long, env)]
    pub search_url: String,
    /// How browsers reach the system, such as https://dossier.example.org. With https, cookies are
    /// sent over TLS only. Its origin may make requests that change something.
    #[arg(long, env, default_value = "")]
    pub public_url: String,
    /// The first owner's e-mail address; used only while there are no users.
    #[arg(long, env, default_value = "")]
    pub dossier_owner_email: String,
    /// The first owner's password; used only while there are no users.
    #[arg(long, env, hide_env_values = true, value_parser = chassis::parse_secret)]
    pub dossier_owner_password: Option<SecretString>,
    /// Proxies whose X-Forwarded-For is believed, besides those on this machine; comma-separated
    /// addresses.
    #[arg(long, env, value_delimiter = ',')]
    pub trusted_proxies: Vec<IpAddr>,
    /// Attempts to sign in, per minute and account; six times as many per client address. 0: no
    /// limit.
    #[arg(long, env, default_value_t = 10)]
    pub sign_ins_per_minute: u32,
    /// Contact form submissions, per minute and client address. 0: no limit.
    #[arg(long, env, default_value_t = 60)]
    pub submissions_per_minute: u32,
    /// Contact form submissions, per minute, from all addresses together. 0: no limit.
    #[arg(long, env, default_value_t = 600)]
    pub all_submissions_per_minute: u32,
    /// Visits counted, per minute and client address. 0: no limit.
    #[arg(long, env, default_value_t = 600)]
    pub visits_per_minute: u32,
    /// Openings of share links and upload links, per minute and client address. 0: no limit.
    #[arg(long, env, default_value_t = 120)]
    pub links_per_minute: u32,
    /// Bytes of one file that comes by an upload link, at most; the documents service has its own limit.
    #[arg(long, env, default_value_t = 100 << 20)]
    pub upload_link_max_bytes: u64,
    /// Other sites whose scripts may send the contact form and count visits: comma-separated origins,
    /// such as https://www.example.org. Plain HTML forms need no permission.
    #[arg(long, env, value_delimiter = ',', value_parser = crate::origins::parse)]
    pub allowed_origins: Vec<String>,
    /// Whether webhooks may lead into the own network (loopback and private addresses), and go by
    /// plain HTTP. Link-local addresses never.
    #[arg(long, env, default_value_t = false, action = clap::ArgAction::Set)]
    pub webhook_private_targets: bool,
    /// The pause after a webhook's first failure; the others are this times 12, 60, 360, and so on, up
    /// to 14 hours from five seconds.
    #[arg(long, env, default_value_t = 5000)]
    pub webhook_retry_ms: u64,
    /// Days after which a session ends, however much it is used.
    #[arg(long, env, default_value_t = 30)]
    pub session_days: u32,
    /// Hours after which a session that is not used ends.
    #[arg(long, env, default_value_t = 12)]
    pub session_idle_hours: u32,
    /// Threads that serve HTTP. 0: one per processor.
    #[arg(long, env, default_value_t = 0)]
    pub http_workers: usize,
}
