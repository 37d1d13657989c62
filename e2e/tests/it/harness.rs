//! Runs the tests: which system each gets, which may run side by side, and the end of it all.

use std::{
    pin::Pin,
    process::ExitCode,
    sync::{Arc, LazyLock},
    time::Duration,
};

use anyhow::anyhow;
use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
use tokio::{
    runtime::Runtime,
    sync::{OnceCell, RwLock},
};

use crate::system::System;

/// Longer than any test needs; a test that hangs fails.
const LIMIT: Duration = Duration::from_secs(300);

/// Tests mostly wait for the system, so more of them than processors make sense.
const SIDE_BY_SIDE: usize = 6;

type Outcome = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// Which system a test gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// Leaves the system as it was; runs beside others. Enters by the front door only, so that it may run
    /// anywhere.
    Shared,
    /// The same, but needs it on this machine: looks at its processes' logs and admin ports, or is called by it.
    Inside,
    /// Breaks something; runs alone.
    Alone,
}

/// One test. Made by [`tests!`].
pub(crate) struct Test {
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    pub(crate) room: Room,
    pub(crate) run: fn(Arc<System>) -> Outcome,
}

/// The list of a module's tests, which are `async fn name(system: Arc<System>) -> anyhow::Result<()>`.
macro_rules! tests {
    ($($room:ident: $($name:ident),+ $(,)?);+) => {
        pub(crate) const TESTS: &[$crate::harness::Test] = &[$($(
            $crate::harness::Test {
                module: module_path!(),
                name: stringify!($name),
                room: $crate::harness::Room::$room,
                run: |system| Box::pin($name(system)),
            },
        )+)+];
    };
}
pub(crate) use tests;

type Started = OnceCell<Result<Arc<System>, String>>;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.expect("a runtime can be built")
});
static SHARED: Started = OnceCell::const_new();
static ALONE: Started = OnceCell::const_new();
static GATE: RwLock<()> = RwLock::const_new(());
/// Where a system runs already that is to be tested as far as it can be from outside.
static SITE: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("E2E_SITE").ok());

/// Runs what the command line asks for.
pub(crate) fn run(lists: &'static [&'static [Test]]) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
    let tests = || lists.iter().flat_map(|list| list.iter());
    let side_by_side = tests().filter(|t| t.room == Room::Shared || (t.room == Room::Inside && SITE.is_none()));
    let alone = tests().filter(|t| t.room == Room::Alone && SITE.is_none());
    let conclusion = libtest_mimic::run(&arguments, side_by_side.chain(alone).map(trial).collect());
    RUNTIME.block_on(finish(&conclusion));
    conclusion.exit_code()
}

fn trial(test: &'static Test) -> Trial {
    let module = test.module.trim_start_matches("it::");
    Trial::test(format!("{module}::{}", test.name), move || {
        // On the runtime's own threads, which outlive every test.
        let outcome = RUNTIME.block_on(RUNTIME.spawn(in_its_room(test)));
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failed::from(told(&error))),
            Err(died) if died.is_panic() => std::panic::resume_unwind(died.into_panic()),
            Err(died) => Err(Failed::from(died)),
        }
    })
}

/// The error and, with `RUST_BACKTRACE=1`, where in the test it came up.
fn told(error: &anyhow::Error) -> String {
    let backtrace = error.backtrace().to_string();
    let places =
        backtrace.lines().map(str::trim).filter(|line| line.contains("tests/it/") && !line.contains("harness.rs"));
    places.fold(format!("{error:#}"), |told, place| format!("{told}\n  {place}"))
}

async fn in_its_room(test: &'static Test) -> anyhow::Result<()> {
    let limited = async |system| match tokio::time::timeout(LIMIT, (test.run)(system)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(anyhow!("not done within {LIMIT:?}")),
    };
    match test.room {
        Room::Shared | Room::Inside => {
            let _others_may_run = GATE.read().await;
            limited(system(&SHARED, "shared").await?).await
        }
        Room::Alone => {
            let _nothing_else_runs = GATE.write().await;
            let system = system(&ALONE, "alone").await?;
            system.whole().await?;
            limited(system).await
        }
    }
}

async fn system(cell: &'static Started, name: &'static str) -> anyhow::Result<Arc<System>> {
    let start = async || {
        let started = match SITE.as_deref() {
            None => System::start(name).await,
            Some(site) => match (std::env::var("E2E_OWNER_EMAIL"), std::env::var("E2E_OWNER_PASSWORD")) {
                (Ok(email), Ok(password)) => System::at(site, email, password).await,
                _ => Err(anyhow!("E2E_SITE goes with E2E_OWNER_EMAIL and E2E_OWNER_PASSWORD")),
            },
        };
        started.map(Arc::new).map_err(|error| told(&error))
    };
    cell.get_or_init(start).await.clone().map_err(|error| anyhow!("the system did not start: {error}"))
}

/// Stops what was started; leaves the data and logs where they are when a test has failed.
async fn finish(conclusion: &Conclusion) {
    for cell in [&SHARED, &ALONE] {
        if let Some(Ok(system)) = cell.get() {
            system.finish(conclusion.has_failed()).await;
        }
    }
}
