//! The contacts service, running, on a real PostgreSQL.
#![allow(clippy::unwrap_used)]

mod merges;
mod outbox;
mod rules;

use std::time::{Duration, Instant};

use chassis::{
    Caller, Fault, FaultKind, ProcessConfig, Role,
    grpc::{Channel, GrpcConfig},
};
use contacts::{App, Config};
use pg::PgConfig;
use proto::contacts::{self as api, contacts_client::ContactsClient};
use testkit::{Database, Running, as_caller, owner, user};
use tonic::Status;

type Client = ContactsClient<Channel>;

async fn start(database: &Database) -> (Running, Client) {
    <App as chassis::Service>::migrate(database.migration()).await.unwrap();
    serve(database).await
}

/// As the tables are.
async fn serve(database: &Database) -> (Running, Client) {
    let running = testkit::serve::<App>(config(database)).await;
    let client = ContactsClient::new(running.channel());
    (running, client)
}

fn config(database: &Database) -> Config {
    Config {
        process: ProcessConfig::default(),
        grpc: GrpcConfig {
            listen_addr: ([127, 0, 0, 1], 0).into(),
            rpc_token: testkit::rpc_token(),
            rpc_concurrency: 512,
        },
        pg: PgConfig::new(database.url("contacts")),
    }
}

/// Servers of tests commit asynchronously, so a killed one may forget its last half second: the
/// migration's grants among it. One synchronous commit brings everything before it to the disk.
async fn flush(database: &Database) {
    let role = database.client("contacts").await;
    role.batch_execute("SET synchronous_commit = on; SELECT count_visit('2000-01-01', 'test')").await.unwrap();
}

fn submission(email: &str) -> api::SubmitRequest {
    api::SubmitRequest {
        name: "Anna Muster".into(),
        email: email.into(),
        message: "Hello,\nI would like to join.".into(),
        ..Default::default()
    }
}

fn key(key: &str, fingerprint: u8) -> Option<api::Idempotency> {
    Some(api::Idempotency { key: key.into(), fingerprint: vec![fingerprint; 32] })
}

async fn submit(client: &Client, request: api::SubmitRequest) -> Result<api::SubmitResponse, Status> {
    as_caller(Caller::Anonymous, client.clone().submit(request)).await.map(tonic::Response::into_inner)
}

async fn contacts(client: &Client, request: api::ListContactsRequest) -> api::ListContactsResponse {
    as_caller(user(Role::Viewer), client.clone().list_contacts(request)).await.unwrap().into_inner()
}

async fn create(client: &Client, name: &str, email: &str, tags: &[&str], metadata: &str) -> api::Contact {
    let request = api::CreateContactRequest {
        name: name.into(),
        email: email.into(),
        tags: tags.iter().map(ToString::to_string).collect(),
        metadata: metadata.into(),
        ..Default::default()
    };
    as_caller(user(Role::Editor), client.clone().create_contact(request)).await.unwrap().into_inner()
}

fn kind<T>(answer: Result<T, Status>) -> FaultKind {
    match answer {
        Ok(_) => panic!("it should have been refused"),
        Err(status) => Fault::of(&status).kind,
    }
}

#[tokio::test]
async fn a_second_submission_with_the_same_key_returns_the_first_id() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let with_key = |fingerprint| api::SubmitRequest { idempotency: key("k1", fingerprint), ..submission("a@b.ch") };
    let first = submit(&client, with_key(1)).await.unwrap();
    let second = submit(&client, with_key(1)).await.unwrap();
    assert_eq!((&first.id, &first.contact_id), (&second.id, &second.contact_id));
    assert!(!first.replayed && second.replayed);
    let refused = submit(&client, with_key(2)).await.unwrap_err();
    assert_eq!(Fault::of(&refused).reason, "idempotency-mismatch");
    let rows = database.client("contacts").await.query_one("SELECT count(*) FROM submissions", &[]).await.unwrap();
    assert_eq!(rows.get::<_, i64>(0), 1);
}

#[tokio::test]
async fn a_submission_finds_its_contact_by_address_and_never_changes_it() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let contact = create(&client, "Anna Maria Muster", "Anna@Example.org", &[], "").await;
    let answer = submit(&client, submission("anna@example.ORG")).await.unwrap();
    assert_eq!(answer.contact_id, contact.id);
    let again = contacts(&client, api::ListContactsRequest { count: true, ..Default::default() }).await;
    assert_eq!(again.count, Some(1));
    assert_eq!((again.items[0].name.as_str(), again.items[0].revision), ("Anna Maria Muster", 1));
}

