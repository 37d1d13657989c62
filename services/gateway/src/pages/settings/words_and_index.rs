//! What finding goes by: words that stand for others, and the state of the index.

use actix_web::{HttpResponse, http::StatusCode};
use chassis::{Role, grpc::idempotent};
use maud::{Markup, html};
use proto::{
    indexer as api,
    search::{ListSynonymsRequest, Synonym},
};

use super::{Outcome, Page, button, frame, see};
use crate::{
    call::{Body, Call},
    problem::Problem,
    words::Words,
};

const HERE: &str = "/settings/search";

pub(super) async fn state(call: Call) -> Page {
    call.query()?.done()?;
    show(&call, Outcome::default()).await
}

async fn show(call: &Call, outcome: Outcome<'_>) -> Page {
    call.require(Role::Editor)?;
    let w = call.words();
    let ask = || {
        let mut analytics = call.state.analytics.clone();
        async move { analytics.list_synonyms(ListSynonymsRequest {}).await }
    };
    let synonyms = idempotent(ask).await?.into_inner().items;
    // The words can be kept while the indexer is away.
    let index = match call.require(Role::Owner) {
        Ok(()) => Some(index(call).await),
        Err(_) => None,
    };
    let content = html! {
        @if let Some(index) = &index { (index_section(w, index.as_ref().ok())) }
        (synonyms_section(w, &synonyms))
    };
    Ok(frame(call, HERE, &outcome, &content))
}

async fn index(call: &Call) -> Result<api::Index, tonic::Status> {
    let ask = || {
        let mut indexer = call.state.indexer.clone();
        async move { indexer.get_index(api::GetIndexRequest {}).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}

fn index_section(w: Words, index: Option<&api::Index>) -> Markup {
    html! {
        section aria-labelledby="index" {
            h2 #index { (w.the_index()) }
            @match index {
                None => { p.notice { (w.index_unknown()) } }
                Some(index) if index.engine == "none" => { p { (w.no_engine()) } }
                Some(index) => {
                    p {
                        @if index.available { span.badge.good { (w.engine_answers()) } } @else { span.badge.bad { (w.engine_away()) } }
                        " " (w.index_records(index.records))
                    }
                    @if let Some(rebuild) = &index.rebuild { (progress(w, rebuild)) }
                    @if let Some(drift) = &index.drift { (compared(w, drift)) } @else { p.quiet { (w.never_compared()) } }
                    div.actions {
                        @if index.rebuild.is_none() { (button("/settings/search/rebuild", w.rebuild_index(), "")) }
                        (button("/settings/search/verify", w.verify_index(), ""))
                    }
                    p.hint { (w.rebuild_is_safe()) }
                }
            }
        }
    }
}

/// Followed by a script; without one, by looking again.
fn progress(w: Words, rebuild: &api::RebuildProgress) -> Markup {
    let (done, total) = (w.number(rebuild.documents_done), w.number(rebuild.documents_total));
    html! {
        div #rebuild {
            @if rebuild.started_at == 0 { p { (w.rebuild_begins()) } }
            @else {
                p #rebuild-words { (w.rebuilt(done, total)) }
                progress #rebuild-bar max=(rebuild.documents_total.max(1)) value=(rebuild.documents_done)
                    aria-labelledby="rebuild-words" {}
            }
            p.no-script { a href=(HERE) { (w.look_again()) } }
        }
    }
}

fn compared(w: Words, drift: &api::Drift) -> Markup {
    html! {
        p #compared {
            (w.compared_at()) " " (w.time(drift.checked_at)) ": "
            @if drift.missing + drift.stale + drift.phantom == 0 { (w.no_differences()) }
            @else { (w.differences(w.number(drift.missing), w.number(drift.stale), w.number(drift.phantom))) }
        }
    }
}

fn synonyms_section(w: Words, synonyms: &[Synonym]) -> Markup {
    html! {
        section aria-labelledby="synonyms" {
            h2 #synonyms { (w.synonyms()) }
            p.quiet { (w.synonyms_are()) }
            @if !synonyms.is_empty() {
                table.stack {
                    thead { tr { th { (w.word()) } th { (w.finds_too()) } td {} } }
                    tbody {
                        @for synonym in synonyms {
                            tr {
                                td { (synonym.word) }
                                td data-label=(w.finds_too()) { (synonym.others.join(", ")) }
                                td {
                                    form action="/settings/search/synonyms" method="post" {
                                        input type="hidden" name="word" value=(synonym.word);
                                        input type="hidden" name="others" value="";
                                        button type="submit" { (w.remove()) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            form.fields #new-synonym action="/settings/search/synonyms" method="post" {
                label for="synonym-word" { (w.word()) }
                input #synonym-word name="word" required maxlength="40" autocomplete="off";
                label for="synonym-others" { (w.finds_too_words()) }
                input #synonym-others name="others" required maxlength="820" autocomplete="off";
                button.primary type="submit" { (w.save()) }
            }
        }
    }
}

async fn answer(call: &Call, outcome: Result<(), tonic::Status>) -> Page {
    match outcome.map_err(Problem::from) {
        Ok(()) => Ok::<HttpResponse, Problem>(see(HERE)),
        Err(problem) => show(call, Outcome::refused(&problem)?).await,
    }
}

pub(super) async fn synonym(call: Call, body: Body) -> Page {
    call.require(Role::Editor)?;
    let mut form = body.form().await?;
    let (word, others) = (form.text("word"), form.text("others"));
    form.done()?;
    let others = others.split([',', ';', ' ']).map(str::trim).filter(|other| !other.is_empty());
    let request = Synonym { word: word.trim().to_owned(), others: others.map(str::to_owned).collect() };
    let done = call.state.analytics.clone().put_synonym(request).await;
    answer(&call, done.map(drop)).await
}

pub(super) async fn rebuild(call: Call) -> Page {
    call.require(Role::Owner)?;
    let done = call.state.indexer.clone().rebuild_index(api::RebuildIndexRequest {}).await;
    answer(&call, done.map(drop)).await
}

/// Not redirected: what was found is said at once.
pub(super) async fn verify(call: Call) -> Page {
    call.require(Role::Owner)?;
    match call.state.indexer.clone().verify_index(api::VerifyIndexRequest {}).await {
        Ok(found) => {
            let (w, found) = (call.words(), found.into_inner());
            let told = match found.missing + found.stale + found.phantom {
                0 => html! { p { (w.verified(w.number(found.documents))) } },
                _ => html! {
                    p { (w.differences(w.number(found.missing), w.number(found.stale), w.number(found.phantom))) " " (w.being_mended()) }
                },
            };
            show(&call, Outcome::told(StatusCode::OK, told)).await
        }
        Err(status) => show(&call, Outcome::refused(&Problem::from(status))?).await,
    }
}
