//! Signing in at an identity provider: a small one, which signs what it is told to, so that every lie can
//! be told.

use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openidconnect::{
    JsonWebKeyId, PrivateSigningKey,
    core::{CoreEdDsaPrivateSigningKey, CoreJwsSigningAlgorithm},
};
use reqwest::{Method, Response, StatusCode, Url};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::client::{EMAIL, Gateway, config, cookie, header, migrated, problem, start_with};

const CLIENT: &str = "dossier";
const SECRET: &str = "client secret/1";

/// What it answers next.
#[derive(Default)]
struct Script {
    challenge: String,
    id_token: String,
    info: Value,
    /// How often the token endpoint was asked.
    exchanges: usize,
}

struct Issuer {
    url: String,
    key: CoreEdDsaPrivateSigningKey,
    script: Arc<Mutex<Script>>,
}

fn key(kid: &str) -> CoreEdDsaPrivateSigningKey {
    let mut der = hex::decode("302e020100300506032b657004220420").expect("hexadecimal");
    der.extend_from_slice(&rand::random::<[u8; 32]>());
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(JsonWebKeyId::new(kid.to_owned()))).expect("a key")
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn signed(key: &CoreEdDsaPrivateSigningKey, claims: &Value) -> String {
    let message = format!("{}.{}", part(&json!({"alg": "EdDSA", "kid": "k1", "typ": "JWT"})), part(claims));
    let signature = key.sign(&CoreJwsSigningAlgorithm::EdDsa, message.as_bytes()).expect("it signs");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

impl Issuer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let issuer = Self { key: key("k1"), script: Arc::default(), url };
        let keys = json!({"keys": [issuer.key.as_verification_key()]});
        let (url, script) = (issuer.url.clone(), issuer.script.clone());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let (head, body) = request(&mut stream).await;
                let answer = answer(&url, &keys, &script, &head, &body);
                let (status, answer) =
                    answer.map_or_else(|error| ("400 Bad Request", error), |value| ("200 OK", value));
                let answer = answer.to_string();
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    answer.len()
                );
                stream.write_all(format!("{head}{answer}").as_bytes()).await.expect("it is read");
            }
        });
        issuer
    }

    /// What it would say truthfully of Ann, who has begun to sign in with this nonce.
    fn claims(&self, nonce: &str) -> Value {
        let now = jiff::Timestamp::now().as_second();
        json!({
            "iss": self.url, "sub": "ann-1", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce,
            "email": "ann@example.org", "email_verified": true, "name": "Ann", "groups": ["staff"],
        })
    }
}

async fn request(stream: &mut tokio::net::TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    loop {
        assert!(stream.read_buf(&mut bytes).await.expect("a request") > 0, "cut off");
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if bytes.len() >= end + 4 + length.unwrap_or(0) {
            return (head, String::from_utf8_lossy(&bytes[end + 4..]).into_owned());
        }
    }
}

fn answer(url: &str, keys: &Value, script: &Mutex<Script>, head: &str, body: &str) -> Result<Value, Value> {
    let mut script = script.lock().expect("nobody panics here");
    match head.split_whitespace().nth(1).unwrap_or_default() {
        "/.well-known/openid-configuration" => Ok(json!({
            "issuer": url, "authorization_endpoint": format!("{url}/authorize"), "token_endpoint": format!("{url}/token"),
            "userinfo_endpoint": format!("{url}/userinfo"), "jwks_uri": format!("{url}/jwks"),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA", "HS256", "none"],
        })),
        "/jwks" => Ok(keys.clone()),
        "/token" => {
            script.exchanges += 1;
            let sent = Url::parse(&format!("http://x/?{body}")).expect("a form");
            let field = |name: &str| {
                sent.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned()).unwrap_or_default()
            };
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")));
            let basic = base64::engine::general_purpose::STANDARD.encode(format!("{CLIENT}:client+secret%2F1"));
            let known = head.contains(&basic) && field("code") == "code-1" && challenge == script.challenge;
            match known {
                true => Ok(json!({"access_token": "at-1", "token_type": "Bearer", "id_token": script.id_token})),
                false => Err(json!({"error": "invalid_grant"})),
            }
        }
        "/userinfo" => Ok(script.info.clone()),
        other => panic!("nobody asks for {other}"),
    }
}

