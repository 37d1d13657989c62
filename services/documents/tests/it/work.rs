use std::time::{Duration, Instant};

use chassis::{Caller, FaultKind};
use documents::Limits;
use futures_util::StreamExt;
use proto::documents::{self as api, read_pages_response::Part};
use testkit::{as_caller, within};

use crate::fixture::{self, Fixture, kind, reason, unique_text};

fn quick() -> Limits {
    Limits { lease_ms: 400, retry_base_ms: 50, ..Limits::default() }
}

async fn status(fixture: &Fixture, id: &str) -> api::Status {
    fixture.get(fixture.owner, id).await.unwrap().status()
}

async fn heartbeat(fixture: &Fixture, lease: &api::Lease) -> bool {
    let request = api::HeartbeatRequest { leases: vec![lease.clone()] };
    let held = as_caller(Caller::Service, fixture.work().heartbeat(request)).await.unwrap().into_inner().held;
    held == [lease.token.clone()]
}

async fn read_pages(
    fixture: &Fixture,
    lease: &api::Lease,
) -> Result<(api::IndexedDocument, Vec<String>), tonic::Status> {
    let request = api::ReadPagesRequest { lease: Some(lease.clone()) };
    let mut client = fixture.work();
    let mut messages = as_caller(Caller::Service, client.read_pages(request)).await?.into_inner();
    let (mut document, mut pages) = (None, Vec::new());
    while let Some(message) = messages.next().await {
        match message?.part.unwrap() {
            Part::Document(sent) => document = Some(sent),
            Part::Page(page) => pages.push(page.text),
        }
    }
    Ok((document.unwrap(), pages))
}

#[tokio::test]
async fn a_document_goes_from_pending_to_ready_and_says_so() {
    let fixture = fixture::start().await;
    let bytes = unique_text();
    let document = fixture.upload("Brief an Müller.txt", &bytes).await;
    assert_eq!(fixture.ledger().await.in_flight, 1);
    let watching = fixture.events(&document.id, 0);
    let working = async {
        let job = fixture.lease_one().await;
        assert_eq!((job.kind(), job.attempt, job.max_attempts), (api::WorkKind::Extract, 1, 5));
        assert_eq!((job.file_name.as_str(), job.size), ("Brief an Müller.txt", bytes.len() as i64));
        assert!(job.traceparent.starts_with("00-"));
        let lease = job.lease.unwrap();
        assert_eq!(status(&fixture, &document.id).await, api::Status::Processing);
        assert_eq!(reason(fixture.settle(&lease).await), "not-completed");
        let request = api::ReadLeasedRequest { lease: Some(lease.clone()) };
        let mut client = fixture.work();
        let chunks = as_caller(Caller::Service, client.read_leased(request)).await.unwrap().into_inner();
        let read: Vec<u8> = chunks.map(|c| c.unwrap().chunk).collect::<Vec<_>>().await.concat();
        assert_eq!(read, bytes);
        assert_eq!(fixture.complete(&lease, &["Die Häuser der Stadt", "zweite Seite"], "de").await.unwrap(), 2);
        let (indexed, pages) = read_pages(&fixture, &lease).await.unwrap();
        assert_eq!((indexed.language.as_str(), indexed.page_count, pages.len()), ("de", 2, 2));
        fixture.settle(&lease).await.unwrap();
        assert_eq!(kind(fixture.settle(&lease).await), FaultKind::NotFound);
    };
    let (stages, ()) = within(Duration::from_secs(10), futures_util::future::join(watching, working)).await;
    assert_eq!(stages, ["received", "started", "extracted", "indexed", "ready"]);
    let done = fixture.get(fixture.owner, &document.id).await.unwrap();
    assert_eq!((done.status(), done.page_count), (api::Status::Ready, 2));
    let insights = done.insights.unwrap();
    assert_eq!((insights.keywords[0].term.as_str(), insights.entities[0].value.as_str()), ("key", "a@b.ch"));
    let ledger = fixture.ledger().await;
    assert_eq!((ledger.accepted, ledger.ready, ledger.work_waiting), (1, 1, 0));
    // From the beginning, and from where one was.
    assert_eq!(fixture.events(&document.id, 0).await.len(), 5);
    assert!(fixture.events(&document.id, i64::MAX).await.is_empty());
}

