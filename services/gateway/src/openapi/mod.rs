//! The description of the API (OpenAPI 3.1), made from the routing table and from the types that
//! are read and written.
//!
//! Each line of the table in [`routes`](crate::routes) says with an [`Operation`] what its call takes
//! and answers; the schemas come from the very structs that serde reads and writes. The document is
//! committed as `openapi.json`, and a test fails when the two differ.

pub(crate) mod kind;
mod operation;

use std::sync::LazyLock;

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

pub(crate) use operation::{Operation, Parameter};

use crate::{
    call::Call,
    problem::{self, Answer},
    routes::{Described, described},
};

/// Once for the life of the process: nothing in it changes.
static DOCUMENT: LazyLock<Vec<u8>> = LazyLock::new(|| serde_json::to_vec_pretty(&description()).unwrap_or_default());

/// `GET /api/openapi.json`.
pub(crate) async fn serve(call: Call) -> Answer {
    call.query()?.done()?;
    Ok(HttpResponse::build(StatusCode::OK)
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(DOCUMENT.as_slice()))
}

const ABOUT: &str = "Contacts, documents and search of a small organisation.\n\n\
    **Errors** are `application/problem+json` (RFC 9457); `type` leads to a page that explains the error, and \
    `request_id` (also in `X-Request-Id`) finds it in the log. \
    **Lists** answer `items` and `next_cursor`, which is `null` on the last page. \
    **Single resources** have an `ETag`; `If-None-Match` answers 304, and `If-Match` on a change 412 when somebody \
    was faster. **A POST** may carry an `Idempotency-Key`: repeating it within 24 hours answers what the first one \
    answered. Unknown fields and parameters are refused, never ignored. \
    **Programs** sign in with `Authorization: Bearer dsr_…`.";

/// The whole document.
pub(crate) fn description() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| {
        s.definitions_path = "/components/schemas".into();
        s.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let paths: Map<String, Value> =
        described().iter().map(|d| (format!("/api/v1{}", d.path), path(d, &mut schemas))).collect();
    schemas.subschema_for::<problem::Body>();
    let schemas: Map<String, Value> =
        schemas.take_definitions(true).into_iter().map(|(name, schema)| (name, without_null(schema))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Dossier",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": tags(),
        "paths": paths,
        "components": {
            "securitySchemes": security_schemes(),
            "schemas": schemas,
            "responses": operation::problems(),
            "headers": operation::headers(),
        },
    })
}

/// The Rust types of fields have names and formats that say nothing about the JSON.
fn without_null(mut schema: Value) -> Value {
    fn clean(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                if matches!(fields.get("format").and_then(Value::as_str), Some("int32" | "int64" | "double")) {
                    fields.remove("format");
                }
                fields.values_mut().for_each(clean);
            }
            Value::Array(items) => items.iter_mut().for_each(clean),
            _ => {}
        }
    }
    clean(&mut schema);
    schema
}

fn security_schemes() -> Value {
    json!({
        "session": {
            "type": "apiKey", "in": "cookie", "name": crate::secret::COOKIE,
            "description": "What `POST /session` sets. Changes must come from a page of the same site.",
        },
        "token": {"type": "http", "scheme": "bearer", "description": "An API token, `dsr_…`, made with `POST /tokens`."},
    })
}

const TAGS: [(&str, &str); 19] = [
    ("audit", "Who did what."),
    ("collections", "Where documents live, and who may see them."),
    ("contacts", "People and firms."),
    ("documents", "Files, what was read in them, and what happens to them."),
    ("export", "Everything in one file."),
    ("health", "How the system is."),
    ("import", "That file again."),
    ("index", "The search index."),
    ("saved-searches", "Searches that somebody keeps."),
    ("search", "Finding the page."),
    ("session", "Signing in and out."),
    ("shares", "Links to a document for people without an account."),
    ("submissions", "The website's contact form and its inbox."),
    ("tokens", "Keys for programs."),
    ("upload-links", "Links by which a contact hands in documents."),
    ("users", "Who may sign in."),
    ("visits", "The website's visit counter."),
    ("webhooks", "Other systems that are told what happens."),
    ("analytics", "What was asked, sent and found, in numbers."),
];

fn tags() -> Value {
    let used: Vec<&str> = described().iter().map(|d| tag(d.path)).collect();
    let tags = TAGS.iter().filter(|(name, _)| used.contains(name));
    tags.map(|(name, text)| json!({"name": name, "description": text})).collect()
}

/// The first part of the path.
fn tag(path: &'static str) -> &'static str {
    path.trim_start_matches('/').split('/').next().unwrap_or_default()
}

fn path(described: &Described, schemas: &mut SchemaGenerator) -> Value {
    let names = described.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<Value> = names
        .map(|name| {
            let schema = match name {
                "number" => json!({"type": "integer", "minimum": 1, "maximum": i32::MAX}),
                _ => json!({"type": "string", "format": "uuid"}),
            };
            json!({"name": name, "in": "path", "required": true, "schema": schema})
        })
        .collect();
    let mut item = Map::new();
    for (method, operation) in &described.operations {
        let id = operation_id(method, described.path);
        let written = operation.describe(&id, tag(described.path), !parameters.is_empty(), schemas);
        item.insert((*method).to_owned(), written);
    }
    if !parameters.is_empty() {
        item.insert("parameters".to_owned(), parameters.into());
    }
    item.into()
}

/// Such as `get_documents_id_text`: stable, and a name in any language.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split('/').map(|part| part.trim_matches(['{', '}'])).filter(|part| !part.is_empty());
    words.fold(method.to_owned(), |id, word| format!("{id}_{word}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// `UPDATE_OPENAPI=1 cargo test -p gateway openapi` writes the file anew.
    #[test]
    fn the_committed_document_is_the_one_that_is_served() {
        let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let served = description();
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(committed, format!("{}\n", serde_json::to_string_pretty(&served).unwrap())).unwrap();
        }
        let committed: Value = serde_json::from_str(&std::fs::read_to_string(committed).unwrap()).unwrap();
        assert!(committed == served, "the API has changed: run UPDATE_OPENAPI=1 cargo test -p gateway openapi");
    }

    #[test]
    fn every_route_says_what_it_takes_and_answers() {
        let whole = description();
        assert_eq!(whole["paths"].as_object().map(Map::len), Some(described().len()));
        let mut ids = BTreeSet::new();
        for (path, item) in whole["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
                let name = format!("{method} {path}");
                assert!(ids.insert(operation["operationId"].to_string()), "{name}: its id is taken");
                assert!(operation["summary"].as_str().is_some_and(|s| !s.is_empty()), "{name}");
                let answers = operation["responses"].as_object().unwrap();
                assert!(answers.keys().any(|status| status.starts_with('2')), "{name}: no success");
                assert!(answers.contains_key("401") && answers.contains_key("503"), "{name}: {answers:?}");
                assert!(answers.contains_key("404") || !path.contains('{'), "{name}");
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(value: &Value, whole: &Value) {
            match value {
                Value::Object(fields) => {
                    if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
                        let target = target.strip_prefix('#').unwrap();
                        assert!(whole.pointer(target).is_some(), "{target} is not there");
                    }
                    fields.values().for_each(|v| walk(v, whole));
                }
                Value::Array(items) => items.iter().for_each(|v| walk(v, whole)),
                _ => {}
            }
        }
        let whole = description();
        walk(&whole, &whole);
    }
}
