//! Whole indexes: listed, dropped, renamed, swapped, read record by record.

use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    extract::{Path, State},
};
use serde_json::{Map, Value, json};

use super::{Answer, Filter, Index, Refusal, Shared, Work, check, ok, parse};

pub(super) async fn list(State(shared): State<Shared>) -> Answer {
    let engine = shared.lock();
    let named: Vec<_> = engine.indexes.keys().map(|uid| json!({"uid": uid, "primaryKey": "id"})).collect();
    Ok(ok(json!({"total": named.len(), "results": named, "offset": 0, "limit": 1000})))
}

pub(super) async fn drop_index(State(shared): State<Shared>, Path(uid): Path<String>) -> Answer {
    shared.enqueue(&uid, "indexDeletion", Work::Drop)
}

pub(super) async fn get_synonyms(State(shared): State<Shared>, Path(uid): Path<String>) -> Answer {
    let engine = shared.lock();
    let index = engine.indexes.get(&uid).ok_or_else(|| Refusal::no_index(&uid))?;
    let words = &index.settings["synonyms"];
    Ok(ok(if words.is_null() { json!({}) } else { words.clone() }))
}

pub(super) async fn put_synonyms(State(shared): State<Shared>, Path(uid): Path<String>, body: Bytes) -> Answer {
    shared.enqueue(&uid, "settingsUpdate", Work::Synonyms(parse(&body)?))
}

pub(super) async fn swap(State(shared): State<Shared>, body: Bytes) -> Answer {
    let body = parse(&body)?;
    let bad = || Refusal::bad_request("invalid_swap_indexes", "two indexes are needed");
    let mut swaps = Vec::new();
    for pair in body.as_array().ok_or_else(bad)? {
        let name = |n: usize| pair["indexes"][n].as_str().map(str::to_owned).ok_or_else(bad);
        swaps.push((name(0)?, name(1)?, pair["rename"] == true));
    }
    shared.enqueue("", "indexSwap", Work::Swap(swaps))
}

pub(super) fn apply_swaps(
    indexes: &mut BTreeMap<String, Index>,
    swaps: Vec<(String, String, bool)>,
) -> Result<(), (&'static str, String)> {
    for (one, other, rename) in swaps {
        let missing = |uid: &str| ("index_not_found", format!("Index `{uid}` not found."));
        match (indexes.contains_key(&one), indexes.contains_key(&other), rename) {
            (true, true, false) => {
                if let (Some(a), Some(b)) = (indexes.remove(&one), indexes.remove(&other)) {
                    indexes.extend([(one, b), (other, a)]);
                }
            }
            (true, false, true) => {
                if let Some(a) = indexes.remove(&one) {
                    indexes.insert(other, a);
                }
            }
            (true, true, true) => return Err(("index_already_exists", format!("Index `{other}` already exists."))),
            (false, _, _) => return Err(missing(&one)),
            (_, false, false) => return Err(missing(&other)),
        }
    }
    Ok(())
}

pub(super) async fn fetch(State(shared): State<Shared>, Path(uid): Path<String>, body: Bytes) -> Answer {
    let body = parse(&body)?;
    let engine = shared.lock();
    let index = engine.indexes.get(&uid).ok_or_else(|| Refusal::no_index(&uid))?;
    let filter = body["filter"].as_str().map(Filter::parse).transpose();
    let filter = filter.map_err(|e| Refusal::bad_request("invalid_document_filter", e))?;
    if let Some(filter) = &filter {
        check(&index.settings, filter).map_err(|e| Refusal::bad_request("invalid_document_filter", e))?;
    }
    let fields: Option<Vec<String>> = serde_json::from_value(body["fields"].clone()).ok();
    let shown = |d: &Map<String, Value>| -> Value {
        let wanted = |key: &String| fields.as_ref().is_none_or(|fields| fields.contains(key));
        d.iter().filter(|(key, _)| wanted(key)).map(|(k, v)| (k.clone(), v.clone())).collect::<Map<_, _>>().into()
    };
    let accepted: Vec<_> = index.documents.values().filter(|d| filter.as_ref().is_none_or(|f| f.accepts(d))).collect();
    let number = |name: &str, default| body[name].as_u64().map_or(default, |n| n as usize);
    let (offset, limit) = (number("offset", 0), number("limit", 20));
    let results: Vec<_> = accepted.iter().skip(offset).take(limit).map(|d| shown(d)).collect();
    Ok(ok(json!({"results": results, "offset": offset, "limit": limit, "total": accepted.len()})))
}
