//! Files that are sent by the plain form; scripts send them by the API, many at a time.

use maud::{Markup, html};
use proto::documents::Collection;

use super::{Page, notice, page};
use crate::{
    call::{Body, Call},
    problem::Problem,
    routes::{documents, upload},
    words::Words,
};

/// The form; with a choice of where it goes when there are several collections.
pub(super) fn upload_form(w: Words, trouble: Option<&Problem>, collections: &[Collection]) -> Markup {
    html! {
        section.add aria-labelledby="add" {
            h2 #add { (w.add_document()) }
            (notice(w, trouble))
            form #upload action="/upload" method="post" enctype="multipart/form-data" {
                @if collections.len() > 1 {
                    label for="into" { (w.into_collection()) }
                    select #into name="collection_id" {
                        @for collection in collections { option value=(collection.id) { (collection.name) } }
                    }
                }
                label for="file" { (w.choose_file()) }
                input #file type="file" name="file" required;
                button.primary.no-script type="submit" { (w.upload()) }
                span.scripted {
                    button type="button" data-folder { (w.choose_folder()) }
                    input #folder type="file" hidden webkitdirectory aria-label=(w.choose_folder());
                }
            }
        }
    }
}

/// What is being sent, on every page of whoever may send something. Scripts fill it.
pub(super) fn tray(w: Words) -> Markup {
    html! {
        section #tray hidden aria-labelledby="tray-heading" {
            div.actions {
                h2 #tray-heading { (w.uploads()) }
                button type="button" data-pause aria-pressed="false" { (w.pause()) }
                button type="button" data-retry hidden { (w.retry_failed()) }
                button type="button" data-clear { (w.clear_done()) }
            }
            p #tray-said.quiet role="status" {}
            ul #uploads.plain {}
        }
    }
}

pub(super) async fn upload(call: Call, body: Body) -> Page {
    match upload::receive(&call, body, String::new()).await {
        Ok(answer) => match &answer.document {
            Some(document) => Ok(documents::see(document)),
            None => Err(chassis::Fault::internal("an upload was answered without its document").into()),
        },
        Err(problem) if problem.status.is_client_error() && call.context.identity.is_some() => {
            let w = call.words();
            let content = html! { h1 { (w.not_uploaded()) } (upload_form(w, Some(&problem), &[])) };
            Ok(page(&call, problem.status, w.not_uploaded(), &content))
        }
        Err(problem) => Err(problem),
    }
}
