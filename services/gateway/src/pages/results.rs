//! What a search found, what it may be narrowed down to, and what to try when it found nothing.

use maud::{Markup, html};
use proto::{
    documents::Collection,
    search::{Facet, Hit, QueryRequest, QueryResponse, Range, SuggestRequest},
};

use super::{address, library::thumbnail, may_edit, saved};
use crate::{call::Call, domain::SEARCH_ORDERS, query::Query, words::Words};

/// Hits on a page of results.
const HITS: i32 = 20;
const FARTHEST: i32 = 1000;
/// Values of a facet that are shown.
const VALUES: usize = 8;
/// Words that are offered to be left out, and near ones.
const TRIES: usize = 5;

/// What results may be narrowed down by, as the API calls it.
const FACETS: [&str; 4] = ["collection_id", "media_type", "language", "tag"];

/// A search as its address says it.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) q: String,
    /// One value for each of [`FACETS`], or "".
    only: [String; 4],
    from: String,
    to: String,
    /// One of [`SEARCH_ORDERS`], or "": the best first.
    sort: String,
    offset: i32,
}

impl Asked {
    pub(super) fn read(query: &mut Query) -> Self {
        Self {
            q: query.text("q"),
            only: FACETS.map(|name| query.text(name)),
            from: query.text("from"),
            to: query.text("to"),
            sort: query.text("sort"),
            offset: query.number("offset", 0, FARTHEST),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.q.trim().is_empty() && self.filters().next().is_none()
    }

    /// What it is narrowed down to.
    pub(super) fn filters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let dates = [("from", self.from.as_str()), ("to", self.to.as_str())];
        let facets = FACETS.into_iter().zip(&self.only).map(|(name, value)| (name, value.as_str()));
        facets.chain(dates).filter(|(_, value)| !value.is_empty())
    }

    /// What stays when other words are looked for.
    pub(super) fn kept(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.filters().chain([("sort", self.sort.as_str())]).filter(|(_, value)| !value.is_empty())
    }

    /// Days are those of the reader's clock.
    pub(super) fn request(&self, w: Words) -> QueryRequest {
        let [collection_id, media_type, language, tag] = self.only.clone();
        QueryRequest {
            q: self.q.clone(),
            limit: HITS,
            offset: self.offset,
            collection_id,
            media_type,
            language,
            tag,
            from: w.day_as_moment(&self.from, false),
            to: w.day_as_moment(&self.to, true),
            sort: self.sort.clone(),
            facets: FACETS.map(str::to_owned).to_vec(),
            ..QueryRequest::default()
        }
    }

    pub(super) fn address(&self) -> String {
        let offset = if self.offset == 0 { String::new() } else { self.offset.to_string() };
        let fields = [("q", self.q.as_str()), ("offset", &offset)];
        address("/", fields.into_iter().chain(self.kept()))
    }

    /// The same with another value of a facet, or none.
    fn with(&self, facet: &str, value: &str) -> String {
        let mut other = Self { offset: 0, ..self.clone() };
        match facet {
            "from" => other.from = value.to_owned(),
            "to" => other.to = value.to_owned(),
            facet => {
                let at = FACETS.iter().position(|name| *name == facet).unwrap_or_default();
                other.only[at] = value.to_owned();
            }
        }
        other.address()
    }

    fn with_words(&self, q: &str) -> String {
        Self { q: q.to_owned(), offset: 0, ..self.clone() }.address()
    }
}

/// The results, whole.
pub(super) async fn show(call: &Call, asked: &Asked, found: &QueryResponse, collections: &[Collection]) -> Markup {
    let w = call.words();
    let note = match (found.engine.as_str(), found.degraded) {
        ("recent", _) => w.search_recent_instead(),
        // Where there is no engine, nothing is amiss.
        (_, true) if !found.without_engine => w.search_degraded(),
        _ => "",
    };
    let count = match found.estimated_total {
        0 => w.nothing_found().to_owned(),
        n => w.documents_found(n),
    };
    html! {
        h2.unseen { (w.results()) }
        p.quiet #count { (count) @if !note.is_empty() { " " (note) } }
        (chips(w, asked, collections))
        @if !found.hits.is_empty() { (order(w, asked)) }
        @if found.hits.is_empty() {
            (nothing(call, asked).await)
        } @else {
            div.found {
                (narrow(w, asked, found, collections))
                div {
                    ol.hits data-query=(found.query_id) {
                        @for (index, one) in (asked.offset + 1..).zip(&found.hits) { li { (hit(w, asked, one, index)) } }
                    }
                    (more(w, asked, found))
                    @if call.context.identity.is_some() && asked.offset == 0 {
                        details.save { summary { (w.save_search()) } (saved::form(w, asked, asked.q.trim())) }
                    }
                }
            }
        }
    }
}

