//! A circuit breaker: after some failures in a row the engine is left alone for a while, so that a
//! dead one costs each user at most one deadline, and most users nothing.

use std::{
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

#[derive(Debug)]
pub(crate) struct Breaker {
    state: Mutex<State>,
    failures: u32,
    pause: Duration,
}

#[derive(Debug, Default)]
struct State {
    failed: u32,
    /// Set while it is open: when the next try is let through.
    open_until: Option<Instant>,
}

impl Breaker {
    /// Opens after `failures` in a row, for `pause`.
    pub(crate) fn new(failures: u32, pause: Duration) -> Self {
        metrics::gauge!("search_breaker_open").set(0.0);
        Self { state: Mutex::default(), failures: failures.max(1), pause }
    }

    /// Whether to try. While it is open, one caller in each pause is let through; the others need
    /// not wait for how that ends, and a try that is given up blocks nobody.
    pub(crate) fn allows(&self) -> bool {
        let mut state = self.lock();
        let now = Instant::now();
        match state.open_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                state.open_until = Some(now + self.pause);
                true
            }
        }
    }

    /// Whether the engine is being left alone.
    pub(crate) fn is_open(&self) -> bool {
        self.lock().open_until.is_some()
    }

    pub(crate) fn succeeded(&self) {
        let mut state = self.lock();
        if state.open_until.is_some() {
            tracing::info!("the search engine answers again");
            metrics::gauge!("search_breaker_open").set(0.0);
        }
        *state = State::default();
    }

    pub(crate) fn failed(&self) {
        let mut state = self.lock();
        state.failed = state.failed.saturating_add(1);
        if state.failed < self.failures {
            return;
        }
        if state.open_until.is_none() {
            tracing::warn!(failures = state.failed, "the search engine is left alone for a while");
            metrics::gauge!("search_breaker_open").set(1.0);
        }
        state.open_until = Some(Instant::now() + self.pause);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_only() {
        let breaker = Breaker::new(2, Duration::from_secs(60));
        breaker.failed();
        breaker.succeeded();
        breaker.failed();
        assert!(breaker.allows());
        breaker.failed();
        assert!(breaker.is_open() && !breaker.allows());
    }

    #[test]
    fn one_try_is_let_through_after_the_pause_and_decides() {
        let breaker = Breaker::new(1, Duration::ZERO);
        breaker.failed();
        assert!(breaker.is_open());
        assert!(breaker.allows(), "the pause has passed");
        breaker.failed();
        assert!(breaker.is_open());
        assert!(breaker.allows());
        breaker.succeeded();
        assert!(!breaker.is_open());
    }
}
