//! What happened to a contact: what it sent, what was done, and the documents that name it, from the
//! two services that know, as one list.

use actix_web::http::StatusCode;
use chassis::{Fault, Role, grpc::idempotent};
use pg::PageRequest;
use proto::{
    contacts::{self as api, timeline_entry::What},
    search,
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{links, submissions};
use crate::{
    call::{Call, json},
    openapi::kind,
    problem::{Answer, Problem},
    wire::{List, Micros},
};

/// What somebody did.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ContactChange")]
struct Change<'a> {
    #[schemars(extend("enum" = ["create", "update", "import", "link", "unlink", "merge", "undo_merge"]))]
    action: &'a str,
    #[schemars(extend("enum" = ["contact", "submission"]))]
    entity: &'a str,
    #[schemars(with = "kind::Id")]
    entity_id: &'a str,
    /// A person's id, or what kind of caller it was.
    actor: &'a str,
    /// The fields that changed.
    fields: &'a [String],
    /// What a submission was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["new", "read", "archived", "spam"]))]
    status: Option<&'a str>,
    /// Of a merge, and of its undoing.
    #[serde(skip_serializing_if = "Option::is_none")]
    merge: Option<MergeOf<'a>>,
}

#[derive(JsonSchema, Serialize)]
struct MergeOf<'a> {
    /// What `POST /contacts/merges/{id}/undo` takes.
    #[schemars(with = "kind::Id")]
    id: &'a str,
    #[schemars(with = "kind::Id")]
    source_id: &'a str,
    #[schemars(with = "kind::Id")]
    target_id: &'a str,
    /// Whether they are still one.
    in_force: bool,
}

/// One of the three, as `kind` says.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "TimelineEntry")]
pub(super) struct Shown<'a> {
    #[schemars(extend("enum" = ["submission", "document", "change"]))]
    kind: &'static str,
    at: Micros,
    #[serde(skip_serializing_if = "Option::is_none")]
    submission: Option<submissions::Submission<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<links::LinkedDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<Change<'a>>,
}

/// One thing that happened.
#[derive(Debug)]
pub(crate) enum Entry {
    Submission(api::Submission),
    Change(i64, api::Change),
    Document(search::Link),
}

impl Entry {
    pub(crate) fn at(&self) -> i64 {
        match self {
            Entry::Submission(submission) => submission.created_at,
            Entry::Change(at, _) => *at,
            Entry::Document(link) => link.created_at,
        }
    }

    fn show(&self) -> Shown<'_> {
        let (at, none) = (Micros(self.at()), (None, None, None));
        let (kind, (submission, document, change)) = match self {
            Entry::Submission(submission) => ("submission", (Some(submissions::view(submission)), none.1, none.2)),
            Entry::Document(link) => ("document", (none.0, Some(links::document(link)), none.2)),
            Entry::Change(_, change) => ("change", (none.0, none.1, Some(said(change)))),
        };
        Shown { kind, at, submission, document, change }
    }
}

fn said(change: &api::Change) -> Change<'_> {
    let merge = MergeOf {
        id: &change.merge_id,
        source_id: &change.source_id,
        target_id: &change.target_id,
        in_force: change.in_force,
    };
    Change {
        action: &change.action,
        entity: &change.entity,
        entity_id: &change.entity_id,
        actor: &change.actor,
        fields: &change.fields,
        status: Some(change.status.as_str()).filter(|status| !status.is_empty()),
        merge: (!change.merge_id.is_empty()).then_some(merge),
    }
}

/// How far one of the two lists has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// After this cursor; "" is the beginning.
    After(String),
    End,
}

impl Place {
    fn write(&self) -> &str {
        match self {
            Place::After(cursor) => cursor,
            Place::End => "-",
        }
    }

    fn read(text: &str) -> Self {
        match text {
            "-" => Place::End,
            text => Place::After(text.to_owned()),
        }
    }
}

/// Both places, as one cursor.
fn places(cursor: &str) -> Result<(Place, Place), Problem> {
    if cursor.is_empty() {
        return Ok((Place::After(String::new()), Place::After(String::new())));
    }
    let bad = || Fault::unprocessable("cursor", "is not a cursor of this list");
    let (text, _) = PageRequest::parse(cursor, 0)?.after.ok_or_else(bad)?;
    let (of_contacts, of_documents) = text.split_once('|').ok_or_else(bad)?;
    Ok((Place::read(of_contacts), Place::read(of_documents)))
}

/// A page of the whole, or without documents, the newest first, and the cursor of the next one ("" at the end).
pub(crate) async fn ask(
    call: &Call,
    contact: &str,
    cursor: &str,
    limit: i32,
    documents: bool,
) -> Result<(Vec<Entry>, String), Problem> {
    let mut places = places(cursor)?;
    if !documents {
        places.1 = Place::End;
    }
    let limit = if limit == 0 { 50 } else { limit };
    let (came, named) =
        futures_util::try_join!(happened(call, contact, &places.0, limit), naming(call, contact, &places.1, limit))?;
    let limit = usize::try_from(limit).unwrap_or_default();
    Ok(woven(limit, places, came, named))
}

