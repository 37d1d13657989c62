use actix_web::http::StatusCode;
use chassis::grpc::idempotent;
use proto::contacts as api;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    call::{Body, Call, Key, json, no_content, replayed},
    openapi::kind,
    problem::{Answer, Problem},
    wire::{List, Micros, Object},
};

#[derive(JsonSchema, Serialize)]
pub(super) struct Contact<'a> {
    #[schemars(with = "kind::Id")]
    id: &'a str,
    name: &'a str,
    email: &'a str,
    phone: Option<&'a str>,
    company: Option<&'a str>,
    tags: &'a [String],
    metadata: Object<'a>,
    created_at: Micros,
    updated_at: Micros,
}

/// Absent rather than empty.
fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

pub(super) fn view(contact: &api::Contact) -> Contact<'_> {
    Contact {
        id: &contact.id,
        name: &contact.name,
        email: &contact.email,
        phone: some(&contact.phone),
        company: some(&contact.company),
        tags: &contact.tags,
        metadata: Object(&contact.metadata),
        created_at: Micros(contact.created_at),
        updated_at: Micros(contact.updated_at),
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewContact")]
pub(super) struct New {
    #[schemars(with = "kind::Line<1, 200>")]
    name: String,
    #[schemars(with = "kind::Email")]
    email: String,
    #[serde(default)]
    #[schemars(with = "Option<kind::Phone>")]
    phone: Option<String>,
    #[serde(default)]
    #[schemars(with = "Option<kind::Line<0, 200>>")]
    company: Option<String>,
    #[serde(default)]
    #[schemars(default, with = "kind::Tags")]
    tags: Vec<String>,
    #[schemars(with = "Option<kind::Metadata>")]
    metadata: Option<Box<RawValue>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ContactPatch")]
pub(super) struct Patch {
    #[schemars(with = "Option<kind::Line<1, 200>>")]
    name: Option<String>,
    #[schemars(with = "Option<kind::Email>")]
    email: Option<String>,
    #[serde(default, deserialize_with = "cleared")]
    #[schemars(with = "Option<kind::Phone>")]
    phone: Option<String>,
    #[serde(default, deserialize_with = "cleared")]
    #[schemars(with = "Option<kind::Line<0, 200>>")]
    company: Option<String>,
    #[schemars(with = "Option<kind::Tags>")]
    tags: Option<Vec<String>>,
    #[schemars(with = "Option<kind::Metadata>")]
    metadata: Option<Box<RawValue>>,
}

/// `null` empties the field (RFC 7396); a field that is not there leaves it.
fn cleared<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Some(Option::<String>::deserialize(deserializer)?.unwrap_or_default()))
}

pub(super) fn key(key: Option<Key>) -> Option<api::Idempotency> {
    key.map(|k| api::Idempotency { key: k.key, fingerprint: k.fingerprint })
}

pub(super) fn text(raw: Option<Box<RawValue>>) -> String {
    raw.map(|raw| raw.get().to_owned()).unwrap_or_default()
}

pub(super) async fn list(call: Call) -> Answer {
    let mut query = call.query()?;
    let pairs = query.under("metadata");
    let metadata = match pairs.is_empty() {
        true => String::new(),
        false => metadata_filter(pairs).to_string(),
    };
    let request = api::ListContactsRequest {
        q: query.text("q"),
        tag: query.text("tag"),
        metadata,
        cursor: query.value("cursor"),
        limit: query.number("limit", 1, 200),
        sort: query.text("sort"),
        count: query.flag("count"),
    };
    query.done()?;
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.list_contacts(request).await }
    };
    let found = idempotent(ask).await?.into_inner();
    json(StatusCode::OK, &List::new(found.items.iter().map(view).collect(), found.next_cursor, found.count))
}