#[tokio::test]
async fn the_honeypot_is_kept_as_spam() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    submit(&client, api::SubmitRequest { website: "http://x".into(), ..submission("s@p.am") }).await.unwrap();
    submit(&client, submission("a@b.ch")).await.unwrap();
    let list =
        |status: api::SubmissionStatus| api::ListSubmissionsRequest { status: status.into(), ..Default::default() };
    for (status, email) in [(api::SubmissionStatus::Spam, "s@p.am"), (api::SubmissionStatus::New, "a@b.ch")] {
        let found = as_caller(owner(), client.clone().list_submissions(list(status))).await.unwrap().into_inner();
        assert_eq!(found.items.iter().map(|s| s.email.as_str()).collect::<Vec<_>>(), [email]);
    }
}

#[tokio::test]
async fn everything_wrong_with_a_submission_is_said_at_once() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let refused =
        submit(&client, api::SubmitRequest { name: "x\u{0}".into(), ..Default::default() }).await.unwrap_err();
    let fault = Fault::of(&refused);
    assert_eq!(fault.kind, FaultKind::Invalid);
    assert_eq!(fault.fields.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(), ["name", "email", "message"]);
}

#[tokio::test]
async fn concurrent_visits_are_all_counted_and_bots_apart() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let visit = |agent: &str| {
        let (mut client, user_agent) = (client.clone(), agent.to_owned());
        let request = api::CountVisitRequest { user_agent, ..Default::default() };
        as_caller(Caller::Anonymous, async move { client.count_visit(request).await.unwrap().into_inner().count })
    };
    let all = (0..200).map(|_| visit("Mozilla/5.0 Firefox/140.0"));
    let counts = futures_util::future::join_all(all).await;
    assert!(counts.iter().all(|count| (1..=200).contains(count)));
    assert_eq!(visit("Googlebot/2.1").await, 200);
    let request = api::GetVisitsRequest::default();
    let seen = as_caller(owner(), client.clone().get_visits(request)).await.unwrap().into_inner();
    assert_eq!((seen.total_visits, seen.total_bots, seen.days.len()), (200, 1, 30));
    assert_eq!(seen.bot_reasons["crawler"], 1);
}

