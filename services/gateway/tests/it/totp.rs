//! The second factor: set up, asked for, used once, lost.

use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::client::{EMAIL, Gateway, PASSWORD, config, cookie, header, migrated, problem, start_with};

/// These sign in more often than anybody may.
async fn unhurried() -> Gateway {
    let database = migrated().await;
    let config = gateway::Config { sign_ins_per_minute: 0, ..config(&database) };
    start_with(database, config).await
}

/// Of base32.
pub(crate) fn bytes(secret: &str) -> Vec<u8> {
    let bits: String = secret
        .bytes()
        .map(|b| {
            format!("{:05b}", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|l| *l == b).expect("well-formed"))
        })
        .collect();
    bits.as_bytes()
        .chunks_exact(8)
        .map(|b| u8::from_str_radix(std::str::from_utf8(b).expect("well-formed"), 2).expect("well-formed"))
        .collect()
}

/// What an authenticator app shows in this step for this secret in base32.
pub(crate) fn app(secret: &str, step: u64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(&bytes(secret)).expect("well-formed");
    mac.update(&step.to_be_bytes());
    let sum = mac.finalize().into_bytes();
    let from = usize::from(sum[19] & 15);
    let number = u32::from_be_bytes(sum[from..from + 4].try_into().expect("well-formed")) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn step() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("well-formed").as_secs() / 30
}

pub(crate) async fn sign_in(gateway: &Gateway, totp: Option<&str>) -> Response {
    let mut body = json!({"email": EMAIL, "password": PASSWORD});
    if let Some(totp) = totp {
        body["totp"] = totp.into();
    }
    gateway.request(Method::POST, "/api/v1/session").json(&body).send().await.expect("well-formed")
}

async fn post(gateway: &Gateway, cookie: &str, path: &str, body: Value) -> Response {
    gateway.with_cookie(Method::POST, &format!("/api/v1/session/totp{path}"), cookie, Some(&body)).await
}

/// Secret, the step of the code that confirmed it, recovery codes, and the cookie under which the session goes on.
pub(crate) async fn enable(gateway: &Gateway, held: &str) -> (String, u64, Vec<String>, String) {
    let begun: Value = post(gateway, held, "", json!({"password": PASSWORD})).await.json().await.expect("well-formed");
    let secret = begun["secret"].as_str().expect("well-formed").to_owned();
    assert!(begun["uri"].as_str().expect("well-formed").contains(&format!("?secret={secret}&")), "{begun}");
    let used = step();
    let done = post(gateway, held, "/confirm", json!({"totp": app(&secret, used)})).await;
    assert_eq!(done.status(), StatusCode::OK);
    let next = cookie(&done);
    let done: Value = done.json().await.expect("well-formed");
    let codes = done["recovery_codes"]
        .as_array()
        .expect("well-formed")
        .iter()
        .map(|c| c.as_str().expect("well-formed").to_owned());
    let codes = codes.collect();
    (secret, used, codes, next)
}

#[tokio::test]
async fn signing_in_takes_a_code_once_it_is_confirmed_and_takes_each_code_once() {
    let gateway = unhurried().await;
    let (mine, other) = (gateway.session().await, gateway.session().await);
    problem(post(&gateway, &mine, "", json!({"password": "a guess"})).await, 403, "wrong-password").await;
    problem(post(&gateway, &mine, "/confirm", json!({"totp": "123456"})).await, 404, "not-found").await;
    let (secret, used, codes, next) = enable(&gateway, &mine).await;
    assert_eq!(codes.len(), 10);
    // The session goes on, and whoever got hold of its cookie before is out.
    let before = gateway.with_cookie(Method::GET, "/api/v1/session", &mine, None).await;
    problem(before, 401, "unauthenticated").await;
    let mine = next;

    let state = gateway.with_cookie(Method::GET, "/api/v1/session/totp", &mine, None).await;
    let state: Value = state.json().await.unwrap();
    assert_eq!((&state["enabled"], &state["recovery_codes_left"]), (&json!(true), &json!(10)));
    let ended = gateway.with_cookie(Method::GET, "/api/v1/session", &other, None).await;
    problem(ended, 401, "unauthenticated").await;
    problem(post(&gateway, &mine, "", json!({"password": PASSWORD})).await, 409, "totp-enabled").await;

    problem(sign_in(&gateway, None).await, 401, "totp-required").await;
    problem(sign_in(&gateway, Some(&app(&secret, used))).await, 401, "totp-wrong").await;
    let next = app(&secret, used + 1);
    assert_eq!(sign_in(&gateway, Some(&next)).await.status(), StatusCode::CREATED);
    problem(sign_in(&gateway, Some(&next)).await, 401, "totp-wrong").await;
    // Without the right password nobody learns that there is a second factor.
    let guess = json!({"email": EMAIL, "password": "a guess", "totp": codes[0]});
    let guess = gateway.request(Method::POST, "/api/v1/session").json(&guess).send().await.unwrap();
    problem(guess, 401, "sign-in-failed").await;
}

