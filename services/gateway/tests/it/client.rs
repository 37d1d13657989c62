use chassis::SecretString;
use gateway::{App, Config};
use pg::PgConfig;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use testkit::{Database, Running};

pub(crate) const EMAIL: &str = "owner@example.org";
pub(crate) const SEALING_KEY: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const PASSWORD: &str = "a long enough password";

/// A gateway whose services are not there.
pub(crate) struct Gateway {
    pub(crate) running: Running,
    pub(crate) database: Database,
    pub(crate) http: Client,
}

/// Nothing listens on a port that was just given back.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

pub(crate) fn config(database: &Database) -> Config {
    Config {
        process: chassis::ProcessConfig::default(),
        listen_addr: ([127, 0, 0, 1], 0).into(),
        pg: PgConfig::new(database.url("access")),
        rpc_token: testkit::rpc_token(),
        contacts_url: nobody(),
        documents_url: nobody(),
        indexer_url: nobody(),
        search_url: nobody(),
        public_url: String::new(),
        dossier_owner_email: EMAIL.to_owned(),
        dossier_owner_password: Some(SecretString::from(PASSWORD)),
        prober_token: None,
        sealing_key: Some(SecretString::from(SEALING_KEY)),
        trusted_proxies: Vec::new(),
        requests_per_minute: 6000,
        address_requests_per_minute: 12_000,
        max_in_flight: 128,
        body_bytes_per_second: 500,
        body_grace_seconds: 30,
        stale_mib: 16,
        sign_ins_per_minute: 10,
        submissions_per_minute: 60,
        all_submissions_per_minute: 600,
        visits_per_minute: 600,
        links_per_minute: 120,
        upload_link_max_bytes: 1 << 20,
        allowed_origins: Vec::new(),
        webhook_private_targets: false,
        webhook_retry_ms: 20,
        session_days: 30,
        session_idle_hours: 12,
        backup_metrics_dir: None,
        password_breach_url: String::new(),
        oidc: gateway::OidcConfig::default(),
        mail: gateway::MailConfig::default(),
        http_workers: 1,
    }
}

pub(crate) async fn migrated() -> Database {
    let database = testkit::database().await;
    <App as chassis::Service>::migrate(database.migration()).await.expect("the migration runs");
    database
}

pub(crate) async fn start_with(database: Database, config: Config) -> Gateway {
    let running = testkit::serve::<App>(config).await;
    let mut ready = running.health.subscribe();
    testkit::within(std::time::Duration::from_secs(20), ready.wait_for(|r| *r)).await.expect("it gets ready");
    let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    Gateway { running, database, http }
}

pub(crate) async fn start() -> Gateway {
    let database = migrated().await;
    let config = config(&database);
    start_with(database, config).await
}

impl Gateway {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.running.url()))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }

    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Response {
        let body = json!({"email": email, "password": password});
        self.request(Method::POST, "/api/v1/session").json(&body).send().await.expect("an answer")
    }

    /// The owner's cookie.
    pub(crate) async fn session(&self) -> String {
        let response = self.sign_in(EMAIL, PASSWORD).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        cookie(&response)
    }

    /// As a page of ours would ask.
    pub(crate) async fn with_cookie(&self, method: Method, path: &str, cookie: &str, body: Option<&Value>) -> Response {
        let request = self.request(method, path).header("cookie", cookie).header("sec-fetch-site", "same-origin");
        match body {
            Some(body) => request.json(body).send().await.expect("an answer"),
            None => request.send().await.expect("an answer"),
        }
    }

    pub(crate) async fn with_token(&self, method: Method, path: &str, token: &str, body: Option<&Value>) -> Response {
        let request = self.request(method, path).bearer_auth(token);
        match body {
            Some(body) => request.json(body).send().await.expect("an answer"),
            None => request.send().await.expect("an answer"),
        }
    }

    /// A token of whoever has this cookie, and its id.
    pub(crate) async fn token(&self, cookie: &str, scopes: &[&str]) -> (String, String) {
        let body = json!({"name": "for a test", "scopes": scopes});
        let response = self.with_cookie(Method::POST, "/api/v1/tokens", cookie, Some(&body)).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        let made: Value = response.json().await.expect("JSON");
        (made["token"].as_str().expect("a token").to_owned(), made["id"].as_str().expect("an id").to_owned())
    }
}

pub(crate) fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

pub(crate) fn cookie(response: &Response) -> String {
    header(response, "set-cookie").split(';').next().unwrap_or_default().to_owned()
}

/// The body of a problem with this status and name.
pub(crate) async fn problem(response: Response, status: u16, slug: &str) -> Value {
    let (found, kind) = (response.status(), header(&response, "content-type").to_owned());
    let id = header(&response, "x-request-id").to_owned();
    let body = response.text().await.expect("a body");
    assert_eq!(found.as_u16(), status, "{body}");
    assert_eq!(kind, "application/problem+json", "{body}");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(body["type"], format!("/problems/{slug}"), "{body}");
    assert_eq!(body["status"], status, "{body}");
    assert_eq!(body["request_id"], id, "{body}");
    assert!(body["title"].as_str().is_some_and(|t| !t.is_empty()), "{body}");
    body
}
