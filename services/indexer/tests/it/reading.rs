use chassis::{Caller, TraceContext};
use proto::documents::WorkKind;
use testkit::engine::FakeMeilisearch;

use crate::{
    documents::TRACEPARENT,
    fixture::{Setting, client, start},
};

const TEXT: &str = "Dear Sir or Madam, the annual meeting of the association takes place on 1 March 2026 in the hall.\n\
    The members will vote on the membership fee.\u{c}Questions go to board@example.org, before the end of February.";

#[tokio::test]
async fn a_document_is_read_completed_fed_and_settled_in_this_order() {
    let engine = FakeMeilisearch::start().await;
    let fixture = start(Setting { engine: Some(&engine), ..Setting::default() }).await;
    let id = fixture.documents.add(TEXT);
    fixture.documents.until_settled(id, 1).await;
    assert_eq!(fixture.documents.calls(id), ["lease", "read_leased", "complete", "read_pages", "settle"]);
    let entry = fixture.documents.entry(id);
    let numbers: Vec<_> = entry.pages.iter().map(|p| p.number).collect();
    assert_eq!(numbers, [1, 2]);
    assert!(entry.pages[1].text.contains("board@example.org"));
    let extraction = entry.extraction.unwrap();
    assert_eq!((extraction.extractor_version, extraction.partial.as_str()), (extract::EXTRACTOR_VERSION, ""));
    let insights = extraction.insights.unwrap();
    assert_eq!((insights.language.unwrap().code.as_str(), insights.pages), ("en", 2));
    assert!(insights.entities.iter().any(|e| e.value == "board@example.org" && e.page == 2));
    let record = client(&engine).get_page(id, 2).await.unwrap().unwrap();
    assert_eq!((record.version, record.page_count, record.title.as_str()), (1, 2, "A letter"));
    assert_eq!(record.created_at, 1_767_225_600);
    assert!(record.text.contains("board@example.org"));
}

#[tokio::test]
async fn without_an_engine_it_is_settled_once_it_is_complete() {
    let fixture = start(Setting::default()).await;
    let id = fixture.documents.add(TEXT);
    fixture.documents.until_settled(id, 1).await;
    assert_eq!(fixture.documents.calls(id), ["lease", "read_leased", "complete", "settle"]);
    fixture.documents.again(id, WorkKind::Index, |_| ());
    fixture.documents.until_settled(id, 2).await;
    fixture.documents.again(id, WorkKind::Remove, |_| ());
    fixture.documents.until_settled(id, 3).await;
}

#[tokio::test]
async fn every_call_of_a_job_has_its_request_id_and_the_trace_of_the_upload() {
    let fixture = start(Setting::default()).await;
    let id = fixture.documents.add(TEXT);
    fixture.documents.until_settled(id, 1).await;
    let contexts = fixture.documents.change(|state| std::mem::take(&mut state.contexts));
    assert_eq!(contexts.len(), 3);
    let upload = TraceContext::parse(TRACEPARENT).unwrap();
    assert!(contexts.iter().all(|c| c.trace.trace_id == upload.trace_id && c.caller == Caller::Service));
    assert!(contexts.iter().all(|c| c.request_id == contexts[0].request_id));
}

#[tokio::test]
async fn a_damaged_document_fails_for_good() {
    let fixture = start(Setting::default()).await;
    let id = fixture.documents.add_bytes(b"%PDF-1.7\nand then nothing of the kind", "application/pdf");
    fixture.documents.until(|state| !state.entries[&id].failures.is_empty()).await;
    assert_eq!(fixture.documents.entry(id).failures, [("corrupt".to_owned(), true)]);
    assert_eq!(fixture.documents.calls(id), ["lease", "read_leased", "fail"]);
    let next = fixture.documents.add(TEXT);
    fixture.documents.until_settled(next, 1).await;
}

#[tokio::test]
async fn a_reader_that_crashes_is_tried_again_and_the_attempt_counts() {
    let before = "/bin/mkdir $FOLDER/been_here || exec \"$0.real\" \"$@\"; kill -9 $$";
    let before = before.replace("$0.real", &crate::fixture::reader().display().to_string());
    let fixture = start(Setting { before: &before, ..Setting::default() }).await;
    let id = fixture.documents.add(TEXT);
    fixture.documents.until_settled(id, 1).await;
    let entry = fixture.documents.entry(id);
    assert_eq!((entry.failures.as_slice(), entry.attempts), (&[("crashed".to_owned(), false)][..], 2));
}

#[tokio::test]
async fn what_documents_refuses_is_counted_until_it_fails() {
    let fixture = start(Setting::default()).await;
    fixture.documents.change(|state| state.refuse_complete = true);
    let id = fixture.documents.add(TEXT);
    fixture.documents.until(|state| state.entries[&id].failures.iter().any(|(_, last)| *last)).await;
    let entry = fixture.documents.entry(id);
    assert_eq!((entry.attempts, entry.failures.len(), entry.settled), (5, 5, 0));
    assert!(entry.failures.iter().all(|(code, _)| code == "internal"));
}

#[tokio::test]
async fn many_documents_are_each_settled_once() {
    let engine = FakeMeilisearch::start().await;
    let fixture = start(Setting { engine: Some(&engine), ..Setting::default() }).await;
    let ids: Vec<_> = (0..40).map(|n| fixture.documents.add(&format!("Letter number {n}. {TEXT}"))).collect();
    fixture.documents.until(|state| state.entries.values().all(|e| e.settled == 1)).await;
    assert!(ids.iter().all(|id| fixture.documents.entry(*id).attempts == 1));
    assert_eq!(client(&engine).stats().await.unwrap().records, 80);
}

#[tokio::test]
async fn what_takes_longer_than_a_glance_does_not_hold_up_others() {
    let before = "case \"$*\" in *--giving-way*) until [ -e $FOLDER/go ]; do sleep 0.02; done ;; \
                  *text/html*--glance-ms=*) kill -s PROF $$ ;; esac";
    let fixture = start(Setting { before, ..Setting::default() }).await;
    let page = |n| format!("<!doctype html><p>Page number {n}. {TEXT}");
    let slow: Vec<_> = (0..9).map(|n| fixture.documents.add_bytes(page(n).as_bytes(), "text/html")).collect();
    // All have been looked at, and as many as there are slow workers have begun anew.
    let fetched = |call: &&(&str, _)| call.0 == "read_leased";
    fixture.documents.until(|state| state.calls.iter().filter(fetched).count() == slow.len() + 2).await;
    for n in 0..5 {
        let quick = fixture.documents.add(&format!("Letter number {n}. {TEXT}"));
        fixture.documents.until_settled(quick, 1).await;
    }
    assert!(slow.iter().all(|id| fixture.documents.entry(*id).settled == 0));
    std::fs::write(fixture.folder.path().join("go"), "").unwrap();
    for id in slow {
        fixture.documents.until_settled(id, 1).await;
        let entry = fixture.documents.entry(id);
        assert_eq!((entry.attempts, entry.failures.len(), entry.pages.len()), (1, 0, 1));
    }
}