/// A sign-in that a browser has begun.
struct Begun {
    cookie: String,
    state: String,
    nonce: String,
}

struct Room {
    gateway: Gateway,
    issuer: Issuer,
}

impl Room {
    async fn with(change: impl FnOnce(&mut gateway::OidcConfig)) -> Self {
        let (database, issuer) = (migrated().await, Issuer::start().await);
        let mut oidc = gateway::OidcConfig {
            oidc_issuer: issuer.url.clone(),
            oidc_client_id: CLIENT.to_owned(),
            oidc_client_secret: Some(SECRET.to_owned().into()),
            oidc_name: "Acme".to_owned(),
            oidc_scopes: vec!["email".to_owned()],
            ..Default::default()
        };
        change(&mut oidc);
        let public_url = "http://dossier.example.org".to_owned();
        let config = gateway::Config { oidc, public_url, sign_ins_per_minute: 0, ..config(&database) };
        Self { gateway: start_with(database, config).await, issuer }
    }

    /// A room in which Ann is invited, and the owner's cookie.
    async fn invited() -> (Self, String) {
        let room = Self::with(|_| {}).await;
        let owner = room.gateway.session().await;
        let ann = json!({"email": "Ann@example.org", "role": "editor"});
        let made = room.gateway.with_cookie(Method::POST, "/api/v1/users", &owner, Some(&ann)).await;
        assert_eq!(made.status(), StatusCode::CREATED);
        (room, owner)
    }

    async fn begin(&self) -> Begun {
        let away = self.gateway.get("/auth/oidc/start").await;
        assert_eq!(away.status(), StatusCode::SEE_OTHER);
        let set = header(&away, "set-cookie");
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/auth/oidc"), "{set}");
        let target = Url::parse(header(&away, "location")).expect("a URL");
        let field = |name: &str| target.query_pairs().find(|(n, _)| n == name).expect(name).1.into_owned();
        assert_eq!(field("redirect_uri"), "http://dossier.example.org/auth/oidc/callback");
        assert_eq!((field("response_type"), field("code_challenge_method")), ("code".to_owned(), "S256".to_owned()));
        self.issuer.script.lock().expect("unharmed").challenge = field("code_challenge");
        Begun { cookie: cookie(&away), state: field("state"), nonce: field("nonce") }
    }

    async fn come_back(&self, begun: &Begun, more: &str) -> Response {
        let path = format!("/auth/oidc/callback?code=code-1&state={}{more}", begun.state);
        self.gateway.request(Method::GET, &path).header("cookie", &begun.cookie).send().await.expect("an answer")
    }

    /// The whole of it; `lie` changes what the issuer says.
    async fn sign_in(&self, lie: impl FnOnce(&mut Value)) -> Response {
        let begun = self.begin().await;
        let mut claims = self.issuer.claims(&begun.nonce);
        lie(&mut claims);
        self.issuer.script.lock().expect("unharmed").id_token = signed(&self.issuer.key, &claims);
        self.come_back(&begun, "").await
    }

    async fn who(&self, entered: &Response) -> Value {
        assert_eq!((entered.status(), header(entered, "location")), (StatusCode::SEE_OTHER, "/"));
        let session = entered.headers().get_all("set-cookie").iter().filter_map(|v| v.to_str().ok());
        let session = session.filter_map(|v| v.split(';').next()).find(|v| v.starts_with("dossier_session="));
        let who = self.gateway.with_cookie(Method::GET, "/api/v1/session", session.expect("a session"), None).await;
        assert_eq!(who.status(), StatusCode::OK);
        who.json().await.expect("JSON")
    }
}

