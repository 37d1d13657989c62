//! How things are: what waits, what came in, what is broken, in words and one drawing.

use actix_web::http::StatusCode;
use chassis::{Role, grpc::idempotent};
use maud::{Markup, html};
use proto::{
    contacts::{GetVisitsRequest, GetVisitsResponse, ListSubmissionsRequest, get_visits_response::Day},
    documents::ListDocumentsRequest,
};

use super::{Page, page};
use crate::{
    call::Call,
    problem::Problem,
    routes::{documents::STATUS as DOCUMENT_STATUS, submissions::STATUS as MESSAGE_STATUS},
    words::Words,
};

pub(super) async fn overview(call: Call) -> Page {
    call.require(Role::Viewer)?;
    call.query()?.done()?;
    let w = call.words();
    let (visits, unread, reading, failed) =
        tokio::join!(visits(&call), messages(&call, "new"), documents(&call, "processing"), documents(&call, "failed"));
    let troubles: Vec<_> =
        call.state.shared.health.report().into_iter().filter(|(_, trouble)| trouble.is_some()).collect();
    let content = html! {
        h1 { (w.place_overview()) }
        section aria-labelledby="now" {
            h2 #now { (w.now()) }
            ul {
                li { a href="/inbox" { (counted(w, unread, Words::no_new_messages, Words::new_messages)) } }
                li { (counted(w, reading, Words::nothing_being_read, Words::being_read_count)) }
                li { a href="/documents?status=failed" { (counted(w, failed, Words::nothing_failed, Words::failed_count)) } }
                @if troubles.is_empty() { li { (w.every_part_answers()) } }
                @for (name, _) in &troubles { li.notice { (named(w, name)) } }
            }
        }
        section aria-labelledby="visits" {
            h2 #visits { (w.visits_of_website()) }
            @match &visits {
                Ok(visits) => (drawing(w, visits)),
                Err(problem) => p.notice { (w.problem(problem)) },
            }
        }
    };
    Ok(page(&call, StatusCode::OK, w.place_overview(), &content))
}

/// What it means for people that a dependency is away.
fn named(w: Words, dependency: &str) -> String {
    match dependency {
        "postgresql" => w.database_away().to_owned(),
        "search" => w.search_away().to_owned(),
        "documents" => w.documents_away().to_owned(),
        "contacts" => w.contacts_away().to_owned(),
        "indexer" => w.indexer_away().to_owned(),
        other => w.part_away(other),
    }
}

fn counted(
    w: Words,
    count: Result<i64, Problem>,
    zero: fn(Words) -> &'static str,
    many: fn(Words, i64) -> String,
) -> String {
    match count {
        Ok(0) => zero(w).to_owned(),
        Ok(n) => many(w, n),
        Err(_) => w.unknown_count().to_owned(),
    }
}

async fn visits(call: &Call) -> Result<GetVisitsResponse, Problem> {
    let ask = || {
        let mut contacts = call.state.contacts.clone();
        async move { contacts.get_visits(GetVisitsRequest::default()).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}

fn number(names: &[(&str, i32)], name: &str) -> i32 {
    names.iter().find(|(known, _)| *known == name).map_or(0, |(_, number)| *number)
}

async fn messages(call: &Call, status: &str) -> Result<i64, Problem> {
    let request =
        ListSubmissionsRequest { status: number(&MESSAGE_STATUS, status), limit: 1, count: true, ..Default::default() };
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.list_submissions(request).await }
    };
    Ok(idempotent(ask).await?.into_inner().count.unwrap_or_default())
}

async fn documents(call: &Call, status: &str) -> Result<i64, Problem> {
    let request =
        ListDocumentsRequest { status: number(&DOCUMENT_STATUS, status), limit: 1, count: true, ..Default::default() };
    let ask = || {
        let (mut documents, request) = (call.state.documents.clone(), request.clone());
        async move { documents.list_documents(request).await }
    };
    Ok(idempotent(ask).await?.into_inner().count.unwrap_or_default())
}

/// Bars, and the same numbers as a table for who cannot see them.
fn drawing(w: Words, visits: &GetVisitsResponse) -> Markup {
    const HEIGHT: i64 = 120;
    const STEP: usize = 20;
    let most = visits.days.iter().map(|day| day.visits).max().unwrap_or_default().max(1);
    let height = |day: &Day| day.visits * HEIGHT / most;
    html! {
        p.quiet { (w.visits_by_people(w.number(visits.total_visits), w.number(visits.total_bots))) }
        svg.bars viewBox={ "0 0 " (visits.days.len() * STEP) " " (HEIGHT + 4) } role="img" aria-label=(w.visits_by_day()) {
            @for (index, day) in visits.days.iter().enumerate() {
                rect x=(index * STEP + 2) y=(HEIGHT - height(day)) width=(STEP - 4) height=(height(day) + 2) {
                    title { (day.day) ": " (day.visits) }
                }
            }
        }
        details {
            summary { (w.the_numbers()) }
            table {
                thead { tr { th { (w.day_heading()) } th { (w.visits()) } th { (w.programs()) } } }
                tbody { @for day in visits.days.iter().rev() { tr { td { (day.day) } td { (day.visits) } td { (day.bots) } } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tallest_bar_is_the_busiest_day_and_no_visits_are_no_error() {
        let day = |day: &str, visits| Day { day: day.to_owned(), visits, bots: 0 };
        let drawn = |days| drawing(Words::default(), &GetVisitsResponse { days, ..Default::default() }).into_string();
        let two = drawn(vec![day("2026-01-01", 5), day("2026-01-02", 10)]);
        assert!(two.contains(r#"y="60""#) && two.contains(r#"height="122""#), "{two}");
        assert!(drawn(vec![day("2026-01-01", 0)]).contains(r#"height="2""#));
        assert!(drawn(Vec::new()).contains("0 visits"));
    }
}
