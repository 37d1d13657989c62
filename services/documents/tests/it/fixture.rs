//! A running service and the calls that tests make.

use chassis::{
    Caller, Fault, FaultKind, ProcessConfig,
    grpc::{Channel, GrpcConfig},
};
use documents::{App, Config, Limits, S3Config};
use futures_util::{StreamExt, stream};
use pg::PgConfig;
use proto::documents::{
    self as api, complete_request, documents_client::DocumentsClient, read_content_response::Part, upload_request,
    work_client::WorkClient,
};
use sha2::{Digest, Sha256};
use testkit::{Database, ObjectStore, Running, as_caller, owner};
use tonic::Status;

pub(crate) const FIRST: &str = "01900000-0000-7000-8000-000000000001";

pub(crate) struct Fixture {
    pub(crate) running: Running,
    pub(crate) database: Database,
    pub(crate) objects: ObjectStore,
    /// Who makes the calls of the fixture.
    pub(crate) owner: Caller,
}

pub(crate) fn s3(objects: &ObjectStore) -> S3Config {
    S3Config {
        s3_endpoint: objects.endpoint.clone(),
        s3_region: objects.region.clone(),
        s3_bucket: objects.bucket.clone(),
        s3_access_key: objects.access_key.clone(),
        s3_secret_key: objects.secret_key.clone().into(),
    }
}

pub(crate) async fn serve(database: &Database, s3: S3Config, limits: Limits) -> Running {
    let config = Config {
        process: ProcessConfig::default(),
        grpc: GrpcConfig {
            listen_addr: ([127, 0, 0, 1], 0).into(),
            rpc_token: testkit::rpc_token(),
            rpc_concurrency: 512,
        },
        pg: PgConfig::new(database.url("documents")),
        s3,
        limits,
    };
    testkit::serve::<App>(config).await
}

pub(crate) async fn start() -> Fixture {
    start_with(Limits::default()).await
}

pub(crate) async fn start_with(limits: Limits) -> Fixture {
    let (database, objects) = (testkit::database().await, testkit::object_store().await);
    <App as chassis::Service>::migrate(database.migration()).await.unwrap();
    let running = serve(&database, s3(&objects), limits).await;
    Fixture { running, database, objects, owner: owner() }
}

pub(crate) fn finish() -> api::UploadFinish {
    api::UploadFinish::default()
}

pub(crate) fn new_document(file_name: &str) -> api::UploadStart {
    api::UploadStart { file_name: file_name.into(), ..Default::default() }
}

