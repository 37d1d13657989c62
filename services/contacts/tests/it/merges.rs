//! Two contacts that are one person, and back; and what happened to them.

use proto::contacts::timeline_entry::What;
use testkit::Database;
use uuid::Uuid;

use super::*;

async fn merge(client: &Client, id: &str, into: &str, dry_run: bool) -> Result<api::Merge, Status> {
    let request = api::MergeContactsRequest { id: id.into(), into: into.into(), dry_run, idempotency: None };
    as_caller(user(Role::Editor), client.clone().merge_contacts(request)).await.map(tonic::Response::into_inner)
}

async fn undo(client: &Client, id: &str) -> Result<api::Merge, Status> {
    let request = api::UndoMergeRequest { id: id.into(), idempotency: None };
    as_caller(user(Role::Editor), client.clone().undo_merge(request)).await.map(tonic::Response::into_inner)
}

async fn get(client: &Client, id: &str) -> Result<api::Contact, Status> {
    let request = api::GetContactRequest { id: id.into() };
    as_caller(user(Role::Viewer), client.clone().get_contact(request)).await.map(tonic::Response::into_inner)
}

async fn messages(client: &Client, contact: &str) -> Vec<String> {
    let request =
        api::ListSubmissionsRequest { contact_id: contact.into(), sort: "created_at".into(), ..Default::default() };
    let found = as_caller(owner(), client.clone().list_submissions(request)).await.unwrap().into_inner().items;
    assert!(found.iter().all(|submission| submission.contact_id == contact), "{found:?}");
    found.into_iter().map(|submission| submission.subject).collect()
}

async fn send(client: &Client, email: &str, subject: &str) -> api::SubmitResponse {
    submit(client, api::SubmitRequest { subject: subject.into(), ..submission(email) }).await.unwrap()
}

async fn decide(client: &Client, contact: &str, document: Uuid, confirmed: bool) {
    let request = api::DecideLinkRequest { contact_id: contact.into(), document_id: document.to_string(), confirmed };
    as_caller(user(Role::Editor), client.clone().decide_link(request)).await.unwrap();
}

