//! Searches that somebody keeps: saved where their results are shown, offered before anything is asked.

use chassis::Fault;
use maud::{Markup, html};
use pg::PageRequest;
use serde_json::Map;

use super::{Page, address, notice, page, results::Asked, see};
use crate::{
    call::{Body, Call},
    domain::{SavedQuery, SavedSearch},
    routes::saved,
    store::MOST_SEARCHES,
    words::Words,
};

/// Those of whoever asks, by name; none for strangers.
pub(super) async fn list(call: &Call) -> Vec<SavedSearch> {
    let Some(who) = &call.context.identity else { return Vec::new() };
    let Ok(all) = PageRequest::parse("", MOST_SEARCHES as i32) else { return Vec::new() };
    // Without them the page is still one.
    let found = call.state.shared.store.list_searches(who.user_id, &all).await;
    let mut searches = found.map(|(searches, _)| searches).unwrap_or_default();
    searches.sort_by_key(|search| search.name.to_lowercase());
    searches
}

/// The list, each with a way to remove it.
pub(super) fn section(w: Words, searches: &[SavedSearch]) -> Markup {
    html! {
        section aria-labelledby="saved" {
            h2 #saved { (w.saved_searches()) }
            ul.plain.saved {
                @for search in searches {
                    @let fields = search.query.fields();
                    li {
                        a href=(address("/", fields.iter().map(|(name, value)| (*name, value.as_str())))) { (search.name) } " "
                        form action={ "/searches/" (search.id) "/remove" } method="post" {
                            button.link type="submit" aria-label=(w.remove_search(&search.name)) { (w.remove()) }
                        }
                    }
                }
            }
        }
    }
}

/// The form that saves what is asked.
pub(super) fn form(w: Words, asked: &Asked, name: &str) -> Markup {
    html! {
        form.inline action="/searches" method="post" {
            input type="hidden" name="q" value=(asked.q);
            @for (name, value) in asked.kept() { input type="hidden" name=(name) value=(value); }
            label for="search-name" { (w.save_search_as()) }
            input #search-name name="name" value=(name) required maxlength="100" autocomplete="off";
            button type="submit" { (w.save()) }
        }
    }
}

pub(super) async fn keep(call: Call, body: Body) -> Page {
    call.identity()?;
    let mut sent = body.form().await?;
    let (name, asked) = (sent.text("name"), Asked::read(&mut sent));
    sent.done()?;
    let fields = [("q", asked.q.as_str())].into_iter().chain(asked.kept()).filter(|(_, value)| !value.is_empty());
    let fields: Map<_, _> = fields.map(|(name, value)| (name.to_owned(), value.into())).collect();
    let query: SavedQuery =
        serde_json::from_value(fields.into()).map_err(|_| Fault::field("query", "is not well-formed"))?;
    match saved::keep(&call, saved::New { name: name.clone(), query }, None).await {
        Ok(_) => Ok(see("/")),
        Err(problem) if problem.status.is_client_error() => {
            let w = call.words();
            let content = html! {
                h1 { (w.save_search()) }
                (notice(w, Some(&problem)))
                (form(w, &asked, &name))
                p { a href=(asked.address()) { (w.back()) } }
            };
            Ok(page(&call, problem.status, w.save_search(), &content))
        }
        Err(problem) => Err(problem),
    }
}

pub(super) async fn remove(call: Call) -> Page {
    saved::remove(&call).await?;
    Ok(see("/"))
}
