//! Who may do what, what is kept of whom, and what happens when many come at once.

use futures_util::future::join_all;

use super::*;

type Called = std::pin::Pin<Box<dyn Future<Output = Result<(), Status>>>>;

/// Every call, on things that are not there: a caller who may gets past the door and is told so.
fn calls(client: &Client) -> Vec<(&'static str, Option<Role>, Called)> {
    macro_rules! call {
        ($method:ident, $request:expr) => {{
            let mut client = client.clone();
            let called: Called = Box::pin(async move { client.$method($request).await.map(drop) });
            called
        }};
    }
    let id = || uuid::Uuid::now_v7().to_string();
    let (viewer, editor) = (Some(Role::Viewer), Some(Role::Editor));
    vec![
        ("Submit", None, call!(submit, submission("a@b.ch"))),
        ("CountVisit", None, call!(count_visit, api::CountVisitRequest::default())),
        ("ListSubmissions", viewer, call!(list_submissions, api::ListSubmissionsRequest::default())),
        ("GetSubmission", viewer, call!(get_submission, api::GetSubmissionRequest { id: id() })),
        ("GetContact", viewer, call!(get_contact, api::GetContactRequest { id: id() })),
        ("GetWholeContact", viewer, call!(get_whole_contact, api::GetContactRequest { id: id() })),
        ("ListContacts", viewer, call!(list_contacts, api::ListContactsRequest::default())),
        ("CountSubmissions", viewer, call!(count_submissions, api::CountSubmissionsRequest {})),
        ("ListTags", viewer, call!(list_tags, api::ListTagsRequest {})),
        ("ListTimeline", viewer, {
            call!(list_timeline, api::ListTimelineRequest { contact_id: id(), ..Default::default() })
        }),
        ("MergeContacts", editor, {
            call!(merge_contacts, api::MergeContactsRequest { id: id(), into: id(), ..Default::default() })
        }),
        ("UndoMerge", editor, call!(undo_merge, api::UndoMergeRequest { id: id(), idempotency: None })),
        ("GetVisits", viewer, call!(get_visits, api::GetVisitsRequest::default())),
        ("UpdateSubmission", editor, {
            let status = api::SubmissionStatus::Read.into();
            call!(update_submission, api::UpdateSubmissionRequest { id: id(), status, if_revision: None })
        }),
        ("DeleteSubmission", editor, {
            call!(delete_submission, api::DeleteSubmissionRequest { id: id(), if_revision: None })
        }),
        ("CreateContact", editor, call!(create_contact, api::CreateContactRequest::default())),
        ("ImportContacts", editor, call!(import_contacts, api::ImportContactsRequest::default())),
        ("UpdateContact", editor, call!(update_contact, api::UpdateContactRequest { id: id(), ..Default::default() })),
        ("DeleteContact", editor, call!(delete_contact, api::DeleteContactRequest { id: id(), if_revision: None })),
    ]
}

#[tokio::test]
async fn every_call_asks_for_its_role_and_no_more() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let callers = [Caller::Anonymous, user(Role::Viewer), user(Role::Editor), user(Role::Owner), Caller::Service];
    for caller in callers {
        for (name, needed, called) in calls(&client) {
            let refused = match as_caller(caller, called).await {
                Ok(()) => None,
                Err(status) => Some(Fault::of(&status).kind),
            };
            let door = [FaultKind::Unauthenticated, FaultKind::Forbidden];
            let refused = refused.filter(|kind| door.contains(kind));
            let expected = match (needed, caller) {
                (Some(_), Caller::Anonymous) => Some(FaultKind::Unauthenticated),
                (Some(needed), Caller::User { role, .. }) if role < needed => Some(FaultKind::Forbidden),
                _ => None,
            };
            assert_eq!(refused, expected, "{name} by {caller}");
        }
    }
}

async fn list(client: &Client, status: api::SubmissionStatus) -> Vec<api::Submission> {
    let request = api::ListSubmissionsRequest { status: status.into(), ..Default::default() };
    as_caller(owner(), client.clone().list_submissions(request)).await.unwrap().into_inner().items
}

async fn set_status(client: &Client, id: &str, status: api::SubmissionStatus) -> api::Submission {
    let request = api::UpdateSubmissionRequest { id: id.into(), status: status.into(), if_revision: None };
    as_caller(user(Role::Editor), client.clone().update_submission(request)).await.unwrap().into_inner()
}

#[tokio::test]
async fn spam_makes_no_contact_until_somebody_says_it_is_none() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let sent = api::SubmitRequest { website: "http://x".into(), ..submission("s@p.am") };
    let answer = submit(&client, sent).await.unwrap();
    assert!(answer.contact_id.parse::<uuid::Uuid>().is_ok(), "the sender cannot tell");
    assert_eq!(contacts(&client, Default::default()).await.items, []);
    assert_eq!(list(&client, api::SubmissionStatus::Spam).await[0].contact_id, "");

    let kept = set_status(&client, &answer.id, api::SubmissionStatus::New).await;
    let made = contacts(&client, Default::default()).await.items;
    assert_eq!((made[0].email.as_str(), &made[0].id), ("s@p.am", &kept.contact_id));
    assert_eq!(set_status(&client, &answer.id, api::SubmissionStatus::Spam).await.contact_id, kept.contact_id);
}

