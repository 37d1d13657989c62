use std::path::PathBuf;

use chassis::SecretString;

/// Mail to the people of this system.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct MailConfig {
    /// The server that takes mail. Empty: nothing is mailed, and links are handed over by owners.
    #[arg(long, env, default_value = "")]
    pub smtp_host: String,
    /// 0: 587 for starttls, 465 for tls, 25 for none.
    #[arg(long, env, default_value_t = 0)]
    pub smtp_port: u16,
    /// starttls: encrypted after the greeting, or not at all; tls: encrypted from the start; none: plain text,
    /// for a server on this machine.
    #[arg(long, env, default_value = "starttls", value_parser = ["starttls", "tls", "none"])]
    pub smtp_tls: String,
    /// A file of certificates (PEM) that are trusted besides the public ones.
    #[arg(long, env)]
    pub smtp_ca_file: Option<PathBuf>,
    /// The account there. Empty: none.
    #[arg(long, env, default_value = "")]
    pub smtp_user: String,
    /// Its password.
    #[arg(long, env, hide_env_values = true, value_parser = super::maybe_secret)]
    pub smtp_password: Option<SecretString>,
    /// Whom mail comes from, such as Dossier <dossier@example.org>.
    #[arg(long, env, default_value = "")]
    pub mail_from: String,
    /// The pause after a mail's first failure; the others are this times 12, 60, 360, and so on, up to 14
    /// hours from five seconds.
    #[arg(long, env, default_value_t = 5000)]
    pub mail_retry_ms: u64,
}
