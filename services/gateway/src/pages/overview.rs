//! How things are: what waits, what came in, what is broken, what people looked for; in words,
//! drawings and tables.

use actix_web::http::StatusCode;
use chassis::{Role, grpc::idempotent};
use jiff::civil::Date;
use maud::{Markup, html};
use proto::{
    contacts::ListSubmissionsRequest,
    documents::ListDocumentsRequest,
    search::{
        GetOverviewRequest, GetSearchesRequest, ListSynonymsRequest, Overview, Searches, SuggestRequest, Synonym,
        overview::Numbers, searches::Query as Sought,
    },
};

use super::{Page, address, may_edit, notice, page, plot, see};
use crate::{
    call::{Body, Call},
    problem::Problem,
    routes::{documents::STATUS as DOCUMENT_STATUS, submissions::STATUS as MESSAGE_STATUS},
    words::{Word, Words},
};

/// Ranges that are offered, in days.
const RANGES: [i32; 4] = [7, 30, 90, 365];
const RANGE: i32 = 30;
/// The query log is kept this long.
const LOGGED: i32 = 90;
const ZERO: i32 = 10;

type Figure = fn(&Numbers) -> i64;
const PLOTS: [(Word, Figure); 6] = [
    (Words::plot_visits, |n| n.visits),
    (Words::plot_submissions, |n| n.submissions),
    (Words::plot_uploads, |n| n.uploads),
    (Words::plot_processing, |n| n.failed),
    (Words::plot_searches, |n| n.searches),
    (Words::plot_zero, |n| n.zero_results),
];

pub(super) async fn overview(call: Call) -> Page {
    call.require(Role::Viewer)?;
    let mut query = call.query()?;
    let days = query.number("days", 1, 365);
    let taught = query.text("taught");
    query.done()?;
    let days = if days == 0 { RANGE } else { days };
    let w = call.words();
    let (unread, reading, failed) =
        tokio::join!(messages(&call, "new"), documents(&call, "processing"), documents(&call, "failed"));
    let over_time = match may_edit(&call) {
        true => over_time(&call, days).await,
        false => html! { p.quiet { (w.only_editors()) } },
    };
    let content = html! {
        h1 { (w.place_overview()) }
        @if !taught.is_empty() { p.told role="status" { (w.taught(&taught)) } }
        section aria-labelledby="now" {
            h2 #now { (w.now()) }
            ul {
                li { a href="/inbox" { (counted(w, unread, Words::no_new_messages, Words::new_messages)) } }
                li { (counted(w, reading, Words::nothing_being_read, Words::being_read_count)) }
                li { a href="/documents?status=failed" { (counted(w, failed, Words::nothing_failed, Words::failed_count)) } }
            }
        }
        (health(&call))
        (over_time)
    };
    Ok(page(&call, StatusCode::OK, w.place_overview(), &content))
}

/// Every part of the system, and what it means for people that one is away.
fn health(call: &Call) -> Markup {
    let w = call.words();
    let parts = call.state.shared.health.report();
    html! {
        section aria-labelledby="health" {
            h2 #health { (w.health()) }
            @if parts.values().all(Option::is_none) { p { (w.every_part_answers()) } }
            @for (name, _) in parts.iter().filter(|(_, trouble)| trouble.is_some()) { p.notice { (trouble(w, name)) } }
            dl.pairs {
                @for (name, trouble) in &parts {
                    dt { (named(w, name)) }
                    dd {
                        // Accounts and keys answer nobody: they are there, or not.
                        @let (well, ill) = match *name {
                            "first_owner" => (w.owner_there(), w.owner_missing()),
                            "sealed_secrets" => (w.secrets_open(), w.secrets_locked()),
                            _ => (w.part_well(), w.part_ill()),
                        };
                        @if trouble.is_none() { span.badge.good { (well) } } @else { span.badge.bad { (ill) } }
                    }
                }
            }
        }
    }
}