async fn decisions(database: &Database, contact: &str) -> Vec<(Uuid, bool)> {
    let sql = "SELECT document_id, confirmed FROM links WHERE contact_id = $1 ORDER BY document_id";
    let id: Uuid = contact.parse().unwrap();
    let rows = database.client("contacts").await.query(sql, &[&id]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn change(client: &Client, id: &str, patch: api::UpdateContactRequest) -> Result<api::Contact, Status> {
    let request = api::UpdateContactRequest { id: id.into(), ..patch };
    as_caller(user(Role::Editor), client.clone().update_contact(request)).await.map(tonic::Response::into_inner)
}

async fn timeline(client: &Client, contact: &str, limit: i32) -> Vec<String> {
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let request = api::ListTimelineRequest { contact_id: contact.into(), cursor, limit };
        let found = as_caller(owner(), client.clone().list_timeline(request)).await.unwrap().into_inner();
        assert!(found.items.len() <= usize::try_from(limit).unwrap());
        seen.extend(found.items.into_iter().map(|entry| match entry.what.unwrap() {
            What::Submission(submission) => submission.subject,
            What::Change(change) => match change.fields.is_empty() {
                true => change.action,
                false => format!("{} {}", change.action, change.fields.join(" ")),
            },
        }));
        cursor = found.next_cursor;
        if cursor.is_empty() {
            return seen;
        }
    }
}

fn reason<T>(answer: Result<T, Status>) -> String {
    match answer {
        Ok(_) => panic!("it should have been refused"),
        Err(status) => Fault::of(&status).reason.into_owned(),
    }
}

#[tokio::test]
async fn a_merged_contact_is_the_other_one_until_it_is_undone() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let target = create(&client, "Anna Muster", "anna@new.ch", &["a"], r#"{"x":1}"#).await;
    let source = create(&client, "A. Muster", "anna@old.ch", &["b"], r#"{"x":2,"y":3}"#).await;
    let phone = api::UpdateContactRequest { phone: Some("+41 1".into()), ..Default::default() };
    let source = change(&client, &source.id, phone).await.unwrap();
    send(&client, "anna@old.ch", "first").await;
    send(&client, "anna@new.ch", "second").await;
    let (shared, own) = (Uuid::now_v7(), Uuid::now_v7());
    decide(&client, &target.id, shared, false).await;
    decide(&client, &source.id, shared, true).await;
    decide(&client, &source.id, own, true).await;

    let tried = merge(&client, &source.id, &target.id, true).await.unwrap();
    assert_eq!((tried.id.as_str(), tried.submissions, tried.links, tried.merged_at), ("", 1, 1, 0));
    assert_eq!(tried.contact.unwrap().tags, ["a", "b"]);
    assert_eq!(get(&client, &source.id).await.unwrap(), source, "nothing has happened");

    let merged = merge(&client, &source.id, &target.id, false).await.unwrap();
    let whole = merged.contact.clone().unwrap();
    assert_eq!((whole.name.as_str(), whole.phone.as_str(), whole.tags.join("")), ("Anna Muster", "+41 1", "ab".into()));
    assert_eq!(whole.metadata.replace(' ', ""), r#"{"x":1,"y":3}"#);
    assert_eq!(
        (merged.fields.join(""), merged.tags.join(""), merged.metadata_keys.join("")),
        ("phone".into(), "b".into(), "y".into())
    );
    assert_eq!(kind(get(&client, &source.id).await), FaultKind::NotFound);
    let listed = contacts(&client, api::ListContactsRequest { count: true, ..Default::default() }).await;
    assert_eq!((listed.count, listed.items.len()), (Some(1), 1));
    assert_eq!(messages(&client, &target.id).await, ["first", "second"]);
    assert_eq!(decisions(&database, &target.id).await, [(shared, false), (own, true)]);
    assert_eq!(merge(&client, &source.id, &target.id, false).await.unwrap().id, merged.id, "the same again");

    // What comes to the old address comes to the whole, and nobody else may have the address.
    let answer = send(&client, "Anna@old.ch", "third").await;
    assert_eq!(answer.contact_id, target.id);
    let again = api::CreateContactRequest { name: "New".into(), email: "anna@old.ch".into(), ..Default::default() };
    assert_eq!(reason(as_caller(owner(), client.clone().create_contact(again)).await), "email-taken");
    // Changes meanwhile: a tag that was taken goes, a phone that was taken is replaced.
    let patch = api::UpdateContactRequest {
        phone: Some("+41 2".into()),
        tags: Some(api::Tags { values: vec!["a".into(), "b".into(), "c".into()] }),
        ..Default::default()
    };
    change(&client, &target.id, patch).await.unwrap();
    assert_eq!(kind(change(&client, &source.id, Default::default()).await), FaultKind::NotFound);

    let undone = undo(&client, &merged.id).await.unwrap();
    assert_eq!(undone.restored.clone().unwrap(), source, "as it was");
    let left = undone.contact.clone().unwrap();
    assert_eq!(
        (left.phone.as_str(), left.tags.join(""), left.metadata.replace(' ', "")),
        ("+41 2", "ac".into(), r#"{"x":1}"#.into())
    );
    assert_eq!(messages(&client, &source.id).await, ["first", "third"]);
    assert_eq!(messages(&client, &target.id).await, ["second"]);
    assert_eq!(decisions(&database, &source.id).await, [(shared, true), (own, true)]);
    assert_eq!(decisions(&database, &target.id).await, [(shared, false)]);
    assert_eq!(undo(&client, &merged.id).await.unwrap().undone_at, undone.undone_at, "the same again");
    assert_eq!(
        timeline(&client, &source.id, 3).await,
        ["undo_merge", "third", "merge", "link", "link", "first", "update phone", "create"]
    );
}

#[tokio::test]
async fn the_whole_tells_the_story_of_its_parts_once() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let target = create(&client, "Anna", "anna@new.ch", &[], "").await;
    let source = create(&client, "Anna", "anna@old.ch", &[], "").await;
    let message = send(&client, "anna@old.ch", "hello").await;
    let read =
        api::UpdateSubmissionRequest { id: message.id, status: api::SubmissionStatus::Read.into(), if_revision: None };
    as_caller(owner(), client.clone().update_submission(read)).await.unwrap();
    merge(&client, &source.id, &target.id, false).await.unwrap();
    for limit in [1, 2, 50] {
        assert_eq!(timeline(&client, &target.id, limit).await, ["merge", "update", "hello", "create", "create"]);
    }
    let gone = api::ListTimelineRequest { contact_id: source.id, ..Default::default() };
    assert_eq!(kind(as_caller(owner(), client.clone().list_timeline(gone)).await), FaultKind::NotFound);
}

#[tokio::test]
async fn merges_of_merged_contacts_are_undone_from_the_last_on() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(create(&client, name, &format!("{name}@x.ch"), &[name], "").await.id);
        send(&client, &format!("{name}@x.ch"), name).await;
    }
    let [a, b, c] = [&ids[0], &ids[1], &ids[2]];
    let first = merge(&client, a, b, false).await.unwrap();
    let second = merge(&client, b, c, false).await.unwrap();
    assert_eq!(second.submissions, 2);
    assert_eq!(messages(&client, c).await, ["a", "b", "c"]);
    assert_eq!(get(&client, c).await.unwrap().tags, ["c", "b", "a"]);
    assert_eq!(reason(merge(&client, c, b, false).await), "unprocessable");
    assert_eq!(reason(undo(&client, &first.id).await), "merge-nested");
    undo(&client, &second.id).await.unwrap();
    assert_eq!(messages(&client, b).await, ["a", "b"]);
    assert_eq!(get(&client, c).await.unwrap().tags, ["c"]);
    undo(&client, &first.id).await.unwrap();
    assert_eq!((messages(&client, a).await, messages(&client, b).await), (vec!["a".into()], vec!["b".into()]));
    let d = create(&client, "d", "d@x.ch", &[], "").await.id;
    merge(&client, a, b, false).await.unwrap();
    assert_eq!(reason(merge(&client, a, &d, false).await), "already-merged");
}

#[tokio::test]
async fn what_has_been_removed_meanwhile_cannot_be_undone_and_nothing_of_it_is_left() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let target = create(&client, "Anna", "anna@new.ch", &[], "").await;
    let source = create(&client, "Anna", "anna@old.ch", &["b"], "").await;
    send(&client, "anna@old.ch", "hello").await;
    let merged = merge(&client, &source.id, &target.id, false).await.unwrap();
    let delete = api::DeleteContactRequest { id: target.id.clone(), if_revision: None };
    as_caller(user(Role::Editor), client.clone().delete_contact(delete)).await.unwrap();
    let refused = undo(&client, &merged.id).await.unwrap_err();
    assert_eq!((Fault::of(&refused).kind, &*Fault::of(&refused).reason), (FaultKind::Conflict, "merge-gone"));
    let sql = "SELECT (SELECT count(*) FROM contacts) + (SELECT count(*) FROM submissions)";
    assert_eq!(database.client("contacts").await.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 0);
    let taken = database.client("contacts").await.query_one("SELECT taken::text FROM merges", &[]).await.unwrap();
    assert_eq!(taken.get::<_, &str>(0), "{}");
    assert_eq!(kind(undo(&client, &Uuid::now_v7().to_string()).await), FaultKind::NotFound);
}

