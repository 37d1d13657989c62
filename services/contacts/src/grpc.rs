//! Proto ↔ domain; who may call what.

use chassis::{Role, grpc::caller};
use pg::{Idempotency, PageRequest, Pool};
use proto::contacts::{self as api, contacts_server::Contacts};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    domain::{Check, ContactPatch, NewContact, NewSubmission, bot_reason},
    error::Error,
    store::{ContactFilter, Store, SubmissionFilter},
};

type Answer<T> = Result<Response<T>, Status>;

pub(crate) struct Api {
    store: Store,
}

impl Api {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { store: Store::new(pool) }
    }
}

fn id(text: &str, what: &'static str) -> Result<Uuid, Error> {
    // An id that cannot exist is an id that does not exist.
    text.parse().map_err(|_| Error::NotFound(what))
}

fn key(sent: Option<api::Idempotency>) -> Option<Idempotency> {
    sent.map(|i| Idempotency { key: i.key, fingerprint: i.fingerprint })
}

fn status_name(status: api::SubmissionStatus) -> Option<&'static str> {
    match status {
        api::SubmissionStatus::Unspecified => None,
        api::SubmissionStatus::New => Some("new"),
        api::SubmissionStatus::Read => Some("read"),
        api::SubmissionStatus::Archived => Some("archived"),
        api::SubmissionStatus::Spam => Some("spam"),
    }
}

#[tonic::async_trait]
impl Contacts for Api {
    async fn submit(&self, request: Request<api::SubmitRequest>) -> Answer<api::SubmitResponse> {
        let caller = caller(&request);
        let sent = request.into_inner();
        let mut check = Check::default();
        let submission = NewSubmission {
            name: check.name(&sent.name),
            email: check.email(&sent.email),
            subject: check.line("subject", &sent.subject, false, 200),
            message: check.text("message", &sent.message, true, 10_000),
            metadata: check.metadata(&sent.metadata),
            // People do not see the field.
            spam: !sent.website.is_empty(),
        };
        check.done().map_err(Error::from)?;
        let status = if submission.spam { "spam" } else { "new" };
        let answer = self.store.submit(&caller, &submission, key(sent.idempotency)).await?;
        if !answer.replayed {
            metrics::counter!("contacts_submissions_total", "status" => status).increment(1);
        }
        Ok(Response::new(answer))
    }

    async fn list_submissions(
        &self,
        request: Request<api::ListSubmissionsRequest>,
    ) -> Answer<api::ListSubmissionsResponse> {
        caller(&request).require(Role::Viewer)?;
        let sent = request.into_inner();
        let filter = SubmissionFilter {
            status: status_name(sent.status()),
            contact: match sent.contact_id.as_str() {
                "" => None,
                text => Some(id(text, "contact")?),
            },
            ascending: ascending(&sent.sort, &["created_at"])?.1,
        };
        let page = PageRequest::parse(&sent.cursor, sent.limit)?;
        Ok(Response::new(self.store.list_submissions(&filter, &page, sent.count).await?))
    }

    async fn get_submission(&self, request: Request<api::GetSubmissionRequest>) -> Answer<api::Submission> {
        caller(&request).require(Role::Viewer)?;
        let id = id(&request.into_inner().id, "submission")?;
        Ok(Response::new(self.store.get_submission(id).await?))
    }

