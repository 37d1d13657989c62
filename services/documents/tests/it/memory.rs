//! The program itself, as its own process.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use chassis::RequestContext;
use documents::App;
use futures_util::{StreamExt, stream};
use proto::documents::{self as api, documents_client::DocumentsClient};
use testkit::owner;

use crate::fixture::{finish, new_document, upload_messages};

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    /// The most memory it ever had, in MiB.
    fn peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }
}

fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_large_uploads_and_downloads_at_once_fit_in_little_memory() {
    let (database, objects) = (testkit::database().await, testkit::object_store().await);
    <App as chassis::Service>::migrate(database.migration()).await.unwrap();
    let address = free_address();
    let program = Program(
        Command::new(env!("CARGO_BIN_EXE_dossier-documents"))
            .arg("serve")
            .env("LISTEN_ADDR", address.to_string())
            .env("RPC_TOKEN", testkit::RPC_TOKEN)
            .env("DATABASE_URL", database.url("documents"))
            .env("S3_ENDPOINT", &objects.endpoint)
            .env("S3_REGION", &objects.region)
            .env("S3_BUCKET", &objects.bucket)
            .env("S3_ACCESS_KEY", &objects.access_key)
            .env("S3_SECRET_KEY", &objects.secret_key)
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let listening = async {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    testkit::within(Duration::from_secs(20), listening).await;
    let channel = testkit::channel(&format!("http://{address}"));
    let transfers = (0..10u8).map(|n| {
        let mut client = DocumentsClient::new(channel.clone());
        let context = RequestContext { caller: owner(), ..RequestContext::background(Duration::from_secs(120)) };
        context.scope(async move {
            let bytes = [b'a' + n; 32 << 10].repeat(32 * 24);
            let messages = stream::iter(upload_messages(new_document("a.txt"), &bytes, Some(finish())));
            let document = client.upload(messages).await.unwrap().into_inner().document.unwrap();
            let request = api::ReadContentRequest { id: document.id, ..Default::default() };
            let mut chunks = client.read_content(request).await.unwrap().into_inner();
            let mut read = 0;
            while let Some(message) = chunks.next().await {
                if let Some(api::read_content_response::Part::Chunk(chunk)) = message.unwrap().part {
                    read += chunk.len();
                }
            }
            assert_eq!(read, bytes.len());
        })
    });
    futures_util::future::join_all(transfers).await;
    let peak = program.peak_mib();
    eprintln!("peak: {peak} MiB");
    assert!(peak <= 96, "{peak} MiB");
}