#[tokio::test]
async fn only_two_that_are_there_are_merged() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let one = create(&client, "Anna", "a@x.ch", &[], "").await.id;
    let nobody = Uuid::now_v7().to_string();
    assert_eq!(kind(merge(&client, &nobody, &one, false).await), FaultKind::NotFound);
    for (into, wanted) in
        [(&nobody, FaultKind::Unprocessable), (&one, FaultKind::Unprocessable), (&"x".to_owned(), FaultKind::Invalid)]
    {
        let fault = Fault::of(&merge(&client, &one, into, false).await.unwrap_err());
        assert_eq!((fault.kind, fault.fields[0].field.as_str()), (wanted, "into"), "{into}");
    }
}

#[tokio::test]
async fn a_key_that_comes_again_merges_nothing_anew() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let target = create(&client, "Anna", "anna@new.ch", &[], "").await.id;
    let source = create(&client, "Anna", "anna@old.ch", &[], "").await.id;
    let editor = user(Role::Editor);
    let keyed = async |fingerprint| {
        let (id, into) = (source.clone(), target.clone());
        let request = api::MergeContactsRequest { id, into, dry_run: false, idempotency: key("k", fingerprint) };
        as_caller(editor, client.clone().merge_contacts(request)).await.map(tonic::Response::into_inner)
    };
    let merged = keyed(1).await.unwrap();
    undo(&client, &merged.id).await.unwrap();
    let again = keyed(1).await.unwrap();
    assert!(again.replayed && again.id == merged.id);
    get(&client, &source).await.unwrap();
    assert_eq!(reason(keyed(2).await), "idempotency-mismatch");
}

#[tokio::test]
async fn a_file_with_both_parts_of_a_contact_changes_nothing_the_second_time() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let row = |name: &str, email: &str, phone: &str| api::CreateContactRequest {
        name: name.into(),
        email: email.into(),
        phone: phone.into(),
        metadata: format!(r#"{{"called":"{name}"}}"#),
        ..Default::default()
    };
    let import = async |dry_run| {
        let rows = vec![row("Anna", "anna@new.ch", ""), row("A.", "anna@old.ch", "+41 1")];
        let request = api::ImportContactsRequest { rows, dry_run, idempotency: None };
        let done = as_caller(owner(), client.clone().import_contacts(request)).await.unwrap().into_inner();
        done.outcomes.into_iter().map(|o| (o.action(), o.contact_id, o.changed.join(" "))).collect::<Vec<_>>()
    };
    use api::import_contacts_response::Action;
    let tried = import(true).await;
    assert!(tried.iter().all(|(action, id, _)| *action == Action::Created && id.is_empty()), "{tried:?}");
    let made = import(false).await;
    let (target, source) = (&made[0].1, &made[1].1);
    merge(&client, source, target, false).await.unwrap();
    let none = api::UpdateContactRequest { phone: Some(String::new()), ..Default::default() };
    change(&client, target, none).await.unwrap();
    let second = import(false).await;
    assert_eq!(second[1], (Action::Updated, target.clone(), "phone".to_owned()), "a gap is filled");
    for (action, id, changed) in import(false).await {
        assert_eq!((action, &id, changed.as_str()), (Action::Unchanged, target, ""));
    }
    assert_eq!(get(&client, target).await.unwrap().name, "Anna");
}

