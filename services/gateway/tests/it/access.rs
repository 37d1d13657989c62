use chassis::SecretString;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{EMAIL, Gateway, PASSWORD, config, cookie, header, migrated, problem, start, start_with};

#[tokio::test]
async fn whoever_signs_in_is_known_until_they_sign_out() {
    let gateway = start().await;
    let response = gateway.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let set = header(&response, "set-cookie").to_owned();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"), "{set}");
    assert!(!set.contains("Secure"), "not without TLS: {set}");
    let cookie = cookie(&response);
    assert_eq!(response.json::<Value>().await.unwrap()["user"]["role"], "owner");

    let who = gateway.with_cookie(Method::GET, "/api/v1/session", &cookie, None).await;
    assert_eq!(who.json::<Value>().await.unwrap()["user"]["email"], EMAIL);
    let out = gateway.with_cookie(Method::DELETE, "/api/v1/session", &cookie, None).await;
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    assert!(header(&out, "set-cookie").contains("Max-Age=0"), "{:?}", out.headers());
    let after = gateway.with_cookie(Method::GET, "/api/v1/session", &cookie, None).await;
    problem(after, 401, "unauthenticated").await;
}

#[tokio::test]
async fn only_hashes_of_secrets_are_stored() {
    let gateway = start().await;
    let cookie = gateway.session().await;
    let (token, _) = gateway.token(&cookie, &["*"]).await;
    let client = gateway.database.client("access").await;
    let mut all = String::new();
    for table in ["users", "sessions", "tokens", "idempotency", "audit"] {
        let rows = client.query(&format!("SELECT row_to_json(t)::text FROM {table} t"), &[]).await.unwrap();
        rows.iter().for_each(|row| all.push_str(row.get(0)));
    }
    assert!(all.contains("$argon2id$"));
    let session = cookie.split_once('=').unwrap().1;
    for secret in [token.as_str(), session, PASSWORD] {
        assert!(!all.contains(secret));
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_the_same() {
    let gateway = start().await;
    let mut wrong = problem(gateway.sign_in(EMAIL, "not the password").await, 401, "sign-in-failed").await;
    let mut unknown = problem(gateway.sign_in("nobody@example.org", PASSWORD).await, 401, "sign-in-failed").await;
    (wrong["request_id"], unknown["request_id"]) = (Value::Null, Value::Null);
    assert_eq!(wrong, unknown);
    problem(gateway.sign_in("a\0b@example.org", PASSWORD).await, 401, "sign-in-failed").await;
}

#[tokio::test]
async fn guessing_a_password_is_slowed_down_for_that_account_only() {
    let gateway = start().await;
    for _ in 0..10 {
        assert_eq!(gateway.sign_in("victim@example.org", "guess").await.status(), StatusCode::UNAUTHORIZED);
    }
    let refused = gateway.sign_in("Victim@example.org", "guess").await;
    let wait: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert_eq!(header(&refused, "ratelimit-limit"), "10");
    assert_eq!(header(&refused, "ratelimit-remaining"), "0");
    problem(refused, 429, "rate-limited").await;
    assert_eq!(gateway.sign_in(EMAIL, PASSWORD).await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_forwarded_address_counts_only_behind_a_proxy_of_ours() {
    let database = migrated().await;
    let config = gateway::Config { submissions_per_minute: 1, ..config(&database) };
    let gateway = start_with(database, config).await;
    let submit = async |forwarded: &str| {
        let request = gateway.request(Method::POST, "/api/v1/submissions").header("x-forwarded-for", forwarded);
        request.json(&json!({"name": "A", "email": "a@example.org", "message": "x"})).send().await.unwrap().status()
    };
    assert_eq!(submit("203.0.113.1").await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(submit("203.0.113.1").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(submit("203.0.113.2").await, StatusCode::SERVICE_UNAVAILABLE);
    // What the client itself put before it is not believed.
    assert_eq!(submit("198.51.100.7, 203.0.113.2").await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_token_does_what_its_scopes_say_and_no_more() {
    let gateway = start().await;
    let cookie = gateway.session().await;
    let (all, _) = gateway.token(&cookie, &["*"]).await;
    let (reader, _) = gateway.token(&cookie, &["contacts:read"]).await;
    assert!(all.starts_with("dsr_"));
    assert_eq!(gateway.with_token(Method::GET, "/api/v1/users", &all, None).await.status(), StatusCode::OK);
    problem(gateway.with_token(Method::GET, "/api/v1/users", &reader, None).await, 403, "forbidden").await;
    problem(gateway.with_token(Method::GET, "/api/v1/documents", &reader, None).await, 403, "forbidden").await;
    problem(gateway.with_token(Method::POST, "/api/v1/contacts", &reader, Some(&json!({}))).await, 403, "forbidden")
        .await;
    // Allowed, and then the service is not there.
    problem(gateway.with_token(Method::GET, "/api/v1/contacts", &reader, None).await, 503, "unavailable").await;
    problem(gateway.with_token(Method::GET, "/api/v1/contacts", "dsr_unknown", None).await, 401, "invalid-token").await;
    let bad = json!({"name": "x", "scopes": ["everything"]});
    let bad = gateway.with_cookie(Method::POST, "/api/v1/tokens", &cookie, Some(&bad)).await;
    assert_eq!(problem(bad, 400, "invalid").await["errors"][0]["field"], "scopes");
}

#[tokio::test]
async fn a_token_is_shown_once_and_again_only_to_the_same_idempotency_key() {
    let gateway = start().await;
    let cookie = gateway.session().await;
    let make = async |key: &str, name: &str| {
        let request = gateway.request(Method::POST, "/api/v1/tokens").header("cookie", &cookie);
        let request = request.header("sec-fetch-site", "same-origin").header("idempotency-key", key);
        request.json(&json!({"name": name, "scopes": ["read"]})).send().await.unwrap()
    };
    let first: Value = make("key-1", "one").await.json().await.unwrap();
    let again = make("key-1", "one").await;
    assert_eq!(again.status(), StatusCode::CREATED);
    assert_eq!(header(&again, "idempotency-replayed"), "true");
    assert_eq!(again.json::<Value>().await.unwrap(), first);
    problem(make("key-1", "two").await, 422, "idempotency-mismatch").await;
    assert_ne!(make("key-2", "one").await.json::<Value>().await.unwrap()["token"], first["token"]);
    let list = gateway.with_cookie(Method::GET, "/api/v1/tokens?limit=1", &cookie, None).await.text().await.unwrap();
    assert!(!list.contains("dsr_") && list.contains("next_cursor\":\""), "{list}");
}

#[tokio::test]
async fn a_revocation_holds_from_the_next_request() {
    let gateway = start().await;
    let cookie = gateway.session().await;
    let (token, id) = gateway.token(&cookie, &["*"]).await;
    for _ in 0..3 {
        assert_eq!(gateway.with_token(Method::GET, "/api/v1/session", &token, None).await.status(), StatusCode::OK);
    }
    let gone = gateway.with_cookie(Method::DELETE, &format!("/api/v1/tokens/{id}"), &cookie, None).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    problem(gateway.with_token(Method::GET, "/api/v1/session", &token, None).await, 401, "invalid-token").await;
}

#[tokio::test]
async fn a_revocation_by_another_gateway_is_heard() {
    let first = start().await;
    let second = testkit::serve::<gateway::App>(config(&first.database)).await;
    let cookie = first.session().await;
    let (token, id) = first.token(&cookie, &["*"]).await;
    let ask = async || {
        let url = format!("{}/api/v1/session", second.url());
        first.http.get(url).bearer_auth(&token).send().await.unwrap().status()
    };
    let until_known = async { while ask().await != StatusCode::OK {} };
    testkit::within(std::time::Duration::from_secs(10), until_known).await;
    first.with_cookie(Method::DELETE, &format!("/api/v1/tokens/{id}"), &cookie, None).await;
    let until_unknown = async { while ask().await != StatusCode::UNAUTHORIZED {} };
    testkit::within(std::time::Duration::from_secs(1), until_unknown).await;
}

/// A user of this role, made by the owner; answers the id and the cookie.
async fn user(gateway: &Gateway, owner: &str, email: &str, role: &str) -> (String, String) {
    let body = json!({"email": email, "password": PASSWORD, "role": role});
    let made = gateway.with_cookie(Method::POST, "/api/v1/users", owner, Some(&body)).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let id = made.json::<Value>().await.expect("JSON")["id"].as_str().expect("an id").to_owned();
    (id, cookie(&gateway.sign_in(email, PASSWORD).await))
}

#[tokio::test]
async fn owners_manage_users_and_others_do_not() {
    let gateway = start().await;
    let owner = gateway.session().await;
    let (id, viewer) = user(&gateway, &owner, "v@example.org", "viewer").await;
    let path = format!("/api/v1/users/{id}");
    problem(gateway.with_cookie(Method::GET, "/api/v1/users", &viewer, None).await, 403, "forbidden").await;
    problem(gateway.get("/api/v1/users").await, 401, "unauthenticated").await;
    problem(gateway.with_cookie(Method::GET, "/api/v1/audit", &viewer, None).await, 403, "forbidden").await;

    let taken = json!({"email": "V@example.org", "password": PASSWORD, "role": "viewer"});
    let taken = gateway.with_cookie(Method::POST, "/api/v1/users", &owner, Some(&taken)).await;
    problem(taken, 409, "email-taken").await;

    let seen = gateway.with_cookie(Method::GET, &path, &owner, None).await;
    let tag = header(&seen, "etag").to_owned();
    let raised = gateway.with_cookie(Method::PATCH, &path, &owner, Some(&json!({"role": "editor"}))).await;
    assert_ne!(header(&raised, "etag"), tag);
    let who = gateway.with_cookie(Method::GET, "/api/v1/session", &viewer, None).await;
    assert_eq!(who.json::<Value>().await.unwrap()["user"]["role"], "editor", "from the next request");
    let late = gateway.request(Method::PATCH, &path).header("cookie", &owner).header("sec-fetch-site", "none");
    let late = late.header("if-match", tag).json(&json!({"name": "x"})).send().await.unwrap();
    problem(late, 412, "precondition-failed").await;

    let off = gateway.with_cookie(Method::PATCH, &path, &owner, Some(&json!({"disabled": true}))).await;
    assert_eq!(off.status(), StatusCode::OK);
    problem(gateway.with_cookie(Method::GET, "/api/v1/session", &viewer, None).await, 401, "unauthenticated").await;
    problem(gateway.sign_in("v@example.org", PASSWORD).await, 401, "sign-in-failed").await;
    assert_eq!(gateway.with_cookie(Method::DELETE, &path, &owner, None).await.status(), StatusCode::NO_CONTENT);
    problem(gateway.with_cookie(Method::GET, &path, &owner, None).await, 404, "not-found").await;

    let audit: Value = gateway.with_cookie(Method::GET, "/api/v1/audit", &owner, None).await.json().await.unwrap();
    let actions: Vec<_> = audit["items"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
    assert_eq!(actions[..3], ["user.deleted", "user.changed", "user.changed"]);
    assert!(!audit.to_string().contains("example.org"), "no addresses: {audit}");
}

#[tokio::test]
async fn the_last_owner_stays() {
    let gateway = start().await;
    let owner = gateway.session().await;
    let me: Value = gateway.with_cookie(Method::GET, "/api/v1/session", &owner, None).await.json().await.unwrap();
    let path = format!("/api/v1/users/{}", me["user"]["id"].as_str().unwrap());
    let lowered = gateway.with_cookie(Method::PATCH, &path, &owner, Some(&json!({"role": "viewer"}))).await;
    problem(lowered, 409, "last-owner").await;
    problem(gateway.with_cookie(Method::DELETE, &path, &owner, None).await, 409, "last-owner").await;
}

#[tokio::test]
async fn the_audit_log_cannot_be_rewritten_by_the_gateway() {
    let gateway = start().await;
    testkit::append_only(&gateway.database, "access", "audit").await;
}

#[tokio::test]
async fn the_first_owner_is_made_once_and_never_changed() {
    let gateway = start().await;
    let changed = gateway::Config {
        dossier_owner_email: "other@example.org".to_owned(),
        dossier_owner_password: Some(SecretString::from("another password")),
        ..config(&gateway.database)
    };
    let Gateway { running, database, .. } = gateway;
    running.stop().await.unwrap();
    let gateway = start_with(database, changed).await;
    problem(gateway.sign_in("other@example.org", "another password").await, 401, "sign-in-failed").await;
    assert_eq!(gateway.sign_in(EMAIL, PASSWORD).await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_cookie_changes_nothing_for_another_site() {
    let gateway = start().await;
    let cookie = gateway.session().await;
    let host = gateway.running.addr.to_string();
    let attempt = async |headers: &[(&str, &str)]| {
        let request = gateway.request(Method::POST, "/api/v1/tokens").header("cookie", &cookie);
        let request = headers.iter().fold(request, |r, (name, value)| r.header(*name, *value));
        request.json(&json!({"name": "x", "scopes": ["read"]})).send().await.unwrap()
    };
    let own = format!("http://{host}");
    for good in [&[("sec-fetch-site", "same-origin")][..], &[("sec-fetch-site", "none")], &[("origin", own.as_str())]] {
        assert_eq!(attempt(good).await.status(), StatusCode::CREATED, "{good:?}");
    }
    for bad in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site"), ("origin", own.as_str())],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
    ] {
        problem(attempt(bad).await, 403, "cross-site-request").await;
    }
    // Reading is no change, and signing in as somebody else from afar is refused too.
    let read = gateway.request(Method::GET, "/api/v1/session").header("cookie", &cookie);
    assert_eq!(read.header("sec-fetch-site", "cross-site").send().await.unwrap().status(), StatusCode::OK);
    let planted = gateway.request(Method::POST, "/sign-in").header("origin", "https://evil.example");
    let planted = planted.form(&[("email", EMAIL), ("password", PASSWORD)]).send().await.unwrap();
    assert!(planted.headers().get("set-cookie").is_none());
    assert_eq!(planted.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_cookie_is_for_tls_only_when_browsers_come_by_tls() {
    let database = migrated().await;
    let config = gateway::Config { public_url: "https://dossier.example.org/".to_owned(), ..config(&database) };
    let gateway = start_with(database, config).await;
    let response = gateway.sign_in(EMAIL, PASSWORD).await;
    assert!(header(&response, "set-cookie").contains("Secure"));
    assert!(header(&response, "strict-transport-security").starts_with("max-age="));
}

#[tokio::test]
async fn the_page_signs_in_and_out_without_scripts() {
    let gateway = start().await;
    let signed_out = gateway.get("/").await.text().await.unwrap();
    assert!(signed_out.contains("action=\"/sign-in\"") && !signed_out.contains("action=\"/upload\""));
    let refused = gateway.request(Method::POST, "/sign-in").form(&[("email", EMAIL), ("password", "wrong")]);
    let refused = refused.send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(refused.text().await.unwrap().contains("e-mail address or the password is wrong"));
    let entered = gateway.request(Method::POST, "/sign-in").form(&[("email", EMAIL), ("password", PASSWORD)]);
    let entered = entered.send().await.unwrap();
    assert_eq!((entered.status(), header(&entered, "location")), (StatusCode::SEE_OTHER, "/"));
    let cookie = cookie(&entered);
    let home = gateway.with_cookie(Method::GET, "/", &cookie, None).await.text().await.unwrap();
    assert!(home.contains("action=\"/upload\"") && home.contains(EMAIL), "{home}");
    assert!(!home.contains("<style") && !home.contains("onclick"), "nothing inline");
    let out = gateway.with_cookie(Method::POST, "/sign-out", &cookie, None).await;
    assert_eq!(out.status(), StatusCode::SEE_OTHER);
    problem(gateway.with_cookie(Method::GET, "/api/v1/session", &cookie, None).await, 401, "unauthenticated").await;
}