#[tokio::test]
async fn a_recovery_code_stands_in_once_and_only_its_hash_is_stored() {
    let gateway = unhurried().await;
    let cookie = gateway.session().await;
    let (secret, _, codes, cookie) = enable(&gateway, &cookie).await;
    assert_eq!(sign_in(&gateway, Some(&codes[3])).await.status(), StatusCode::CREATED);
    problem(sign_in(&gateway, Some(&codes[3])).await, 401, "totp-wrong").await;
    let state = gateway.with_cookie(Method::GET, "/api/v1/session/totp", &cookie, None).await;
    assert_eq!(state.json::<Value>().await.unwrap()["recovery_codes_left"], 9);
    let client = gateway.database.client("access").await;
    let mut all = String::new();
    for table in ["second_factors", "recovery_codes", "audit", "idempotency"] {
        let rows = client.query(&format!("SELECT row_to_json(t)::text FROM {table} t"), &[]).await.unwrap();
        rows.iter().for_each(|row| all.push_str(row.get(0)));
    }
    assert!(all.contains("second_factor.recovered") && !all.contains(&secret));
    assert!(codes.iter().all(|code| !all.contains(code)));
}

#[tokio::test]
async fn five_wrong_codes_in_a_row_make_even_the_right_one_wait() {
    let gateway = unhurried().await;
    let cookie = gateway.session().await;
    let (_, _, codes, _) = enable(&gateway, &cookie).await;
    for _ in 0..5 {
        problem(sign_in(&gateway, Some("no code at all")).await, 401, "totp-wrong").await;
    }
    let waits = sign_in(&gateway, Some(&codes[0])).await;
    assert!(header(&waits, "retry-after").parse::<u64>().is_ok_and(|s| (1..=60).contains(&s)), "{waits:?}");
    problem(waits, 429, "rate-limited").await;
}

#[tokio::test]
async fn it_is_given_up_with_the_password_or_removed_by_an_owner() {
    let gateway = unhurried().await;
    let owner = gateway.session().await;
    let (.., owner) = enable(&gateway, &owner).await;
    problem(post(&gateway, &owner, "/disable", json!({"password": "a guess"})).await, 403, "wrong-password").await;
    let gone = post(&gateway, &owner, "/disable", json!({"password": PASSWORD})).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert_eq!(sign_in(&gateway, None).await.status(), StatusCode::CREATED);

    let (.., owner) = enable(&gateway, &owner).await;
    let me: Value = gateway.with_cookie(Method::GET, "/api/v1/session", &owner, None).await.json().await.unwrap();
    let path = format!("/api/v1/users/{}/totp", me["user"]["id"].as_str().unwrap());
    assert_eq!(gateway.with_cookie(Method::DELETE, &path, &owner, None).await.status(), StatusCode::NO_CONTENT);
    problem(gateway.with_cookie(Method::DELETE, &path, &owner, None).await, 404, "not-found").await;
    assert_eq!(sign_in(&gateway, None).await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn the_pages_set_it_up_and_ask_for_it_without_scripts() {
    let gateway = unhurried().await;
    let owner = gateway.session().await;
    let send = async |path: &str, form: &[(&str, &str)]| {
        let request =
            gateway.request(Method::POST, path).header("cookie", &owner).header("sec-fetch-site", "same-origin");
        request.form(form).send().await.unwrap().text().await.unwrap()
    };
    let shown = send("/settings/totp", &[("password", PASSWORD)]).await;
    assert!(shown.contains("<svg") && shown.contains("otpauth://totp/") && !shown.contains("style="), "{shown}");
    let secret = shown.split_once("id=\"totp-secret\">").unwrap().1.split('<').next().unwrap().to_owned();
    let used = step();
    // The answer has another cookie; nothing more is done with this session.
    let confirmed = send("/settings/totp/confirm", &[("totp", &app(&secret, used))]).await;
    assert_eq!(confirmed.matches("<li><code>").count(), 10, "{confirmed}");

    let enter = async |code: Option<&str>| {
        let mut form = vec![("email", EMAIL), ("password", PASSWORD)];
        form.extend(code.map(|code| ("totp", code)));
        gateway.request(Method::POST, "/sign-in").form(&form).send().await.unwrap()
    };
    let asked = enter(None).await;
    assert_eq!(asked.status(), StatusCode::UNAUTHORIZED);
    assert!(asked.text().await.unwrap().contains("name=\"totp\""));
    let entered = enter(Some(&app(&secret, used + 1))).await;
    assert_eq!(entered.status(), StatusCode::SEE_OTHER);
    assert!(cookie(&entered).starts_with("dossier_session="));
}
