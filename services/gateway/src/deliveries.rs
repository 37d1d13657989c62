//! What webhooks and mails have in common: a queue in PostgreSQL whose deliveries are leased, tried with a
//! deadline, settled with the attempt as the fencing token, repeated with growing pauses, and given up at
//! last.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
};

use crate::error::Error;

/// After each failure, in units of the first pause (five seconds unless said): 5 s, 1 min, 5 min,
/// 30 min, 2 h, 5 h, 10 h, 14 h.
const PAUSES: [u32; 8] = [1, 12, 60, 360, 1440, 3600, 7200, 10_080];
/// How often a queue is looked at when nothing says that there is something in it.
const LOOK: Duration = Duration::from_secs(1);

/// How long to wait after this attempt has failed, a little different each time; `None`: it was the last.
pub(crate) fn pause(first: Duration, attempt: i32) -> Option<Duration> {
    let failures = usize::try_from(attempt).ok()?.checked_sub(1)?;
    PAUSES.get(failures).map(|units| first.saturating_mul(*units).mul_f64(rand::random_range(0.9..1.1)))
}

/// Whether the attempts before this one, the last that may be, did not come to an end.
pub(crate) fn is_over(attempt: i32) -> bool {
    usize::try_from(attempt).is_ok_and(|attempt| attempt > PAUSES.len() + 1)
}

/// Tries what `take` leases, `most` at once, whenever `queued` says so; for ever.
pub(crate) async fn work<Due, Taken, Tried>(
    most: usize,
    queued: &Notify,
    take: impl Fn(i64) -> Taken,
    attempt: impl Fn(Due) -> Tried,
) where
    Taken: Future<Output = Result<Vec<Due>, Error>>,
    Tried: Future<Output = ()> + Send + 'static,
{
    let turns = Arc::new(Semaphore::new(most));
    let mut under_way = JoinSet::new();
    loop {
        let free = i64::try_from(turns.available_permits()).unwrap_or(0);
        let due = match free {
            0 => Vec::new(),
            free => take(free).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "the queue was not read");
                Vec::new()
            }),
        };
        let found = !due.is_empty();
        for due in due {
            // Only here are turns taken, and no more is due than there were.
            let (trying, turn) = (attempt(due), turns.clone().try_acquire_owned());
            under_way.spawn(async move {
                let _turn = turn;
                trying.await;
            });
        }
        while under_way.try_join_next().is_some() {}
        if found && turns.available_permits() > 0 {
            tokio::task::yield_now().await;
            continue;
        }
        tokio::select! {
            () = queued.notified() => {}
            Some(_) = under_way.join_next() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let first = Duration::from_secs(5);
        let all: Vec<_> = (1..20).map_while(|attempt| pause(first, attempt)).collect();
        assert_eq!(all.len(), PAUSES.len());
        assert!(all.is_sorted() && all[0] < Duration::from_secs(6) && all[7] > Duration::from_secs(12 * 3600));
        assert_eq!(pause(first, 0), None);
        assert!(!is_over(9) && is_over(10));
    }
}