    async fn update_submission(&self, request: Request<api::UpdateSubmissionRequest>) -> Answer<api::Submission> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let sent = request.into_inner();
        let status = status_name(sent.status())
            .ok_or_else(|| chassis::Fault::field("status", "must be new, read, archived or spam"))?;
        let id = id(&sent.id, "submission")?;
        Ok(Response::new(self.store.update_submission(&caller, id, status, sent.if_revision).await?))
    }

    async fn delete_submission(
        &self,
        request: Request<api::DeleteSubmissionRequest>,
    ) -> Answer<api::DeleteSubmissionResponse> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let sent = request.into_inner();
        self.store.delete_submission(&caller, id(&sent.id, "submission")?, sent.if_revision).await?;
        Ok(Response::new(api::DeleteSubmissionResponse {}))
    }

    async fn create_contact(&self, request: Request<api::CreateContactRequest>) -> Answer<api::Contact> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let sent = request.into_inner();
        let mut check = Check::default();
        let contact = NewContact {
            name: check.name(&sent.name),
            email: check.email(&sent.email),
            phone: check.phone(&sent.phone),
            company: check.company(&sent.company),
            tags: check.tags(&sent.tags),
            metadata: check.metadata(&sent.metadata),
        };
        check.done().map_err(Error::from)?;
        Ok(Response::new(self.store.create_contact(&caller, &contact, key(sent.idempotency)).await?))
    }

    async fn get_contact(&self, request: Request<api::GetContactRequest>) -> Answer<api::Contact> {
        caller(&request).require(Role::Viewer)?;
        let id = id(&request.into_inner().id, "contact")?;
        Ok(Response::new(self.store.get_contact(id).await?))
    }

    async fn list_contacts(&self, request: Request<api::ListContactsRequest>) -> Answer<api::ListContactsResponse> {
        caller(&request).require(Role::Viewer)?;
        let sent = request.into_inner();
        let mut check = Check::default();
        let filter = ContactFilter {
            q: check.line("q", &sent.q, false, 200).to_lowercase(),
            tag: check.line("tag", &sent.tag, false, 50),
            metadata: check.metadata(&sent.metadata),
            sort: ascending(&sent.sort, &["created_at", "updated_at", "name"])?,
        };
        check.done().map_err(Error::from)?;
        let page = PageRequest::parse(&sent.cursor, sent.limit)?;
        Ok(Response::new(self.store.list_contacts(&filter, &page, sent.count).await?))
    }

    async fn update_contact(&self, request: Request<api::UpdateContactRequest>) -> Answer<api::Contact> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let sent = request.into_inner();
        let mut check = Check::default();
        let patch = ContactPatch {
            name: sent.name.map(|t| check.name(&t)),
            email: sent.email.map(|t| check.email(&t)),
            phone: sent.phone.map(|t| check.phone(&t)),
            company: sent.company.map(|t| check.company(&t)),
            tags: sent.tags.map(|t| check.tags(&t.values)),
            metadata: sent.metadata.map(|t| check.metadata(&t)),
        };
        check.done().map_err(Error::from)?;
        let id = id(&sent.id, "contact")?;
        Ok(Response::new(self.store.update_contact(&caller, id, patch, sent.if_revision).await?))
    }

    async fn delete_contact(&self, request: Request<api::DeleteContactRequest>) -> Answer<api::DeleteContactResponse> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let sent = request.into_inner();
        self.store.delete_contact(&caller, id(&sent.id, "contact")?, sent.if_revision).await?;
        Ok(Response::new(api::DeleteContactResponse {}))
    }

    async fn count_visit(&self, request: Request<api::CountVisitRequest>) -> Answer<api::CountVisitResponse> {
        let sent = request.into_inner();
        let mut check = Check::default();
        check.line("path", &sent.path, false, 2000);
        check.line("referrer", &sent.referrer, false, 2000);
        check.done().map_err(Error::from)?;
        let reason = bot_reason(&sent.user_agent);
        let count = self.store.count_visit(reason).await?;
        let kind = if reason.is_empty() { "person" } else { "bot" };
        metrics::counter!("contacts_visits_total", "kind" => kind).increment(1);
        Ok(Response::new(api::CountVisitResponse { count }))
    }

    async fn get_visits(&self, request: Request<api::GetVisitsRequest>) -> Answer<api::GetVisitsResponse> {
        caller(&request).require(Role::Viewer)?;
        let sent = request.into_inner();
        let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let day = |field: &str, text: &str, otherwise| match text {
            "" => Ok(otherwise),
            text => text.parse().map_err(|_| chassis::Fault::field(field, "must be a day such as 2026-11-23")),
        };
        let to: jiff::civil::Date = day("to", &sent.to, today)?;
        let from = day("from", &sent.from, to.saturating_sub(jiff::Span::new().days(29)))?;
        if from > to || to.since(from).map_or(true, |span| span.get_days() > 3660) {
            Err(chassis::Fault::field("from", "must not be after `to`, nor more than ten years before it"))?;
        }
        Ok(Response::new(self.store.visits(from, to).await?))
    }
}

/// The column to sort by, and whether upwards. Newest first when nothing is said.
fn ascending(sort: &str, columns: &[&'static str]) -> Result<(&'static str, bool), Error> {
    let (name, up) = match sort.strip_prefix('-') {
        _ if sort.is_empty() => ("created_at", false),
        Some(name) => (name, false),
        None => (sort, true),
    };
    let column = columns.iter().find(|column| **column == name);
    let column = column.ok_or_else(|| {
        chassis::Fault::field("sort", format!("must be one of {}, with - before it for descending", columns.join(", ")))
    })?;
    Ok((column, up))
}
