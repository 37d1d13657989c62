//! The only SMTP.

use std::time::Duration;

use anyhow::{Context, ensure};
use chassis::ExposeSecret;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use uuid::Uuid;

use super::words::Said;
use crate::config::MailConfig;

/// Each step of the conversation.
const DEADLINE: Duration = Duration::from_secs(10);
/// The whole of it.
pub(super) const WHOLE: Duration = Duration::from_secs(30);

/// How the conversation ended that did not send the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may work later.
    Later(&'static str),
    /// It will not.
    Never(&'static str),
}

/// The server that takes mail.
#[derive(Debug)]
pub(super) struct Transport {
    smtp: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Transport {
    /// An error when what is said makes no sense.
    pub(super) fn new(config: &MailConfig) -> anyhow::Result<Self> {
        let host = config.smtp_host.trim();
        let from: Mailbox = config.mail_from.trim().parse().context("MAIL_FROM must be an address")?;
        let (tls, port) = match config.smtp_tls.as_str() {
            "none" => (Tls::None, 25),
            "tls" => (Tls::Wrapper(parameters(config, host)?), 465),
            // Never in plain text: whoever stands between could take the offer away.
            _ => (Tls::Required(parameters(config, host)?), 587),
        };
        let port = if config.smtp_port == 0 { port } else { config.smtp_port };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).port(port).tls(tls);
        builder = builder.timeout(Some(DEADLINE));
        if !config.smtp_user.is_empty() {
            let password = config.smtp_password.as_ref().context("SMTP_USER needs SMTP_PASSWORD")?;
            let credentials = Credentials::new(config.smtp_user.clone(), password.expose_secret().to_owned());
            builder = builder.credentials(credentials);
        }
        Ok(Self { smtp: builder.build(), from })
    }

    /// Sends one mail. `id` is the same for each attempt, so that a mail that came twice is recognised.
    pub(super) async fn send(&self, id: Uuid, to: &str, name: &str, (subject, text): Said) -> Result<(), Trouble> {
        let address: Address =
            to.parse().map_err(|_| Trouble::Never("the address is none that mail can be sent to"))?;
        let name = Some(name.to_owned()).filter(|name| !name.is_empty());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(name, address))
            .subject(subject)
            .date_now()
            .message_id(Some(format!("<{}@{}>", id.simple(), self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
            .body(text)
            .map_err(|_| Trouble::Never("the mail could not be put together"))?;
        match tokio::time::timeout(WHOLE, self.smtp.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(trouble(&error)),
            Err(_) => Err(Trouble::Later("the server did not answer in time")),
        }
    }
}

fn parameters(config: &MailConfig, host: &str) -> anyhow::Result<TlsParameters> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(file) = &config.smtp_ca_file {
        let pem = std::fs::read(file).with_context(|| format!("SMTP_CA_FILE {}", file.display()))?;
        let certificate = Certificate::from_pem(&pem).context("SMTP_CA_FILE holds no certificate")?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build_rustls().context("TLS towards the mail server")
}

/// Coarse: what a server answers may quote the address.
fn trouble(error: &lettre::transport::smtp::Error) -> Trouble {
    let code = error.status().map(u16::from);
    match code {
        // Ours to mend, not the mail's fault.
        Some(530 | 534 | 535 | 538) => Trouble::Later("the server did not accept our account"),
        Some(500..=599) => Trouble::Never("the server refused the mail for good"),
        Some(_) => Trouble::Later("the server refused the mail for now"),
        None if error.is_tls() => Trouble::Later("no trusted encryption with the server"),
        None if error.is_timeout() => Trouble::Later("the server did not answer in time"),
        None => Trouble::Later("the server could not be reached"),
    }
}

/// Refuses what makes no sense when the program starts.
pub(super) fn check(config: &MailConfig, origin: &str) -> anyhow::Result<()> {
    ensure!(!origin.is_empty(), "SMTP_HOST needs PUBLIC_URL: mails hold links");
    Transport::new(config).map(drop)
}
