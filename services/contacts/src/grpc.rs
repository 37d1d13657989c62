//! Proto ↔ domain; who may call what.

use std::pin::Pin;

use chassis::{Fault, Role, grpc::caller};
use futures_util::{Stream, StreamExt, stream};
use pg::{Idempotency, PageRequest, Pool};
use proto::contacts::{self as api, contacts_server::Contacts};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    bundle::Records,
    domain::{
        Check, Company, ContactPatch, Email, Line, Message, Metadata, Name, NewContact, NewSubmission, Phone, Query,
        Subject, Tags, bot_reason,
    },
    error::Error,
    store::{ContactFilter, Place, Store, SubmissionFilter},
};

type Answer<T> = Result<Response<T>, Status>;
type Parts = Pin<Box<dyn Stream<Item = Result<api::ExportResponse, Status>> + Send>>;

/// In one transaction.
const IMPORT_ROWS: usize = 5_000;
/// In one list.
const EVENTS: i64 = 1_000;

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

fn key(sent: Option<api::Idempotency>) -> Result<Option<Idempotency>, Error> {
    let Some(api::Idempotency { key, fingerprint }) = sent else { return Ok(None) };
    if !(1..=255).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Fault::field("Idempotency-Key", "must have 1 to 255 visible ASCII characters").into());
    }
    Ok(Some(Idempotency { key, fingerprint }))
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

fn new_contact(sent: &api::CreateContactRequest) -> Result<NewContact, Fault> {
    let mut check = Check::default();
    let (Some(name), Some(email), Some(phone), Some(company), Some(tags), Some(metadata)) = (
        check.take("name", Name::parse(&sent.name)),
        check.take("email", Email::parse(&sent.email)),
        check.take("phone", Phone::parse(&sent.phone)),
        check.take("company", Company::parse(&sent.company)),
        check.take("tags", Tags::parse(&sent.tags)),
        check.take("metadata", Metadata::parse(&sent.metadata)),
    ) else {
        return Err(check.fault());
    };
    Ok(NewContact { name, email, phone, company, tags, metadata })
}

