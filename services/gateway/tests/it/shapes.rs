use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::client::{header, problem, start};

#[tokio::test]
async fn what_is_not_there_is_said_in_one_shape() {
    let gateway = start().await;
    problem(gateway.get("/api/v1/nothing").await, 404, "not-found").await;
    problem(gateway.get("/nothing").await, 404, "not-found").await;
    problem(gateway.get("/api/v1/documents/%ff").await, 503, "unavailable").await;
    let wrong = gateway.request(Method::DELETE, "/api/v1/contacts").send().await.unwrap();
    assert_eq!(header(&wrong, "allow"), "GET, HEAD, POST");
    problem(wrong, 405, "method-not-allowed").await;
    let options = gateway.request(Method::OPTIONS, "/api/v1/contacts").send().await.unwrap();
    assert_eq!((options.status(), header(&options, "allow")), (StatusCode::NO_CONTENT, "GET, HEAD, POST"));
    let page = gateway.request(Method::GET, "/nothing").header("accept", "text/html").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::NOT_FOUND);
    assert!(header(&page, "content-type").starts_with("text/html"));
}

#[tokio::test]
async fn invalid_input_is_named_field_by_field() {
    let gateway = start().await;
    let submit = async |body: &str, media_type: &str| {
        let request = gateway.request(Method::POST, "/api/v1/submissions").header("content-type", media_type);
        request.body(body.to_owned()).send().await.unwrap()
    };
    let json = "application/json";
    let unknown = problem(submit(r#"{"nme": "x"}"#, json).await, 400, "invalid").await;
    assert_eq!(unknown["errors"][0]["field"], "nme");
    let missing = problem(submit(r#"{"name": "x", "message": "y"}"#, json).await, 400, "invalid").await;
    assert_eq!(missing["errors"][0]["field"], "email");
    problem(submit("{", json).await, 400, "invalid").await;
    problem(submit("", json).await, 400, "invalid").await;
    problem(submit("{}", "text/plain").await, 415, "unsupported-media-type").await;
    problem(submit(&format!("\"{}\"", "x".repeat(2 << 20)), json).await, 413, "too-large").await;

    let cookie = gateway.session().await;
    let list = gateway.with_cookie(Method::GET, "/api/v1/users?limit=0&colour=red&cursor=%00", &cookie, None).await;
    let errors = problem(list, 400, "invalid").await["errors"].clone();
    let fields: Vec<_> = errors.as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["cursor", "limit", "colour"]);
    let cursor = gateway.with_cookie(Method::GET, "/api/v1/users?cursor=nonsense", &cookie, None).await;
    assert_eq!(problem(cursor, 422, "unprocessable").await["errors"][0]["field"], "cursor");
    let key =
        gateway.request(Method::POST, "/api/v1/tokens").header("cookie", &cookie).header("sec-fetch-site", "none");
    let key = key.header("idempotency-key", "with space").json(&json!({"name": "x", "scopes": ["*"]}));
    assert_eq!(problem(key.send().await.unwrap(), 400, "invalid").await["errors"][0]["field"], "Idempotency-Key");
}

#[tokio::test]
async fn nobody_is_told_what_they_sent_before_who_they_are() {
    let gateway = start().await;
    for (method, path) in [
        (Method::POST, "/api/v1/contacts"),
        (Method::PATCH, "/api/v1/contacts/x"),
        (Method::POST, "/api/v1/documents"),
        (Method::POST, "/api/v1/collections"),
        (Method::POST, "/api/v1/users"),
        (Method::POST, "/api/v1/tokens"),
    ] {
        let response =
            gateway.request(method, path).header("content-type", "text/plain").body("{").send().await.unwrap();
        assert_eq!(header(&response, "www-authenticate"), "Bearer", "{path}");
        problem(response, 401, "unauthenticated").await;
    }
}

#[tokio::test]
async fn every_response_carries_the_same_protection_and_a_request_id() {
    let gateway = start().await;
    for path in [
        "/",
        "/api/v1/health/live",
        "/api/v1/nothing",
        "/nothing",
        "/problems/not-found",
        "/assets/en/dossier.js",
        "/api/v1/contacts",
    ] {
        let response = gateway.get(path).await;
        let policy = header(&response, "content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&response, "x-frame-options"), "DENY", "{path}");
        assert!(!header(&response, "x-request-id").is_empty(), "{path}");
    }
    let kept =
        gateway.request(Method::GET, "/api/v1/health/live").header("x-request-id", "mine-1").send().await.unwrap();
    assert_eq!(header(&kept, "x-request-id"), "mine-1");
    let made = gateway.request(Method::GET, "/api/v1/health/live").header("x-request-id", "not well formed");
    assert_eq!(header(&made.send().await.unwrap(), "x-request-id").len(), 36);
}

#[tokio::test]
async fn every_problem_is_explained_where_its_type_points() {
    let gateway = start().await;
    let page = gateway.get("/problems/precondition-failed").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("If-Match"));
    problem(gateway.get("/problems/no-such-thing").await, 404, "not-found").await;
}

#[tokio::test]
async fn assets_are_kept_by_browsers_until_they_change() {
    let gateway = start().await;
    let home = gateway.get("/").await.text().await.unwrap();
    let path = home.split('"').find(|part| part.starts_with("/assets/en/dossier.js?v=")).unwrap().to_owned();
    let script = gateway.get(&path).await;
    assert!(header(&script, "cache-control").contains("immutable"));
    assert!(header(&script, "content-type").starts_with("text/javascript"));
    let tag = header(&script, "etag").to_owned();
    let again = gateway.request(Method::GET, &path).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let plain = gateway.get("/assets/en/dossier.js").await;
    assert_eq!(header(&plain, "cache-control"), "public, no-cache");
}
