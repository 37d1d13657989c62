//! What somebody keeps for themselves: searches, their language and their time zone.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::client::{Gateway, cookie, problem, start};

const SEARCHES: &str = "/api/v1/saved-searches";

async fn names(gateway: &Gateway, who: &str) -> Vec<String> {
    let list = gateway.with_cookie(Method::GET, SEARCHES, who, None).await;
    assert_eq!(list.status(), StatusCode::OK);
    let list: Value = list.json().await.expect("JSON");
    let items = list["items"].as_array().expect("items");
    items.iter().map(|item| item["name"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn save(gateway: &Gateway, who: &str, body: &Value) -> Response {
    gateway.with_cookie(Method::POST, SEARCHES, who, Some(body)).await
}

/// Somebody else, signed in.
async fn ann(gateway: &Gateway, owner: &str) -> (String, String) {
    let body = json!({"email": "ann@example.org", "role": "viewer", "password": "four words in a row"});
    let made = gateway.with_cookie(Method::POST, "/api/v1/users", owner, Some(&body)).await;
    let id = made.json::<Value>().await.expect("JSON")["id"].as_str().expect("an id").to_owned();
    (id, cookie(&gateway.sign_in("ann@example.org", "four words in a row").await))
}

#[tokio::test]
async fn saved_searches_are_ones_own_and_end_with_the_account() {
    let gateway = start().await;
    let owner = gateway.session().await;
    let (ann, hers) = ann(&gateway, &owner).await;
    let query = json!({"q": "invoice -draft", "tag": "2026", "from": "2026-01-31", "sort": "-created_at"});
    let made = save(&gateway, &hers, &json!({"name": " Open invoices ", "query": query})).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let made: Value = made.json().await.expect("JSON");
    assert_eq!((&made["name"], &made["query"]), (&json!("Open invoices"), &query));
    save(&gateway, &hers, &json!({"name": "All", "query": {"q": "all"}})).await;
    assert_eq!(names(&gateway, &hers).await, ["All", "Open invoices"]);
    assert!(names(&gateway, &owner).await.is_empty());

    problem(save(&gateway, &hers, &json!({"name": "OPEN invoices", "query": query})).await, 409, "search-name-taken")
        .await;
    assert_eq!(save(&gateway, &owner, &json!({"name": "Open invoices", "query": query})).await.status(), 201);
    let one = format!("{SEARCHES}/{}", made["id"].as_str().expect("an id"));
    problem(gateway.with_cookie(Method::DELETE, &one, &owner, None).await, 404, "not-found").await;
    assert_eq!(gateway.with_cookie(Method::DELETE, &one, &hers, None).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(names(&gateway, &hers).await, ["All"]);
    problem(gateway.get(SEARCHES).await, 401, "unauthenticated").await;

    let user = format!("/api/v1/users/{ann}");
    assert_eq!(gateway.with_cookie(Method::DELETE, &user, &owner, None).await.status(), StatusCode::NO_CONTENT);
    let client = gateway.database.client("access").await;
    let left: i64 = client.query_one("SELECT count(*) FROM saved_searches", &[]).await.expect("a count").get(0);
    assert_eq!(left, 1);
}

#[tokio::test]
async fn what_looks_for_nothing_is_no_search_and_a_hundred_are_enough() {
    let gateway = start().await;
    let owner = gateway.session().await;
    for (query, status) in [
        (json!({}), 422),
        (json!({"q": "  ", "sort": "created_at"}), 422),
        (json!({"q": "x".repeat(501)}), 400),
        (json!({"q": "a\u{0}"}), 400),
        (json!({"q": "a", "sort": "title"}), 400),
        (json!({"q": "a", "from": "2026-01-31T10:00:00Z"}), 400),
        (json!({"q": "a", "colour": "red"}), 400),
    ] {
        let refused = save(&gateway, &owner, &json!({"name": "x", "query": query})).await;
        assert_eq!(refused.status().as_u16(), status, "{query}");
    }
    for number in 0..100 {
        let body = json!({"name": format!("Search {number}"), "query": {"q": "a"}});
        assert_eq!(save(&gateway, &owner, &body).await.status(), StatusCode::CREATED);
    }
    let more = save(&gateway, &owner, &json!({"name": "more", "query": {"q": "a"}})).await;
    problem(more, 409, "too-many-searches").await;
}

#[tokio::test]
async fn a_repeated_request_saves_once() {
    let gateway = start().await;
    let owner = gateway.session().await;
    let send = async || {
        let request = gateway.request(Method::POST, SEARCHES).header("cookie", &owner);
        let request = request.header("sec-fetch-site", "same-origin").header("idempotency-key", "k1");
        let made = request.json(&json!({"name": "a", "query": {"q": "a"}})).send().await.expect("an answer");
        assert_eq!(made.status(), StatusCode::CREATED);
        made.json::<Value>().await.expect("JSON")["id"].clone()
    };
    assert_eq!(send().await, send().await);
    assert_eq!(names(&gateway, &owner).await, ["a"]);
}

#[tokio::test]
async fn pages_are_in_ones_own_language_and_time() {
    let gateway = start().await;
    let owner = gateway.session().await;
    let change = async |body: Value| gateway.with_cookie(Method::PATCH, "/api/v1/session", &owner, Some(&body)).await;
    problem(change(json!({"time_zone": "Europe/Atlantis"})).await, 422, "unprocessable").await;
    let page = async || {
        let page = gateway.with_cookie(Method::GET, "/settings", &owner, None).await;
        page.text().await.expect("a page")
    };
    let before = page().await;
    assert!(before.contains("<html lang=\"en\">") && before.contains(" UTC</time>"), "{before}");
    let changed = change(json!({"language": "de", "time_zone": "Asia/Tokyo"})).await;
    let changed: Value = changed.json().await.expect("JSON");
    assert_eq!(changed["preferences"]["time_zone"], "Asia/Tokyo");
    let after = page().await;
    assert!(after.contains("<html lang=\"de\" data-zone=\"Asia/Tokyo\">") && !after.contains(" UTC</time>"), "{after}");

    // What is said in the settings counts, whatever was chosen in this browser before.
    let fields = [("name", ""), ("language", "en"), ("time_zone", "")];
    let request = gateway.request(Method::POST, "/settings/profile").header("sec-fetch-site", "same-origin");
    let request = request.header("cookie", format!("{owner}; dossier_language=de")).form(&fields);
    let saved = request.send().await.expect("an answer");
    assert_eq!(saved.status(), StatusCode::SEE_OTHER);
    let forgets = saved.headers().get_all("set-cookie").iter().any(|cookie| {
        cookie.to_str().is_ok_and(|cookie| cookie.starts_with("dossier_language=;") && cookie.contains("Max-Age=0"))
    });
    assert!(forgets, "{:?}", saved.headers());
    assert!(page().await.contains("<html lang=\"en\">"));
}