#[tonic::async_trait]
impl Contacts for Api {
    async fn submit(&self, request: Request<api::SubmitRequest>) -> Answer<api::SubmitResponse> {
        let caller = caller(&request);
        let sent = request.into_inner();
        let mut check = Check::default();
        let (Some(name), Some(email), Some(subject), Some(message), Some(metadata)) = (
            check.take("name", Name::parse(&sent.name)),
            check.take("email", Email::parse(&sent.email)),
            check.take("subject", Subject::parse(&sent.subject)),
            check.take("message", Message::parse(&sent.message)),
            check.take("metadata", Metadata::parse(&sent.metadata)),
        ) else {
            return Err(check.fault().into());
        };
        // People do not see the field.
        let spam = !sent.website.is_empty();
        let submission = NewSubmission { name, email, subject, message, metadata, spam };
        let status = if spam { "spam" } else { "new" };
        let answer = self.store.submit(&caller, &submission, key(sent.idempotency)?).await?;
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
            q: Query::parse(&sent.q).map_err(|detail| Fault::field("q", detail))?,
            sort: ascending(&sent.sort, &["created_at"])?,
        };
        let page = PageRequest::parse(&sent.cursor, sent.limit)?;
        Ok(Response::new(self.store.list_submissions(&filter, &page, sent.count).await?))
    }

    async fn get_submission(&self, request: Request<api::GetSubmissionRequest>) -> Answer<api::Submission> {
        caller(&request).require(Role::Viewer)?;
        let id = id(&request.into_inner().id, "submission")?;
        Ok(Response::new(self.store.get_submission(id).await?))
    }

    async fn count_submissions(
        &self,
        request: Request<api::CountSubmissionsRequest>,
    ) -> Answer<api::CountSubmissionsResponse> {
        caller(&request).require(Role::Viewer)?;
        Ok(Response::new(self.store.count_submissions().await?))
    }

    async fn update_submission(&self, request: Request<api::UpdateSubmissionRequest>) -> Answer<api::Submission> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let sent = request.into_inner();
        let status =
            status_name(sent.status()).ok_or_else(|| Fault::field("status", "must be new, read, archived or spam"))?;
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
        let contact = new_contact(&sent)?;
        Ok(Response::new(self.store.create_contact(&caller, &contact, key(sent.idempotency)?).await?))
    }

    async fn import_contacts(
        &self,
        request: Request<api::ImportContactsRequest>,
    ) -> Answer<api::ImportContactsResponse> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let sent = request.into_inner();
        if sent.rows.len() > IMPORT_ROWS {
            return Err(Fault::field("rows", format!("must be at most {IMPORT_ROWS}")).into());
        }
        let rows: Vec<_> = sent.rows.iter().map(new_contact).collect();
        let key = key(sent.idempotency)?;
        Ok(Response::new(self.store.import_contacts(&caller, &rows, sent.dry_run, key).await?))
    }

    async fn list_tags(&self, request: Request<api::ListTagsRequest>) -> Answer<api::ListTagsResponse> {
        caller(&request).require(Role::Viewer)?;
        Ok(Response::new(api::ListTagsResponse { tags: self.store.list_tags().await? }))
    }

    async fn merge_contacts(&self, request: Request<api::MergeContactsRequest>) -> Answer<api::Merge> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let sent = request.into_inner();
        let source = id(&sent.id, "contact")?;
        let target = sent.into.parse().map_err(|_| Fault::field("into", "must be the id of a contact"))?;
        if source == target {
            return Err(Fault::unprocessable("into", "must be another contact").into());
        }
        Ok(Response::new(
            self.store.merge_contacts(&caller, (source, target), sent.dry_run, key(sent.idempotency)?).await?,
        ))
    }

    async fn undo_merge(&self, request: Request<api::UndoMergeRequest>) -> Answer<api::Merge> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let sent = request.into_inner();
        let id = id(&sent.id, "merge")?;
        Ok(Response::new(self.store.undo_merge(&caller, id, key(sent.idempotency)?).await?))
    }

    async fn list_timeline(&self, request: Request<api::ListTimelineRequest>) -> Answer<api::ListTimelineResponse> {
        caller(&request).require(Role::Viewer)?;
        let sent = request.into_inner();
        let page = PageRequest::parse(&sent.cursor, sent.limit)?;
        Ok(Response::new(self.store.list_timeline(id(&sent.contact_id, "contact")?, &page).await?))
    }

    async fn get_contact(&self, request: Request<api::GetContactRequest>) -> Answer<api::Contact> {
        caller(&request).require(Role::Viewer)?;
        let id = id(&request.into_inner().id, "contact")?;
        Ok(Response::new(self.store.get_contact(id).await?))
    }

    async fn get_whole_contact(&self, request: Request<api::GetContactRequest>) -> Answer<api::WholeContact> {
        caller(&request).require(Role::Viewer)?;
        let id = id(&request.into_inner().id, "contact")?;
        Ok(Response::new(self.store.get_whole_contact(id).await?))
    }

    async fn list_contacts(&self, request: Request<api::ListContactsRequest>) -> Answer<api::ListContactsResponse> {
        caller(&request).require(Role::Viewer)?;
        let sent = request.into_inner();
        let mut check = Check::default();
        let (Some(q), Some(tag), Some(metadata)) = (
            check.take("q", Query::parse(&sent.q)),
            check.take("tag", Query::parse(&sent.tag)),
            check.take("metadata", Metadata::parse(&sent.metadata)),
        ) else {
            return Err(check.fault().into());
        };
        let sort = ascending(&sent.sort, &["created_at", "updated_at", "name"])?;
        let filter = ContactFilter { q, tag, metadata, sort };
        let page = PageRequest::parse(&sent.cursor, sent.limit)?;
        Ok(Response::new(self.store.list_contacts(&filter, &page, sent.count).await?))
    }

    async fn update_contact(&self, request: Request<api::UpdateContactRequest>) -> Answer<api::Contact> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let sent = request.into_inner();
        let mut check = Check::default();
        let patch = ContactPatch {
            name: sent.name.and_then(|t| check.take("name", Name::parse(&t))),
            email: sent.email.and_then(|t| check.take("email", Email::parse(&t))),
            phone: sent.phone.and_then(|t| check.take("phone", Phone::parse(&t))),
            company: sent.company.and_then(|t| check.take("company", Company::parse(&t))),
            tags: sent.tags.and_then(|t| check.take("tags", Tags::parse(&t.values))),
            metadata: sent.metadata.and_then(|t| check.take("metadata", Metadata::parse(&t))),
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

    async fn decide_link(&self, request: Request<api::DecideLinkRequest>) -> Answer<api::DecideLinkResponse> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let sent = request.into_inner();
        let (contact, document) = (id(&sent.contact_id, "contact")?, id(&sent.document_id, "document")?);
        self.store.decide_link(&caller, contact, document, sent.confirmed).await?;
        Ok(Response::new(api::DecideLinkResponse {}))
    }

    async fn count_visit(&self, request: Request<api::CountVisitRequest>) -> Answer<api::CountVisitResponse> {
        let sent = request.into_inner();
        let mut check = Check::default();
        check.take("path", Line::<0, 2000>::parse(&sent.path));
        check.take("referrer", Line::<0, 2000>::parse(&sent.referrer));
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
            text => text.parse().map_err(|_| Fault::field(field, "must be a day such as 2026-11-23")),
        };
        let to: jiff::civil::Date = day("to", &sent.to, today)?;
        let from = day("from", &sent.from, to.saturating_sub(jiff::Span::new().days(29)))?;
        if from > to || to.since(from).map_or(true, |span| span.get_days() > 3660) {
            Err(Fault::unprocessable("from", "must not be after `to`, nor more than ten years before it"))?;
        }
        Ok(Response::new(self.store.visits(from, to).await?))
    }

    async fn list_events(&self, request: Request<api::ListEventsRequest>) -> Answer<api::ListEventsResponse> {
        caller(&request).require_service()?;
        let limit = i64::from(request.into_inner().limit).clamp(1, EVENTS);
        Ok(Response::new(api::ListEventsResponse { events: self.store.list_events(limit).await? }))
    }

    async fn forget_events(&self, request: Request<api::ForgetEventsRequest>) -> Answer<api::ForgetEventsResponse> {
        caller(&request).require_service()?;
        let events = request.into_inner().events;
        let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
        let subjects = events.iter().map(|event| id(&event.subject_id, "event")).collect::<Result<Vec<_>, _>>()?;
        self.store.forget_events(&kinds, &subjects).await?;
        Ok(Response::new(api::ForgetEventsResponse {}))
    }

    type ExportStream = Parts;

    async fn export(&self, request: Request<api::ExportRequest>) -> Answer<Self::ExportStream> {
        caller(&request).require(Role::Owner)?;
        let part = |(store, place): (Store, Option<Place>)| async move {
            let Some(place) = place else { return Ok(None) };
            let (part, next) = store.export(place).await?;
            Ok::<_, Error>(Some((part, (store, next))))
        };
        let parts = stream::try_unfold((self.store.clone(), Some(Place::first())), part);
        Ok(Response::new(Box::pin(parts.map(|part| part.map_err(Status::from)))))
    }

    async fn import(&self, request: Request<api::ImportRequest>) -> Answer<api::ImportResponse> {
        caller(&request).require(Role::Owner)?;
        let sent = request.into_inner();
        let records = Records::parse(sent.format, &sent.kind, &sent.lines)?;
        Ok(Response::new(self.store.import(&records, sent.dry_run).await?))
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
        Fault::field("sort", format!("must be one of {}, with - before it for descending", columns.join(", ")))
    })?;
    Ok((column, up))
}
