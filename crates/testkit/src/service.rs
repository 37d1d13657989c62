use std::{future::Future, net::SocketAddr, time::Duration};

use chassis::{Caller, CancellationToken, Health, RequestContext, Role, SecretString, Service, grpc::Channel};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The token that services under test expect.
pub const RPC_TOKEN: &str = "token-for-tests";

/// [`RPC_TOKEN`] as configurations take it.
pub fn rpc_token() -> SecretString {
    SecretString::from(RPC_TOKEN)
}

/// A service running in this process on a free port.
#[derive(Debug)]
pub struct Running {
    /// Where it is served.
    pub addr: SocketAddr,
    /// What it says of its dependencies.
    pub health: Health,
    shutdown: CancellationToken,
    task: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Running {
    /// `http://host:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// A channel to it; see [`as_caller`] for whose calls they are.
    pub fn channel(&self) -> Channel {
        channel(&self.url())
    }

    /// Stops it as SIGTERM would, and answers how it ended.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        match self.task.take() {
            Some(task) => within(Duration::from_secs(30), task).await?,
            None => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// Builds and runs a service. Panics when it cannot be built: the test has nothing to test then.
pub async fn serve<S: Service>(config: S::Config) -> Running {
    let health = Health::default();
    let service = S::build(config, health.clone()).await.expect("the service is built");
    let (addr, shutdown) = (service.addr(), CancellationToken::new());
    let task = tokio::spawn(service.run(shutdown.clone()));
    Running { addr, health, shutdown, task: Some(task) }
}

/// A channel to the service at `url`.
pub fn channel(url: &str) -> Channel {
    chassis::grpc::connect(url, &rpc_token()).expect("the URL is valid")
}

/// Runs `future` as a request of `caller`, with twenty seconds to answer.
pub async fn as_caller<F: Future>(caller: Caller, future: F) -> F::Output {
    let context = RequestContext { caller, ..RequestContext::background(Duration::from_secs(20)) };
    context.scope(future).await
}

/// Somebody with this role.
pub fn user(role: Role) -> Caller {
    Caller::User { id: Uuid::now_v7(), role }
}

/// An owner.
pub fn owner() -> Caller {
    user(Role::Owner)
}

/// The output of `future`, or a panic when it takes longer than `limit`.
pub async fn within<F: Future>(limit: Duration, future: F) -> F::Output {
    match tokio::time::timeout(limit, future).await {
        Ok(output) => output,
        Err(_) => panic!("nothing happened within {limit:?}"),
    }
}
