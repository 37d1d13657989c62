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
};

pub(super) async fn overview(call: Call) -> Page {
    call.require(Role::Viewer)?;
    call.query()?.done()?;
    let (visits, unread, reading, failed) =
        tokio::join!(visits(&call), messages(&call, "new"), documents(&call, "processing"), documents(&call, "failed"));
    let troubles: Vec<_> =
        call.state.shared.health.report().into_iter().filter(|(_, trouble)| trouble.is_some()).collect();
    let content = html! {
        h1 { "Overview" }
        section aria-labelledby="now" {
            h2 #now { "Now" }
            ul {
                li { (counted(unread, "new message", "new messages")) " in the " a href="/inbox" { "inbox" } "." }
                li { (counted(reading, "document is", "documents are")) " being read." }
                li {
                    (counted(failed, "document", "documents")) " could not be read."
                    " " a href="/documents?status=failed" { "Show" }
                }
                @if troubles.is_empty() { li { "Every part of the system answers." } }
                @for (name, _) in &troubles { li.notice { (named(name)) } }
            }
        }
        section aria-labelledby="visits" {
            h2 #visits { "Visits of your website, the last 30 days" }
            @match &visits {
                Ok(visits) => (drawing(visits)),
                Err(problem) => p.notice { (problem.fault.detail) },
            }
        }
    };
    Ok(page(StatusCode::OK, "Overview", call.context.identity.as_deref(), &content))
}

/// What it means for people that a dependency is away.
fn named(dependency: &str) -> String {
    match dependency {
        "postgresql" => "The database cannot be reached: nothing can be changed until it is back.".to_owned(),
        "search" => "Search is away.".to_owned(),
        "documents" => "Documents cannot be reached.".to_owned(),
        "contacts" => "Contacts and messages cannot be reached.".to_owned(),
        "indexer" => "New documents wait to be read.".to_owned(),
        other => format!("{other} cannot be reached."),
    }
}

fn counted(count: Result<i64, Problem>, one: &str, many: &str) -> String {
    match count {
        Ok(0) => format!("No {}", many.strip_suffix(" are").map_or(many.to_owned(), |m| format!("{m} are"))),
        Ok(1) => format!("1 {one}"),
        Ok(n) => format!("{n} {many}"),
        Err(_) => format!("An unknown number of {many}"),
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
fn drawing(visits: &GetVisitsResponse) -> Markup {
    const HEIGHT: i64 = 120;
    const STEP: usize = 20;
    let most = visits.days.iter().map(|day| day.visits).max().unwrap_or_default().max(1);
    let height = |day: &Day| day.visits * HEIGHT / most;
    html! {
        p.quiet { (visits.total_visits) " visits by people, " (visits.total_bots) " by programs." }
        svg.bars viewBox={ "0 0 " (visits.days.len() * STEP) " " (HEIGHT + 4) } role="img" aria-label="Visits by day; the table below has the numbers" {
            @for (index, day) in visits.days.iter().enumerate() {
                rect x=(index * STEP + 2) y=(HEIGHT - height(day)) width=(STEP - 4) height=(height(day) + 2) {
                    title { (day.day) ": " (day.visits) }
                }
            }
        }
        details {
            summary { "The numbers" }
            table {
                thead { tr { th { "Day" } th { "Visits" } th { "Programs" } } }
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
        let drawn = |days| drawing(&GetVisitsResponse { days, ..Default::default() }).into_string();
        let two = drawn(vec![day("2026-01-01", 5), day("2026-01-02", 10)]);
        assert!(two.contains(r#"y="60""#) && two.contains(r#"height="122""#), "{two}");
        assert!(drawn(vec![day("2026-01-01", 0)]).contains(r#"height="2""#));
        assert!(drawn(Vec::new()).contains("0 visits"));
    }
}
