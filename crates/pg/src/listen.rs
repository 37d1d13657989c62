use std::{future::poll_fn, time::Duration};

use tokio::sync::broadcast;
use tokio_postgres::{AsyncMessage, NoTls};
use tokio_util::sync::CancellationToken;

use crate::PgConfig;

/// Notifications kept for a slow subscriber; one that falls further behind is told that it lagged.
const BACKLOG: usize = 1024;

/// Hears PostgreSQL's NOTIFY on its own connection and passes it on.
///
/// A notification is a hint: whoever waits for one also looks for itself now and then. While the
/// connection is being made again, notifications are missed; when it stands, every subscriber gets
/// one with an empty payload, which means "look now".
#[derive(Clone, Debug)]
pub struct Listener {
    sender: broadcast::Sender<String>,
}

impl Listener {
    /// Listens on `channel` until `stop`.
    ///
    /// # Errors
    /// When the URL does not parse.
    pub fn start(config: &PgConfig, channel: &'static str, stop: CancellationToken) -> anyhow::Result<Self> {
        let (sender, _) = broadcast::channel(BACKLOG);
        let (target, passing) = (config.parsed()?, sender.clone());
        tokio::spawn(async move {
            let listening = async {
                loop {
                    if let Err(error) = listen(&target, channel, &passing).await {
                        tracing::debug!(channel, %error, "not listening; trying again");
                    }
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            };
            stop.run_until_cancelled(listening).await;
        });
        Ok(Self { sender })
    }

    /// From now on.
    pub fn subscribe(&self) -> broadcast::Receiver<String> {
        self.sender.subscribe()
    }
}

async fn listen(
    target: &tokio_postgres::Config,
    channel: &str,
    sender: &broadcast::Sender<String>,
) -> Result<(), tokio_postgres::Error> {
    let (client, mut connection) = target.connect(NoTls).await?;
    let sql = format!("LISTEN {channel}");
    let mut starting = Some(Box::pin(client.batch_execute(&sql)));
    loop {
        let message = tokio::select! {
            message = poll_fn(|cx| connection.poll_message(cx)) => message,
            started = async { starting.as_mut().expect("polled only while set").await }, if starting.is_some() => {
                started?;
                starting = None;
                let _ = sender.send(String::new());
                continue;
            }
        };
        match message {
            Some(Ok(AsyncMessage::Notification(n))) => {
                // Nobody may be listening just now.
                let _ = sender.send(n.payload().to_owned());
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error),
            None => return Ok(()),
        }
    }
}
