//! Does, every minute, what a user does, from outside and through the edge: hands in a document,
//! waits until it has been read, finds it by a word that stands nowhere else, and removes it.
//!
//! Its metrics say whether people can work, whatever every part says of itself: [`journey`] holds the
//! steps, and what is measured is one count of journeys by outcome and the time of each step. It has an
//! account of its own, which the gateway makes from the same secret, and a restricted collection, where
//! only owners come across its documents. Its searches are in no figure; its uploads and requests count
//! like anybody's.

mod config;
mod journey;

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, SystemTime},
};

use chassis::{CancellationToken, Health, ProcessConfig, Service};
use tokio::time::MissedTickBehavior;

pub use config::{Config, Migration};

use crate::journey::{Site, Stopped};

/// The prober, ready to go.
#[derive(Debug)]
pub struct App {
    site: Site,
    every: Duration,
    limit: Duration,
}

impl Service for App {
    const NAME: &'static str = "prober";
    const ABOUT: &'static str = "Does, every minute, what a user does, and measures it";
    type Config = Config;
    type Migration = Migration;

    fn process(config: &Config) -> &ProcessConfig {
        &config.process
    }

    async fn migrate(_: Migration) -> anyhow::Result<()> {
        Ok(())
    }

    async fn build(config: Config, _: Health) -> anyhow::Result<Self> {
        let every = Duration::from_secs(config.probe_every_seconds.max(1));
        let limit = Duration::from_secs(config.probe_limit_seconds.max(1));
        Ok(Self { site: Site::new(&config.site_url, &config.prober_token, limit)?, every, limit })
    }

    /// Nobody calls it.
    fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
    }

    async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        for outcome in journey::OUTCOMES {
            metrics::counter!("prober_journeys_total", "outcome" => outcome).absolute(0);
        }
        // Until the first has succeeded, that it has not is as old as this process.
        succeeded();
        let mut tick = tokio::time::interval(self.every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(tick.tick()).await.is_some() {
            // One that has begun ends, so that nothing of it is left behind.
            let ended = tokio::time::timeout(self.limit * 2, self.site.journey(self.limit)).await;
            note(ended.unwrap_or(Err(Stopped { step: "remove", error: journey::Error::Slow })));
        }
        Ok(())
    }
}

fn note(ended: Result<(), Stopped>) {
    let outcome = match &ended {
        Ok(()) => journey::DONE,
        Err(stopped) => stopped.step,
    };
    metrics::counter!("prober_journeys_total", "outcome" => outcome).increment(1);
    match ended {
        Ok(()) => {
            succeeded();
            tracing::info!(outcome, "the journey ended");
        }
        Err(Stopped { error, .. }) => tracing::warn!(outcome, %error, "the journey ended early"),
    }
}

fn succeeded() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    metrics::gauge!("prober_last_success_timestamp_seconds").set(now.as_secs_f64());
}
