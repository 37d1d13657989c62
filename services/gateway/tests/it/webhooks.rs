//! Deliveries to a real listener: signed, repeated, refused, logged.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use std::{collections::HashMap, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

use crate::client::{Gateway, config, header, migrated, problem, start, start_with};

const PATIENCE: Duration = Duration::from_secs(20);

/// What Standard Webhooks has a delivery signed with.
pub(crate) fn signature(secret: &[u8], fields: &HashMap<String, String>, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(format!("{}.{}.", fields["webhook-id"], fields["webhook-timestamp"]).as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// What arrived: header fields by lower-case name, and the body.
type Arrived = (HashMap<String, String>, Vec<u8>);

/// Answers each request with the next of these heads, the last one again and again.
pub(crate) async fn receiver(answers: &'static [&'static str]) -> (String, mpsc::UnboundedReceiver<Arrived>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for turn in 0.. {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut bytes = Vec::new();
            let (head, length) = loop {
                stream.read_buf(&mut bytes).await.expect("a request");
                let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
                let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
                let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
                let fields: HashMap<String, String> =
                    fields.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
                let length: usize = fields["content-length"].parse().expect("a length");
                if bytes.len() >= end + 4 + length {
                    break (fields, end + 4);
                }
            };
            let answer = answers[turn.min(answers.len() - 1)];
            let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.expect("it is read");
            if tell.send((head, bytes[length..].to_vec())).is_err() {
                return;
            }
        }
    });
    (url, told)
}

async fn inside() -> Gateway {
    let database = migrated().await;
    let config = gateway::Config { webhook_private_targets: true, ..config(&database) };
    start_with(database, config).await
}

pub(crate) async fn create(gateway: &Gateway, owner: &str, url: &str) -> Value {
    let body = json!({"url": url, "events": ["submission.created"]});
    let made = gateway.with_cookie(Method::POST, "/api/v1/webhooks", owner, Some(&body)).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    made.json().await.expect("JSON")
}

pub(crate) async fn test(gateway: &Gateway, owner: &str, webhook: &Value) {
    let path = format!("/api/v1/webhooks/{}/test", webhook["id"].as_str().expect("an id"));
    let queued = gateway.with_cookie(Method::POST, &path, owner, None).await;
    assert_eq!(queued.status(), StatusCode::ACCEPTED);
}

/// The only delivery, as soon as it is as it should be.
pub(crate) async fn delivery(gateway: &Gateway, owner: &str, webhook: &Value, fits: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/api/v1/webhooks/{}/deliveries", webhook["id"].as_str().expect("an id"));
    let wait = async {
        loop {
            let list = gateway.with_cookie(Method::GET, &path, owner, None).await;
            let list: Value = list.json().await.expect("JSON");
            if fits(&list["items"][0]) {
                return list["items"][0].clone();
            }
        }
    };
    testkit::within(PATIENCE, wait).await
}

pub(crate) async fn next(told: &mut mpsc::UnboundedReceiver<Arrived>) -> Arrived {
    testkit::within(PATIENCE, told.recv()).await.expect("the receiver runs")
}

