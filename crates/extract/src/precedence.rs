//! Who goes first. A reader that gives way is halted while others go, because the kernel alone weighs it against
//! them only within one container or session.

use std::{
    convert::Infallible,
    future::{Future, pending},
    os::fd::OwnedFd,
    time::Duration,
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::{
    process::Child,
    sync::watch,
    time::{Instant, sleep, timeout_at},
};

/// However busy the others are, a reader that gives way has a turn after so long,
const HALTED: Duration = Duration::from_millis(900);
/// which lasts so long: a tenth of the time, as [`PATIENCE`](crate::PATIENCE) expects.
const TURN: Duration = Duration::from_millis(100);

/// Those who go first, and those who give way to them. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Precedence(watch::Sender<usize>);

impl Precedence {
    /// Until the answer is dropped, somebody goes first.
    #[must_use]
    pub fn go_first(&self) -> GoingFirst {
        self.0.send_modify(|going| *going += 1);
        GoingFirst(self.0.clone())
    }

    /// Halts a process while others go first, but for its turns.
    async fn halt(&self, process: OwnedFd) -> Infallible {
        let signal = |signal| {
            // One that cannot be halted has its limits like any other.
            let _ = pidfd_send_signal(&process, signal);
        };
        let mut others = self.0.subscribe();
        let mut turn = Instant::now() + HALTED;
        loop {
            if others.wait_for(|going| *going > 0).await.is_err() {
                return pending().await;
            }
            signal(Signal::STOP);
            let gone = timeout_at(turn, others.wait_for(|going| *going == 0)).await.is_ok();
            signal(Signal::CONT);
            if !gone {
                sleep(TURN).await;
                turn = Instant::now() + HALTED;
            }
        }
    }
}

/// Goes first until it is dropped. See [`Precedence::go_first`].
#[derive(Debug)]
pub struct GoingFirst(watch::Sender<usize>);

impl Drop for GoingFirst {
    fn drop(&mut self) {
        self.0.send_modify(|going| *going -= 1);
    }
}

/// A child that is halted while others go first.
pub(crate) struct Halted<'a>(&'a Precedence, OwnedFd);

impl<'a> Halted<'a> {
    /// `None` when it gives way to nobody, and on a kernel without names for processes that never become
    /// another's.
    pub(crate) fn new(precedence: Option<&'a Precedence>, child: &Child) -> Option<Self> {
        let (precedence, id) = precedence.zip(child.id())?;
        let process = pidfd_open(Pid::from_raw(i32::try_from(id).ok()?)?, PidfdFlags::empty()).ok()?;
        Some(Self(precedence, process))
    }
}

/// Awaits what `work` makes of such a child, or of any. Afterwards it may stand still: it has ended, or is to be
/// killed.
pub(crate) async fn giving_way<T>(halted: Option<Halted<'_>>, work: impl Future<Output = T>) -> T {
    let Some(Halted(precedence, process)) = halted else { return work.await };
    tokio::select! {
        done = work => done,
        never = precedence.halt(process) => match never {},
    }
}
