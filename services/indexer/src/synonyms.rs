//! Gives the search engine the words that stand for others, which search knows. An index that has just
//! taken the place of another has none.

use std::time::Duration;

use anyhow::Context;
use chassis::{CancellationToken, RequestContext, SecretString, grpc::Channel};
use proto::search::{ListSynonymsRequest, analytics_client::AnalyticsClient};
use tokio::time::{MissedTickBehavior, interval};

use crate::{engine::Engine, error::Error};

/// Whoever sets a synonym sees what it does.
const EVERY: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(5);

/// Tells the engine. The only calls to search.
#[derive(Clone, Debug)]
pub(crate) struct Synonyms {
    search: AnalyticsClient<Channel>,
    engine: Engine,
}

impl Synonyms {
    /// Connects when it is first used.
    pub(crate) fn new(url: &str, token: &SecretString, engine: Engine) -> anyhow::Result<Self> {
        let channel = chassis::grpc::connect(url, token).context("SEARCH_URL")?;
        Ok(Self { search: AnalyticsClient::new(channel), engine })
    }

    /// Until `stop`. While search or the engine cannot be reached, the engine keeps what it has.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            if let Some(Err(error)) = stop.run_until_cancelled(self.keep()).await {
                tracing::debug!(%error, "the search engine was not given the synonyms");
            }
        }
    }

    async fn keep(&self) -> Result<(), Error> {
        let Some(client) = self.engine.client() else { return Ok(()) };
        let mut search = self.search.clone();
        let known = RequestContext::background(LIMIT).scope(search.list_synonyms(ListSynonymsRequest {})).await?;
        let words = known.into_inner().items.into_iter().map(|s| (s.word, s.others)).collect();
        if client.keep_synonyms(&words).await? {
            tracing::info!(words = words.len(), "the search engine has the synonyms");
        }
        Ok(())
    }
}
