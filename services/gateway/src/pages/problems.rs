use actix_web::{HttpResponse, http::StatusCode};
use maud::html;

use super::{Page, page};
use crate::{
    call::Call,
    problem::{self, Problem},
};

/// A problem as a person sees it.
pub(crate) fn problem(problem: &Problem, request_id: &str) -> HttpResponse {
    let content = html! {
        h1 { (problem.title()) }
        p { (problem.fault.detail) }
        @if !problem.fault.fields.is_empty() {
            ul { @for field in &problem.fault.fields { li { strong { (field.field) } ": " (field.detail) } } }
        }
        p { a href={ "/problems/" (problem.slug()) } { "What this means" } " · " a href="/" { "Start page" } }
        p.quiet { "Request " (request_id) }
    };
    let mut response = page(problem.status, problem.title(), None, &content);
    for (name, value) in problem.head().finish().headers() {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}

/// What the `type` of a problem means.
pub(super) async fn explain(call: Call) -> Page {
    let slug = call.part("slug");
    let (title, text) = problem::explanation(&slug).ok_or_else(|| chassis::Fault::not_found("problem"))?;
    let content = html! {
        h1 { (title) }
        p { (text) }
        p.quiet { code { "/problems/" (slug) } }
    };
    Ok(page(StatusCode::OK, title, call.context.identity.as_deref(), &content))
}