/// `metadata.a.b=x` asks for `{"a": {"b": "x"}}`; numbers, true, false and null are taken as such.
fn metadata_filter(pairs: Vec<(String, String)>) -> serde_json::Value {
    let mut whole = serde_json::Map::new();
    for (key, value) in pairs {
        let value = match serde_json::from_str::<serde_json::Value>(&value) {
            Ok(plain) if !plain.is_object() && !plain.is_array() => plain,
            _ => serde_json::Value::String(value),
        };
        insert(&mut whole, &key, value);
    }
    whole.into()
}

fn insert(object: &mut serde_json::Map<String, serde_json::Value>, path: &str, value: serde_json::Value) {
    let Some((first, rest)) = path.split_once('.') else {
        object.insert(path.to_owned(), value);
        return;
    };
    let inner = object.entry(first).or_insert_with(|| serde_json::Map::new().into());
    // Of two filters that contradict each other the first one counts.
    if let serde_json::Value::Object(inner) = inner {
        insert(inner, rest, value);
    }
}

pub(super) async fn create(call: Call, body: Body) -> Answer {
    call.require(chassis::Role::Editor)?;
    let sent = body.json::<New>().await?;
    let idempotency = key(call.idempotency(&sent.raw)?);
    let request = api::CreateContactRequest {
        name: sent.value.name,
        email: sent.value.email,
        phone: sent.value.phone.unwrap_or_default(),
        company: sent.value.company.unwrap_or_default(),
        tags: sent.value.tags,
        metadata: text(sent.value.metadata),
        idempotency,
    };
    let made = call.state.contacts.clone().create_contact(request).await?.into_inner();
    Ok(replayed(call.created("contacts", &made.id, Some(made.revision), &view(&made))?, made.replayed))
}

pub(super) async fn get(call: Call) -> Answer {
    call.query()?.done()?;
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), api::GetContactRequest { id: call.part("id") });
        async move { contacts.get_contact(request).await }
    };
    let contact = idempotent(ask).await?.into_inner();
    call.entity(contact.revision, &view(&contact))
}

pub(super) async fn update(call: Call, body: Body) -> Answer {
    call.require(chassis::Role::Editor)?;
    let sent = body.json::<Patch>().await?.value;
    let request = api::UpdateContactRequest {
        id: call.part("id"),
        name: sent.name,
        email: sent.email,
        phone: sent.phone,
        company: sent.company,
        tags: sent.tags.map(|values| api::Tags { values }),
        metadata: sent.metadata.map(|raw| raw.get().to_owned()),
        if_revision: call.if_match(),
    };
    let contact = call.state.contacts.clone().update_contact(request).await?.into_inner();
    call.entity(contact.revision, &view(&contact))
}

pub(super) async fn delete(call: Call) -> Answer {
    call.require(chassis::Role::Editor)?;
    let request = api::DeleteContactRequest { id: call.part("id"), if_revision: call.if_match() };
    call.state.contacts.clone().delete_contact(request).await?;
    no_content()
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Tags<'a> {
    items: Vec<Tag<'a>>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ContactTag")]
pub(super) struct Tag<'a> {
    name: &'a str,
    /// How many have it.
    contacts: i64,
}

pub(super) async fn tags(call: Call) -> Answer {
    call.require(chassis::Role::Viewer)?;
    call.query()?.done()?;
    let found = ask_tags(&call).await?;
    json(StatusCode::OK, &Tags { items: found.iter().map(|t| Tag { name: &t.name, contacts: t.contacts }).collect() })
}

/// The most frequent first; the pages show them, too.
pub(crate) async fn ask_tags(call: &Call) -> Result<Vec<api::list_tags_response::Tag>, Problem> {
    let ask = || {
        let mut contacts = call.state.contacts.clone();
        async move { contacts.list_tags(api::ListTagsRequest {}).await }
    };
    Ok(idempotent(ask).await?.into_inner().tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_parameters_become_an_object() {
        let pairs = [("a.b", "x"), ("a.c", "3"), ("d", "true"), ("e", "[1]")];
        let pairs = pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec();
        let expected = serde_json::json!({"a": {"b": "x", "c": 3}, "d": true, "e": "[1]"});
        assert_eq!(metadata_filter(pairs), expected);
    }
}
