//! What people should know of a document's text, and its password, where it waits for one.

use actix_web::http::StatusCode;
use maud::{Markup, html};
use proto::documents::Document;

use super::{Page, document::show, may_edit};
use crate::{
    call::{Body, Call},
    routes::documents,
    words::Words,
};

/// The notes, and the form for whoever may have it read.
pub(super) fn notes(call: &Call, document: &Document) -> Markup {
    let w = call.words();
    html! {
        @for note in &document.notes { p.notice { (said(w, &note.code)) } }
        @if waits_for_password(document) && may_edit(call) { (form(w, &document.id)) }
    }
}

/// By the code of the note.
fn said(w: Words, code: &str) -> &'static str {
    match code {
        "ocr_unavailable" => w.note_pictures(),
        "encrypted" => w.note_locked(),
        "limit_exceeded" | "too_large" => w.note_longer(),
        "timeout" => w.note_slow(),
        "kept" | "kept_encrypted" => w.note_kept(),
        _ => w.note_damaged(),
    }
}

/// Whether somebody who has its password could have it read.
fn waits_for_password(document: &Document) -> bool {
    let noted = document.notes.iter().any(|note| matches!(note.code.as_str(), "encrypted" | "kept_encrypted"));
    let failed = document.failure.as_ref().is_some_and(|failure| failure.code == "encrypted");
    document.deleted_at.is_none() && (failed || noted)
}

fn form(w: Words, id: &str) -> Markup {
    html! {
        form.inline action={ "/documents/" (id) "/unlock" } method="post" {
            label { (w.its_password()) " " input type="password" name="password" required maxlength="1024" autocomplete="off"; }
            button type="submit" { (w.open_and_read()) }
            p.hint { (w.password_is_forgotten()) }
        }
    }
}

/// Has it read with the password that somebody typed.
pub(super) async fn unlock(call: Call, body: Body) -> Page {
    let mut form = body.form().await?;
    let password = form.text("password");
    form.done()?;
    match documents::open(&call, password).await {
        Ok(document) => Ok(documents::see(&document)),
        Err(problem) if problem.status == StatusCode::UNPROCESSABLE_ENTITY => show(&call, 1, Some(&problem)).await,
        Err(problem) => Err(problem),
    }
}