fn named(w: Words, part: &'static str) -> &'static str {
    match part {
        "postgresql" => w.part_postgresql(),
        "search" => w.part_search(),
        "documents" => w.part_documents(),
        "contacts" => w.part_contacts(),
        "indexer" => w.part_indexer(),
        "first_owner" => w.part_first_owner(),
        "sealed_secrets" => w.part_sealed_secrets(),
        "prober_account" => w.part_prober(),
        other => other,
    }
}

fn trouble(w: Words, part: &'static str) -> String {
    match part {
        "postgresql" => w.database_away().to_owned(),
        "search" => w.search_away().to_owned(),
        "documents" => w.documents_away().to_owned(),
        "contacts" => w.contacts_away().to_owned(),
        "indexer" => w.indexer_away().to_owned(),
        "first_owner" => w.first_owner_missing().to_owned(),
        "sealed_secrets" => w.sealed_secrets_locked().to_owned(),
        other => w.part_away(named(w, other)),
    }
}

fn counted(w: Words, count: Result<i64, Problem>, zero: Word, many: fn(Words, i64) -> String) -> String {
    match count {
        Ok(0) => zero(w).to_owned(),
        Ok(n) => many(w, n),
        Err(_) => w.unknown_count().to_owned(),
    }
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

/// The first day of a range that ends today, in UTC.
fn first_day(days: i32) -> String {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    today.saturating_sub(jiff::Span::new().days(days - 1)).to_string()
}

async fn over_time(call: &Call, days: i32) -> Markup {
    let w = call.words();
    let ask = || {
        let (mut analytics, from) = (call.state.analytics.clone(), first_day(days));
        async move { analytics.get_overview(GetOverviewRequest { from, to: String::new() }).await }
    };
    let ask_searches = || {
        let (mut analytics, from) = (call.state.analytics.clone(), first_day(days.min(LOGGED)));
        async move { analytics.get_searches(GetSearchesRequest { from, to: String::new(), limit: ZERO }).await }
    };
    let (numbers, searches) = tokio::join!(idempotent(ask), idempotent(ask_searches));
    html! {
        nav.tabs aria-label=(w.range_label()) {
            @for range in RANGES {
                a href={ "/overview?days=" (range) } aria-current=[(range == days).then_some("page")] { (w.last_days(range.into())) } " "
            }
        }
        @match numbers.map_err(Problem::from) {
            Ok(numbers) => (plots(w, &numbers.into_inner())),
            Err(problem) => (notice(w, Some(&problem))),
        }
        @match searches.map_err(Problem::from) {
            Ok(searches) => (zero(call, &searches.into_inner()).await),
            Err(problem) => (notice(w, Some(&problem))),
        }
    }
}

fn plots(w: Words, overview: &Overview) -> Markup {
    let totals = overview.totals.unwrap_or_default();
    let day = |text: &str| text.parse::<Date>().map_or_else(|_| text.to_owned(), |day| w.short_day(day));
    let days: Vec<String> = overview.days.iter().map(|d| day(&d.day)).collect();
    let of = |figure: Figure| overview.days.iter().map(|d| figure(&d.numbers.unwrap_or_default())).collect::<Vec<_>>();
    html! {
        div.cards.plots {
            @for (words, figure) in PLOTS {
                section.card {
                    h3 { (words(w)) }
                    p.quiet { (w.in_all(w.number(figure(&totals)))) }
                    (plot::line(w, words(w), &days, &of(figure)))
                }
            }
        }
        @if let Some(seconds) = totals.seconds_to_searchable { p { (w.until_found(w.duration(seconds))) } }
        details {
            summary { (w.the_numbers()) }
            div.scroll tabindex="0" role="region" aria-label=(w.the_numbers()) {
                table {
                    thead { tr { th { (w.day_heading()) } @for (words, _) in PLOTS { th.number { (words(w)) } } } }
                    tbody {
                        @for (shown, one) in days.iter().zip(&overview.days).rev() {
                            @let numbers = one.numbers.unwrap_or_default();
                            tr { td { (shown) } @for (_, figure) in PLOTS { td.number { (w.number(figure(&numbers))) } } }
                        }
                    }
                }
            }
        }
    }
}

/// What found nothing, each with a form that teaches a synonym.
async fn zero(call: &Call, searches: &Searches) -> Markup {
    let w = call.words();
    let near = futures_util::future::join_all(searches.zero.iter().map(|sought| near(call, sought))).await;
    html! {
        section aria-labelledby="zero" {
            h2 #zero { (w.zero_heading()) }
            @if searches.zero.is_empty() { p.quiet { (w.zero_none()) } }
            @else {
                p { (w.zero_lead()) }
                ul.plain {
                    @for (index, (sought, near)) in searches.zero.iter().zip(&near).enumerate() {
                        li.card {
                            p { strong { (sought.text) } " " span.quiet { (w.searched(sought.searches)) } }
                            @if !sought.text.trim().contains(char::is_whitespace) { (teach(w, &sought.text, near, index)) }
                        }
                    }
                }
            }
        }
    }
}

fn teach(w: Words, word: &str, near: &[String], index: usize) -> Markup {
    html! {
        form.inline action="/overview/synonyms" method="post" {
            input type="hidden" name="word" value=(word);
            label for={ "other-" (index) } { (w.same_as()) }
            input id={ "other-" (index) } name="other" maxlength="40" autocomplete="off" aria-label=(w.same_as_word(word));
            button { (w.teach()) }
            @for other in near { button name="suggested" value=(other) { (w.same_as_this(other)) } }
        }
    }
}

/// Single words that look like what was sought.
async fn near(call: &Call, sought: &Sought) -> Vec<String> {
    let request = SuggestRequest { q: sought.text.clone(), limit: 5, contacts: false };
    let Ok(found) = call.state.search.clone().suggest(request).await else { return Vec::new() };
    let words = found.into_inner().items.into_iter().filter(|one| one.kind == "keyword").map(|one| one.text);
    words
        .filter(|text| !text.contains(char::is_whitespace) && !text.eq_ignore_ascii_case(&sought.text))
        .take(2)
        .collect()
}

/// Adds a word to those that are found as well.
pub(super) async fn synonym(call: Call, body: Body) -> Page {
    call.require(Role::Editor)?;
    let mut form = body.form().await?;
    let (word, other, suggested) = (form.text("word"), form.text("other"), form.text("suggested"));
    form.done()?;
    let other = if suggested.is_empty() { other } else { suggested };
    let mut analytics = call.state.analytics.clone();
    let known = analytics.list_synonyms(ListSynonymsRequest {}).await.map_err(Problem::from)?.into_inner().items;
    let before = known.into_iter().find(|s| s.word.eq_ignore_ascii_case(&word)).map(|s| s.others).unwrap_or_default();
    let others =
        before.into_iter().filter(|o| !o.eq_ignore_ascii_case(&other)).chain([other.trim().to_owned()]).collect();
    analytics.put_synonym(Synonym { word: word.clone(), others }).await.map_err(Problem::from)?;
    Ok(see(&address("/overview", [("taught", word.as_str())])))
}