/// The orders to choose from. Where no words were asked for, none matches better than another.
fn order(w: Words, asked: &Asked) -> Markup {
    let [oldest, newest] = SEARCH_ORDERS;
    let wordless = asked.q.trim().is_empty();
    let orders = [("", w.best_first()), (newest, w.newest_first()), (oldest, w.oldest_first())];
    let shown = if wordless && asked.sort.is_empty() { newest } else { asked.sort.as_str() };
    html! {
        nav.order aria-label=(w.order()) {
            @for (sort, said) in orders.into_iter().skip(usize::from(wordless)) {
                a href=(Asked { sort: sort.to_owned(), offset: 0, ..asked.clone() }.address())
                    aria-current=[(sort == shown).then_some("true")] { (said) } " "
            }
        }
    }
}

fn hit(w: Words, asked: &Asked, hit: &Hit, rank: i32) -> Markup {
    html! {
        (thumbnail(&hit.document_id, hit.page, hit.version))
        div {
            a data-document=(hit.document_id) data-rank=(rank) href={ "/documents/" (hit.document_id) "?page=" (hit.page) } { (hit.title) }
            span.quiet {
                " " (w.page_of(hit.page, hit.page_count)) " · " (w.media_type(&hit.media_type))
                // Whoever sorts by age wants to see it.
                @if !asked.sort.is_empty() { " · " (w.date(hit.created_at)) }
                @if hit.pages_matched > 1 { " · " (w.more_pages_match(i64::from(hit.pages_matched) - 1)) }
            }
            p { (snippet(&hit.snippet, &hit.ranges)) }
        }
    }
}

fn more(w: Words, asked: &Asked, found: &QueryResponse) -> Markup {
    let step = |offset: i32| Asked { offset, ..asked.clone() }.address();
    let (before, after) = (asked.offset - HITS, asked.offset + HITS);
    html! {
        p.more {
            @if asked.offset > 0 { a rel="prev" href=(step(before.max(0))) { (w.previous()) } " " }
            @if i64::from(after) < found.estimated_total && after <= FARTHEST { a rel="next" href=(step(after)) { (w.more()) } }
        }
    }
}

/// How a value of a facet is called.
fn named(w: Words, facet: &str, value: &str, collections: &[Collection]) -> String {
    match facet {
        "collection_id" => collections.iter().find(|c| c.id == value).map_or(value, |c| &c.name).to_owned(),
        "media_type" => w.media_type(value).to_owned(),
        "language" => w.language_name(value),
        "from" => format!("{} {}", w.added_from(), w.day_of(value)),
        "to" => format!("{} {}", w.added_to(), w.day_of(value)),
        _ => value.to_owned(),
    }
}

/// What it is narrowed down to, each with a way out.
fn chips(w: Words, asked: &Asked, collections: &[Collection]) -> Markup {
    html! {
        @if asked.filters().next().is_some() {
            p {
                (w.only_these()) " "
                @for (name, value) in asked.filters() {
                    @let called = named(w, name, value, collections);
                    a.tag href=(asked.with(name, "")) aria-label=(w.without_filter(&called)) { (called) " ×" } " "
                }
            }
        }
    }
}

fn narrow(w: Words, asked: &Asked, found: &QueryResponse, collections: &[Collection]) -> Markup {
    let heading = |facet: &str| match facet {
        "collection_id" => w.facet_collection(),
        "media_type" => w.facet_type(),
        "language" => w.facet_language(),
        _ => w.facet_tag(),
    };
    let facets = FACETS.iter().filter_map(|name| found.facets.iter().find(|facet| facet.name == *name));
    // One value that all have narrows nothing down.
    let useful = facets.filter(|facet| facet.values.len() > 1);
    html! {
        details.narrow {
            summary { (w.narrow()) }
            @for facet in useful { h3 { (heading(&facet.name)) } (values(w, asked, facet, collections)) }
            form.fields action="/" method="get" {
                input type="hidden" name="q" value=(asked.q);
                @for (name, value) in asked.kept().filter(|(name, _)| !matches!(*name, "from" | "to")) {
                    input type="hidden" name=(name) value=(value);
                }
                label for="from" { (w.added_from()) }
                input #from type="date" name="from" value=(asked.from);
                label for="to" { (w.added_to()) }
                input #to type="date" name="to" value=(asked.to);
                button type="submit" { (w.apply()) }
            }
        }
    }
}

