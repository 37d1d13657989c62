//! What is kept readable for the system itself is encrypted in the database, under a key that can be changed or lost.

use chassis::SecretString;
use gateway::Config;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{Database, Running};

use crate::{
    client::{Gateway, PASSWORD, SEALING_KEY, config, migrated, problem, start_with},
    totp::{app, bytes, enable, sign_in},
    webhooks::{create, delivery, next, receiver, signature, test},
};

const NEW_KEY: &str = "fedcba9876543210fedcba9876543210fedcba9876543210";

/// A gateway with these keys.
async fn with(database: Database, keys: Option<&str>) -> Gateway {
    let sealing_key = keys.map(SecretString::from);
    let config = Config { sealing_key, sign_ins_per_minute: 0, webhook_private_targets: true, ..config(&database) };
    start_with(database, config).await
}

/// Another one in its place, once it has looked at all secrets. Its report says what no key opens.
async fn again(gateway: Gateway, keys: Option<&str>) -> (Gateway, Option<String>) {
    let Gateway { running, database, .. } = gateway;
    running.stop().await.expect("it ends well");
    let gateway = with(database, keys).await;
    let looked = async {
        loop {
            let state = report(&gateway.running);
            if state.as_deref() != Some("not checked yet") {
                return state;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let state = testkit::within(std::time::Duration::from_secs(20), looked).await;
    (gateway, state)
}

fn report(running: &Running) -> Option<String> {
    running.health.report()["sealed_secrets"].clone()
}

/// The secrets as the database has them.
async fn kept(gateway: &Gateway) -> Vec<Vec<u8>> {
    let sql = "SELECT secret FROM second_factors UNION ALL SELECT secret FROM webhooks";
    let rows = gateway.database.client("access").await.query(sql, &[]).await.expect("they are there");
    rows.iter().map(|row| row.get(0)).collect()
}

fn bits(webhook: &Value) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let text = webhook["secret"].as_str().and_then(|text| text.strip_prefix("whsec_")).expect("a secret");
    STANDARD.decode(text).expect("base64")
}

/// As an earlier release kept it.
async fn make_plain(gateway: &Gateway, secret: &str, webhook: &Value) {
    let client = gateway.database.client("access").await;
    client.execute("UPDATE second_factors SET secret = $1", &[&bytes(secret)]).await.expect("it is written");
    client.execute("UPDATE webhooks SET secret = $1", &[&bits(webhook)]).await.expect("it is written");
}

#[tokio::test]
async fn the_database_holds_no_secret_that_can_be_read() {
    let gateway = with(migrated().await, Some(SEALING_KEY)).await;
    let owner = gateway.session().await;
    let (secret, .., owner) = enable(&gateway, &owner).await;
    let webhook = create(&gateway, &owner, "http://127.0.0.1:9/").await;
    let kept = kept(&gateway).await;
    assert_eq!(kept.len(), 2);
    let plain = bits(&webhook);
    assert!(kept.iter().all(|kept| !kept.windows(8).any(|part| plain.windows(8).any(|p| p == part))));
    let secret = bytes(&secret);
    assert!(kept.iter().all(|kept| !kept.windows(8).any(|part| secret.windows(8).any(|p| p == part))));
}

#[tokio::test]
async fn what_was_readable_is_encrypted_at_the_start_and_keys_are_changed_without_loss() {
    let gateway = with(migrated().await, Some(SEALING_KEY)).await;
    let owner = gateway.session().await;
    let (secret, used, _, owner) = enable(&gateway, &owner).await;
    let (url, mut told) = receiver(&["204 No Content"]).await;
    let webhook = create(&gateway, &owner, &url).await;
    make_plain(&gateway, &secret, &webhook).await;
    assert!(kept(&gateway).await.contains(&bits(&webhook)));

    let (gateway, state) = again(gateway, Some(SEALING_KEY)).await;
    assert_eq!(state, None);
    let first = kept(&gateway).await;
    assert!(!first.contains(&bits(&webhook)) && !first.contains(&bytes(&secret)));

    let (gateway, state) = again(gateway, Some(&format!("{NEW_KEY}\n{SEALING_KEY}"))).await;
    assert_eq!(state, None);
    assert!(kept(&gateway).await.iter().all(|now| !first.contains(now)), "encrypted anew");

    // The old key is not needed any more: codes are taken, and deliveries signed with the same secret.
    let (gateway, state) = again(gateway, Some(NEW_KEY)).await;
    assert_eq!(state, None);
    assert_eq!(sign_in(&gateway, Some(&app(&secret, used + 1))).await.status(), StatusCode::CREATED);
    test(&gateway, &owner, &webhook).await;
    let (fields, body) = next(&mut told).await;
    assert_eq!(fields["webhook-signature"], signature(&bits(&webhook), &fields, &body));
}

#[tokio::test]
async fn without_its_key_only_what_needs_it_fails_and_says_so() {
    let gateway = with(migrated().await, Some(SEALING_KEY)).await;
    let owner = gateway.session().await;
    let (secret, used, codes, owner) = enable(&gateway, &owner).await;
    let webhook = create(&gateway, &owner, "http://127.0.0.1:9/").await;

    let (gateway, state) = again(gateway, None).await;
    assert_eq!(state.as_deref(), Some("no SEALING_KEY opens 2 of them"));
    problem(sign_in(&gateway, None).await, 401, "totp-required").await;
    let body = json!({"url": "https://example.org/", "events": ["document.ready"]});
    let new = gateway.with_cookie(Method::POST, "/api/v1/webhooks", &owner, Some(&body)).await;
    problem(new, 503, "secrets-locked").await;

    let (gateway, state) = again(gateway, Some(NEW_KEY)).await;
    assert_eq!(state.as_deref(), Some("no SEALING_KEY opens 2 of them"));
    problem(sign_in(&gateway, Some(&app(&secret, used + 1))).await, 503, "secrets-locked").await;
    test(&gateway, &owner, &webhook).await;
    let logged = delivery(&gateway, &owner, &webhook, |d| d["error"].is_string()).await;
    assert!(logged["error"].as_str().is_some_and(|error| error.contains("key")), "{logged}");
    // Everything else works: a recovery code, the settings, a second factor that is given up and set up anew.
    assert_eq!(sign_in(&gateway, Some(&codes[0])).await.status(), StatusCode::CREATED);
    assert_eq!(gateway.with_cookie(Method::GET, "/api/v1/webhooks", &owner, None).await.status(), StatusCode::OK);
    let off = json!({"password": PASSWORD});
    let off = gateway.with_cookie(Method::POST, "/api/v1/session/totp/disable", &owner, Some(&off)).await;
    assert_eq!(off.status(), StatusCode::NO_CONTENT);
    let (secret, used, ..) = enable(&gateway, &owner).await;
    assert_eq!(sign_in(&gateway, Some(&app(&secret, used + 1))).await.status(), StatusCode::CREATED);
}
