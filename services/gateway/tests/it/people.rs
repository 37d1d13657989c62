//! Invitations, passwords, one's own account, and mail to a small server that does as it is told.

use std::{collections::VecDeque, time::Duration};

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    sync::mpsc,
};

use crate::client::{EMAIL, Gateway, PASSWORD, config, cookie, header, migrated, problem, start, start_with};

const PATIENCE: Duration = Duration::from_secs(20);
const CHOSEN: &str = "four words in a row";

async fn invite(gateway: &Gateway, owner: &str, email: &str) -> Value {
    let body = json!({"email": email, "role": "viewer", "name": "Ann"});
    let made = gateway.with_cookie(Method::POST, "/api/v1/users", owner, Some(&body)).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    made.json().await.expect("JSON")
}

fn path(url: &Value) -> String {
    let url = url.as_str().expect("a URL");
    url[url.find("/invitation/").expect("a link")..].to_owned()
}

async fn accept(gateway: &Gateway, path: &str, fields: &[(&str, &str)]) -> Response {
    let request = gateway.request(Method::POST, path).header("sec-fetch-site", "same-origin");
    request.header("accept", "text/html").form(fields).send().await.expect("an answer")
}

#[tokio::test]
async fn somebody_who_is_invited_chooses_name_and_password_once() {
    let gateway = start().await;
    let owner = gateway.session().await;
    let ann = invite(&gateway, &owner, "ann@example.org").await;
    assert_eq!((&ann["invited"], &ann["invitation"]["mailed"]), (&json!(true), &json!(false)));
    let link = path(&ann["invitation"]["url"]);
    problem(gateway.sign_in("ann@example.org", "").await, 401, "sign-in-failed").await;
    let list = gateway.with_cookie(Method::GET, "/api/v1/users", &owner, None).await.text().await.unwrap();
    assert!(!list.contains("/invitation/"), "shown once: {list}");

    // Looking does not use it up, and what is too weak is said.
    assert!(gateway.get(&link).await.text().await.unwrap().contains("ann@example.org"));
    let weak = accept(&gateway, &link, &[("name", "Ann"), ("password", "password1")]).await;
    assert_eq!(weak.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(weak.text().await.unwrap().contains("role=\"alert\""));
    let entered = accept(&gateway, &link, &[("name", "Ann Miller"), ("password", CHOSEN)]).await;
    assert_eq!((entered.status(), header(&entered, "location")), (StatusCode::SEE_OTHER, "/"));
    let who = gateway.with_cookie(Method::GET, "/api/v1/session", &cookie(&entered), None).await;
    assert_eq!(who.json::<Value>().await.unwrap()["user"]["name"], "Ann Miller");
    problem(gateway.get(&link).await, 404, "invitation-over").await;
    assert_eq!(accept(&gateway, &link, &[("name", "Eve"), ("password", CHOSEN)]).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(gateway.sign_in("ann@example.org", CHOSEN).await.status(), StatusCode::CREATED);

    let client = gateway.database.client("access").await;
    let rows = client.query("SELECT row_to_json(t)::text FROM audit t", &[]).await.unwrap();
    let audit: String = rows.iter().map(|row| row.get::<_, String>(0)).collect();
    assert!(audit.contains("invitation.accepted") && !audit.contains(link.rsplit('/').next().unwrap()));
}

#[tokio::test]
async fn a_link_for_a_new_password_ends_sessions_and_earlier_links_and_expires() {
    let gateway = start().await;
    let owner = gateway.session().await;
    let ann = invite(&gateway, &owner, "ann@example.org").await;
    let first = path(&ann["invitation"]["url"]);
    let session = cookie(&accept(&gateway, &first, &[("name", "Ann"), ("password", CHOSEN)]).await);
    let again = format!("/api/v1/users/{}/invitation", ann["id"].as_str().unwrap());
    let make = async || {
        let made = gateway.with_cookie(Method::POST, &again, &owner, None).await;
        assert_eq!(made.status(), StatusCode::CREATED);
        path(&made.json::<Value>().await.unwrap()["url"])
    };
    let (replaced, link) = (make().await, make().await);
    problem(gateway.get(&replaced).await, 404, "invitation-over").await;
    let set = accept(&gateway, &link, &[("password", "another row of words")]).await;
    assert_eq!(set.status(), StatusCode::SEE_OTHER);
    problem(gateway.with_cookie(Method::GET, "/api/v1/session", &session, None).await, 401, "unauthenticated").await;
    problem(gateway.sign_in("ann@example.org", CHOSEN).await, 401, "sign-in-failed").await;

    let late = make().await;
    let client = gateway.database.client("access").await;
    client.execute("UPDATE invitations SET expires_at = now() - interval '1 second'", &[]).await.unwrap();
    problem(gateway.get(&late).await, 404, "invitation-over").await;
    problem(gateway.with_cookie(Method::POST, &again, &session, None).await, 401, "unauthenticated").await;
}

#[tokio::test]
async fn a_link_is_shown_again_only_to_the_same_idempotency_key() {
    let gateway = start().await;
    let owner = gateway.session().await;
    let make = async || {
        let request = gateway.request(Method::POST, "/api/v1/users").header("cookie", &owner);
        let request = request.header("sec-fetch-site", "same-origin").header("idempotency-key", "invite-1");
        request.json(&json!({"email": "ann@example.org", "role": "viewer"})).send().await.unwrap()
    };
    let first: Value = make().await.json().await.unwrap();
    let again = make().await;
    assert_eq!(header(&again, "idempotency-replayed"), "true");
    assert_eq!(again.json::<Value>().await.unwrap()["invitation"], first["invitation"]);
}

#[tokio::test]
async fn passwords_that_are_tried_first_or_name_their_owner_are_refused() {
    let gateway = start().await;
    let owner = gateway.session().await;
    for bad in ["short", "Password1", "qwertyuiop", "ann.miller", "Dossier2026"] {
        let body = json!({"email": "ann.miller@example.org", "role": "viewer", "password": bad});
        let refused = gateway.with_cookie(Method::POST, "/api/v1/users", &owner, Some(&body)).await;
        let (status, kind) = if bad == "short" { (400, "invalid") } else { (422, "unprocessable") };
        assert_eq!(problem(refused, status, kind).await["errors"][0]["field"], "password", "{bad}");
    }
}

#[tokio::test]
async fn a_stolen_password_is_refused_and_a_silent_list_keeps_nobody_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/range/", listener.local_addr().unwrap());
    let (tell, mut told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await.expect("a request");
            tell.send(line).expect("somebody listens");
            // SHA-1 of "stolen in a breach", without its first five digits.
            let body = format!("{}:3\r\n", &STOLEN[5..]);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await.expect("it is read");
        }
    });
    let database = migrated().await;
    let configured = gateway::Config { password_breach_url: url, ..config(&database) };
    let gateway = start_with(database, configured).await;
    let owner = gateway.session().await;
    while told.try_recv().is_ok() {}
    let body = json!({"email": "ann@example.org", "role": "viewer", "password": "stolen in a breach"});
    let refused = gateway.with_cookie(Method::POST, "/api/v1/users", &owner, Some(&body)).await;
    problem(refused, 422, "unprocessable").await;
    let asked = told.recv().await.unwrap();
    assert!(asked.contains(&format!("/range/{} ", &STOLEN[..5])), "no more than five digits: {asked}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let database = migrated().await;
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let configured = gateway::Config { password_breach_url: url, ..config(&database) };
    let gateway = start_with(database, configured).await;
    let owner = gateway.session().await;
    let taken = gateway.with_cookie(Method::POST, "/api/v1/users", &owner, Some(&body)).await;
    assert_eq!(taken.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_change_of_ones_password_needs_the_old_one_and_ends_the_other_sessions() {
    let gateway = start().await;
    let (here, there) = (gateway.session().await, gateway.session().await);
    let change = async |old: &str, new: &str| {
        let body = json!({"password": old, "new_password": new});
        gateway.with_cookie(Method::POST, "/api/v1/session/password", &here, Some(&body)).await
    };
    problem(change("not it", CHOSEN).await, 403, "wrong-password").await;
    problem(change(PASSWORD, "password1").await, 422, "unprocessable").await;
    let changed = change(PASSWORD, CHOSEN).await;
    assert_eq!(changed.status(), StatusCode::NO_CONTENT);
    let rotated = cookie(&changed);
    assert_ne!(rotated, here);
    for over in [&here, &there] {
        problem(gateway.with_cookie(Method::GET, "/api/v1/session", over, None).await, 401, "unauthenticated").await;
    }
    assert_eq!(gateway.with_cookie(Method::GET, "/api/v1/session", &rotated, None).await.status(), StatusCode::OK);
    problem(gateway.sign_in(EMAIL, PASSWORD).await, 401, "sign-in-failed").await;
    assert_eq!(gateway.sign_in(EMAIL, CHOSEN).await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn signing_in_again_ends_the_session_that_the_browser_had() {
    let gateway = start().await;
    let before = gateway.session().await;
    let body = json!({"email": EMAIL, "password": PASSWORD});
    let again = gateway.with_cookie(Method::POST, "/api/v1/session", &before, Some(&body)).await;
    assert_ne!(cookie(&again), before);
    problem(gateway.with_cookie(Method::GET, "/api/v1/session", &before, None).await, 401, "unauthenticated").await;
}

#[tokio::test]
async fn ones_sessions_are_listed_and_ended() {
    let gateway = start().await;
    let body = json!({"email": EMAIL, "password": PASSWORD});
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let request = gateway.request(Method::POST, "/api/v1/session").header("user-agent", agent);
    let here = cookie(&request.json(&body).send().await.unwrap());
    let (there, third) = (gateway.session().await, gateway.session().await);
    let list = async || {
        let list = gateway.with_cookie(Method::GET, "/api/v1/sessions", &here, None).await;
        list.json::<Value>().await.unwrap()["items"].as_array().unwrap().clone()
    };
    let all = list().await;
    assert_eq!(all.len(), 3);
    let current: Vec<_> = all.iter().filter(|s| s["current"] == true).collect();
    assert_eq!((current.len(), &current[0]["device"]), (1, &json!("Firefox, Linux")));
    let id = all[0]["id"].as_str().unwrap();
    let ended = gateway.with_cookie(Method::DELETE, &format!("/api/v1/sessions/{id}"), &here, None).await;
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    problem(gateway.with_cookie(Method::GET, "/api/v1/session", &third, None).await, 401, "unauthenticated").await;
    let others = gateway.with_cookie(Method::DELETE, "/api/v1/sessions", &here, None).await;
    assert_eq!(others.status(), StatusCode::NO_CONTENT);
    problem(gateway.with_cookie(Method::GET, "/api/v1/session", &there, None).await, 401, "unauthenticated").await;
    assert_eq!(list().await.len(), 1);
    // Nobody ends somebody else's.
    let owner = here.clone();
    let ann = invite(&gateway, &owner, "ann@example.org").await;
    let hers =
        cookie(&accept(&gateway, &path(&ann["invitation"]["url"]), &[("name", "A"), ("password", CHOSEN)]).await);
    let mine = list().await[0]["id"].as_str().unwrap().to_owned();
    let refused = gateway.with_cookie(Method::DELETE, &format!("/api/v1/sessions/{mine}"), &hers, None).await;
    problem(refused, 404, "not-found").await;
}

#[tokio::test]
async fn one_decides_about_oneself_and_the_audit_log_is_filtered() {
    let gateway = start().await;
    let owner = gateway.session().await;
    let patch = json!({"name": "The Owner", "language": "de", "notify_submissions": false});
    let changed = gateway.with_cookie(Method::PATCH, "/api/v1/session", &owner, Some(&patch)).await;
    assert_eq!(changed.status(), StatusCode::OK);
    let who: Value = gateway.with_cookie(Method::GET, "/api/v1/session", &owner, None).await.json().await.unwrap();
    assert_eq!(who["preferences"], json!({"language": "de", "notify_submissions": false, "time_zone": ""}));
    assert_eq!(who["user"]["name"], "The Owner");
    let bad = gateway.with_cookie(Method::PATCH, "/api/v1/session", &owner, Some(&json!({"language": "fr"}))).await;
    problem(bad, 400, "invalid").await;

    let actions = async |query: &str| {
        let path = format!("/api/v1/audit?{query}");
        let found: Value = gateway.with_cookie(Method::GET, &path, &owner, None).await.json().await.unwrap();
        let items = found["items"].as_array().expect("items").iter();
        items.map(|entry| entry["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(actions("action=profile.changed").await, ["profile.changed"]);
    assert_eq!(actions("action=session.").await, ["session.created"]);
    let me = who["user"]["id"].as_str().unwrap();
    assert_eq!(actions(&format!("subject={me}&actor={me}")).await, ["profile.changed"]);
    assert!(actions("to=2020-01-01").await.is_empty());
    assert_eq!(actions("from=2020-01-01").await.len(), 3);
}

/// A server for mail: answers each `RCPT` with the next of these, the last one again and again, and tells
/// what it took.
async fn smtp(answers: &'static [&'static str]) -> (u16, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut answers: VecDeque<&str> = answers.iter().copied().collect();
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let mut stream = BufReader::new(stream);
            stream.write_all(b"220 here\r\n").await.expect("it is read");
            let (mut mail, mut line) = (None::<String>, String::new());
            while {
                line.clear();
                stream.read_line(&mut line).await.unwrap_or(0)
            } > 0
            {
                if let Some(text) = &mut mail {
                    if line == ".\r\n" {
                        let _ = tell.send(std::mem::take(text));
                        mail = None;
                        stream.write_all(b"250 taken\r\n").await.expect("it is read");
                    } else {
                        text.push_str(&line);
                    }
                    continue;
                }
                let answer = match line.get(..4).unwrap_or_default() {
                    "EHLO" => "250 here",
                    "RCPT" if answers.len() > 1 => answers.pop_front().unwrap_or("250 ok"),
                    "RCPT" => answers.front().copied().unwrap_or("250 ok"),
                    "DATA" => {
                        mail = Some(String::new());
                        "354 go on"
                    }
                    "QUIT" => "221 bye",
                    _ => "250 ok",
                };
                stream.write_all(format!("{answer}\r\n").as_bytes()).await.expect("it is read");
            }
        }
    });
    (port, told)
}

async fn mailing(port: u16) -> Gateway {
    let database = migrated().await;
    let mail = gateway::MailConfig {
        smtp_host: "127.0.0.1".to_owned(),
        smtp_port: port,
        smtp_tls: "none".to_owned(),
        mail_from: "Dossier <dossier@example.org>".to_owned(),
        mail_retry_ms: 20,
        ..Default::default()
    };
    let public_url = "http://dossier.example.org".to_owned();
    let config = gateway::Config { mail, public_url, ..config(&database) };
    start_with(database, config).await
}

async fn next(told: &mut mpsc::UnboundedReceiver<String>) -> String {
    testkit::within(PATIENCE, told.recv()).await.expect("the server runs").replace("=\r\n", "")
}

fn link(mail: &str) -> String {
    let start = mail.find("/invitation/").expect("a link");
    mail[start..].split_whitespace().next().expect("a link").to_owned()
}

#[tokio::test]
async fn an_invitation_is_mailed_when_the_server_takes_it_at_last() {
    let (port, mut told) = smtp(&["451 later", "421 later", "250 ok"]).await;
    let gateway = mailing(port).await;
    let owner = gateway.session().await;
    let ann = invite(&gateway, &owner, "ann@example.org").await;
    assert_eq!(ann["invitation"]["mailed"], true);
    let mail = next(&mut told).await;
    assert!(mail.contains("To: Ann <ann@example.org>") || mail.contains("To: \"Ann\" <ann@example.org>"), "{mail}");
    assert!(mail.contains("Auto-Submitted: auto-generated") && mail.contains("Message-ID: <"), "{mail}");
    // Both links are good, and using one ends both.
    let (mailed, shown) = (link(&mail), path(&ann["invitation"]["url"]));
    assert_ne!(mailed, shown);
    assert_eq!(gateway.get(&shown).await.status(), StatusCode::OK);
    let entered = accept(&gateway, &mailed, &[("name", "Ann"), ("password", CHOSEN)]).await;
    assert_eq!(entered.status(), StatusCode::SEE_OTHER);
    problem(gateway.get(&shown).await, 404, "invitation-over").await;
    assert!(told.try_recv().is_err(), "once");
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_given_up_and_kept_to_be_seen() {
    let (port, mut told) = smtp(&["550 nobody"]).await;
    let gateway = mailing(port).await;
    let owner = gateway.session().await;
    invite(&gateway, &owner, "ann@example.org").await;
    let client = gateway.database.client("access").await;
    let failed = async {
        loop {
            let sql = "SELECT error, attempts FROM mails WHERE status = 'failed'";
            if let Some(row) = client.query_opt(sql, &[]).await.unwrap() {
                return (row.get::<_, String>(0), row.get::<_, i32>(1));
            }
        }
    };
    let (why, attempts) = testkit::within(PATIENCE, failed).await;
    assert_eq!((why.as_str(), attempts), ("the server refused the mail for good", 1));
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn whoever_forgot_their_password_is_answered_alike_and_mailed_when_known() {
    let (port, mut told) = smtp(&["250 ok"]).await;
    let gateway = mailing(port).await;
    let ask = async |email: &str| {
        let request = gateway.request(Method::POST, "/forgotten").form(&[("email", email)]);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    let unknown = ask("nobody@example.org\r\nBcc: eve@example.org").await;
    assert_eq!(unknown, ask(EMAIL).await);
    assert_eq!(unknown, ask(EMAIL).await, "nor is it said that it was too often");
    let mail = next(&mut told).await;
    assert!(mail.contains(EMAIL) && !mail.contains("eve@"), "{mail}");
    let set = accept(&gateway, &link(&mail), &[("password", CHOSEN)]).await;
    assert_eq!(set.status(), StatusCode::SEE_OTHER);
    assert_eq!(gateway.sign_in(EMAIL, CHOSEN).await.status(), StatusCode::CREATED);
    // What was typed lies nowhere.
    let client = gateway.database.client("access").await;
    let settled = async {
        while client
            .query_one("SELECT count(*) FROM mails WHERE status = 'pending'", &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
            > 0
        {}
        client.query_one("SELECT count(*) FROM mails WHERE address IS NOT NULL", &[]).await.unwrap().get::<_, i64>(0)
    };
    assert_eq!(testkit::within(PATIENCE, settled).await, 0);
    assert!(told.try_recv().is_err(), "one mail for the one that is known");
}

#[tokio::test]
async fn nothing_is_asked_of_a_mail_server_that_is_not_named() {
    let gateway = start().await;
    problem(gateway.get("/forgotten").await, 404, "not-found").await;
}

/// Of "stolen in a breach".
const STOLEN: &str = "2FF4E212D5BF14E97D24CCF9593802EF1B1ECD92";