#[tokio::test]
async fn deleting_a_contact_takes_its_messages_and_leaves_the_audit() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let answer = submit(&client, submission("a@b.ch")).await.unwrap();
    submit(&client, api::SubmitRequest { website: "x".into(), ..submission("A@b.ch") }).await.unwrap();
    submit(&client, submission("other@b.ch")).await.unwrap();
    let editor = user(Role::Editor);
    let delete = api::DeleteContactRequest { id: answer.contact_id.clone(), if_revision: None };
    as_caller(editor, client.clone().delete_contact(delete)).await.unwrap();
    let left = list(&client, api::SubmissionStatus::Unspecified).await;
    assert_eq!(left.iter().map(|s| s.email.as_str()).collect::<Vec<_>>(), ["other@b.ch"]);
    let sql = "SELECT actor, action, entity, entity_id FROM audit";
    let audit = database.client("contacts").await.query(sql, &[]).await.unwrap();
    assert_eq!(audit.len(), 1, "anonymous submissions are their own record");
    assert_eq!(audit[0].get::<_, &str>(0), editor.user_id().unwrap().to_string());
    assert_eq!((audit[0].get::<_, &str>(1), audit[0].get::<_, &str>(2)), ("delete", "contact"));
    assert_eq!(audit[0].get::<_, uuid::Uuid>(3).to_string(), answer.contact_id);
}

#[tokio::test]
async fn people_who_write_at_the_same_time_become_one_contact() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let send = |n: usize| submit(&client, submission(if n.is_multiple_of(2) { "a@b.ch" } else { "A@B.CH" }));
    let answers = join_all((0..30).map(send)).await;
    let mut ids: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().contact_id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(list(&client, api::SubmissionStatus::New).await.len(), 30);
}

#[tokio::test]
async fn one_key_sent_many_times_at_once_has_one_effect() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let send = |_| submit(&client, api::SubmitRequest { idempotency: key("k", 1), ..submission("a@b.ch") });
    let mut ids = Vec::new();
    for answer in join_all((0..20).map(send)).await {
        match answer {
            Ok(answer) => ids.push(answer.id),
            Err(status) => assert_eq!(Fault::of(&status).reason, "idempotency-in-flight"),
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(list(&client, api::SubmissionStatus::New).await.len(), 1);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    for bad in ["", "two words", "ü", &"x".repeat(256)] {
        let sent = api::SubmitRequest { idempotency: key(bad, 1), ..submission("a@b.ch") };
        let fault = Fault::of(&submit(&client, sent).await.unwrap_err());
        assert_eq!(fault.fields[0].field, "Idempotency-Key", "{bad:?}");
    }
}

#[tokio::test]
async fn an_address_that_is_taken_cannot_be_moved_to() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    create(&client, "Anna", "a@b.ch", &[], "").await;
    let other = create(&client, "Beat", "b@b.ch", &[], "").await;
    let email = |email: &str| api::UpdateContactRequest {
        id: other.id.clone(),
        email: Some(email.into()),
        ..Default::default()
    };
    let refused = as_caller(owner(), client.clone().update_contact(email("A@b.CH"))).await.unwrap_err();
    let fault = Fault::of(&refused);
    assert_eq!((fault.kind, fault.reason.as_ref()), (FaultKind::Conflict, "email-taken"));
    let changed = as_caller(owner(), client.clone().update_contact(email("B@b.ch"))).await.unwrap().into_inner();
    assert_eq!(changed.email, "B@b.ch", "its own address may be written otherwise");
}

#[tokio::test]
async fn a_patch_says_everything_that_is_wrong_with_it_and_changes_nothing() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(9000));
    let contact = create(&client, "Anna", "a@b.ch", &[], &large).await;
    let patch = api::UpdateContactRequest {
        id: contact.id.clone(),
        name: Some(String::new()),
        email: Some("nobody".into()),
        tags: Some(api::Tags { values: vec!["t".repeat(51)] }),
        ..Default::default()
    };
    let fault = Fault::of(&as_caller(owner(), client.clone().update_contact(patch)).await.unwrap_err());
    assert_eq!(fault.fields.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(), ["name", "email", "tags"]);
    let more = api::UpdateContactRequest {
        id: contact.id.clone(),
        metadata: Some(large.replace("\"a\"", "\"b\"")),
        ..Default::default()
    };
    let fault = Fault::of(&as_caller(owner(), client.clone().update_contact(more)).await.unwrap_err());
    assert_eq!(fault.fields[0].field, "metadata");
    let get = api::GetContactRequest { id: contact.id.clone() };
    assert_eq!(as_caller(owner(), client.clone().get_contact(get)).await.unwrap().into_inner(), contact);
}

