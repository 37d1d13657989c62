//! People and firms: the list of them, and what more than one of their pages needs.

pub(super) mod import;
pub(super) mod merge;
pub(super) mod one;
mod timeline;

use actix_web::http::StatusCode;
use chassis::grpc::idempotent;
use maud::{Markup, html};
use proto::contacts::{
    Contact, CreateContactRequest, GetContactRequest, ListContactsRequest, ListContactsResponse,
    list_tags_response::Tag,
};

use super::{Page, empty, escaped, inbox, links, may_edit, notice, page, see, upload_links};
use crate::{
    call::{Body, Call},
    problem::Problem,
    query::Query,
    routes,
    words::Words,
};

const CONTACTS: i32 = 50;
/// Tags that are shown at once.
const TAGS: usize = 12;

pub(super) async fn list(call: Call) -> Page {
    show_list(call, None).await
}

async fn show_list(call: Call, refused: Option<(Fields, Problem)>) -> Page {
    let w = call.words();
    let mut query = call.query()?;
    let (q, tag, cursor) = (query.text("q"), query.text("tag"), query.value("cursor"));
    query.done()?;
    let request = ListContactsRequest {
        q: q.clone(),
        tag: tag.clone(),
        cursor,
        limit: CONTACTS,
        sort: "name".to_owned(),
        count: true,
        ..Default::default()
    };
    let (found, tags) = futures_util::try_join!(find(&call, request), routes::contacts::ask_tags(&call))?;
    let status = refused.as_ref().map_or(StatusCode::OK, |(_, problem)| problem.status);
    let fields = refused.as_ref().map(|(fields, _)| fields.clone()).unwrap_or_default();
    let editor = may_edit(&call);
    let content = html! {
        h1 { (w.place_contacts()) }
        form.search action="/contacts" method="get" role="search" data-results="found" {
            label for="q" { (w.find_contact()) }
            input #q type="search" name="q" value=(q) maxlength="200" autocomplete="off" spellcheck="false";
            @if !tag.is_empty() { input type="hidden" name="tag" value=(tag); }
            button type="submit" { (w.find()) }
        }
        (tag_filter(w, &tags, &tag))
        div #found aria-live="polite" { (results(w, &found, &q, &tag, editor)) }
        @if editor {
            details open[refused.is_some()] {
                summary { (w.add_contact()) }
                (notice(w, refused.as_ref().map(|(_, problem)| problem)))
                (form(w, "/contacts", &fields, w.add()))
            }
        }
        div.actions {
            @if editor { a.button href="/contacts/import" { (w.import_contacts()) } }
            span.quiet { (w.export()) ":" }
            a download href="/api/v1/contacts/export" { (w.contacts_as_csv()) }
            a download href="/api/v1/contacts/export?format=vcard" { (w.contacts_as_vcard()) }
            a download href="/api/v1/contacts/export?format=ndjson" { (w.contacts_as_ndjson()) }
        }
    };
    Ok(page(&call, status, w.place_contacts(), &content))
}

async fn find(call: &Call, request: ListContactsRequest) -> Result<ListContactsResponse, Problem> {
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.list_contacts(request).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}

async fn get(call: &Call, id: &str) -> Result<Contact, Problem> {
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), GetContactRequest { id: id.to_owned() });
        async move { contacts.get_contact(request).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}

fn results(w: Words, found: &ListContactsResponse, q: &str, tag: &str, editor: bool) -> Markup {
    if found.items.is_empty() {
        let unasked = q.trim().is_empty() && tag.is_empty();
        let todo = html! {
            @if !unasked { p { a.button href="/contacts" { (w.all_contacts()) } } }
            @else if editor { p { a.button href="/contacts/import" { (w.import_contacts()) } } }
        };
        return empty(if unasked { w.no_contact_yet() } else { w.no_contact_found() }, &todo);
    }
    html! {
        p.quiet {
            (w.contacts(found.count.unwrap_or_default()))
            @if !tag.is_empty() { " " (w.with_tag(tag)) " " a href="/contacts" { (w.all()) } }
        }
        (table(w, &found.items, |contact| html! { a href={ "/contacts/" (contact.id) } { (contact.name) } }))
        @if !found.next_cursor.is_empty() {
            p.more { a href={ "/contacts?q=" (escaped(q)) "&tag=" (escaped(tag)) "&cursor=" (found.next_cursor) } { (w.more()) } }
        }
    }
}