#[tokio::test]
async fn what_was_completed_is_found_in_the_published_views() {
    let fixture = fixture::start().await;
    let document = fixture.upload("Jahresbericht_2024.txt", &unique_text()).await;
    let search = fixture.database.client("search").await;
    let count = async |sql: &str| search.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);
    assert_eq!(count("SELECT count(*) FROM documents.searchable_documents").await, 0);
    let lease = fixture.lease_one().await.lease.unwrap();
    fixture.complete(&lease, &["Die Häuser der Städte", "Überall Wörter wie xy"], "de").await.unwrap();
    for (query, found) in [
        ("to_tsquery('german', 'haus')", 1),
        ("to_tsquery('simple', 'städte')", 1),
        ("phraseto_tsquery('simple', 'die häuser der städte')", 1),
        ("to_tsquery('simple', 'überall')", 1),
        ("to_tsquery('simple', 'fehlt')", 0),
    ] {
        let sql = format!("SELECT count(*) FROM documents.searchable_pages WHERE tsv @@ {query}");
        assert_eq!(count(&sql).await, found, "{query}");
    }
    let title =
        "SELECT count(*) FROM documents.searchable_documents WHERE title_tsv @@ to_tsquery('simple', 'jahresbericht')";
    assert_eq!(count(title).await, 1);
    let words =
        search.query("SELECT word FROM documents.search_vocabulary ORDER BY word COLLATE \"C\"", &[]).await.unwrap();
    let words: Vec<String> = words.iter().map(|row| row.get(0)).collect();
    assert_eq!(words, ["der", "die", "häuser", "jahresbericht", "städte", "wie", "wörter", "überall"]);
    // A new version is not found by the text of the old one, and neither is what is in the trash.
    fixture.new_version(&document.id, &unique_text()).await;
    assert_eq!(count("SELECT count(*) FROM documents.searchable_pages").await, 0);
    fixture.process_all().await;
    assert_eq!(count("SELECT count(*) FROM documents.searchable_pages").await, 2);
    fixture.trash(&document.id).await;
    assert_eq!(count("SELECT count(*) FROM documents.searchable_pages").await, 0);
}

#[tokio::test]
async fn an_expired_lease_settles_nothing_and_the_job_goes_to_another() {
    let fixture = fixture::start_with(quick()).await;
    let document = fixture.upload("a.txt", &unique_text()).await;
    let first = fixture.lease_one().await.lease.unwrap();
    fixture.complete(&first, &["early"], "en").await.unwrap();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert!(heartbeat(&fixture, &first).await);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!heartbeat(&fixture, &first).await);
    assert_eq!(kind(fixture.settle(&first).await), FaultKind::NotFound);
    let job = fixture.lease_one().await;
    // The text is there already; what is left is to feed the engine.
    assert_eq!((job.kind(), job.attempt), (api::WorkKind::Index, 2));
    let second = job.lease.unwrap();
    assert_ne!(first.token, second.token);
    assert_eq!(kind(fixture.complete(&first, &["late"], "en").await), FaultKind::NotFound);
    assert_eq!(kind(fixture.fail(&first, "corrupt", true).await), FaultKind::NotFound);
    assert_eq!(kind(read_pages(&fixture, &first).await), FaultKind::NotFound);
    assert_eq!(read_pages(&fixture, &second).await.unwrap().1, ["early"]);
    fixture.settle(&second).await.unwrap();
    assert_eq!(status(&fixture, &document.id).await, api::Status::Ready);
}

#[tokio::test]
async fn a_late_result_never_overwrites_a_newer_version_or_a_delete() {
    let fixture = fixture::start().await;
    let document = fixture.upload("a.txt", &unique_text()).await;
    let old = fixture.lease_one().await.lease.unwrap();
    fixture.new_version(&document.id, &unique_text()).await;
    assert_eq!(kind(fixture.complete(&old, &["old"], "en").await), FaultKind::NotFound);
    assert!(!heartbeat(&fixture, &old).await);
    let job = fixture.lease_one().await;
    let new = job.lease.unwrap();
    assert_eq!((new.version, job.attempt), (2, 1));
    assert_eq!(kind(fixture.fail(&old, "corrupt", true).await), FaultKind::NotFound);
    fixture.complete(&new, &["new"], "en").await.unwrap();
    fixture.trash(&document.id).await;
    assert_eq!(kind(fixture.settle(&new).await), FaultKind::NotFound);
    assert_eq!(kind(fixture.complete(&new, &["new"], "en").await), FaultKind::NotFound);
    assert_eq!(fixture.lease_one().await.kind(), api::WorkKind::Remove);
}

