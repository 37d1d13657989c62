//! Mail to the people of this system: that somebody has written, and links to set a password.
//!
//! Like webhooks, mails are queued in the transaction that forgets the event, or that answers the
//! request, so none is lost while the mail server is away; see [`deliveries`](crate::deliveries). What a
//! mail says is put together when it is sent: a submission that became spam or was removed meanwhile is
//! not told, and a link lies nowhere but in the mail.

mod transport;
mod words;

use std::{sync::Arc, time::Duration};

use chassis::{CancellationToken, Dependency, RequestContext};
use jiff::{Timestamp, ToSpan};
use proto::contacts::{self as api, SubmissionStatus, contacts_client::ContactsClient};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    config::{Config, MailConfig},
    deliveries,
    error::Error,
    secret::{self, Credential},
    state::{Channels, Shared},
    store::{By, DueMail, Kind, Occasion, Posted, Recipient},
};
use transport::{Transport, Trouble};

const AT_ONCE: usize = 4;
/// A link for a forgotten password that could not be mailed within this time is wanted no more.
const FORGOTTEN_HOURS: i64 = 1;

/// What handlers know of the worker.
#[derive(Debug)]
pub(crate) struct Mail {
    queued: Notify,
}

impl Mail {
    /// `None` when no server is named; an error when what is said makes no sense.
    pub(crate) fn new(config: &MailConfig, origin: &str) -> anyhow::Result<Option<Self>> {
        if config.smtp_host.trim().is_empty() {
            return Ok(None);
        }
        transport::check(config, origin)?;
        Ok(Some(Self { queued: Notify::new() }))
    }

    /// There is something in the queue.
    pub(crate) fn queued(&self) {
        self.queued.notify_one();
    }
}

/// Sends what is due.
#[derive(Clone)]
struct Worker {
    shared: Arc<Shared>,
    contacts: ContactsClient<chassis::grpc::Channel>,
    transport: Arc<Transport>,
    server: Dependency,
    pause: Duration,
}

/// Mails until `stop`; what is under way then is repeated by whoever comes next.
pub(crate) async fn run(config: &Config, shared: Arc<Shared>, stop: CancellationToken) -> anyhow::Result<()> {
    let Some(mail) = &shared.mail else { return Ok(()) };
    let worker = Worker {
        contacts: ContactsClient::new(Channels::new(config)?.contacts),
        transport: Arc::new(Transport::new(&config.mail)?),
        server: shared.health.dependency("smtp", false),
        pause: Duration::from_millis(config.mail.mail_retry_ms),
        shared: shared.clone(),
    };
    // A counter that appears with its first event would not have risen.
    for kind in Kind::ALL {
        metrics::counter!("gateway_mail_attempts_total", "kind" => kind.as_str(), "outcome" => "failed").increment(0);
    }
    let take = |free| shared.store.take_due_mails(free);
    let attempt = |due| {
        let worker = worker.clone();
        async move { worker.attempt(due).await }
    };
    stop.run_until_cancelled(deliveries::work(AT_ONCE, &mail.queued, take, attempt)).await;
    Ok(())
}

impl Worker {
    async fn attempt(&self, mail: DueMail) {
        let context = RequestContext::background(transport::WHOLE + Duration::from_secs(10));
        context
            .scope(async {
                let posted = self.post(&mail).await;
                let kind = mail.kind.as_str();
                metrics::counter!("gateway_mail_attempts_total", "kind" => kind, "outcome" => posted.word())
                    .increment(1);
                if let Posted::Failed(why) = posted {
                    tracing::warn!(mail = %mail.id, kind, why, "a mail was given up");
                }
                if let Err(error) = self.shared.store.settle_mail(&mail, &posted).await {
                    // Its lease ends, and it is sent again.
                    tracing::warn!(%error, mail = %mail.id, "what became of a mail was not kept");
                }
            })
            .await;
    }

    async fn post(&self, mail: &DueMail) -> Posted {
        if deliveries::is_over(mail.attempts) {
            return Posted::Failed("given up: the attempts before did not come to an end");
        }
        let (to, said) = match self.written(mail).await {
            Ok(Ok(written)) => written,
            Ok(Err(nobody)) => return nobody,
            Err(error) => {
                tracing::debug!(%error, "a mail could not be written");
                return self.again(mail, "what it tells of could not be read");
            }
        };
        match self.transport.send(mail.id, &to.email, &to.name, said).await {
            Ok(()) => {
                self.server.up();
                Posted::Sent
            }
            Err(Trouble::Later(why)) => {
                self.server.down(why);
                self.again(mail, why)
            }
            Err(Trouble::Never(why)) => Posted::Failed(why),
        }
    }

    fn again(&self, mail: &DueMail, why: &'static str) -> Posted {
        match deliveries::pause(self.pause, mail.attempts) {
            Some(pause) => Posted::Again { why, pause },
            None => Posted::Failed(why),
        }
    }

    /// To whom, and what it says; or why nobody is to get it.
    async fn written(&self, mail: &DueMail) -> Result<Result<(Recipient, words::Said), Posted>, Error> {
        let Some(to) = self.shared.store.recipient(mail).await? else {
            return Ok(Err(Posted::Dropped("there is no such account")));
        };
        let said = match mail.kind {
            Kind::Submission => match self.submission(mail, &to).await? {
                Ok(said) => said,
                Err(why) => return Ok(Err(Posted::Dropped(why))),
            },
            Kind::Forgotten if mail.created_at + FORGOTTEN_HOURS.hours() < Timestamp::now() => {
                return Ok(Err(Posted::Failed("it could not be sent while the link was wanted")));
            }
            Kind::Forgotten => {
                let link = self.link(to.user, Occasion::Forgotten).await?;
                words::forgotten(&to, self.host(), &link)
            }
            Kind::Invitation => {
                let link = self.link(to.user, Occasion::Mailed).await?;
                words::invitation(&to, self.host(), &link)
            }
        };
        Ok(Ok((to, said)))
    }

    async fn submission(&self, mail: &DueMail, to: &Recipient) -> Result<Result<words::Said, &'static str>, Error> {
        if !to.notify_submissions {
            return Ok(Err("they do not want to be told any more"));
        }
        let request = api::GetSubmissionRequest { id: mail.subject.to_string() };
        let found = match self.contacts.clone().get_submission(request).await {
            Ok(found) => found.into_inner(),
            Err(status) if status.code() == tonic::Code::NotFound => return Ok(Err("what it tells of was deleted")),
            Err(status) => return Err(chassis::Fault::of(&status).into()),
        };
        if found.status() == SubmissionStatus::Spam {
            return Ok(Err("it is spam"));
        }
        let link = format!("{}/inbox", self.shared.origin);
        Ok(Ok(words::submission(to, &found.name, &found.email, &found.subject, &link)))
    }

    /// Made for this attempt: the one of an attempt before is not good any more.
    async fn link(&self, user: Uuid, occasion: Occasion) -> Result<String, Error> {
        let text = secret::session_text(&secret::random());
        let by = By { actor: None, request_id: "" };
        self.shared.store.create_invitation(by, user, occasion, Credential::session(&text).hash(), false).await?;
        Ok(format!("{}/invitation/{text}", self.shared.origin))
    }

    fn host(&self) -> &str {
        self.shared.origin.split_once("://").map_or("", |(_, host)| host)
    }
}
