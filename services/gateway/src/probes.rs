//! Whether the services behind the gateway are there, asked now and then, so that readiness and
//! metrics can say so without a request having to fail.

use std::time::Duration;

use chassis::{CancellationToken, Dependency, Health, RequestContext, grpc::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::{config::Config, state::Channels};

const EVERY: Duration = Duration::from_secs(2);
/// Sooner while it is away, so that its return is seen soon.
const EVERY_WHILE_DOWN: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(1);

/// Follows all services until `stop`. None is required: without one, the rest works.
pub(crate) async fn watch(config: &Config, health: &Health, stop: CancellationToken) -> anyhow::Result<()> {
    let channels = Channels::new(config)?;
    let follow = |name, channel| follow(HealthClient::new(channel), health.dependency(name, false));
    let all = async {
        tokio::join!(
            follow("contacts", channels.contacts),
            follow("documents", channels.documents),
            follow("indexer", channels.indexer),
            follow("search", channels.search),
        )
    };
    stop.run_until_cancelled(all).await;
    Ok(())
}

async fn follow(mut client: HealthClient<Channel>, dependency: Dependency) {
    loop {
        let context = RequestContext::background(PATIENCE);
        let answer = context.scope(client.check(HealthCheckRequest::default())).await;
        let pause = match answer.map(|answer| answer.into_inner().status()) {
            Ok(ServingStatus::Serving) => {
                dependency.up();
                EVERY
            }
            Ok(_) => {
                dependency.down("it says that it is not ready");
                EVERY_WHILE_DOWN
            }
            Err(status) => {
                dependency.down(status.message());
                EVERY_WHILE_DOWN
            }
        };
        tokio::time::sleep(pause).await;
    }
}
