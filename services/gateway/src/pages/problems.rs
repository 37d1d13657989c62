use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use maud::html;

use super::{Page, layout::around, page};
use crate::{call::Call, problem::Problem, words::Words};

/// A problem as a person sees it.
pub(crate) fn problem(request: &HttpRequest, problem: &Problem, request_id: &str) -> HttpResponse {
    let w = Words::of(request);
    let slug = problem.slug();
    let meaning = w.meaning(&slug).or_else(|| w.meaning(problem.fault.kind.as_str()));
    let title = meaning.map_or(w.something_failed(), |(title, _)| title);
    let content = html! {
        h1 { (title) }
        @if problem.fault.fields.is_empty() { p { (w.problem(problem)) } }
        @else { ul { @for field in &problem.fault.fields { li { (w.field_fault(field)) } } } }
        p { a href={ "/problems/" (slug) } { (w.what_this_means()) } " · " a href="/" { (w.start_page()) } }
        p.quiet { (w.request_number(request_id)) }
    };
    let mut response = around(request, problem.status, title, &content);
    for (name, value) in problem.head().finish().headers() {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}

/// What the `type` of a problem means.
pub(super) async fn explain(call: Call) -> Page {
    let slug = call.part("slug");
    let (title, text) = call.words().meaning(&slug).ok_or_else(|| chassis::Fault::not_found("problem"))?;
    let content = html! {
        h1 { (title) }
        p { (text) }
        p.quiet { code { "/problems/" (slug) } }
    };
    Ok(page(&call, StatusCode::OK, title, &content))
}
