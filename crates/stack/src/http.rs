//! The little HTTP that is needed to ask a process on this machine whether it is ready.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(5);
const BODY_BYTES: usize = 64 * 1024;

/// Status and body of a GET on a connection of its own, within five seconds.
pub(crate) async fn get(addr: SocketAddr, host: &str, path: &str) -> anyhow::Result<(u16, String)> {
    let answer = async {
        let stream = TcpStream::connect(addr).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::get(path).header(HOST, host).body(Empty::<Bytes>::new())?;
        let response = async {
            let response = sender.send_request(request).await?;
            let status = response.status().as_u16();
            let body =
                Limited::new(response.into_body(), BODY_BYTES).collect().await.map_err(anyhow::Error::from_boxed)?;
            anyhow::Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
        };
        tokio::pin!(connection, response);
        tokio::select! {
            answer = &mut response => answer,
            ended = &mut connection => {
                ended?;
                response.await
            }
        }
    };
    tokio::time::timeout(LIMIT, answer).await?
}
