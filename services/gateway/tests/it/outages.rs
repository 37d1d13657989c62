use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::Database;

use crate::client::{EMAIL, PASSWORD, config, header, problem, start, start_with};

#[tokio::test]
async fn a_service_that_is_away_is_said_at_once_and_nothing_else_suffers() {
    let gateway = start().await;
    let cookie = gateway.session().await;
    for path in ["/api/v1/contacts", "/api/v1/documents", "/api/v1/search?q=x", "/api/v1/index", "/api/v1/collections"]
    {
        let asked = Instant::now();
        let response = gateway.with_cookie(Method::GET, path, &cookie, None).await;
        assert!(asked.elapsed() < Duration::from_secs(1), "{path}: {:?}", asked.elapsed());
        assert!(header(&response, "retry-after").parse::<u64>().is_ok(), "{path}");
        let body = problem(response, 503, "unavailable").await;
        assert!(!body.to_string().contains("127.0.0.1"), "nothing internal: {body}");
    }
    assert_eq!(gateway.get("/api/v1/health/live").await.status(), StatusCode::OK);
    let ready = gateway.get("/api/v1/health/ready").await;
    assert_eq!(ready.status(), StatusCode::OK, "it still signs people in");
    let ready: Value = ready.json().await.unwrap();
    assert_eq!(ready["dependencies"]["postgresql"]["up"], true, "{ready}");
    assert_eq!(ready["dependencies"]["documents"]["up"], false, "{ready}");
    assert_eq!(ready["degraded"], true, "{ready}");
}

#[tokio::test]
async fn an_upload_to_a_service_that_is_away_ends_promptly() {
    let gateway = start().await;
    let cookie = gateway.session().await;
    let form = reqwest::multipart::Form::new()
        .text("title", "x")
        .part("file", reqwest::multipart::Part::bytes(vec![b'x'; 8 << 20]).file_name("x.txt"));
    let asked = Instant::now();
    let request = gateway.request(Method::POST, "/api/v1/documents").header("cookie", &cookie);
    let response = request.header("sec-fetch-site", "none").multipart(form).send().await;
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    // The server may close before all of it is sent; then there may be no answer to read.
    if let Ok(response) = response {
        problem(response, 503, "unavailable").await;
    }
}

#[tokio::test]
async fn without_the_database_those_who_are_known_go_on() {
    let database = Database::alone().await;
    <gateway::App as chassis::Service>::migrate(database.migration()).await.unwrap();
    let config = config(&database);
    let gateway = start_with(database, config).await;
    let cookie = gateway.session().await;
    let (token, _) = gateway.token(&cookie, &["*"]).await;
    assert_eq!(gateway.with_token(Method::GET, "/api/v1/session", &token, None).await.status(), StatusCode::OK);

    gateway.database.server().stop().await;
    let asked = Instant::now();
    for _ in 0..20 {
        let known = gateway.with_token(Method::GET, "/api/v1/session", &token, None).await;
        assert_eq!(known.status(), StatusCode::OK);
    }
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    let stranger = gateway.sign_in(EMAIL, PASSWORD).await;
    assert!(!header(&stranger, "retry-after").is_empty());
    problem(stranger, 503, "unavailable").await;
    let changed =
        gateway.with_token(Method::POST, "/api/v1/tokens", &token, Some(&json!({"name": "x", "scopes": ["*"]}))).await;
    problem(changed, 503, "unavailable").await;
    assert_eq!(gateway.get("/api/v1/health/live").await.status(), StatusCode::OK);
    assert_eq!(gateway.get("/").await.status(), StatusCode::OK);
    let not_ready =
        async { while gateway.get("/api/v1/health/ready").await.status() != StatusCode::SERVICE_UNAVAILABLE {} };
    testkit::within(Duration::from_secs(8), not_ready).await;
}
