mod mail;
mod oidc;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use chassis::{ProcessConfig, SecretString};
use pg::PgConfig;

pub use mail::MailConfig;
pub use oidc::OidcConfig;

/// A secret that may be empty, which is as good as none: a file for it is there before anybody fills it.
fn maybe_secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text.trim().to_owned()))
}

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
    /// The API token of the prober, which tests the system as a user; with it, its account is made.
    #[arg(long, env, hide_env_values = true, value_parser = chassis::parse_secret)]
    pub prober_token: Option<SecretString>,
    /// Encrypts what the system itself must be able to read again, in the database: second factors, the
    /// secrets of webhooks. 32 random characters at least. More of them, divided by white space, only open
    /// what they encrypted before, and at the start that is encrypted anew with the first. None: neither
    /// can be set up.
    #[arg(long, env, hide_env_values = true, value_parser = maybe_secret)]
    pub sealing_key: Option<SecretString>,
    /// Proxies whose X-Forwarded-For is believed, besides those on this machine; comma-separated
    /// addresses.
    #[arg(long, env, value_delimiter = ',')]
    pub trusted_proxies: Vec<IpAddr>,
    /// Requests of the API and the pages, per minute and session or token. 0: no limit.
    #[arg(long, env, default_value_t = 6000)]
    pub requests_per_minute: u32,
    /// Requests of the API and the pages, per minute and client address, whoever is behind it. 0: no
    /// limit.
    #[arg(long, env, default_value_t = 12_000)]
    pub address_requests_per_minute: u32,
    /// Requests worked on at the same time for each service behind, a quarter of it for searches; more
    /// are refused at once, with 503. Transfers of files have four times as much. 0: no limit.
    #[arg(long, env, default_value_t = 128)]
    pub max_in_flight: u32,
    /// Bytes a second that the body of a request has to bring, on average: whoever sends less is refused with
    /// 408. 0: as slowly as it likes.
    #[arg(long, env, default_value_t = 500)]
    pub body_bytes_per_second: u32,
    /// Seconds that a body may be waited for all the same, at its beginning or in a pause.
    #[arg(long, env, default_value_t = 30)]
    pub body_grace_seconds: u64,
    /// What is remembered of answers, in MiB, to have something to show while the database is away. 0:
    /// nothing.
    #[arg(long, env, default_value_t = 16)]
    pub stale_mib: u64,
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
    /// The folder in which the backup leaves its metrics (`METRICS_DIR` there), for the page that says how it
    /// went. None: the page says that it does not know.
    #[arg(long, env)]
    pub backup_metrics_dir: Option<PathBuf>,
    /// Whom to ask whether a new password was stolen somewhere, such as
    /// <https://api.pwnedpasswords.com/range/>: five digits of its SHA-1 are appended. Empty: nobody. When the answer
    /// does not come in time, the password is taken.
    #[arg(long, env, default_value = "")]
    pub password_breach_url: String,
    /// Signing in with accounts that people have elsewhere.
    #[command(flatten)]
    pub oidc: OidcConfig,
    /// Mail to the people of this system.
    #[command(flatten)]
    pub mail: MailConfig,
    /// Threads that serve HTTP. 0: one per processor.
    #[arg(long, env, default_value_t = 0)]
    pub http_workers: usize,
}
