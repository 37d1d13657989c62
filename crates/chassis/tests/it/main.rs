//! What a call carries, over a real connection.
#![allow(clippy::unwrap_used)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chassis::{
    Caller, CancellationToken, Fault, FaultKind, Health, RequestContext, Role,
    grpc::{self, GrpcConfig, Server},
};
use proto::search::{
    self as api,
    search_client::SearchClient,
    search_server::{Search, SearchServer},
};
use testkit::{RPC_TOKEN, rpc_token};
use tokio::sync::Notify;
use tonic::{Request, Response, Status, service::Routes};
use uuid::Uuid;

/// Answers with what the call carried; "wait" waits until it is told.
#[derive(Default)]
struct Echo {
    told: Arc<Notify>,
}

#[tonic::async_trait]
impl Search for Echo {
    async fn query(&self, request: Request<api::QueryRequest>) -> Result<Response<api::QueryResponse>, Status> {
        let context = RequestContext::current().unwrap();
        assert_eq!(context.caller, grpc::caller(&request));
        if request.get_ref().q == "wait" {
            self.told.notified().await;
        }
        let engine = format!("{} {} {:x}", context.request_id, context.caller, context.trace.trace_id);
        let took_ms = context.remaining().as_secs_f64() * 1e3;
        Ok(Response::new(api::QueryResponse { engine, took_ms, ..Default::default() }))
    }

    async fn suggest(&self, _: Request<api::SuggestRequest>) -> Result<Response<api::SuggestResponse>, Status> {
        Err(Fault::field("q", "is empty").into())
    }

    async fn record_click(
        &self,
        _: Request<api::RecordClickRequest>,
    ) -> Result<Response<api::RecordClickResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn list_links(&self, _: Request<api::ListLinksRequest>) -> Result<Response<api::ListLinksResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

struct Running {
    client: SearchClient<grpc::Channel>,
    url: String,
    told: Arc<Notify>,
    stop: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn start(concurrency: usize) -> Running {
    let listen_addr = ([127, 0, 0, 1], 0).into();
    let config = GrpcConfig { listen_addr, rpc_token: rpc_token(), rpc_concurrency: concurrency };
    let server = Server::bind(&config).await.unwrap();
    let url = format!("http://{}", server.addr());
    let (stop, echo) = (CancellationToken::new(), Echo::default());
    let told = echo.told.clone();
    tokio::spawn(server.serve(Routes::new(SearchServer::new(echo)), Health::default(), stop.clone()));
    let client = SearchClient::new(grpc::connect(&url, &rpc_token()).unwrap());
    Running { client, url, told, stop }
}

fn asking(q: &str) -> api::QueryRequest {
    api::QueryRequest { q: q.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn caller_request_id_trace_and_deadline_arrive() {
    let running = start(8).await;
    let caller = Caller::User { id: Uuid::now_v7(), role: Role::Editor };
    let context = RequestContext { caller, ..RequestContext::background(Duration::from_secs(7)) };
    let mut client = running.client.clone();
    let answer = context.clone().scope(client.query(asking(""))).await.unwrap().into_inner();
    assert_eq!(answer.engine, format!("{} {caller} {:x}", context.request_id, context.trace.trace_id));
    assert!((4000.0..7000.0).contains(&answer.took_ms), "room to answer is left: {}", answer.took_ms);
}

#[tokio::test]
async fn a_call_ends_at_its_deadline() {
    let running = start(8).await;
    let mut client = running.client.clone();
    let asked = Instant::now();
    let late = RequestContext::background(Duration::from_millis(200)).scope(client.query(asking("wait"))).await;
    assert_eq!(Fault::of(&late.unwrap_err()).kind, FaultKind::Timeout);
    assert!(asked.elapsed() < Duration::from_millis(450));
}

#[tokio::test]
async fn more_calls_than_it_can_take_are_refused_at_once() {
    let running = start(1).await;
    let (mut first, mut second) = (running.client.clone(), running.client.clone());
    let waiting = tokio::spawn(async move { first.query(asking("wait")).await });
    let refused = loop {
        match RequestContext::background(Duration::from_secs(5)).scope(second.query(asking(""))).await {
            // The first call has not arrived yet.
            Ok(_) => tokio::task::yield_now().await,
            Err(status) => break Fault::of(&status),
        }
    };
    assert_eq!(refused.kind, FaultKind::Unavailable);
    running.told.notify_one();
    waiting.await.unwrap().unwrap();
    second.query(asking("")).await.unwrap();
}

#[tokio::test]
async fn without_the_token_nobody_is_believed() {
    let running = start(8).await;
    for token in ["", "wrong", &format!("{RPC_TOKEN}x")] {
        let mut client = SearchClient::new(grpc::connect(&running.url, &token.into()).unwrap());
        assert_eq!(client.query(asking("")).await.unwrap_err().code(), tonic::Code::Unauthenticated);
    }
}

#[tokio::test]
async fn a_fault_arrives_with_its_fields() {
    let running = start(8).await;
    let mut client = running.client.clone();
    let fault = Fault::of(&client.suggest(api::SuggestRequest::default()).await.unwrap_err());
    assert_eq!((fault.kind, fault.fields[0].field.as_str()), (FaultKind::Invalid, "q"));
}

#[tokio::test]
async fn only_silence_is_asked_again() {
    let running = start(8).await;
    let mut attempts = 0;
    let refused = grpc::idempotent(|| {
        attempts += 1;
        let mut client = running.client.clone();
        async move { client.suggest(api::SuggestRequest::default()).await }
    });
    assert!(refused.await.is_err());
    assert_eq!(attempts, 1, "what a service answered is final");
    let nobody = grpc::connect("http://127.0.0.1:1", &rpc_token()).unwrap();
    let mut attempts = 0;
    let unreached = grpc::idempotent(|| {
        attempts += 1;
        let mut client = SearchClient::new(nobody.clone());
        async move { client.query(asking("")).await }
    });
    assert!(unreached.await.is_err());
    assert_eq!(attempts, 3);
}

#[tokio::test]
async fn a_stopping_server_finishes_what_is_in_flight() {
    let running = start(8).await;
    let (mut client, stop, told) = (running.client.clone(), running.stop.clone(), running.told.clone());
    client.query(asking("")).await.unwrap();
    let waiting = tokio::spawn(async move { client.query(asking("wait")).await });
    tokio::task::yield_now().await;
    stop.cancel();
    told.notify_one();
    // Arrived before the stop: answered. Not yet: refused. Never left hanging.
    let ended = testkit::within(Duration::from_secs(5), waiting).await.unwrap();
    assert!(ended.is_ok() || Fault::of(&ended.unwrap_err()).kind == FaultKind::Unavailable);
}