#[tokio::test]
async fn an_invited_person_comes_in_and_is_recognised_by_issuer_and_subject_from_then_on() {
    let (room, owner) = Room::invited().await;
    let who = room.who(&room.sign_in(|_| {}).await).await;
    assert_eq!((&who["user"]["email"], &who["user"]["role"]), (&json!("Ann@example.org"), &json!("editor")));
    assert_eq!(who["user"]["name"], "Ann");
    // Another address, and not even verified: it is the same person.
    let again = room.sign_in(|c| (c["email"], c["email_verified"]) = (json!("new@example.org"), json!(false))).await;
    assert_eq!(room.who(&again).await["user"]["id"], who["user"]["id"]);
    // The address belongs to somebody else there now.
    problem(room.sign_in(|c| c["sub"] = json!("ann-2")).await, 403, "oidc-not-invited").await;
    let path = format!("/api/v1/users/{}", who["user"]["id"].as_str().unwrap());
    let user: Value = room.gateway.with_cookie(Method::GET, &path, &owner, None).await.json().await.unwrap();
    assert_eq!(user["invited"], false);
    room.gateway.with_cookie(Method::PATCH, &path, &owner, Some(&json!({"disabled": true}))).await;
    problem(room.sign_in(|_| {}).await, 403, "oidc-not-invited").await;
}

#[tokio::test]
async fn whoever_was_not_invited_or_has_no_verified_address_stays_out() {
    let (room, _) = Room::invited().await;
    problem(room.sign_in(|c| c["email"] = json!("eve@example.org")).await, 403, "oidc-not-invited").await;
    problem(room.sign_in(|c| c["email_verified"] = json!(false)).await, 403, "oidc-email-unverified").await;
    problem(
        room.sign_in(|c| drop(c.as_object_mut().unwrap().remove("email_verified"))).await,
        403,
        "oidc-email-unverified",
    )
    .await;
}

#[tokio::test]
async fn what_the_issuer_does_not_say_of_this_sign_in_is_not_believed() {
    let (room, _) = Room::invited().await;
    let past = json!(jiff::Timestamp::now().as_second() - 600);
    let lies: [(&str, Value); 6] = [
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("aud", json!("another")),
        ("aud", json!([CLIENT, "another"])),
        ("exp", past),
        ("iss", json!("https://evil.example")),
    ];
    for (claim, value) in lies {
        let refused = room.sign_in(|claims| claims[claim] = value.clone()).await;
        assert!(refused.headers().get("set-cookie").is_none(), "{claim} {value}");
        problem(refused, 403, "oidc-failed").await;
    }
}

