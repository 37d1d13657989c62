//! Too often, and too much at once.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::client::{Gateway, config, header, migrated, problem, start_with};

async fn start_limited(change: impl FnOnce(&mut gateway::Config)) -> Gateway {
    let database = migrated().await;
    let mut config = config(&database);
    change(&mut config);
    start_with(database, config).await
}

fn number(response: &reqwest::Response, name: &str) -> u64 {
    header(response, name).parse().unwrap_or_else(|_| panic!("{name}: {:?}", response.headers()))
}

#[tokio::test]
async fn who_asks_too_often_waits_and_nobody_else_does() {
    let gateway = start_limited(|config| config.requests_per_minute = 6).await;
    let cookie = gateway.session().await;
    let (token, _) = gateway.token(&cookie, &["*"]).await;
    let (other, _) = gateway.token(&cookie, &["*"]).await;
    for left in (0..6).rev() {
        let answered = gateway.with_token(Method::GET, "/api/v1/session", &token, None).await;
        assert_eq!(answered.status(), StatusCode::OK);
        assert_eq!((number(&answered, "ratelimit-limit"), number(&answered, "ratelimit-remaining")), (6, left));
        assert!((1..=60).contains(&number(&answered, "ratelimit-reset")));
    }
    let refused = gateway.with_token(Method::GET, "/api/v1/session", &token, None).await;
    assert!((1..=10).contains(&number(&refused, "retry-after")));
    assert_eq!(number(&refused, "ratelimit-remaining"), 0);
    problem(refused, 429, "rate-limited").await;
    let page = gateway.request(Method::GET, "/settings").bearer_auth(&token).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::TOO_MANY_REQUESTS, "pages count as well");
    // Health and assets are never refused.
    for _ in 0..20 {
        let live = gateway.with_token(Method::GET, "/api/v1/health/live", &token, None).await;
        assert_eq!(live.status(), StatusCode::OK);
    }
    assert_eq!(
        gateway.with_token(Method::GET, "/api/v1/session", &other, None).await.status(),
        StatusCode::OK,
        "another token of the same person"
    );
}

#[tokio::test]
async fn an_address_is_limited_before_anybody_is_looked_up() {
    let gateway = start_limited(|config| config.address_requests_per_minute = 5).await;
    for _ in 0..5 {
        let guess = gateway.with_token(Method::GET, "/api/v1/session", "dsr_guessed", None).await;
        problem(guess, 401, "invalid-token").await;
    }
    let refused = gateway.with_token(Method::GET, "/api/v1/session", "dsr_guessed", None).await;
    assert_eq!(number(&refused, "ratelimit-limit"), 5);
    problem(refused, 429, "rate-limited").await;
    let elsewhere = gateway.request(Method::GET, "/api/v1/documents").header("x-forwarded-for", "192.0.2.7");
    assert_ne!(elsewhere.send().await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn what_is_too_much_at_once_is_refused_at_once_and_other_services_go_on() {
    // A contacts service that takes everything and answers nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let gateway = start_limited(|config| {
        config.contacts_url = url;
        config.max_in_flight = 2;
    })
    .await;
    let cookie = gateway.session().await;
    let ask = || gateway.request(Method::GET, "/api/v1/contacts").header("cookie", &cookie).send();
    // Twice as many as there is room for: eight, for forms and visits have four times that of others.
    let all = futures_util::future::join_all((0..16).map(|_| ask()));
    let rest = async {
        loop {
            let asked = Instant::now();
            // Whoever comes before the room is full waits for an answer.
            let Ok(third) = tokio::time::timeout(Duration::from_secs(1), ask()).await else { continue };
            let third = third.unwrap();
            if header(&third, "retry-after") == "1" && third.status() == StatusCode::SERVICE_UNAVAILABLE {
                assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
                let told: Value = problem(third, 503, "overloaded").await;
                assert!(told["detail"].as_str().is_some());
                break;
            }
        }
        let elsewhere = gateway.with_cookie(Method::GET, "/api/v1/session", &cookie, None).await;
        assert_eq!(elsewhere.status(), StatusCode::OK);
        assert_eq!(gateway.get("/api/v1/health/live").await.status(), StatusCode::OK);
    };
    // They are only dropped when the rest is done.
    tokio::select! {
        () = rest => {}
        all = all => panic!("nobody is silent: {all:?}"),
    }
}
