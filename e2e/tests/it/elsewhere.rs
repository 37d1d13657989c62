//! With a real identity provider and a real mail server: signing in elsewhere, and being told of a submission.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, ensure};
use e2e::{client::eventually, words};
use serde_json::json;
use stack::{
    External, ports,
    process::{Process, Program},
};
use tempfile::TempDir;

use crate::{
    browser::Browser,
    harness::tests,
    system::{HEALED, System},
};

tests!(Alone:
    somebody_signs_in_at_a_real_identity_provider,
    a_submission_is_mailed_when_the_server_is_back_and_spam_is_not,
);

/// What an environment variable names, if it is there.
fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.exists())
}

/// A system of its own, which knows of such a server.
async fn with_system(
    name: &'static str,
    environment: &[(&str, String)],
    test: impl AsyncFnOnce(&System) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let external = External { database_admin_url: None, s3: None, ..External::from_env()? };
    let system = System::start_told(name, external, environment).await?;
    let outcome = test(&system).await;
    system.finish(outcome.is_err()).await;
    outcome
}

fn process(name: &str, program: &Path, arguments: &[&str], folder: &TempDir) -> anyhow::Result<Process> {
    let mut program = Program::new(name, program.to_owned(), folder.path().join(format!("{name}.log")));
    program.arguments = arguments.iter().map(Into::into).collect();
    let process = Process::new(program);
    process.start()?;
    Ok(process)
}

/// `OIDC_PROVIDER` names the folder that it is installed in.
async fn somebody_signs_in_at_a_real_identity_provider(_: Arc<System>) -> anyhow::Result<()> {
    let (Some(provider), Some(node)) = (named("OIDC_PROVIDER"), crate::browser::find("node")) else {
        println!("NOT TESTED with a real identity provider: OIDC_PROVIDER names none, or there is no node");
        return Ok(());
    };
    let Some(browser) = Browser::start().await? else {
        println!("NOT TESTED with a real identity provider: there is no browser");
        return Ok(());
    };
    let (port, folder) = (ports::free()?, TempDir::new()?);
    let environment = [
        ("OIDC_ISSUER", format!("http://127.0.0.1:{port}")),
        ("OIDC_CLIENT_ID", "dossier".to_owned()),
        ("OIDC_CLIENT_SECRET", "a secret of both".to_owned()),
        ("OIDC_NAME", "Elsewhere".to_owned()),
    ];
    with_system("elsewhere", &environment, async |system| {
        let who = words::unique();
        let email = format!("{who}@example.org");
        system.owner.post("/api/v1/users", &json!({"email": email, "role": "editor"})).await?.expect(201)?;
        let redirect = format!("{}/auth/oidc/callback", system.base());
        let (script, port) = (concat!(env!("CARGO_MANIFEST_DIR"), "/issuer.mjs"), port.to_string());
        let issuer = process("issuer", &node, &[script, &provider.to_string_lossy(), &port, &redirect], &folder)?;
        let answers = async || {
            let asked = reqwest::get(format!("http://127.0.0.1:{port}/.well-known/openid-configuration")).await;
            ensure!(asked.is_ok_and(|answer| answer.status().is_success()), "{}", issuer.log_tail());
            Ok(())
        };
        eventually(HEALED, "the issuer answers", answers).await?;
        let signed_in = browser
            .visit(async |browser| {
                browser.open(system.base()).await?;
                browser.sees("#elsewhere", "Sign in with Elsewhere").await?;
                browser.click("#elsewhere").await?;
                browser.type_into("input[name=login]", &who).await?;
                browser.type_into("input[name=password]", "anything").await?;
                browser.click("button[type=submit]").await?;
                // Now it asks whether Dossier may know who this is.
                browser.sees("button[type=submit]", "Continue").await?;
                browser.click("button[type=submit]").await?;
                browser.sees("header .who", &email).await?;
                browser.open(&format!("{}/settings", system.base())).await?;
                ensure!(browser.find("#profile-name").await?.prop("value").await?.as_deref() == Some("From Elsewhere"));
                Ok(())
            })
            .await;
        issuer.stop(Duration::from_secs(5)).await;
        signed_in
    })
    .await
}

/// `AIOSMTPD` names the Python that has it.
async fn a_submission_is_mailed_when_the_server_is_back_and_spam_is_not(_: Arc<System>) -> anyhow::Result<()> {
    let Some(python) = named("AIOSMTPD") else {
        println!("NOT TESTED with a real mail server: AIOSMTPD names no Python that has one");
        return Ok(());
    };
    let (port, folder) = (ports::free()?, TempDir::new()?);
    let environment = [
        ("SMTP_HOST", "127.0.0.1".to_owned()),
        ("SMTP_PORT", port.to_string()),
        ("SMTP_TLS", "none".to_owned()),
        ("MAIL_FROM", "Dossier <dossier@example.org>".to_owned()),
        ("MAIL_RETRY_MS", "200".to_owned()),
    ];
    with_system("mailed", &environment, async |system| {
        // The server is not there yet.
        let word = words::unique();
        let submit = async |name: &str, website: &str| {
            let form = json!({"name": name, "email": format!("{word}@example.org"), "message": "Hello",
                "subject": "Bcc: eve@example.org", "website": website});
            system.nobody.post("/api/v1/submissions", &form).await?.expect(201).map(drop)
        };
        submit(&format!("Ann {word}"), "").await?;
        submit(&format!("Robot {word}"), "http://spam.example").await?;
        let ready = async || {
            let ready = system.nobody.get("/api/v1/health/ready").await?.expect(200)?.json()?;
            ensure!(ready.to_string().contains("smtp"), "{ready}");
            Ok(())
        };
        eventually(HEALED, "the trouble is seen", ready).await?;
        let (inbox, port) = (folder.path().join("mail"), port.to_string());
        let arguments = [
            "-m",
            "aiosmtpd",
            "-n",
            "-l",
            &format!("127.0.0.1:{port}"),
            "-c",
            "aiosmtpd.handlers.Mailbox",
            &inbox.to_string_lossy(),
        ];
        let server = process("aiosmtpd", &python, &arguments, &folder)?;
        let arrived = async || {
            let mails = mails(&inbox)?;
            ensure!(!mails.is_empty(), "nothing arrived: {}", server.log_tail());
            Ok(mails)
        };
        let mails = eventually(Duration::from_secs(60), "mailed", arrived).await;
        server.stop(Duration::from_secs(5)).await;
        let mails = mails?;
        ensure!(mails.len() == 1, "{mails:?}");
        let mail = mails[0].replace("=\r\n", "").replace("=\n", "");
        ensure!(mail.contains(&format!("To: {}", system.owner_email)), "{mail}");
        ensure!(mail.contains(&format!("Ann {word}")) && mail.contains("/inbox"), "{mail}");
        ensure!(!mail.lines().any(|line| line.starts_with("Bcc")), "a header field from outside: {mail}");
        Ok(())
    })
    .await
}

fn mails(folder: &Path) -> anyhow::Result<Vec<String>> {
    let Ok(entries) = std::fs::read_dir(folder.join("new")) else { return Ok(Vec::new()) };
    entries.map(|entry| std::fs::read_to_string(entry?.path()).context("a mail")).collect()
}