#[tokio::test]
async fn a_change_after_the_text_is_there_takes_the_lease_and_one_before_does_not() {
    let fixture = fixture::start().await;
    let document = fixture.upload("a.txt", &unique_text()).await;
    let lease = fixture.lease_one().await.lease.unwrap();
    let rename = async |title: &str| {
        let request =
            api::UpdateDocumentRequest { id: document.id.clone(), title: Some(title.into()), ..Default::default() };
        as_caller(fixture.owner, fixture.documents().update_document(request)).await.unwrap();
    };
    rename("Before").await;
    fixture.complete(&lease, &["text"], "en").await.unwrap();
    assert_eq!(read_pages(&fixture, &lease).await.unwrap().0.title, "Before");
    rename("After").await;
    assert_eq!(kind(fixture.settle(&lease).await), FaultKind::NotFound);
    let job = fixture.lease_one().await;
    assert_eq!(job.kind(), api::WorkKind::Index);
    let lease = job.lease.unwrap();
    assert_eq!(read_pages(&fixture, &lease).await.unwrap().0.title, "After");
    fixture.settle(&lease).await.unwrap();
    assert_eq!(fixture.ledger().await.ready, 1);
}

#[tokio::test]
async fn failures_are_retried_until_the_attempts_are_used_up() {
    let fixture = fixture::start_with(Limits { max_attempts: 2, ..quick() }).await;
    let document = fixture.upload("a.txt", &unique_text()).await;
    let lease = fixture.lease_one().await.lease.unwrap();
    assert!(fixture.fail(&lease, "timeout", false).await.unwrap());
    let job = fixture.lease_one().await;
    assert_eq!(job.attempt, 2);
    // Something else was down: that is not the document's fault.
    assert!(fixture.fail(&job.lease.unwrap(), "engine_unavailable", false).await.unwrap());
    let job = fixture.lease_one().await;
    assert_eq!(job.attempt, 2);
    assert!(!fixture.fail(&job.lease.unwrap(), "timeout", false).await.unwrap());
    let failed = fixture.get(fixture.owner, &document.id).await.unwrap();
    assert_eq!((failed.status(), failed.failure.unwrap().code.as_str()), (api::Status::Failed, "timeout"));
    let stages = fixture.events(&document.id, 0).await;
    assert_eq!(stages, ["received", "started", "retrying", "started", "retrying", "started", "failed"]);
    assert_eq!(fixture.ledger().await.failed, 1);
    let request = api::ReprocessDocumentRequest { id: document.id.clone() };
    let again = as_caller(fixture.owner, fixture.documents().reprocess_document(request)).await.unwrap().into_inner();
    assert_eq!((again.status(), again.failure), (api::Status::Pending, None));
    assert_eq!(fixture.lease_one().await.attempt, 1);
}

#[tokio::test]
async fn a_permanent_failure_is_visible_at_once() {
    let fixture = fixture::start().await;
    let document = fixture.upload("a.txt", &unique_text()).await;
    let lease = fixture.lease_one().await.lease.unwrap();
    assert!(!fixture.fail(&lease, "encrypted", true).await.unwrap());
    let failure = fixture.get(fixture.owner, &document.id).await.unwrap().failure.unwrap();
    assert_eq!((failure.code.as_str(), failure.detail.as_str()), ("encrypted", "It cannot be read."));
    assert!(fixture.lease(1, 0).await.is_empty());
    let mut nameless = lease;
    nameless.token = "x".into();
    assert_eq!(kind(fixture.fail(&nameless, "", true).await), FaultKind::NotFound);
}

