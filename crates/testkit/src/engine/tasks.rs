//! What is done later than accepted: the queue of tasks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::{Engine, Index, Refusal, TASK_STEP, Work, check, filter::Filter, indexes};

/// Does the tasks one after the other, each some time after it was accepted.
pub(super) async fn work(state: Arc<Mutex<Engine>>, mut queue: mpsc::UnboundedReceiver<usize>) {
    while let Some(uid) = queue.recv().await {
        tokio::time::sleep(TASK_STEP).await;
        let lock = || state.lock().unwrap_or_else(|e| e.into_inner());
        if !step(&mut lock(), uid, "enqueued", "processing") {
            continue;
        }
        tokio::time::sleep(TASK_STEP).await;
        let mut engine = lock();
        let work = engine.tasks[uid].work.take();
        let index = engine.tasks[uid].index.clone();
        let done = match work {
            _ if engine.failing > 0 => {
                engine.failing -= 1;
                Err(("internal", "this task was to fail".to_owned()))
            }
            Some(work) => apply(&mut engine.indexes, &index, work),
            None => Ok(()),
        };
        match done {
            Ok(()) => engine.tasks[uid].status = "succeeded",
            Err((code, message)) => {
                engine.tasks[uid].status = "failed";
                engine.tasks[uid].error = Some(Refusal::body(code, &message));
            }
        }
    }
}

fn step(engine: &mut Engine, uid: usize, from: &str, to: &'static str) -> bool {
    let task = &mut engine.tasks[uid];
    let steps = task.status == from;
    if steps {
        task.status = to;
    }
    steps
}

fn apply(indexes: &mut BTreeMap<String, Index>, uid: &str, work: Work) -> Result<(), (&'static str, String)> {
    match work {
        Work::Create if indexes.contains_key(uid) => {
            Err(("index_already_exists", format!("Index `{uid}` already exists.")))
        }
        Work::Create => {
            indexes.entry(uid.to_owned()).or_default();
            Ok(())
        }
        Work::Settings(patch) => {
            merge(&mut indexes.entry(uid.to_owned()).or_default().settings, patch);
            Ok(())
        }
        Work::Synonyms(words) => {
            let index = indexes.get_mut(uid).ok_or(("index_not_found", format!("Index `{uid}` not found.")))?;
            index.settings["synonyms"] = words;
            Ok(())
        }
        Work::Put(documents) => {
            let index = indexes.entry(uid.to_owned()).or_default();
            let id_of = |d: &Map<String, Value>| d.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            let well_formed =
                |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
            if let Some(bad) = documents.iter().map(id_of).find(|id| !well_formed(id)) {
                return Err(("invalid_document_id", format!("Document identifier `{bad:?}` is invalid.")));
            }
            index.documents.extend(documents.into_iter().map(|d| (id_of(&d), d)));
            Ok(())
        }
        Work::Delete(filter) => {
            let index = indexes.get_mut(uid).ok_or(("index_not_found", format!("Index `{uid}` not found.")))?;
            if !matches!(&filter, Filter::In(name, _) if name == "id") {
                check(&index.settings, &filter).map_err(|e| ("invalid_document_filter", e))?;
            }
            index.documents.retain(|_, document| !filter.accepts(document));
            Ok(())
        }
        Work::Drop => indexes.remove(uid).map(drop).ok_or(("index_not_found", format!("Index `{uid}` not found."))),
        Work::Swap(swaps) => indexes::apply_swaps(indexes, swaps),
    }
}

fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            patch.into_iter().for_each(|(key, value)| merge(target.entry(key).or_insert(Value::Null), value));
        }
        (target, patch) => *target = patch,
    }
}