#[tokio::test]
async fn only_the_issuers_own_signature_counts() {
    let (room, _) = Room::invited().await;
    let unsigned = |claims: &Value| format!("{}.{}.", part(&json!({"alg": "none"})), part(claims));
    let by_secret = |claims: &Value| {
        use hmac::{Hmac, KeyInit, Mac};
        let message = format!("{}.{}", part(&json!({"alg": "HS256"})), part(claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key");
        mac.update(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    };
    let by_another = |claims: &Value| signed(&key("k1"), claims);
    for forged in [&unsigned as &dyn Fn(&Value) -> String, &by_secret, &by_another] {
        let begun = room.begin().await;
        room.issuer.script.lock().unwrap().id_token = forged(&room.issuer.claims(&begun.nonce));
        problem(room.come_back(&begun, "").await, 403, "oidc-failed").await;
    }
}

#[tokio::test]
async fn an_attempt_is_good_once_and_in_its_own_browser_only() {
    let (room, _) = Room::invited().await;
    let begun = room.begin().await;
    room.issuer.script.lock().unwrap().id_token = signed(&room.issuer.key, &room.issuer.claims(&begun.nonce));
    // Somebody is made to come back with what another browser began.
    let other = room.begin().await;
    let mixed = Begun {
        cookie: other.cookie,
        ..Begun { state: begun.state.clone(), nonce: String::new(), cookie: String::new() }
    };
    problem(room.come_back(&mixed, "").await, 403, "oidc-failed").await;
    let bare = Begun { cookie: String::new(), state: begun.state.clone(), nonce: String::new() };
    problem(room.come_back(&bare, "").await, 403, "oidc-failed").await;
    // Another issuer claims to answer.
    assert_eq!(room.issuer.script.lock().unwrap().exchanges, 0, "no code was given away");
    let begun = room.begin().await;
    problem(room.come_back(&begun, "&iss=https%3A%2F%2Fevil.example").await, 403, "oidc-failed").await;
    assert_eq!(room.issuer.script.lock().unwrap().exchanges, 0);

    let begun = room.begin().await;
    room.issuer.script.lock().unwrap().id_token = signed(&room.issuer.key, &room.issuer.claims(&begun.nonce));
    room.who(&room.come_back(&begun, "").await).await;
    problem(room.come_back(&begun, "").await, 403, "oidc-failed").await;
    assert_eq!(room.issuer.script.lock().unwrap().exchanges, 1, "a replayed state asks nobody");
}

#[tokio::test]
async fn a_claim_decides_the_role_at_each_sign_in_but_the_last_owner_stays() {
    let room = Room::with(|oidc| {
        oidc.oidc_role_claim = "groups".to_owned();
        oidc.oidc_roles = vec!["staff=editor".to_owned(), "boss=owner".to_owned()];
        oidc.oidc_allowed_domains = vec!["example.org".to_owned(), "dossier.localhost".to_owned()];
    })
    .await;
    let role = async |groups: Value| {
        let entered = room.sign_in(|claims| claims["groups"] = groups).await;
        room.who(&entered).await["user"]["role"].clone()
    };
    assert_eq!(role(json!(["staff"])).await, "editor", "made without an invitation");
    assert_eq!(role(json!(["staff", "boss"])).await, "owner");
    assert_eq!(role(json!("staff")).await, "editor");
    problem(room.sign_in(|claims| claims["groups"] = json!([])).await, 403, "oidc-not-invited").await;
    let entered = room.sign_in(|c| (c["sub"], c["email"]) = (json!("owner-1"), json!(EMAIL))).await;
    assert_eq!(room.who(&entered).await["user"]["role"], "owner", "somebody must be able to let others in");
}

#[tokio::test]
async fn what_the_token_leaves_out_is_asked_for() {
    let (room, _) = Room::invited().await;
    let info = json!({"sub": "ann-1", "email": "ann@example.org", "email_verified": true, "name": "Ann"});
    room.issuer.script.lock().unwrap().info = info.clone();
    let entered = room.sign_in(|claims| drop(claims.as_object_mut().unwrap().remove("email"))).await;
    room.who(&entered).await;
    // Somebody else's.
    room.issuer.script.lock().unwrap().info["sub"] = json!("eve-1");
    let refused = room.sign_in(|claims| drop(claims.as_object_mut().unwrap().remove("email"))).await;
    problem(refused, 403, "oidc-failed").await;
}

#[tokio::test]
async fn an_issuer_that_is_slow_or_away_costs_only_those_who_sign_in_there() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let room = Room::with(|oidc| oidc.oidc_issuer = url).await;
    let slow = problem(room.gateway.get("/auth/oidc/start").await, 503, "oidc-unavailable");
    let (_, owner) = tokio::join!(slow, room.gateway.session());
    assert!(owner.starts_with("dossier_session="));
    // Whoever comes next is told at once: the issuer accepts nobody, and nobody waits for it.
    let at_once = testkit::within(std::time::Duration::from_millis(1500), room.gateway.get("/auth/oidc/start")).await;
    assert!(!header(&at_once, "retry-after").is_empty());
    problem(at_once, 503, "oidc-unavailable").await;
    let ready = room.gateway.get("/api/v1/health/ready").await;
    assert_eq!(ready.status(), StatusCode::OK);
}

#[tokio::test]
async fn nobody_signs_in_elsewhere_where_no_issuer_is_named() {
    let gateway = crate::client::start().await;
    problem(gateway.get("/auth/oidc/start").await, 404, "not-found").await;
    problem(gateway.get("/auth/oidc/callback?code=a&state=b").await, 404, "not-found").await;
}
