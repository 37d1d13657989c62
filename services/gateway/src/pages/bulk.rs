//! What is done with many documents at once.

use actix_web::http::StatusCode;
use chassis::{Fault, Role};
use futures_util::{StreamExt, stream};
use maud::{Markup, html};
use proto::documents::{
    Collection, GetDocumentRequest, ReprocessDocumentRequest, RestoreDocumentRequest, Tags, TrashDocumentRequest,
    UpdateDocumentRequest,
};

use super::{Page, notice, page, same_site, see};
use crate::{
    call::{Body, Call},
    problem::Problem,
    words::Words,
};

/// Documents at once, which is what a page shows.
const MOST: usize = 200;
/// Of them at the same time.
const TOGETHER: usize = 8;

/// The form that the ticks of a list belong to.
pub(super) fn form(w: Words, back: &str, trashed: bool, collections: &[Collection]) -> Markup {
    html! {
        form #bulk.inline action="/documents/bulk" method="post" aria-label=(w.with_chosen()) {
            input type="hidden" name="back" value=(back);
            label.scripted { input #select-all type="checkbox"; " " (w.choose_all()) }
            @if trashed {
                button name="action" value="restore" { (w.restore()) }
            } @else {
                label { (w.tag()) input name="tag" maxlength="50" autocomplete="off"; }
                button name="action" value="tag" { (w.add_tag()) }
                @if collections.len() > 1 {
                    label {
                        (w.facet_collection())
                        select name="collection_id" {
                            @for collection in collections { option value=(collection.id) { (collection.name) } }
                        }
                    }
                    button name="action" value="move" { (w.move_there()) }
                }
                button name="action" value="reprocess" { (w.read_again()) }
                button.danger name="action" value="trash" { (w.to_trash()) }
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Action {
    Trash,
    Restore,
    Reprocess,
    Move(String),
    Tag(String),
}

/// Does it to each; what was refused is said, and the rest is done all the same.
pub(super) async fn change(call: Call, body: Body) -> Page {
    call.require(Role::Editor)?;
    let mut form = body.form().await?;
    let (ids, back) = (form.all("ids"), form.text("back"));
    let (action, tag, collection) = (form.text("action"), form.text("tag"), form.text("collection_id"));
    form.done()?;
    let w = call.words();
    let back = if same_site(&back, &call) { back } else { "/documents".to_owned() };
    let refuse = |words: &str| {
        let content =
            html! { h1 { (w.place_documents()) } p.notice role="alert" { (words) } p { a href=(back) { (w.back()) } } };
        Ok(page(&call, StatusCode::UNPROCESSABLE_ENTITY, w.place_documents(), &content))
    };
    if ids.is_empty() {
        return refuse(w.nothing_chosen());
    }
    if ids.len() > MOST {
        return refuse(&w.too_many_chosen(w.number(MOST as i64)));
    }
    let action = match action.as_str() {
        "trash" => Action::Trash,
        "restore" => Action::Restore,
        "reprocess" => Action::Reprocess,
        "move" => Action::Move(collection),
        "tag" if tag.trim().is_empty() => return refuse(w.no_tag_given()),
        "tag" => Action::Tag(tag.trim().to_owned()),
        _ => return Err(Fault::field("action", "must be one of trash, restore, reprocess, move, tag").into()),
    };
    let each = ids.iter().map(|id| one(&call, &action, id.clone()));
    let outcomes: Vec<Result<(), Problem>> = stream::iter(each).buffer_unordered(TOGETHER).collect().await;
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    match outcomes.into_iter().find_map(Result::err) {
        None => {
            let mark = if back.contains('?') { '&' } else { '?' };
            Ok(see(&format!("{back}{mark}done={done}")))
        }
        Some(problem) => {
            let content = html! {
                h1 { (w.place_documents()) }
                (notice(w, Some(&problem)))
                p { (w.done_of(w.number(done as i64), w.number(ids.len() as i64))) }
                p { a href=(back) { (w.back()) } }
            };
            Ok(page(&call, problem.status, w.place_documents(), &content))
        }
    }
}

async fn one(call: &Call, action: &Action, id: String) -> Result<(), Problem> {
    let mut documents = call.state.documents.clone();
    match action {
        Action::Trash => drop(documents.trash_document(TrashDocumentRequest { id, if_revision: None }).await?),
        Action::Restore => drop(documents.restore_document(RestoreDocumentRequest { id }).await?),
        Action::Reprocess => drop(documents.reprocess_document(ReprocessDocumentRequest { id }).await?),
        Action::Move(to) => {
            let request = UpdateDocumentRequest { id, collection_id: Some(to.clone()), ..Default::default() };
            drop(documents.update_document(request).await?);
        }
        Action::Tag(tag) => {
            let document = documents.get_document(GetDocumentRequest { id: id.clone() }).await?.into_inner();
            if document.tags.contains(tag) {
                return Ok(());
            }
            let values = document.tags.into_iter().chain([tag.clone()]).collect();
            let request = UpdateDocumentRequest {
                id,
                tags: Some(Tags { values }),
                if_revision: Some(document.revision),
                ..Default::default()
            };
            drop(documents.update_document(request).await?);
        }
    }
    Ok(())
}
