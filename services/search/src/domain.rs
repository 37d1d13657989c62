//! Questions, parsed once at the door.

use chassis::{Fault, FieldFault};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use proto::search::QueryRequest;
use uuid::Uuid;

const Q_CHARACTERS: usize = 500;
const DEFAULT_LIMIT: i32 = 20;
const MAX_LIMIT: i32 = 100;
const MAX_OFFSET: i32 = 1_000;
const FILTER_CHARACTERS: usize = 200;
const SUGGESTIONS: i32 = 10;
/// Words that are looked at; the engine ignores the same.
const MAX_TERMS: usize = 10;

/// What can be counted, by its name in requests, in the engine and in the published view.
pub(crate) const FACETS: [&str; 4] = ["collection_id", "language", "media_type", "tag"];

/// One part of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    /// A word as it was typed; the last may be the beginning of one.
    Word { text: String, prefix: bool },
    /// Words in this order.
    Phrase(String),
    /// A word or phrase that must not be there.
    Not(String),
}

/// The words of a question, in order; empty: the newest documents are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms(pub(crate) Vec<Term>);

impl Terms {
    fn parse(q: &str) -> Self {
        let (mut terms, mut rest) = (Vec::new(), q);
        while let Some(at) = rest.find(|c: char| !c.is_whitespace()) {
            rest = &rest[at..];
            let not = rest.starts_with('-');
            rest = rest.strip_prefix('-').unwrap_or(rest);
            let (text, phrase, after) = match rest.strip_prefix('"') {
                Some(inner) => {
                    let (text, after) = inner.split_once('"').unwrap_or((inner, ""));
                    (text, true, after)
                }
                None => {
                    let end = rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len());
                    (&rest[..end], false, &rest[end..])
                }
            };
            rest = after;
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if !text.contains(char::is_alphanumeric) {
                continue;
            }
            terms.push(match (not, phrase) {
                (true, _) => Term::Not(text),
                (false, true) => Term::Phrase(text),
                (false, false) => Term::Word { text, prefix: false },
            });
        }
        terms.truncate(MAX_TERMS);
        if let Some(Term::Word { prefix, .. }) = terms.last_mut() {
            *prefix = true;
        }
        Self(terms)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether giving up some words may find more.
    pub(crate) fn can_be_relaxed(&self) -> bool {
        self.0.iter().filter(|t| matches!(t, Term::Word { .. })).count() > 1
    }

    /// In the syntax that the engine and people use.
    pub(crate) fn text(&self) -> String {
        let part = |term: &Term| match term {
            Term::Word { text, .. } => text.clone(),
            Term::Phrase(text) => format!("\"{text}\""),
            Term::Not(text) if text.contains(' ') => format!("-\"{text}\""),
            Term::Not(text) => format!("-{text}"),
        };
        self.0.iter().map(part).collect::<Vec<_>>().join(" ")
    }
}

/// What hits must be besides matching.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filters {
    pub(crate) collection_id: Option<Uuid>,
    pub(crate) language: Option<String>,
    pub(crate) media_type: Option<String>,
    pub(crate) tag: Option<String>,
    /// Added at this moment or later.
    pub(crate) from: Option<Timestamp>,
    /// Added before this moment.
    pub(crate) before: Option<Timestamp>,
    /// One of these.
    pub(crate) documents: Option<Vec<Uuid>>,
}

/// In which order hits come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// Those that match best first; asked for nothing, the newest.
    #[default]
    Best,
    /// What was added last first.
    Newest,
    /// What was added first first.
    Oldest,
}

/// A question that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) terms: Terms,
    /// For the query log: trimmed and lower-case.
    pub(crate) logged: String,
    pub(crate) filters: Filters,
    pub(crate) order: Order,
    pub(crate) limit: i64,
    pub(crate) offset: i64,
    /// Of [`FACETS`], each once.
    pub(crate) facets: Vec<&'static str>,
    /// Only documents that name this contact: they become part of the filters when they are known.
    pub(crate) contact_id: Option<Uuid>,
}

#[derive(Default)]
struct Check(Vec<FieldFault>);

impl Check {
    fn fail(&mut self, field: &str, detail: impl Into<String>) {
        self.0.push(FieldFault { field: field.to_owned(), detail: detail.into() });
    }

    fn number(&mut self, field: &str, given: i32, default: i32, most: i32) -> i64 {
        let least = i32::from(default > 0);
        match given {
            0 => default.into(),
            n if (least..=most).contains(&n) => n.into(),
            _ => {
                self.fail(field, format!("must be between {least} and {most}"));
                0
            }
        }
    }

    fn filter(&mut self, field: &str, text: &str) -> Option<String> {
        if text.chars().count() > FILTER_CHARACTERS || text.contains('\0') {
            self.fail(field, format!("must have at most {FILTER_CHARACTERS} characters"));
        }
        Some(text.to_owned()).filter(|t| !t.is_empty())
    }

    fn order(&mut self, sort: &str) -> Order {
        match sort {
            "" => Order::Best,
            "-created_at" => Order::Newest,
            "created_at" => Order::Oldest,
            _ => {
                self.fail("sort", "must be created_at or -created_at");
                Order::Best
            }
        }
    }