#[tokio::test]
async fn a_delivery_is_signed_as_standard_webhooks_has_it_and_logged() {
    let gateway = inside().await;
    let owner = gateway.session().await;
    let (url, mut told) = receiver(&["204 No Content"]).await;
    let webhook = create(&gateway, &owner, &url).await;
    test(&gateway, &owner, &webhook).await;
    let (fields, body) = next(&mut told).await;
    let secret = STANDARD.decode(webhook["secret"].as_str().unwrap().strip_prefix("whsec_").unwrap()).unwrap();
    assert_eq!(fields["webhook-signature"], signature(&secret, &fields, &body));
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["type"], &body["data"]["webhook_id"]), (&json!("webhook.test"), &webhook["id"]));

    let logged = delivery(&gateway, &owner, &webhook, |d| d["status"] == "delivered").await;
    assert_eq!((&logged["attempts"], &logged["response_status"]), (&json!(1), &json!(204)));
    assert_eq!((&logged["error"], &logged["next_attempt_at"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn what_fails_is_sent_again_with_the_same_id_and_redirects_are_not_followed() {
    let gateway = inside().await;
    let owner = gateway.session().await;
    let (url, mut told) = receiver(&["500 Oh", "302 Found\r\nLocation: http://127.0.0.1:1/", "200 OK"]).await;
    let webhook = create(&gateway, &owner, &url).await;
    test(&gateway, &owner, &webhook).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(next(&mut told).await.0["webhook-id"].clone());
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let logged = delivery(&gateway, &owner, &webhook, |d| d["status"] == "delivered").await;
    assert_eq!((&logged["attempts"], &logged["response_status"]), (&json!(3), &json!(200)));
}

#[tokio::test]
async fn an_address_that_is_gone_is_told_nothing_more() {
    let gateway = inside().await;
    let owner = gateway.session().await;
    let (url, mut told) = receiver(&["410 Gone"]).await;
    let webhook = create(&gateway, &owner, &url).await;
    test(&gateway, &owner, &webhook).await;
    next(&mut told).await;
    delivery(&gateway, &owner, &webhook, |d| d["status"] == "failed" && d["response_status"] == 410).await;
    let path = format!("/api/v1/webhooks/{}", webhook["id"].as_str().unwrap());
    let now: Value = gateway.with_cookie(Method::GET, &path, &owner, None).await.json().await.unwrap();
    assert_eq!(now["active"], false);
}

#[tokio::test]
async fn nothing_inside_is_reached_unless_the_operator_allows_it() {
    let gateway = start().await;
    let owner = gateway.session().await;
    for url in [
        "http://example.org/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/",
        "https://2130706433/",
    ] {
        let body = json!({"url": url, "events": ["submission.created"]});
        let refused = gateway.with_cookie(Method::POST, "/api/v1/webhooks", &owner, Some(&body)).await;
        assert_eq!(problem(refused, 400, "invalid").await["errors"][0]["field"], "url", "{url}");
    }
    // A name may lead anywhere; what it leads to is looked at when it is used.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let webhook = create(&gateway, &owner, &url).await;
    test(&gateway, &owner, &webhook).await;
    let logged = delivery(&gateway, &owner, &webhook, |d| d["error"].is_string()).await;
    assert_eq!(logged["error"], "the name leads to no address of the public internet");
    let came = tokio::select! { biased; came = listener.accept() => Some(came), () = std::future::ready(()) => None };
    assert!(came.is_none(), "nobody may have connected");
}

#[tokio::test]
async fn the_secret_is_shown_once_and_again_only_to_the_same_idempotency_key() {
    let gateway = start().await;
    let owner = gateway.session().await;
    let make = async |url: &str| {
        let request = gateway.request(Method::POST, "/api/v1/webhooks").header("cookie", &owner);
        let request = request.header("sec-fetch-site", "same-origin").header("idempotency-key", "hook-1");
        request.json(&json!({"url": url, "events": ["submission.created"]})).send().await.unwrap()
    };
    let first: Value = make("https://example.org/a").await.json().await.unwrap();
    let again = make("https://example.org/a").await;
    assert_eq!(header(&again, "idempotency-replayed"), "true");
    assert_eq!(again.json::<Value>().await.unwrap(), first);
    problem(make("https://example.org/b").await, 422, "idempotency-mismatch").await;

    let path = format!("/api/v1/webhooks/{}", first["id"].as_str().unwrap());
    let changed = json!({"active": false, "description": "the shop"});
    let changed = gateway.with_cookie(Method::PATCH, &path, &owner, Some(&changed)).await;
    assert_eq!(header(&changed, "etag"), "\"r2\"");
    let seen = changed.text().await.unwrap();
    let list = gateway.with_cookie(Method::GET, "/api/v1/webhooks", &owner, None).await.text().await.unwrap();
    assert!(!seen.contains("whsec_") && !list.contains("whsec_") && list.contains("the shop"), "{seen} {list}");
    assert_eq!(gateway.with_cookie(Method::DELETE, &path, &owner, None).await.status(), StatusCode::NO_CONTENT);
    problem(gateway.with_cookie(Method::GET, &path, &owner, None).await, 404, "not-found").await;
}
