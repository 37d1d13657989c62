//! Everything out of one system and into another.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Reply, Upload, eventually, send},
    pdf, words,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::tests,
    mail::{attached, message},
    system::{READY, System, sha256},
};

tests!(Alone: everything_goes_into_an_empty_system_once_and_whole);

/// Made by the releases that wrote this format, and read by every later one. `UPDATE_BUNDLE=1` writes that of the
/// newest format anew from the system under test, which must hold little; only before the format is released.
fn fixture(format: i32) -> PathBuf {
    format!("{}/fixtures/bundle-v{format}.tar", env!("CARGO_MANIFEST_DIR")).into()
}

/// The format that is written.
const FORMAT: i32 = 2;

/// An export, taken apart.
struct Bundle {
    records: BTreeMap<String, BTreeSet<String>>,
    files: BTreeSet<String>,
    manifest: Value,
}

fn take_apart(bytes: &[u8]) -> anyhow::Result<Bundle> {
    let (mut records, mut files, mut manifest) = (BTreeMap::<_, BTreeSet<_>>::new(), BTreeSet::new(), None);
    for entry in tar::Archive::new(bytes).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        match name.split_once('/') {
            Some(("files", hash)) => {
                ensure!(sha256(&content) == hash, "{name} holds something else");
                files.insert(hash.to_owned());
            }
            Some((kind, rest)) => {
                ensure!(rest.ends_with(&format!("-{}.ndjson", sha256(&content))), "{name} holds something else");
                let lines = String::from_utf8(content)?.lines().map(str::to_owned).collect::<Vec<_>>();
                records.entry(kind.to_owned()).or_default().extend(lines);
            }
            None if name == "manifest.json" => manifest = Some(serde_json::from_slice(&content)?),
            None => ensure!(name == "dossier.json" && manifest.is_none(), "{name}"),
        }
    }
    Ok(Bundle { records, files, manifest: manifest.context("no manifest")? })
}

async fn export(client: &Client) -> anyhow::Result<Vec<u8>> {
    let reply = client.get("/api/v1/export").await?.expect(200)?;
    ensure!(reply.header("content-type") == "application/x-tar", "{:?}", reply.headers);
    Ok(reply.body)
}

async fn import(client: &Client, bytes: &[u8], query: &str) -> anyhow::Result<Reply> {
    let request = client.request(Method::POST, &format!("/api/v1/import{query}"));
    send(request.header("content-type", "application/x-tar").body(bytes.to_vec())).await
}

fn sum(report: &Value, column: &str) -> i64 {
    let kinds = report["records"].as_object().into_iter().flatten();
    kinds.filter_map(|(_, tally)| tally[column].as_i64()).sum()
}

/// What is looked for where it is brought in.
struct Filled {
    /// A document, and a word of it.
    id: String,
    word: String,
    /// A message with something attached.
    mail: String,
    /// A contact that is part of another one, which has been told so by this merge.
    part: String,
    whole: String,
    merge: String,
}