fn table(w: Words, contacts: &[Contact], first: impl Fn(&Contact) -> Markup) -> Markup {
    html! {
        table.stack {
            thead { tr { th { (w.name()) } th { (w.email()) } th { (w.company()) } th { (w.tags()) } } }
            tbody {
                @for contact in contacts {
                    tr {
                        td { (first(contact)) }
                        td data-label=(w.email()) { (contact.email) }
                        td data-label=(w.company()) { (contact.company) }
                        td data-label=(w.tags()) { (tag_links(contact)) }
                    }
                }
            }
        }
    }
}

fn tag_filter(w: Words, tags: &[Tag], shown: &str) -> Markup {
    let link = |tag: &Tag| {
        html! {
            a.tag href={ "/contacts?tag=" (escaped(&tag.name)) } aria-current=[(tag.name == shown).then_some("true")] {
                (tag.name) " " span.quiet { (w.number(tag.contacts)) }
            }
            " "
        }
    };
    html! {
        @if !tags.is_empty() {
            nav aria-label=(w.tags()) {
                p { @for tag in tags.iter().take(TAGS) { (link(tag)) } }
                @if tags.len() > TAGS {
                    details { summary { (w.more_tags()) } p { @for tag in tags.iter().skip(TAGS) { (link(tag)) } } }
                }
            }
        }
    }
}

fn tag_links(contact: &Contact) -> Markup {
    html! { @for tag in &contact.tags { a.tag href={ "/contacts?tag=" (escaped(tag)) } { (tag) } " " } }
}

/// How people call a field of a contact.
fn field(w: Words, name: &str) -> &'static str {
    match name {
        "name" => w.name(),
        "email" => w.email(),
        "phone" => w.phone(),
        "company" => w.company(),
        "tags" => w.tags(),
        _ => w.further_details(),
    }
}

fn fields(w: Words, names: &[String]) -> String {
    names.iter().map(|name| field(w, name)).collect::<Vec<_>>().join(", ")
}

/// What the form of a contact holds.
#[derive(Clone, Debug, Default)]
struct Fields {
    name: String,
    email: String,
    phone: String,
    company: String,
    tags: String,
}

impl Fields {
    fn of(contact: &Contact) -> Self {
        Self {
            name: contact.name.clone(),
            email: contact.email.clone(),
            phone: contact.phone.clone(),
            company: contact.company.clone(),
            tags: contact.tags.join(", "),
        }
    }

    fn read(form: &mut Query) -> Self {
        Self {
            name: form.text("name"),
            email: form.text("email"),
            phone: form.text("phone"),
            company: form.text("company"),
            tags: form.text("tags"),
        }
    }

    fn tags(&self) -> Vec<String> {
        self.tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
    }
}

fn form(w: Words, action: &str, fields: &Fields, done: &str) -> Markup {
    html! {
        form.fields action=(action) method="post" {
            label for="name" { (w.name()) }
            input #name name="name" value=(fields.name) required maxlength="200" autocomplete="off";
            label for="email" { (w.email_address()) }
            input #email type="email" name="email" value=(fields.email) required autocomplete="off";
            label for="phone" { (w.phone()) }
            input #phone type="tel" name="phone" value=(fields.phone) maxlength="40" autocomplete="off";
            label for="company" { (w.company()) }
            input #company name="company" value=(fields.company) maxlength="200" autocomplete="off";
            label for="tags" { (w.tags_by_commas()) }
            input #tags name="tags" value=(fields.tags) autocomplete="off";
            button type="submit" { (done) }
        }
    }
}

pub(super) async fn create(call: Call, body: Body) -> Page {
    let mut sent = body.form().await?;
    let fields = Fields::read(&mut sent);
    sent.done()?;
    let request = CreateContactRequest {
        name: fields.name.clone(),
        email: fields.email.clone(),
        phone: fields.phone.clone(),
        company: fields.company.clone(),
        tags: fields.tags(),
        ..Default::default()
    };
    match call.state.contacts.clone().create_contact(request).await.map_err(Problem::from) {
        Ok(made) => Ok(see(&format!("/contacts/{}", made.into_inner().id))),
        Err(problem) if problem.status.is_client_error() && may_edit(&call) => {
            show_list(call, Some((fields, problem))).await
        }
        Err(problem) => Err(problem),
    }
}