/// Text that no other call makes.
pub(crate) fn unique_text() -> Vec<u8> {
    format!("Something new: {}\n", uuid::Uuid::new_v4()).into_bytes()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub(crate) fn kind<T>(answer: Result<T, Status>) -> FaultKind {
    fault(answer).kind
}

pub(crate) fn reason<T>(answer: Result<T, Status>) -> String {
    fault(answer).reason.into_owned()
}

pub(crate) fn fault<T>(answer: Result<T, Status>) -> Fault {
    match answer {
        Ok(_) => panic!("it should have been refused"),
        Err(status) => Fault::of(&status),
    }
}

pub(crate) fn upload_messages(
    start: api::UploadStart,
    bytes: &[u8],
    finish: Option<api::UploadFinish>,
) -> Vec<api::UploadRequest> {
    let part = |part| api::UploadRequest { part: Some(part) };
    let chunks = bytes.chunks(256 * 1024).map(|c| part(upload_request::Part::Chunk(c.to_vec().into())));
    std::iter::once(part(upload_request::Part::Start(start)))
        .chain(chunks)
        .chain(finish.map(|f| part(upload_request::Part::Finish(f))))
        .collect()
}

impl Fixture {
    pub(crate) fn documents(&self) -> DocumentsClient<Channel> {
        DocumentsClient::new(self.running.channel())
    }

    pub(crate) fn work(&self) -> WorkClient<Channel> {
        WorkClient::new(self.running.channel())
    }

    pub(crate) async fn try_upload(
        &self,
        caller: Caller,
        start: api::UploadStart,
        bytes: &[u8],
        finish: Option<api::UploadFinish>,
    ) -> Result<api::UploadResponse, Status> {
        let messages = stream::iter(upload_messages(start, bytes, finish));
        as_caller(caller, self.documents().upload(messages)).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn upload(&self, file_name: &str, bytes: &[u8]) -> api::Document {
        let answer = self.try_upload(self.owner, new_document(file_name), bytes, Some(finish())).await.unwrap();
        assert!(!answer.duplicate);
        answer.document.unwrap()
    }

    pub(crate) async fn upload_to(&self, collection: &str, bytes: &[u8]) -> api::Document {
        let finish = api::UploadFinish { collection_id: collection.into(), ..finish() };
        let answer = self.try_upload(self.owner, new_document("a.txt"), bytes, Some(finish)).await.unwrap();
        answer.document.unwrap()
    }

    pub(crate) async fn get(&self, caller: Caller, id: &str) -> Result<api::Document, Status> {
        let request = api::GetDocumentRequest { id: id.into() };
        as_caller(caller, self.documents().get_document(request)).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn list(&self, caller: Caller, request: api::ListDocumentsRequest) -> api::ListDocumentsResponse {
        as_caller(caller, self.documents().list_documents(request)).await.unwrap().into_inner()
    }

    /// Head and bytes.
    pub(crate) async fn read(
        &self,
        caller: Caller,
        request: api::ReadContentRequest,
    ) -> Result<(api::ContentHead, Vec<u8>), Status> {
        let mut client = self.documents();
        let mut messages = as_caller(caller, client.read_content(request)).await?.into_inner();
        let (mut head, mut bytes) = (None, Vec::new());
        while let Some(message) = messages.next().await {
            match message?.part {
                Some(Part::Head(sent)) => head = Some(sent),
                Some(Part::Chunk(chunk)) => bytes.extend_from_slice(&chunk),
                None => panic!("an empty message"),
            }
        }
        Ok((head.expect("the head comes first"), bytes))
    }

    pub(crate) async fn content(&self, id: &str) -> Result<Vec<u8>, Status> {
        let request = api::ReadContentRequest { id: id.into(), ..Default::default() };
        Ok(self.read(self.owner, request).await?.1)
    }

    pub(crate) async fn trash(&self, id: &str) -> api::Document {
        let request = api::TrashDocumentRequest { id: id.into(), if_revision: None };
        as_caller(self.owner, self.documents().trash_document(request)).await.unwrap().into_inner()
    }

    pub(crate) async fn restore(&self, id: &str) -> api::Document {
        let request = api::RestoreDocumentRequest { id: id.into() };
        as_caller(self.owner, self.documents().restore_document(request)).await.unwrap().into_inner()
    }

    pub(crate) async fn purge(&self, id: &str) -> Result<(), Status> {
        let request = api::PurgeDocumentRequest { id: id.into() };
        as_caller(self.owner, self.documents().purge_document(request)).await.map(drop)
    }

    pub(crate) async fn new_version(&self, id: &str, bytes: &[u8]) -> api::Document {
        let start = api::UploadStart { document_id: id.into(), ..new_document("next.txt") };
        self.try_upload(self.owner, start, bytes, Some(finish())).await.unwrap().document.unwrap()
    }

    pub(crate) async fn create_collection(&self, name: &str, visibility: api::Visibility) -> api::Collection {
        let request =
            api::CreateCollectionRequest { name: name.into(), visibility: visibility.into(), ..Default::default() };
        as_caller(self.owner, self.documents().create_collection(request)).await.unwrap().into_inner()
    }

    pub(crate) async fn lease(&self, max_jobs: i32, wait_ms: i32) -> Vec<api::Job> {
        let request = api::LeaseRequest { worker: "test".into(), max_jobs, wait_ms, ..Default::default() };
        as_caller(Caller::Service, self.work().lease(request)).await.unwrap().into_inner().jobs
    }

    /// The only job there is.
    pub(crate) async fn lease_one(&self) -> api::Job {
        let mut jobs = self.lease(10, 3000).await;
        assert_eq!(jobs.len(), 1, "{jobs:?}");
        jobs.remove(0)
    }

    pub(crate) async fn complete(&self, lease: &api::Lease, texts: &[&str], language: &str) -> Result<i32, Status> {
        let part = |part| api::CompleteRequest { part: Some(part) };
        let page = |(n, text): (usize, &&str)| {
            part(complete_request::Part::Page(api::Page { number: n as i32 + 1, text: (*text).to_owned() }))
        };
        let insights = api::Insights {
            language: Some(api::insights::Language { code: language.into(), confidence: 0.9 }),
            keywords: vec![api::insights::Keyword { term: "key".into(), confidence: 0.5 }],
            entities: vec![api::insights::Entity { kind: "email".into(), value: "a@b.ch".into(), page: 1 }],
            summary: "In short.".into(),
            pages: texts.len() as i32,
            words: 7,
            reading_minutes: 1,
            ..Default::default()
        };
        let extraction = api::Extraction { insights: Some(insights), extractor_version: 1, ..Default::default() };
        let messages: Vec<_> = std::iter::once(part(complete_request::Part::Lease(lease.clone())))
            .chain(texts.iter().enumerate().map(page))
            .chain([part(complete_request::Part::Extraction(extraction))])
            .collect();
        let answer = as_caller(Caller::Service, self.work().complete(stream::iter(messages))).await?;
        Ok(answer.into_inner().pages)
    }

    pub(crate) async fn settle(&self, lease: &api::Lease) -> Result<(), Status> {
        let request = api::SettleRequest { lease: Some(lease.clone()) };
        as_caller(Caller::Service, self.work().settle(request)).await.map(drop)
    }

    pub(crate) async fn fail(&self, lease: &api::Lease, code: &str, permanent: bool) -> Result<bool, Status> {
        let failure = Some(api::Failure { code: code.into(), detail: "It cannot be read.".into() });
        let request = api::FailRequest { lease: Some(lease.clone()), failure, permanent, extractor_version: 3 };
        Ok(as_caller(Caller::Service, self.work().fail(request)).await?.into_inner().will_retry)
    }

    pub(crate) async fn ledger(&self) -> api::Ledger {
        let asked = as_caller(Caller::Service, self.work().get_ledger(api::GetLedgerRequest::default())).await;
        let ledger = asked.unwrap().into_inner();
        assert_eq!(ledger.accepted, ledger.ready + ledger.failed + ledger.in_flight, "{ledger:?}");
        ledger
    }

    /// Leases and finishes all there is to do, as a worker that reads "some words" everywhere.
    pub(crate) async fn process_all(&self) {
        loop {
            let jobs = self.lease(10, 0).await;
            if jobs.is_empty() {
                return;
            }
            for job in jobs {
                let lease = job.lease.clone().unwrap();
                if job.kind() == api::WorkKind::Extract {
                    self.complete(&lease, &["some words", "more words"], "en").await.unwrap();
                }
                self.settle(&lease).await.unwrap();
            }
        }
    }

    pub(crate) async fn events(&self, id: &str, after: i64) -> Vec<String> {
        let request = api::WatchEventsRequest { id: id.into(), after };
        let mut client = self.documents();
        let stream = as_caller(self.owner, client.watch_events(request)).await.unwrap().into_inner();
        stream.map(|event| event.unwrap().stage).collect().await
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let client = self.database.client("owner").await;
        let sql = format!("SELECT count(*) FROM documents.{table}");
        client.query_one(&sql, &[]).await.unwrap().get(0)
    }

    /// Objects in the store.
    pub(crate) async fn object_count(&self) -> usize {
        let region =
            ::s3::Region::Custom { region: self.objects.region.clone(), endpoint: self.objects.endpoint.clone() };
        let (access, secret) = (Some(self.objects.access_key.as_str()), Some(self.objects.secret_key.as_str()));
        let credentials = ::s3::creds::Credentials::new(access, secret, None, None, None).unwrap();
        let bucket = ::s3::Bucket::new(&self.objects.bucket, region, credentials).unwrap().with_path_style();
        bucket.list(String::new(), None).await.unwrap().iter().map(|page| page.contents.len()).sum()
    }
}

/// Waits until it is so.
pub(crate) async fn eventually(so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !so().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    testkit::within(std::time::Duration::from_secs(10), waiting).await;
}