fn values(w: Words, asked: &Asked, facet: &Facet, collections: &[Collection]) -> Markup {
    html! {
        ul.plain {
            @for value in facet.values.iter().take(VALUES) {
                li {
                    a href=(asked.with(&facet.name, &value.value)) { (named(w, &facet.name, &value.value, collections)) }
                    " " span.quiet { (w.number(value.count)) }
                }
            }
        }
    }
}

/// What to try when nothing was found.
async fn nothing(call: &Call, asked: &Asked) -> Markup {
    let w = call.words();
    let words: Vec<&str> = asked.q.split_whitespace().collect();
    let quoted = asked.q.contains('"');
    let near = near(call, &asked.q).await;
    html! {
        div.empty {
            p { strong { (w.nothing_found_for(&asked.q)) } }
            h3 { (w.what_to_try()) }
            ul.plain {
                @if !near.is_empty() {
                    li { (w.try_near()) @for word in &near { " " a.tag href=(asked.with_words(word)) { (word) } } }
                }
                @if asked.filters().next().is_some() {
                    li { a href=(address("/", [("q", asked.q.as_str())])) { (w.try_everywhere()) } }
                }
                @if quoted { li { a href=(asked.with_words(&asked.q.replace('"', ""))) { (w.try_without_quotes()) } } }
                @if words.len() > 1 && !quoted {
                    @for (index, word) in words.iter().enumerate().take(TRIES) {
                        li { a href=(asked.with_words(&without(&words, index))) { (w.try_without_word(word)) } }
                    }
                }
                li { (w.try_other_words()) }
                @if may_edit(call) && words.len() == 1 { li { a href="/overview#zero" { (w.try_synonym()) } } }
            }
        }
    }
}

fn without(words: &[&str], index: usize) -> String {
    let kept: Vec<&str> = words.iter().enumerate().filter(|(i, _)| *i != index).map(|(_, word)| *word).collect();
    kept.join(" ")
}

/// Words and titles that look like it.
async fn near(call: &Call, q: &str) -> Vec<String> {
    let request = SuggestRequest { q: q.to_owned(), limit: TRIES as i32, contacts: false };
    match call.state.search.clone().suggest(request).await {
        Ok(found) => {
            let other = |text: &String| !text.eq_ignore_ascii_case(q.trim());
            found.into_inner().items.into_iter().map(|one| one.text).filter(other).collect()
        }
        // The page says what else to try.
        Err(_) => Vec::new(),
    }
}

/// Plain text with the characters of `ranges` marked.
pub(super) fn snippet(text: &str, ranges: &[Range]) -> Markup {
    let mut parts: Vec<(bool, String)> = Vec::new();
    for (index, c) in text.chars().enumerate() {
        let index = i32::try_from(index).unwrap_or(i32::MAX);
        let marked = ranges.iter().any(|r| (r.start..r.end).contains(&index));
        match parts.last_mut() {
            Some((same, part)) if *same == marked => part.push(c),
            _ => parts.push((marked, c.to_string())),
        }
    }
    html! {
        @for (marked, part) in &parts {
            @if *marked { mark { (part) } } @else { (part) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_document_never_becomes_markup() {
        let ranges = [Range { start: 2, end: 4 }];
        assert_eq!(snippet("aé<b>c", &ranges).into_string(), "aé<mark>&lt;b</mark>&gt;c");
    }

    #[test]
    fn a_filter_is_taken_back_by_an_address_without_it() {
        let asked = Asked { q: "a b".to_owned(), offset: 20, ..Default::default() };
        assert_eq!(asked.with("tag", "x&y"), "/?q=a%20b&tag=x%26y");
        let narrowed = Asked { only: ["".into(), "text/plain".into(), "".into(), "t".into()], ..asked };
        assert_eq!(narrowed.with("tag", ""), "/?q=a%20b&media_type=text%2Fplain");
        assert_eq!(without(&["a", "b", "c"], 1), "a c");
    }
}
