//! Two contacts that are one person: finding the other one, seeing what would become of them, doing it.

use actix_web::http::StatusCode;
use chassis::Role;
use maud::{Markup, html};
use proto::contacts::{Contact, ListContactsRequest, Merge, MergeContactsRequest, UndoMergeRequest};

use super::{Page, empty, field, find, get, notice, page, see, table, tag_links};
use crate::{
    call::{Body, Call},
    problem::Problem,
    routes::merges,
    words::Words,
};

const SHOWN: i32 = 20;

/// Without a target, who could be meant; with one, a preview.
pub(in crate::pages) async fn enter(call: Call) -> Page {
    call.require(Role::Editor)?;
    let mut query = call.query()?;
    let (q, into) = (query.get("q"), query.text("into"));
    query.done()?;
    let source = get(&call, &call.part("id")).await?;
    match into.is_empty() {
        true => choose(&call, &source, q.as_deref(), None).await,
        false => preview(&call, &source, into).await,
    }
}

/// Those who are called like it, until somebody looks for another name.
async fn choose(call: &Call, source: &Contact, q: Option<&str>, problem: Option<&Problem>) -> Page {
    let w = call.words();
    let q = q.unwrap_or(&source.name);
    let request = ListContactsRequest { q: q.to_owned(), limit: SHOWN, sort: "name".to_owned(), ..Default::default() };
    let mut found = find(call, request).await?.items;
    found.retain(|contact| contact.id != source.id);
    let here = format!("/contacts/{}/merge", source.id);
    let content = html! {
        h1 { (w.merge_title(&source.name)) }
        (notice(w, problem))
        p { (w.merge_choose()) }
        form.search action=(here) method="get" role="search" data-results="found" {
            label for="q" { (w.find_contact()) }
            input #q type="search" name="q" value=(q) maxlength="200" autocomplete="off" spellcheck="false";
            button type="submit" { (w.find()) }
        }
        div #found aria-live="polite" {
            @if found.is_empty() { (empty(w.merge_none(), &html! {})) }
            @else { (table(w, &found, |contact| html! { a href={ (here) "?into=" (contact.id) } { (contact.name) } })) }
        }
        p { a href={ "/contacts/" (source.id) } { (source.name) } }
    };
    let status = problem.map_or(StatusCode::OK, |problem| problem.status);
    Ok(page(call, status, &w.merge_title(&source.name), &content))
}

async fn preview(call: &Call, source: &Contact, into: String) -> Page {
    let w = call.words();
    let request = MergeContactsRequest { id: source.id.clone(), into: into.clone(), dry_run: true, idempotency: None };
    let merge = match merges::ask(call, request).await {
        Ok(merge) => merge,
        Err(problem) if problem.status.is_client_error() => return choose(call, source, None, Some(&problem)).await,
        Err(problem) => return Err(problem),
    };
    let Some(target) = &merge.contact else { return choose(call, source, None, None).await };
    let here = format!("/contacts/{}/merge", source.id);
    let content = html! {
        h1 { (w.merge_into(&source.name, &target.name)) }
        section.card aria-labelledby="after" {
            h2 #after { (w.merge_result()) }
            (outcome(w, source, target, &merge))
            p { (w.merge_messages(merge.submissions)) }
            @if merge.links > 0 { p { (w.merge_links(merge.links)) } }
            p { (w.merge_address(&source.email)) " " (w.merge_undoable()) }
            div.actions {
                form #merge action=(here) method="post" {
                    input type="hidden" name="into" value=(target.id);
                    button.primary type="submit" { (w.merge_do()) }
                }
                a.button href={ "/contacts/" (target.id) "/merge?into=" (source.id) } { (w.merge_swap()) }
                a.button href=(here) { (w.merge_other()) }
            }
        }
    };
    Ok(page(call, StatusCode::OK, &w.merge_title(&source.name), &content))
}

/// Each field, and whose it is.
fn outcome(w: Words, source: &Contact, target: &Contact, merge: &Merge) -> Markup {
    let from = |name: &str, taken: bool| {
        let whose = if taken { w.merge_taken(&source.name) } else { w.merge_stays().to_owned() };
        html! { th scope="row" { (field(w, name)) } td.quiet { (whose) } }
    };
    let taken = |name: &str| merge.fields.iter().any(|field| field == name);
    html! {
        table {
            tbody {
                tr { (from("name", false)) td { (target.name) } }
                tr { (from("email", false)) td { (target.email) } }
                tr { (from("phone", taken("phone"))) td { (target.phone) } }
                tr { (from("company", taken("company"))) td { (target.company) } }
                tr { (from("tags", !merge.tags.is_empty())) td { (tag_links(target)) } }
                @if !merge.metadata_keys.is_empty() {
                    tr { (from("metadata", true)) td { (merge.metadata_keys.join(", ")) } }
                }
            }
        }
    }
}

pub(in crate::pages) async fn merge(call: Call, body: Body) -> Page {
    let mut form = body.form().await?;
    let into = form.text("into");
    form.done()?;
    let request = MergeContactsRequest { id: call.part("id"), into, dry_run: false, idempotency: None };
    let merge = merges::ask(&call, request).await?;
    Ok(see(&format!("/contacts/{}?merged={}", merge.target_id, merge.id)))
}

pub(in crate::pages) async fn undo(call: Call) -> Page {
    let merge = merges::ask_undo(&call, UndoMergeRequest { id: call.part("id"), idempotency: None }).await?;
    Ok(see(&format!("/contacts/{}?undone={}", merge.target_id, merge.source_id)))
}