#[tokio::test]
async fn names_that_sound_alike_are_found_and_short_words_do_not_find_everybody() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    for (n, name) in ["Urs Meier", "Beatrice Müller", "Anne Rossi", "Zoë İnan"].into_iter().enumerate() {
        create(&client, name, &format!("p{n}@example.org"), &[], "").await;
    }
    let found = async |q: &str| {
        let request = api::ListContactsRequest { q: q.into(), count: true, ..Default::default() };
        let page = contacts(&client, request).await;
        assert_eq!(page.count, Some(page.items.len() as i64), "{q}");
        page.items.into_iter().map(|c| c.name).collect::<Vec<_>>()
    };
    assert_eq!(found("maier").await, ["Urs Meier"]);
    assert_eq!(found("MÜLLER").await, ["Beatrice Müller"]);
    assert_eq!(found("Mueller").await, ["Beatrice Müller"]);
    assert_eq!(found("meier urs").await, ["Urs Meier"]);
    assert_eq!(found("urs miere").await, [""; 0], "that is no small typo");
    assert_eq!(found("rosis").await, [""; 0]);
    assert_eq!(found("beatirce").await, ["Beatrice Müller"]);
    assert_eq!(found("ann").await, ["Anne Rossi"]);
    assert!(found("p_@").await.is_empty(), "an underscore is itself");
    assert!(found(r"\").await.is_empty());
}

#[tokio::test]
async fn a_cursor_is_good_for_the_order_it_was_made_in() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    for n in ["Ägidius", "İnan", "Zoë"] {
        create(&client, n, &format!("{}@example.org", uuid::Uuid::new_v4()), &[], "").await;
    }
    let page = |sort: &str, cursor: &str| {
        let request =
            api::ListContactsRequest { sort: sort.into(), cursor: cursor.into(), limit: 1, ..Default::default() };
        let mut client = client.clone();
        as_caller(owner(), async move { client.list_contacts(request).await.map(tonic::Response::into_inner) })
    };
    let (mut cursor, mut seen) = (String::new(), 0);
    while seen < 5 {
        let next = page("name", &cursor).await.unwrap();
        seen += next.items.len();
        cursor = next.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(seen, 3, "each name once, whatever its letters");
    let by_name = page("name", "").await.unwrap().next_cursor;
    for other in ["-name", "created_at", "-updated_at"] {
        let fault = Fault::of(&page(other, &by_name).await.unwrap_err());
        assert_eq!(fault.fields[0].field, "cursor", "{other}");
    }
}

#[tokio::test]
async fn it_is_not_ready_before_its_database_answers() {
    let database = Database::alone().await;
    <App as chassis::Service>::migrate(database.migration()).await.unwrap();
    flush(&database).await;
    database.server().process().kill9().await;
    let (running, _client) = serve(&database).await;
    assert!(!running.health.is_ready());
    database.server().start_again().await.unwrap();
    let mut ready = running.health.subscribe();
    testkit::within(Duration::from_secs(20), ready.wait_for(|ready| *ready)).await.unwrap();
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_schema_that_was_never_made_ends_the_process() {
    let database = testkit::database().await;
    let config = config(&database);
    let service = <App as chassis::Service>::build(config, chassis::Health::default()).await.unwrap();
    let running = chassis::Service::run(service, chassis::CancellationToken::new());
    let ended = testkit::within(Duration::from_secs(20), running).await;
    assert!(format!("{:#}", ended.unwrap_err()).contains("migrate"));
}

#[tokio::test]
async fn the_same_file_imported_twice_changes_nothing_and_a_rehearsal_never_does() {
    use api::import_contacts_response::Action::{self, Created, Refused, Unchanged, Updated};
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let row = |name: &str, email: &str, phone: &str, tags: &[&str]| api::CreateContactRequest {
        name: name.into(),
        email: email.into(),
        phone: phone.into(),
        tags: tags.iter().map(|t| (*t).to_owned()).collect(),
        metadata: r#"{"source":"file"}"#.into(),
        ..Default::default()
    };
    let rows =
        vec![row("Ann", "ann@a.ch", "1", &["a"]), row("Bo", "no address", "", &[]), row("Ann", "ANN@a.ch", "", &["b"])];
    let import = async |dry_run: bool| -> Vec<Action> {
        let request = api::ImportContactsRequest { rows: rows.clone(), dry_run, idempotency: None };
        let mut client = client.clone();
        let done = as_caller(user(Role::Editor), async move { client.import_contacts(request).await }).await;
        done.unwrap().into_inner().outcomes.iter().map(|o| o.action()).collect()
    };
    let count = async || {
        let (mut client, request) = (client.clone(), api::ListContactsRequest { count: true, ..Default::default() });
        let found = as_caller(user(Role::Viewer), async move { client.list_contacts(request).await }).await;
        found.unwrap().into_inner()
    };
    assert_eq!(import(true).await, [Created, Refused, Updated]);
    assert_eq!(count().await.count, Some(0), "a rehearsal made something");
    assert_eq!(import(false).await, [Created, Refused, Updated]);
    assert_eq!(import(false).await, [Unchanged, Refused, Unchanged]);
    let ann = count().await.items.remove(0);
    assert_eq!((ann.phone.as_str(), ann.tags), ("1", vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(ann.metadata.replace(' ', ""), r#"{"source":"file"}"#);
}