#[tokio::test]
async fn people_who_write_while_they_are_merged_reach_the_whole() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let target = create(&client, "Anna", "anna@new.ch", &[], "").await.id;
    let source = create(&client, "Anna", "anna@old.ch", &[], "").await.id;
    let sending = (0..20).map(|n| {
        let client = client.clone();
        async move { send(&client, "anna@old.ch", &n.to_string()).await }
    });
    let (_, merged) = tokio::join!(futures_util::future::join_all(sending), merge(&client, &source, &target, false));
    assert_eq!(messages(&client, &target).await.len(), 20);
    undo(&client, &merged.unwrap().id).await.unwrap();
    assert_eq!(messages(&client, &source).await.len(), 20);
}

#[tokio::test]
async fn tags_and_messages_are_counted_and_messages_found_by_what_they_say() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    create(&client, "Anna", "a@x.ch", &["member", "board"], "").await;
    create(&client, "Bo", "b@x.ch", &["member"], "").await;
    let tags = as_caller(owner(), client.clone().list_tags(api::ListTagsRequest {})).await.unwrap().into_inner().tags;
    let tags: Vec<_> = tags.iter().map(|tag| (tag.name.as_str(), tag.contacts)).collect();
    assert_eq!(tags, [("member", 2), ("board", 1)]);
    send(&client, "a@x.ch", "100% Wolle").await;
    send(&client, "b@x.ch", "Seide").await;
    submit(&client, api::SubmitRequest { website: "x".into(), ..submission("s@p.am") }).await.unwrap();
    let mut counting = client.clone();
    let counts = counting.count_submissions(api::CountSubmissionsRequest {});
    let counts = as_caller(owner(), counts).await.unwrap().into_inner();
    assert_eq!((counts.new, counts.read, counts.archived, counts.spam), (2, 0, 0, 1));
    for (q, wanted) in [("100% w", 1), ("B@X.CH", 1), ("join", 3), ("100_", 0)] {
        let request = api::ListSubmissionsRequest { q: q.into(), ..Default::default() };
        let found = as_caller(owner(), client.clone().list_submissions(request)).await.unwrap().into_inner().items;
        assert_eq!(found.len(), wanted, "{q}");
    }
}

#[tokio::test]
async fn a_merged_contact_leads_to_the_whole_and_the_whole_is_found_by_its_parts() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let target = create(&client, "Anna Muster", "anna@new.ch", &[], "{}").await;
    let source = create(&client, "Annette Altherr", "annette@former.ch", &[], "{}").await;
    create(&client, "Somebody Else", "else@example.org", &[], "{}").await;
    let merged = merge(&client, &source.id, &target.id, false).await.unwrap();
    let found = async |q: &str| {
        let request = api::ListContactsRequest { q: q.into(), count: true, ..Default::default() };
        let found = contacts(&client, request).await;
        let ids: Vec<_> = found.items.into_iter().map(|contact| contact.id).collect();
        assert_eq!(found.count, Some(ids.len() as i64));
        ids
    };
    // By either name and address, with a typo, and once when both are like it.
    for q in ["altherr", "Former.ch", "Altherrr", "muster", "anna@new", "ann"] {
        assert_eq!(found(q).await, std::slice::from_ref(&target.id), "{q}");
    }
    let whole = async |id: &str| {
        let request = api::GetContactRequest { id: id.into() };
        as_caller(owner(), client.clone().get_whole_contact(request)).await.map(tonic::Response::into_inner)
    };
    for id in [&source.id, &target.id] {
        let found = whole(id).await.unwrap();
        assert_eq!((found.contact.unwrap().id, found.parts), (target.id.clone(), vec![source.id.clone()]));
    }
    assert_eq!(kind(whole(&Uuid::now_v7().to_string()).await), FaultKind::NotFound);

    undo(&client, &merged.id).await.unwrap();
    assert_eq!(found("altherr").await, std::slice::from_ref(&source.id));
    let found = whole(&source.id).await.unwrap();
    assert_eq!((found.contact.unwrap().id, found.parts.len()), (source.id, 0));
}