#[tokio::test]
async fn contacts_are_found_by_parts_typos_tags_and_metadata() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    create(&client, "Anna Muster", "anna@example.org", &["member"], r#"{"city":"Bern","n":{"a":1}}"#).await;
    create(&client, "Beat Keller", "beat@keller.ch", &["member", "board"], r#"{"city":"Basel"}"#).await;
    let found = async |request| {
        let list = contacts(&client, request).await;
        list.items.into_iter().map(|c| c.name).collect::<Vec<_>>()
    };
    let q = |q: &str| api::ListContactsRequest { q: q.into(), ..Default::default() };
    assert_eq!(found(q("uste")).await, ["Anna Muster"]);
    assert_eq!(found(q("Musster")).await, ["Anna Muster"]);
    assert_eq!(found(q("keller.ch")).await, ["Beat Keller"]);
    assert!(found(q("100%")).await.is_empty());
    assert_eq!(found(api::ListContactsRequest { tag: "board".into(), ..Default::default() }).await, ["Beat Keller"]);
    let city = api::ListContactsRequest { metadata: r#"{"city":"Bern"}"#.into(), ..Default::default() };
    assert_eq!(found(city).await, ["Anna Muster"]);
    let by_name = api::ListContactsRequest { sort: "-name".into(), ..Default::default() };
    assert_eq!(found(by_name).await, ["Beat Keller", "Anna Muster"]);
}

#[tokio::test]
async fn pages_neither_repeat_nor_skip_while_contacts_are_added() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    for n in 0..7 {
        create(&client, &format!("N{n}"), &format!("n{n}@example.org"), &[], "").await;
    }
    for sort in ["created_at", "-created_at", "name", "-name", "updated_at"] {
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        loop {
            let request = api::ListContactsRequest { cursor, limit: 2, sort: sort.into(), ..Default::default() };
            let page = contacts(&client, request).await;
            seen.extend(page.items.into_iter().map(|c| c.name).filter(|name| name.starts_with('N')));
            create(&client, "Added", &format!("{}@added.org", uuid::Uuid::new_v4()), &[], "").await;
            cursor = page.next_cursor;
            if cursor.is_empty() || seen.len() > 7 {
                break;
            }
        }
        let mut sorted = seen.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!((seen.len(), sorted.len()), (7, 7), "{sort}: {seen:?}");
    }
}

#[tokio::test]
async fn a_change_needs_the_revision_that_was_read() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let contact = create(&client, "Anna", "a@b.ch", &[], r#"{"a":1,"b":2}"#).await;
    let patch = api::UpdateContactRequest {
        id: contact.id.clone(),
        metadata: Some(r#"{"a":null,"c":3}"#.into()),
        phone: Some("+41 44 668 18 00".into()),
        if_revision: Some(1),
        ..Default::default()
    };
    let changed = as_caller(owner(), client.clone().update_contact(patch.clone())).await.unwrap().into_inner();
    assert_eq!((changed.revision, changed.name.as_str()), (2, "Anna"));
    assert_eq!(changed.metadata.replace(' ', ""), r#"{"b":2,"c":3}"#);
    assert_eq!(kind(as_caller(owner(), client.clone().update_contact(patch)).await), FaultKind::PreconditionFailed);
    let delete = |if_revision| api::DeleteContactRequest { id: contact.id.clone(), if_revision };
    assert_eq!(
        kind(as_caller(owner(), client.clone().delete_contact(delete(Some(1)))).await),
        FaultKind::PreconditionFailed
    );
    as_caller(owner(), client.clone().delete_contact(delete(Some(2)))).await.unwrap();
    let get = api::GetContactRequest { id: contact.id.clone() };
    assert_eq!(kind(as_caller(owner(), client.clone().get_contact(get)).await), FaultKind::NotFound);
}

#[tokio::test]
async fn two_contacts_cannot_have_one_address() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    create(&client, "Anna", "a@b.ch", &[], "").await;
    let again = api::CreateContactRequest { name: "Other".into(), email: "A@B.ch".into(), ..Default::default() };
    let refused = as_caller(owner(), client.clone().create_contact(again)).await.unwrap_err();
    assert_eq!(Fault::of(&refused).reason, "email-taken");
}

#[tokio::test]
async fn only_submitting_and_visiting_are_public() {
    let database = testkit::database().await;
    let (running, client) = start(&database).await;
    let mut lister = client.clone();
    assert_eq!(
        kind(as_caller(Caller::Anonymous, lister.list_contacts(api::ListContactsRequest::default())).await),
        FaultKind::Unauthenticated
    );
    let mut creator = client.clone();
    assert_eq!(
        kind(as_caller(user(Role::Viewer), creator.create_contact(api::CreateContactRequest::default())).await),
        FaultKind::Forbidden
    );
    let other = chassis::grpc::connect(&running.url(), &"another token".into()).unwrap();
    let mut stranger = ContactsClient::new(other);
    let refused = as_caller(owner(), stranger.submit(submission("a@b.ch"))).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated);
}

#[tokio::test]
async fn the_serving_role_cannot_rewrite_history() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    create(&client, "Anna", "a@b.ch", &[], "").await;
    let role = database.client("contacts").await;
    assert_eq!(role.query_one("SELECT count(*) FROM audit", &[]).await.unwrap().get::<_, i64>(0), 1);
    for forbidden in
        ["DELETE FROM audit", "UPDATE audit SET actor = 'x'", "DROP TABLE audit", "SELECT * FROM access.users"]
    {
        assert!(role.execute(forbidden, &[]).await.is_err(), "{forbidden}");
    }
}

#[tokio::test]
async fn without_its_database_it_answers_at_once_and_recovers() {
    let database = Database::alone().await;
    let (running, client) = start(&database).await;
    submit(&client, submission("a@b.ch")).await.unwrap();
    flush(&database).await;
    database.server().process().kill9().await;
    let asked = Instant::now();
    let fault = Fault::of(&submit(&client, submission("b@b.ch")).await.unwrap_err());
    assert_eq!(fault.kind, FaultKind::Unavailable);
    assert!(fault.retry_after.is_some() && asked.elapsed() < Duration::from_secs(2));
    database.server().start_again().await.unwrap();
    let mut ready = running.health.subscribe();
    testkit::within(Duration::from_secs(20), ready.wait_for(|ready| *ready)).await.unwrap();
    submit(&client, submission("b@b.ch")).await.unwrap();
    running.stop().await.unwrap();
}