    fn q(&mut self, q: &str) -> String {
        if q.chars().count() > Q_CHARACTERS {
            self.fail("q", format!("must have at most {Q_CHARACTERS} characters"));
            return String::new();
        }
        q.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    fn done<T>(self, value: T) -> Result<T, Fault> {
        if self.0.is_empty() { Ok(value) } else { Err(Fault::fields(self.0)) }
    }

    /// A moment, or a day in UTC: its beginning, or with `end` the beginning of the next.
    fn moment(&mut self, field: &str, text: &str, end: bool) -> Option<Timestamp> {
        if text.is_empty() {
            return None;
        }
        if let Ok(moment) = text.parse::<Timestamp>() {
            // An end is included, to the precision that is stored.
            return if end { moment.checked_add(jiff::Span::new().microseconds(1)).ok() } else { Some(moment) };
        }
        let day = text.parse::<Date>().ok().filter(|_| text.len() == 10);
        let day = if end { day.and_then(|d| d.tomorrow().ok()) } else { day };
        let moment = day.and_then(|d| d.to_zoned(TimeZone::UTC).ok()).map(|z| z.timestamp());
        if moment.is_none() {
            self.fail(field, "must be a day such as 2026-01-31 or a time as in RFC 3339");
        }
        moment
    }
}

impl Question {
    /// # Errors
    /// Everything that is wrong, at once.
    pub(crate) fn parse(request: &QueryRequest) -> Result<Self, Fault> {
        let mut check = Check::default();
        let q = check.q(&request.q);
        let limit = check.number("limit", request.limit, DEFAULT_LIMIT, MAX_LIMIT);
        let offset = check.number("offset", request.offset, 0, MAX_OFFSET);
        let order = check.order(&request.sort);
        let mut id = |field: &str, id: &str| match id {
            "" => None,
            id => Uuid::parse_str(id).map_err(|_| check.fail(field, "is not an id")).ok(),
        };
        let collection_id = id("collection_id", &request.collection_id);
        let contact_id = id("contact_id", &request.contact_id);
        let filters = Filters {
            collection_id,
            language: check.filter("language", &request.language),
            media_type: check.filter("media_type", &request.media_type),
            tag: check.filter("tag", &request.tag),
            from: check.moment("from", &request.from, false),
            before: check.moment("to", &request.to, true),
            documents: None,
        };
        let mut facets = Vec::new();
        for name in &request.facets {
            match FACETS.into_iter().find(|f| f == name) {
                Some(facet) if !facets.contains(&facet) => facets.push(facet),
                Some(_) => {}
                None => check.fail("facets", format!("must be of {}", FACETS.join(", "))),
            }
        }
        let logged = q.trim().to_lowercase().chars().take(Q_CHARACTERS).collect();
        check.done(Self { terms: Terms::parse(&q), logged, filters, order, limit, offset, facets, contact_id })
    }
}

/// The beginning of something, and how many completions are wanted.
pub(crate) fn parse_suggest(q: &str, limit: i32) -> Result<(String, i64), Fault> {
    let mut check = Check::default();
    let q = check.q(q).trim().to_lowercase();
    let limit = check.number("limit", limit, SUGGESTIONS, SUGGESTIONS);
    check.done((q, limit))
}

/// A click on a hit.
pub(crate) fn parse_click(query_id: &str, document_id: &str, rank: i32) -> Result<(Uuid, Uuid, i32), Fault> {
    let mut check = Check::default();
    let mut id = |field: &str, text: &str| {
        Uuid::parse_str(text).unwrap_or_else(|_| {
            check.fail(field, "is not an id");
            Uuid::nil()
        })
    };
    let ids = (id("query_id", query_id), id("document_id", document_id));
    let last = MAX_OFFSET + MAX_LIMIT;
    if !(1..=last).contains(&rank) {
        check.fail("rank", format!("must be between 1 and {last}"));
    }
    check.done((ids.0, ids.1, rank))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, prefix: bool) -> Term {
        Term::Word { text: text.to_owned(), prefix }
    }

    #[test]
    fn words_phrases_and_exclusions_are_told_apart() {
        let terms = Terms::parse("  annual \"of  2019\" -draft -\"old one\" re");
        let wanted = [
            word("annual", false),
            Term::Phrase("of 2019".into()),
            Term::Not("draft".into()),
            Term::Not("old one".into()),
            word("re", true),
        ];
        assert_eq!(terms.0, wanted);
        assert_eq!(terms.text(), "annual \"of 2019\" -draft -\"old one\" re");
        assert!(terms.can_be_relaxed());
    }

    #[test]
    fn what_has_no_word_asks_for_nothing() {
        for q in ["", "  ", "-", "\"", "\"\"", "-\"\" - !?"] {
            assert!(Terms::parse(q).is_empty(), "{q:?}");
        }
        assert_eq!(Terms::parse("\"open phrase").0, [Term::Phrase("open phrase".into())]);
        assert_eq!(Terms::parse(&"w ".repeat(200)).0.len(), MAX_TERMS);
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let request = QueryRequest {
            q: "x".repeat(501),
            limit: 101,
            offset: 1_001,
            collection_id: "x".into(),
            from: "yesterday".into(),
            to: "2026-02-30".into(),
            facets: vec!["title".into()],
            sort: "title".into(),
            ..QueryRequest::default()
        };
        let fault = Question::parse(&request).unwrap_err();
        let fields: Vec<_> = fault.fields.iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["q", "limit", "offset", "sort", "collection_id", "from", "to", "facets"]);
        assert!(Question::parse(&QueryRequest { limit: -1, ..QueryRequest::default() }).is_err());
    }

    #[test]
    fn a_day_is_whole() {
        let request = QueryRequest { from: "2026-01-31".into(), to: "2026-01-31".into(), ..QueryRequest::default() };
        let filters = Question::parse(&request).unwrap().filters;
        assert_eq!(filters.from.unwrap().to_string(), "2026-01-31T00:00:00Z");
        assert_eq!(filters.before.unwrap().to_string(), "2026-02-01T00:00:00Z");
        let request = QueryRequest { to: "2026-01-31T10:00:00+02:00".into(), ..QueryRequest::default() };
        assert_eq!(
            Question::parse(&request).unwrap().filters.before.unwrap().to_string(),
            "2026-01-31T08:00:00.000001Z"
        );
    }
}
