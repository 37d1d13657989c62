//! The description of the API (OpenAPI 3.1), made from the routing table.

use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    call::{Call, json as answer},
    problem::Answer,
    routes::DESCRIBED,
};

/// `GET /api/openapi.json`.
pub(crate) async fn serve(call: Call) -> Answer {
    call.query()?.done()?;
    answer(StatusCode::OK, &description())
}

fn description() -> Value {
    let paths: Map<String, Value> =
        DESCRIBED.iter().map(|d| (format!("/api/v1{}", d.path), path(d.path, d.operations))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Dossier",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Contacts, documents and search. Every error is an application/problem+json (RFC 9457).",
        },
        "paths": paths,
        "components": {"securitySchemes": security_schemes(), "schemas": {"Problem": problem()}},
        "security": [{"session": []}, {"token": []}, {}],
    })
}

fn security_schemes() -> Value {
    json!({
        "session": {"type": "apiKey", "in": "cookie", "name": crate::secret::COOKIE},
        "token": {"type": "http", "scheme": "bearer", "description": "An API token, dsr_…"},
    })
}

fn problem() -> Value {
    let text = json!({"type": "string"});
    let field =
        json!({"type": "object", "required": ["field", "detail"], "properties": {"field": text, "detail": text}});
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "request_id"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "request_id": text,
            "errors": {"type": "array", "items": field},
        },
    })
}

fn path(path: &str, operations: &[(&str, &str)]) -> Value {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<Value> =
        names.map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})).collect();
    let mut item = Map::new();
    if !parameters.is_empty() {
        item.insert("parameters".to_owned(), parameters.into());
    }
    for (method, text) in operations {
        item.insert((*method).to_owned(), operation(text));
    }
    item.into()
}

fn operation(text: &str) -> Value {
    let problem = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
    json!({
        "summary": text,
        "responses": {
            "2XX": {"description": "Done"},
            "default": {"description": "A problem", "content": problem},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_with_its_parameters() {
        let whole = description();
        assert_eq!(whole["paths"]["/api/v1/contacts/{id}"]["parameters"][0]["name"], "id");
        assert!(whole["paths"]["/api/v1/documents"]["post"]["summary"].is_string());
        assert_eq!(whole["paths"].as_object().map(Map::len), Some(DESCRIBED.len()));
    }
}
