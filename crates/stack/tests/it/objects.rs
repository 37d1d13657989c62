use std::{net::SocketAddr, time::Duration};

use stack::object_store::ObjectStore;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::folder;

async fn send(store: &ObjectStore, request: &str) -> String {
    let addr: SocketAddr = store.endpoint().trim_start_matches("http://").parse().unwrap();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn nobody_gets_in_without_a_signature() {
    let folder = folder();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let store = ObjectStore::start(folder.path().into(), any, "key", "secret").await.unwrap();
    let get = "GET /dossier/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert!(send(&store, get).await.starts_with("HTTP/1.1 403"));
    let put = "PUT /dossier/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
    assert!(send(&store, put).await.starts_with("HTTP/1.1 403"));
    assert_eq!(std::fs::read_dir(folder.path().join("objects")).unwrap().count(), 0);
    store.stop().await;
}
