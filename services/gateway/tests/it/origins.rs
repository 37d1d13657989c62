//! What scripts of other sites may do.

use reqwest::{Method, Response, StatusCode};

use crate::client::{Gateway, config, header, migrated, problem, start, start_with};

const SITE: &str = "https://www.example.org";

async fn open() -> Gateway {
    let database = migrated().await;
    let config = gateway::Config { allowed_origins: vec![SITE.to_owned()], ..config(&database) };
    start_with(database, config).await
}

async fn ask(gateway: &Gateway, method: Method, path: &str, origin: &str) -> Response {
    let request = gateway.request(method.clone(), path).header("origin", origin).header("sec-fetch-site", "cross-site");
    let request = match method == Method::OPTIONS {
        true => request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type"),
        false => request.header("content-type", "application/json").body("{"),
    };
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn a_listed_site_may_send_the_form_and_read_the_answer() {
    let gateway = open().await;
    for path in ["/api/v1/submissions", "/api/v1/visits"] {
        let may = ask(&gateway, Method::OPTIONS, path, SITE).await;
        assert_eq!(may.status(), StatusCode::NO_CONTENT);
        assert_eq!(header(&may, "access-control-allow-origin"), SITE);
        assert_eq!(header(&may, "access-control-allow-methods"), "POST");
        assert!(header(&may, "access-control-allow-headers").contains("Content-Type"));
        assert_eq!(header(&may, "vary"), "Origin");
        // What is wrong with it is for the page to read, too.
        let sent = ask(&gateway, Method::POST, path, SITE).await;
        assert_eq!(header(&sent, "access-control-allow-origin"), SITE);
        assert!(header(&sent, "access-control-expose-headers").contains("Retry-After"));
        assert!(sent.headers().get("access-control-allow-credentials").is_none(), "never with cookies");
        problem(sent, 400, "invalid").await;
    }
}

#[tokio::test]
async fn no_other_site_and_no_other_call_is_opened() {
    let gateway = open().await;
    let near =
        ["https://www.example.org.evil.example", "http://www.example.org", "https://WWW.example.org", "null", "*"];
    for origin in near {
        for method in [Method::OPTIONS, Method::POST] {
            let answer = ask(&gateway, method, "/api/v1/submissions", origin).await;
            assert!(answer.headers().get("access-control-allow-origin").is_none(), "{origin}");
            assert_eq!(header(&answer, "vary"), "Origin", "what is kept for one origin is not another's");
        }
    }
    for (method, path) in [
        (Method::GET, "/api/v1/submissions"),
        (Method::GET, "/api/v1/visits"),
        (Method::OPTIONS, "/api/v1/session"),
        (Method::POST, "/api/v1/session"),
        (Method::OPTIONS, "/api/v1/submissions/01900000-0000-7000-8000-000000000000"),
        (Method::OPTIONS, "/api/v1/documents"),
        (Method::GET, "/"),
    ] {
        let answer = ask(&gateway, method.clone(), path, SITE).await;
        assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control")), "{method} {path}");
    }
}

#[tokio::test]
async fn without_a_list_nothing_is_opened() {
    let gateway = start().await;
    let answer = ask(&gateway, Method::OPTIONS, "/api/v1/submissions", SITE).await;
    assert_eq!((answer.status(), header(&answer, "allow")), (StatusCode::NO_CONTENT, "GET, HEAD, POST"));
    assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control")));
}