/// Something of every kind.
async fn fill(system: &System) -> anyhow::Result<Filled> {
    let word = words::unique();
    let submission = json!({"name": "Bund Ler", "email": format!("{word}@example.org"), "message": "Hello\nthere", "metadata": {"n": 1.5}});
    let contact = system.nobody.post("/api/v1/submissions", &submission).await?.expect(201)?.text_of("contact_id")?;
    send(system.nobody.request(Method::POST, "/api/v1/visits").header("user-agent", "Mozilla/5.0").json(&json!({})))
        .await?
        .expect(200)?;
    let collection = system.collection("restricted").await?;
    system.owner.put(&format!("/api/v1/collections/{collection}/members/{}", system.person("viewer").await?.1)).await?;
    let bytes = pdf::document(&[words::prose(3, 30), word.clone()]);
    let upload = Upload::new("bundled.pdf", bytes.clone()).field("collection_id", &*collection).field("tags", "a,b");
    let id = system.owner.add_ready(&upload, READY).await?;
    // The same bytes in two versions of another document, and one in the trash.
    let other = system.owner.add(&Upload::new("other.txt", words::unique())).await?;
    let newer = Upload::new("newer.pdf", bytes);
    system.owner.upload_to(&format!("/api/v1/documents/{other}/versions"), &newer).await?.expect(201)?;
    let trashed = system.owner.add(&Upload::new("old.txt", words::unique())).await?;
    system.owner.delete(&format!("/api/v1/documents/{trashed}")).await?.expect(204)?;
    system.owner.put(&format!("/api/v1/contacts/{contact}/documents/{id}")).await?.expect(204)?;
    let mail =
        system.owner.add_ready(&Upload::new("letter.eml", message(&words::unique(), &words::unique())), READY).await?;
    // The younger one stays, and comes later in the bundle.
    let whole = json!({"name": "Bund Whole", "email": format!("{}@example.org", words::unique())});
    let whole = system.owner.post("/api/v1/contacts", &whole).await?.expect(201)?.text_of("id")?;
    let merge = format!("/api/v1/contacts/{contact}/merge");
    let merge = system.owner.post(&merge, &json!({"into": whole})).await?.expect(200)?.text_of("id")?;
    for document in [&other, &id] {
        system.owner.wait_settled(document, READY).await?;
    }
    for part in attached(&system.owner, &mail, false).await? {
        system.owner.wait_settled(part["id"].as_str().context("id")?, READY).await?;
    }
    Ok(Filled { id, word, mail, part: contact, whole, merge })
}

async fn everything_goes_into_an_empty_system_once_and_whole(from: Arc<System>) -> anyhow::Result<()> {
    let filled = fill(&from).await?;
    from.editor.get("/api/v1/export").await?.problem(403, "forbidden")?;
    let bytes = export(&from.owner).await?;
    if std::env::var_os("UPDATE_BUNDLE").is_some() {
        std::fs::write(fixture(FORMAT), &bytes)?;
    }
    let out = take_apart(&bytes)?;
    for kind in ["users", "collections", "contacts", "submissions", "visits", "links", "merges", "documents"] {
        let (listed, counted) = (out.records.get(kind).map_or(0, BTreeSet::len), &out.manifest["counts"][kind]);
        ensure!(listed > 0 && *counted == listed, "{listed} {kind}, and the manifest says {counted}");
    }
    let text = String::from_utf8_lossy(&bytes);
    ensure!(!text.contains("argon2") && !text.contains(&from.editor_token), "a secret is in it");

    let to = System::start("bundle").await?;
    let outcome = bring_in(&to, &bytes, &out, &filled).await;
    to.finish(outcome.is_err()).await;
    outcome
}

async fn bring_in(to: &System, bytes: &[u8], out: &Bundle, filled: &Filled) -> anyhow::Result<()> {
    let (id, word) = (filled.id.as_str(), filled.word.as_str());
    to.editor.post("/api/v1/import", &json!({})).await?.problem(403, "forbidden")?;
    to.owner.post("/api/v1/import", &json!({})).await?.problem(415, "unsupported-media-type")?;
    damaged_ones_are_refused(to, bytes).await?;

    let would = import(&to.owner, bytes, "?dry_run=true").await?.expect(200)?.json()?;
    to.owner.get(&format!("/api/v1/documents/{id}")).await?.problem(404, "not-found")?;
    let did = import(&to.owner, bytes, "").await?.expect(200)?.json()?;
    assert_eq!(sum(&did, "refused"), 0, "{did}");
    ensure!(would["dry_run"] == true && would["records"] == did["records"], "{would} and {did}");
    assert_eq!(did["records"]["documents"]["created"], out.records["documents"].len(), "{did}");

    // Read again, and found.
    to.owner.wait_ready(id, READY).await?;
    eventually(READY, "found", async || to.found(&to.owner, word, id).await.map(drop)).await?;
    let content = to.owner.get(&format!("/api/v1/documents/{id}/content")).await?.expect(200)?;
    ensure!(out.files.contains(&sha256(&content.body)), "other bytes");

    what_belongs_together_stays_so(to, filled).await?;

    // The same comes out again, besides what was here: the people of this system.
    let back = take_apart(&export(&to.owner).await?)?;
    for (kind, records) in &out.records {
        let missing: Vec<_> = records.difference(&back.records[kind]).collect();
        ensure!(kind == "users" || missing.is_empty(), "{kind} differ: {missing:?}");
    }
    ensure!(back.files == out.files && back.manifest["files"] == out.manifest["files"], "other files");

    // Twice is once.
    let again = import(&to.owner, bytes, "").await?.expect(200)?.json()?;
    assert_eq!((sum(&again, "created"), sum(&again, "refused")), (0, 0), "{again}");
    assert_eq!(to.owner.get("/api/v1/import").await?.expect(200)?.json()?, again);
    let after = take_apart(&export(&to.owner).await?)?;
    ensure!(after.records == back.records && after.files == back.files, "the second import changed something");

    // What earlier releases wrote is read.
    for format in 1..=FORMAT {
        let old = std::fs::read(fixture(format)).context("the committed bundle")?;
        let counts = take_apart(&old)?.manifest["counts"].clone();
        let did = import(&to.owner, &old, "").await?.expect(200)?.json()?;
        assert_eq!(sum(&did, "refused"), 0, "{did}");
        let documents = &did["records"]["documents"];
        let seen = ["created", "unchanged"].iter().filter_map(|column| documents[column].as_i64()).sum::<i64>();
        assert_eq!(counts["documents"], seen, "{did}");
    }

    // Merged elsewhere, parted here.
    to.owner.post_empty(&format!("/api/v1/contacts/merges/{}/undo", filled.merge)).await?.expect(200)?;
    to.owner.get(&format!("/api/v1/contacts/{}", filled.part)).await?.expect(200)?;
    Ok(())
}

