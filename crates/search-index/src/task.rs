use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::{Error, transport::Transport};

const FIRST_PAUSE: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// Task ids asked for in one call.
const ASKED_AT_ONCE: usize = 100;

/// What the engine answers to a write: it is in the queue.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Accepted {
    task_uid: u64,
}

#[derive(Debug, Deserialize)]
struct Tasks {
    results: Vec<Task>,
}

/// Only what is needed, so that a new kind of task or detail never breaks it.
#[derive(Debug, Deserialize)]
struct Task {
    uid: u64,
    status: String,
    error: Option<TaskError>,
}

#[derive(Debug, Deserialize)]
struct TaskError {
    code: String,
    message: String,
}

/// Returns when all of them have succeeded; fails with the first that did not.
pub(crate) async fn follow(
    transport: &Transport,
    host: &str,
    accepted: Vec<Accepted>,
    limit: Duration,
) -> Result<(), Error> {
    let deadline = Instant::now() + limit;
    let mut open: Vec<u64> = accepted.into_iter().map(|a| a.task_uid).collect();
    let mut pause = FIRST_PAUSE;
    while !open.is_empty() {
        let asked = &open[..open.len().min(ASKED_AT_ONCE)];
        let list = asked.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        let url = format!("{host}/tasks?uids={list}&limit={}", asked.len());
        let tasks: Tasks = transport.get(&url).await?;
        let done = succeeded(asked, &tasks.results)?;
        if done.is_empty() {
            if Instant::now() + pause > deadline {
                return Err(Error::Timeout);
            }
            sleep(pause).await;
            pause = pause.mul_f32(1.5).min(LONGEST_PAUSE);
        }
        open.retain(|uid| !done.contains(uid));
    }
    Ok(())
}

fn succeeded(asked: &[u64], known: &[Task]) -> Result<Vec<u64>, Error> {
    let mut done = Vec::new();
    for uid in asked {
        let task = known.iter().find(|task| task.uid == *uid).ok_or(Error::Lost)?;
        match (task.status.as_str(), &task.error) {
            ("succeeded", _) => done.push(*uid),
            ("failed", Some(error)) => {
                return Err(Error::Refused { code: error.code.clone(), message: error.message.clone() });
            }
            (end @ ("failed" | "canceled"), _) => {
                return Err(Error::Refused { code: end.to_owned(), message: "the task did not succeed".to_owned() });
            }
            // Enqueued, processing, or a state that a later engine may add.
            _ => {}
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(uid: u64, status: &str) -> Task {
        let text = format!(r#"{{"uid":{uid},"status":"{status}","canceledBy":9,"type":"somethingNew","error":null}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_task_that_is_not_known_is_never_a_success() {
        assert!(matches!(succeeded(&[1, 2], &[task(1, "succeeded")]), Err(Error::Lost)));
    }

    #[test]
    fn only_succeeded_is_success() {
        assert_eq!(succeeded(&[1], &[task(1, "succeeded")]).unwrap(), [1]);
        for waiting in ["enqueued", "processing", "something-new"] {
            assert!(succeeded(&[1], &[task(1, waiting)]).unwrap().is_empty());
        }
        for ended in ["failed", "canceled"] {
            assert!(succeeded(&[1], &[task(1, ended)]).unwrap_err().is_code(ended));
        }
    }
}
