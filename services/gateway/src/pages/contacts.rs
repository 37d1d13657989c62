//! People and firms.

use actix_web::http::StatusCode;
use chassis::{Role, grpc::idempotent};
use maud::{Markup, html};
use proto::contacts::{
    Contact, CreateContactRequest, DeleteContactRequest, GetContactRequest, ListContactsRequest,
    ListSubmissionsRequest, Tags, UpdateContactRequest, import_contacts_response::Action,
};

use super::{Page, escaped, links, may_edit, notice, page, see, upload_links};
use crate::{
    call::{Body, Call},
    problem::Problem,
    query::Query,
    routes::transfer,
    words::Words,
};

const CONTACTS: i32 = 50;

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
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.list_contacts(request).await }
    };
    let found = idempotent(ask).await?.into_inner();
    let status = refused.as_ref().map_or(StatusCode::OK, |(_, problem)| problem.status);
    let fields = refused.as_ref().map(|(fields, _)| fields.clone()).unwrap_or_default();
    let content = html! {
        h1 { (w.place_contacts()) }
        form.search action="/contacts" method="get" role="search" {
            label for="q" { (w.find_contact()) }
            input #q type="search" name="q" value=(q) maxlength="200" autocomplete="off";
            @if !tag.is_empty() { input type="hidden" name="tag" value=(tag); }
            button type="submit" { (w.find()) }
        }
        p.quiet {
            @match found.count.unwrap_or_default() { 0 => (w.no_contact()), n => (w.contacts(n)) }
            @if !tag.is_empty() { " " (w.with_tag(&tag)) " " a href="/contacts" { (w.all()) } }
        }
        table.stack {
            thead { tr { th { (w.name()) } th { (w.email()) } th { (w.company()) } th { (w.tags()) } } }
            tbody {
                @for contact in &found.items {
                    tr {
                        td { a href={ "/contacts/" (contact.id) } { (contact.name) } }
                        td data-label=(w.email()) { (contact.email) }
                        td data-label=(w.company()) { (contact.company) }
                        td data-label=(w.tags()) { (tags(contact)) }
                    }
                }
            }
        }
        @if !found.next_cursor.is_empty() {
            p.more { a href={ "/contacts?q=" (escaped(&q)) "&tag=" (escaped(&tag)) "&cursor=" (found.next_cursor) } { (w.more()) } }
        }
        @if may_edit(&call) {
            section aria-labelledby="add" {
                h2 #add { (w.add_contact()) }
                (notice(w, refused.as_ref().map(|(_, problem)| problem)))
                (form(w, "/contacts", &fields, w.add()))
            }
            section aria-labelledby="import" {
                h2 #import { (w.import_and_export()) }
                p { a download href="/api/v1/contacts/export" { (w.contacts_as_csv()) } }
                (import_form(w, ""))
            }
        }
    };
    Ok(page(&call, status, w.place_contacts(), &content))
}

fn import_form(w: Words, csv: &str) -> Markup {
    html! {
        form action="/contacts/import" method="post" {
            label for="csv" { (w.import_table()) }
            textarea #csv name="csv" rows="6" cols="60" required placeholder="name,email\nAnn,ann@example.org" { (csv) }
            div.actions {
                button name="dry_run" value="true" { (w.import_preview()) }
                button name="dry_run" value="false" { (w.import()) }
            }
        }
    }
}

/// What each row of a table did, or would do.
pub(super) async fn import(call: Call, body: Body) -> Page {
    call.require(Role::Editor)?;
    let w = call.words();
    let mut sent = body.form().await?;
    let (csv, dry_run) = (sent.text("csv"), sent.flag("dry_run"));
    sent.done()?;
    let done = transfer::bring_in(&call, csv.as_bytes(), dry_run).await;
    let (status, problem, rows) = match done {
        Ok(done) => (StatusCode::OK, None, done.outcomes),
        Err(problem) if problem.status.is_client_error() => (problem.status, Some(problem), Vec::new()),
        Err(problem) => return Err(problem),
    };
    let title = if dry_run { w.import_would() } else { w.imported() };
    let content = html! {
        h1 { (title) }
        (notice(w, problem.as_ref()))
        @if !rows.is_empty() {
            table {
                thead { tr { th { (w.row()) } th { (w.what()) } th { (w.why()) } } }
                tbody {
                    @for (index, row) in rows.iter().enumerate() {
                        tr {
                            td { (index + 1) }
                            td {
                                @if row.contact_id.is_empty() || dry_run { (action(w, row.action())) }
                                @else { a href={ "/contacts/" (row.contact_id) } { (action(w, row.action())) } }
                            }
                            td { (row.detail) }
                        }
                    }
                }
            }
        }
        @if dry_run || problem.is_some() { (import_form(w, &csv)) }
        p { a href="/contacts" { (w.all_contacts()) } }
    };
    Ok(page(&call, status, title, &content))
}