#[tokio::test]
async fn a_document_that_kills_its_workers_fails_visibly() {
    let fixture = fixture::start_with(Limits { max_attempts: 2, lease_ms: 200, ..quick() }).await;
    let document = fixture.upload("a.txt", &unique_text()).await;
    let died = async {
        for attempt in 1..=2 {
            assert_eq!(fixture.lease_one().await.attempt, attempt);
        }
        while status(&fixture, &document.id).await != api::Status::Failed {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    within(Duration::from_secs(10), died).await;
    let failure = fixture.get(fixture.owner, &document.id).await.unwrap().failure.unwrap();
    assert_eq!(failure.code, "crashed");
    assert!(fixture.lease(1, 0).await.is_empty());
    assert_eq!(fixture.ledger().await.failed, 1);
}

#[tokio::test]
async fn forgetting_is_tried_for_ever() {
    let fixture = fixture::start_with(Limits { max_attempts: 1, ..quick() }).await;
    let document = fixture.upload("a.txt", &unique_text()).await;
    fixture.trash(&document.id).await;
    for _ in 0..3 {
        let lease = fixture.lease_one().await.lease.unwrap();
        assert!(fixture.fail(&lease, "engine_refused", true).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let job = fixture.lease_one().await;
    assert_eq!(job.kind(), api::WorkKind::Remove);
    fixture.settle(&job.lease.unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_waiting_worker_gets_work_as_soon_as_there_is_some() {
    let fixture = fixture::start().await;
    let waiting = async {
        let jobs = fixture.lease(1, 10_000).await;
        (jobs.len(), Instant::now())
    };
    let uploading = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        fixture.upload("a.txt", &unique_text()).await;
        Instant::now()
    };
    let ((jobs, leased), uploaded) = futures_util::future::join(waiting, uploading).await;
    assert_eq!(jobs, 1);
    assert!(leased.saturating_duration_since(uploaded) < Duration::from_millis(500));
}

#[tokio::test]
async fn a_worker_without_an_engine_is_given_only_what_is_to_be_read() {
    let fixture = fixture::start().await;
    let known = fixture.upload("known.txt", &unique_text()).await;
    fixture.process_all().await;
    fixture.trash(&known.id).await;
    let new = fixture.upload("new.txt", &unique_text()).await;
    let request =
        || api::LeaseRequest { worker: "w".into(), max_jobs: 10, wait_ms: 0, extract_only: true, extractor_version: 0 };
    let lease = async || as_caller(Caller::Service, fixture.work().lease(request())).await.unwrap().into_inner().jobs;
    let jobs = lease().await;
    assert_eq!(jobs.iter().map(|j| j.lease.clone().unwrap().document_id).collect::<Vec<_>>(), [new.id]);
    assert!(lease().await.is_empty());
    assert_eq!(fixture.lease_one().await.kind(), api::WorkKind::Remove);
}

#[tokio::test]
async fn no_job_is_leased_to_two_workers() {
    let fixture = fixture::start().await;
    for n in 0..30 {
        fixture.upload(&format!("{n}.txt"), &unique_text()).await;
    }
    let leases = futures_util::future::join_all((0..8).map(|_| fixture.lease(5, 0))).await;
    let mut ids: Vec<String> = leases.into_iter().flatten().map(|job| job.lease.unwrap().document_id).collect();
    ids.extend(fixture.lease(64, 0).await.into_iter().map(|job| job.lease.unwrap().document_id));
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((all, ids.len()), (30, 30));
    assert_eq!(fixture.ledger().await.work_leased, 30);
}

#[tokio::test]
async fn bad_extractions_are_refused_whole() {
    let fixture = fixture::start().await;
    fixture.upload("a.txt", &unique_text()).await;
    let lease = fixture.lease_one().await.lease.unwrap();
    let part = |part| api::CompleteRequest { part: Some(part) };
    let page = |number| part(api::complete_request::Part::Page(api::Page { number, text: "x".into() }));
    let lease_part = || part(api::complete_request::Part::Lease(lease.clone()));
    let extraction = || part(api::complete_request::Part::Extraction(api::Extraction::default()));
    for messages in [
        vec![lease_part(), page(1)],
        vec![page(1), extraction()],
        vec![lease_part(), page(2), page(2), extraction()],
        vec![lease_part(), page(0), extraction()],
    ] {
        let answer = as_caller(Caller::Service, fixture.work().complete(futures_util::stream::iter(messages))).await;
        assert_eq!(kind(answer), FaultKind::Invalid);
    }
    assert_eq!((fixture.count("pages").await, fixture.count("insights").await), (0, 0));
    // Without any text it is complete nevertheless.
    assert_eq!(fixture.complete(&lease, &[], "und").await.unwrap(), 0);
    fixture.settle(&lease).await.unwrap();
    assert_eq!(fixture.ledger().await.ready, 1);
}

#[tokio::test]
async fn a_page_of_a_mebibyte_of_different_words_is_stored_and_found() {
    let fixture = fixture::start().await;
    fixture.upload("a.txt", &unique_text()).await;
    let lease = fixture.lease_one().await.lease.unwrap();
    let mut text = String::from("anfang ");
    let mut n = 0u64;
    while text.len() < 1 << 20 {
        n = n.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        text.push_str(&format!("{n:x} "));
    }
    fixture.complete(&lease, &[&text], "de").await.unwrap();
    let search = fixture.database.client("search").await;
    let sql = "SELECT count(*) FROM documents.searchable_pages WHERE tsv @@ to_tsquery('simple', 'anfang')";
    assert_eq!(search.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 1);
}