/// Items with the cursor after each, and whether there are more.
type Read = (Vec<(Entry, String)>, bool);

async fn happened(call: &Call, contact: &str, place: &Place, limit: i32) -> Result<Read, Problem> {
    let Place::After(cursor) = place else { return Ok((Vec::new(), false)) };
    let request = api::ListTimelineRequest { contact_id: contact.to_owned(), cursor: cursor.clone(), limit };
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.list_timeline(request).await }
    };
    let found = idempotent(ask).await?.into_inner();
    let entry = |entry: api::TimelineEntry| match entry.what? {
        What::Submission(submission) => Some((Entry::Submission(submission), entry.cursor)),
        What::Change(change) => Some((Entry::Change(entry.at, change), entry.cursor)),
    };
    Ok((found.items.into_iter().filter_map(entry).collect(), !found.next_cursor.is_empty()))
}

async fn naming(call: &Call, contact: &str, place: &Place, limit: i32) -> Result<Read, Problem> {
    let Place::After(cursor) = place else { return Ok((Vec::new(), false)) };
    let request = search::ListLinksRequest {
        contact_id: contact.to_owned(),
        cursor: cursor.clone(),
        limit,
        ..Default::default()
    };
    let found = links::ask(call, request).await?;
    let more = !found.next_cursor.is_empty();
    Ok((
        found.items.into_iter().map(|link| (link.cursor.clone(), link)).map(|(c, l)| (Entry::Document(l), c)).collect(),
        more,
    ))
}

/// The newest of both, and where each list goes on.
fn woven(limit: usize, places: (Place, Place), came: Read, named: Read) -> (Vec<Entry>, String) {
    let after = |place: &mut Place, cursor: String| *place = Place::After(cursor);
    let (mut places, mut entries) = (places, Vec::new());
    let (mut came, mut named) = ((came.0.into_iter().peekable(), came.1), (named.0.into_iter().peekable(), named.1));
    while entries.len() < limit {
        let first = match (came.0.peek(), named.0.peek()) {
            (None, None) => break,
            (Some((a, _)), Some((b, _))) => a.at() >= b.at(),
            (one, _) => one.is_some(),
        };
        let (side, place) = if first { (&mut came.0, &mut places.0) } else { (&mut named.0, &mut places.1) };
        if let Some((entry, cursor)) = side.next() {
            entries.push(entry);
            after(place, cursor);
        }
    }
    if came.0.peek().is_none() && !came.1 {
        places.0 = Place::End;
    }
    if named.0.peek().is_none() && !named.1 {
        places.1 = Place::End;
    }
    let cursor = match &places {
        (Place::End, Place::End) => String::new(),
        (one, other) => PageRequest::cursor(&(format!("{}|{}", one.write(), other.write()), Uuid::nil())),
    };
    (entries, cursor)
}

pub(super) async fn list(call: Call) -> Answer {
    call.require(Role::Viewer)?;
    let mut query = call.query()?;
    let (cursor, limit) = (query.value("cursor"), query.number("limit", 1, 200));
    query.done()?;
    let contact = call.id("id", "contact")?.to_string();
    let (entries, next) = ask(&call, &contact, &cursor, limit, true).await?;
    json(StatusCode::OK, &List::new(entries.iter().map(Entry::show).collect(), next, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(at: i64) -> (Entry, String) {
        (Entry::Change(at, api::Change::default()), format!("c{at}"))
    }

    fn link(at: i64) -> (Entry, String) {
        (Entry::Document(search::Link { created_at: at, ..Default::default() }), format!("d{at}"))
    }

    #[test]
    fn two_lists_are_walked_as_one_without_repeating_or_skipping() {
        let changes = [9, 7, 5, 4, 1];
        let links = [8, 6, 3, 2];
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        loop {
            let read = places(&cursor).unwrap();
            let from = |place: &Place, all: &[i64], make: fn(i64) -> (Entry, String)| {
                let Place::After(after) = place else { return (Vec::new(), false) };
                let left: Vec<i64> = match after.as_str() {
                    "" => all.to_vec(),
                    after => {
                        let after: i64 = after[1..].parse().unwrap();
                        all.iter().copied().filter(|at| *at < after).collect()
                    }
                };
                (left.iter().take(2).map(|at| make(*at)).collect(), left.len() > 2)
            };
            let (came, named) = (from(&read.0, &changes, change), from(&read.1, &links, link));
            let (entries, next) = woven(2, read, came, named);
            seen.extend(entries.iter().map(Entry::at));
            cursor = next;
            if cursor.is_empty() {
                break;
            }
            assert!(seen.len() < 10, "{seen:?}");
        }
        assert_eq!(seen, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        assert!(places("nonsense!").is_err());
        assert!(places(&PageRequest::cursor(&("x".to_owned(), Uuid::nil()))).is_err());
    }
}