/// The mail is read again and has its attachment once; the contact is part of the other one.
async fn what_belongs_together_stays_so(to: &System, filled: &Filled) -> anyhow::Result<()> {
    to.owner.wait_ready(&filled.mail, READY).await?;
    let parts = attached(&to.owner, &filled.mail, false).await?;
    ensure!(parts.len() == 1, "{parts:?}");
    to.owner.wait_ready(parts[0]["id"].as_str().context("id")?, READY).await?;
    to.owner.get(&format!("/api/v1/contacts/{}", filled.part)).await?.problem(404, "not-found")?;
    let whole = to.owner.get(&format!("/api/v1/submissions?contact_id={}", filled.whole)).await?.expect(200)?.json()?;
    ensure!(whole["items"].as_array().is_some_and(|items| items.len() == 1), "{whole}");
    Ok(())
}

async fn damaged_ones_are_refused(to: &System, bytes: &[u8]) -> anyhow::Result<()> {
    let find = |text: &str| bytes.windows(text.len()).position(|w| w == text.as_bytes()).context(text.to_owned());
    let refused = async |bytes: &[u8], why: &str| -> anyhow::Result<()> {
        import(&to.owner, bytes, "?dry_run=true").await?.problem(422, why)?;
        let report = to.owner.get("/api/v1/import").await?.expect(200)?.json()?;
        ensure!(report["running"] == false && report["failure"].is_string(), "{report}");
        Ok(())
    };
    refused(&bytes[..bytes.len() / 2], "bundle-truncated").await?;
    refused(&bytes[..find("manifest.json")?], "bundle-truncated").await?;
    refused(b"no bundle at all", "bundle-truncated").await?;
    refused(&[b'x'; 4096], "bundle-damaged").await?;
    let changed = |text: &str, by: u8| {
        let mut changed = bytes.to_vec();
        changed[find(text)?] = by;
        anyhow::Ok(changed)
    };
    refused(&changed("%PDF-", b'X')?, "bundle-damaged").await?;
    refused(&changed("Hello\\nthere", b'J')?, "bundle-damaged").await?;
    refused(&changed("\"seal\"", b'#')?, "bundle-damaged").await?;
    let head = find("{\"format\":2")?;
    let mut later = bytes.to_vec();
    later[head + 10] = b'9';
    refused(&later, "bundle-format").await?;
    // An entry that was left out: its head, and its content in whole blocks.
    let file = find("files/")?;
    let size = u64::from_str_radix(std::str::from_utf8(&bytes[file + 124..file + 135])?, 8)?;
    let end = file + 512 + usize::try_from(size.next_multiple_of(512))?;
    refused(&[&bytes[..file], &bytes[end..]].concat(), "bundle-damaged").await
}
