//! When a slow engine is no longer waited for alone: after as long as nearly all of its answers take,
//! PostgreSQL is asked as well, and who answers first is heard. A budget keeps an engine that is slow
//! for everybody from doubling the work: then its deadline and the breaker decide.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

/// Answers that are remembered.
const REMEMBERED: usize = 200;
/// Fewer say nothing.
const ENOUGH: usize = 20;
const QUANTILE: f64 = 0.95;
/// Never sooner: the second question would cost more than it saves.
const SOONEST: Duration = Duration::from_millis(25);
/// Questions to the engine that pay for one to PostgreSQL.
const PRICE: u32 = 10;
/// Second questions that may be saved up.
const MOST: u32 = 10;

#[derive(Debug)]
pub(crate) struct Hedge {
    state: Mutex<State>,
    /// The delay while too little is known, and the longest at all.
    longest: Duration,
}

#[derive(Debug)]
struct State {
    took: VecDeque<Duration>,
    saved: u32,
}

impl Hedge {
    /// For an engine that is waited for until `deadline`.
    pub(crate) fn new(deadline: Duration) -> Self {
        let state = State { took: VecDeque::with_capacity(REMEMBERED), saved: PRICE * MOST };
        Self { state: Mutex::new(state), longest: deadline / 4 }
    }

    /// An answer of the engine took this long.
    pub(crate) fn took(&self, time: Duration) {
        let mut state = self.lock();
        if state.took.len() == REMEMBERED {
            state.took.pop_front();
        }
        state.took.push_back(time);
        state.saved = (state.saved + 1).min(PRICE * MOST);
    }

    /// How long the engine is waited for alone.
    pub(crate) fn delay(&self) -> Duration {
        let mut took: Vec<Duration> = self.lock().took.iter().copied().collect();
        if took.len() < ENOUGH {
            return self.longest;
        }
        let at = ((took.len() as f64 * QUANTILE) as usize).min(took.len() - 1);
        let (_, quantile, _) = took.select_nth_unstable(at);
        (*quantile).clamp(SOONEST.min(self.longest), self.longest)
    }

    /// Whether there is a second question left to be asked; it counts as asked then.
    pub(crate) fn spend(&self) -> bool {
        let mut state = self.lock();
        let left = state.saved.checked_sub(PRICE);
        state.saved = left.unwrap_or(state.saved);
        left.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_delay_follows_what_nearly_all_answers_take() {
        let hedge = Hedge::new(800 * MS);
        assert_eq!(hedge.delay(), 200 * MS, "nothing is known");
        (1..=100).for_each(|n| hedge.took(n * MS));
        assert_eq!(hedge.delay(), 96 * MS);
        (0..REMEMBERED).for_each(|_| hedge.took(MS));
        assert_eq!(hedge.delay(), SOONEST);
        (0..REMEMBERED).for_each(|_| hedge.took(700 * MS));
        assert_eq!(hedge.delay(), 200 * MS, "the longest");
    }

    #[test]
    fn second_questions_are_paid_for_by_first_ones() {
        let hedge = Hedge::new(800 * MS);
        assert_eq!((0..2 * MOST).filter(|_| hedge.spend()).count(), MOST as usize);
        (0..PRICE - 1).for_each(|_| hedge.took(MS));
        assert!(!hedge.spend());
        hedge.took(MS);
        assert!(hedge.spend() && !hedge.spend());
    }
}
