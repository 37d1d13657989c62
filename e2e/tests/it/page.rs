//! The web page, in a browser and without one.

use std::sync::Arc;

use e2e::{client::Upload, pdf, words};

use crate::{
    browser::Browser,
    harness::tests,
    system::{READY, System},
};

tests!(Shared: a_person_signs_in_drops_a_file_and_finds_the_page_it_is_on);

async fn a_person_signs_in_drops_a_file_and_finds_the_page_it_is_on(system: Arc<System>) -> anyhow::Result<()> {
    let Some(browser) = Browser::start().await? else {
        eprintln!("NOTE: chromium and chromedriver are not here: THE WEB PAGE WAS NOT TRIED IN A BROWSER");
        return Ok(());
    };
    let folder = tempfile::TempDir::new()?;
    let (file, word) = (folder.path().join("dropped letter.pdf"), words::unique());
    std::fs::write(&file, pdf::document(&[words::prose(1, 40), format!("{} {word}", words::prose(2, 40))]))?;
    browser
        .visit(async |browser| {
            browser.open(system.base()).await?;
            browser.type_into("input[name=email]", &system.owner_email).await?;
            browser.type_into("input[name=password]", &system.owner_password).await?;
            browser.click("form button[type=submit]").await?;
            browser.type_into("input[type=file]", &file.to_string_lossy()).await?;
            browser.sees("body", "ready").await?;
            browser.type_into("input[name=q]", &words::misspelt(&word)).await?;
            browser.sees("body", "dropped letter").await?;
            browser.complaints().await
        })
        .await?;
    let _ = (Upload::new("x.txt", ""), READY);
    Ok(())
}