fn action(w: Words, action: Action) -> &'static str {
    match action {
        Action::Created => w.row_created(),
        Action::Updated => w.row_updated(),
        Action::Unchanged => w.row_unchanged(),
        Action::Refused | Action::Unspecified => w.row_refused(),
    }
}

fn tags(contact: &Contact) -> Markup {
    html! { @for tag in &contact.tags { a.tag href={ "/contacts?tag=" (escaped(tag)) } { (tag) } " " } }
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

pub(super) async fn one(call: Call) -> Page {
    show_one(call, None).await
}

async fn show_one(call: Call, refused: Option<(Fields, Problem)>) -> Page {
    let w = call.words();
    call.query()?.done()?;
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), GetContactRequest { id: call.part("id") });
        async move { contacts.get_contact(request).await }
    };
    let contact = idempotent(ask).await?.into_inner();
    let request = ListSubmissionsRequest { contact_id: contact.id.clone(), limit: CONTACTS, ..Default::default() };
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.list_submissions(request).await }
    };
    let messages = idempotent(ask).await?.into_inner();
    let documents = links::documents(&call, &contact.id).await;
    let asking = upload_links::section(&call, &contact.id).await;
    let status = refused.as_ref().map_or(StatusCode::OK, |(_, problem)| problem.status);
    let fields = refused.as_ref().map_or_else(|| Fields::of(&contact), |(fields, _)| fields.clone());
    let content = html! {
        h1 { (contact.name) }
        p {
            a href={ "mailto:" (escaped(&contact.email)) } { (contact.email) }
            @if !contact.phone.is_empty() { " · " (contact.phone) }
            @if !contact.company.is_empty() { " · " (contact.company) }
        }
        p { (tags(&contact)) }
        p.quiet { (w.known_since()) " " (w.time(contact.created_at)) }
        section aria-labelledby="messages" {
            h2 #messages { (w.messages()) }
            @if messages.items.is_empty() { p.quiet { (w.none_yet()) } }
            ul.messages {
                @for message in &messages.items {
                    li {
                        p.quiet { (w.time(message.created_at)) @if !message.subject.is_empty() { " · " (message.subject) } }
                        p.message { (message.message) }
                    }
                }
            }
        }
        (documents)
        @if let Some(asking) = asking { (asking) }
        @if may_edit(&call) {
            section aria-labelledby="edit" {
                h2 #edit { (w.change()) }
                (notice(w, refused.as_ref().map(|(_, problem)| problem)))
                (form(w, &format!("/contacts/{}", contact.id), &fields, w.save()))
                details {
                    summary { (w.remove_contact()) }
                    p { (w.remove_contact_warning()) }
                    form action={ "/contacts/" (contact.id) "/remove" } method="post" { button.danger type="submit" { (w.remove_for_good()) } }
                }
            }
        }
    };
    Ok(page(&call, status, &contact.name, &content))
}

pub(super) async fn change(call: Call, body: Body) -> Page {
    let mut sent = body.form().await?;
    let fields = Fields::read(&mut sent);
    sent.done()?;
    let request = UpdateContactRequest {
        id: call.part("id"),
        name: Some(fields.name.clone()),
        email: Some(fields.email.clone()),
        phone: Some(fields.phone.clone()),
        company: Some(fields.company.clone()),
        tags: Some(Tags { values: fields.tags() }),
        ..Default::default()
    };
    match call.state.contacts.clone().update_contact(request).await.map_err(Problem::from) {
        Ok(changed) => Ok(see(&format!("/contacts/{}", changed.into_inner().id))),
        Err(problem) if problem.status.is_client_error() && may_edit(&call) => {
            show_one(call, Some((fields, problem))).await
        }
        Err(problem) => Err(problem),
    }
}

pub(super) async fn remove(call: Call) -> Page {
    let request = DeleteContactRequest { id: call.part("id"), if_revision: None };
    call.state.contacts.clone().delete_contact(request).await.map_err(Problem::from)?;
    Ok(see("/contacts"))
}
