use chassis::{Caller, Fault, FaultKind, Role};
use proto::search::{
    ContactSearches, GetContactSearchesRequest, Link, ListLinksRequest, ListLinksResponse, QueryRequest,
    RecordClickRequest, analytics_client::AnalyticsClient,
};
use testkit::{as_caller, owner, user};
use tonic::Status;
use uuid::Uuid;

use crate::world::{Doc, RESTRICTED, World, doc, hits, query, records};

async fn list(world: &World, caller: Caller, request: ListLinksRequest) -> Result<ListLinksResponse, Status> {
    Ok(as_caller(caller, world.client.clone().list_links(request)).await?.into_inner())
}

fn of_contact(contact: Uuid) -> ListLinksRequest {
    ListLinksRequest { contact_id: contact.to_string(), ..Default::default() }
}

fn of_document(document: &Doc) -> ListLinksRequest {
    ListLinksRequest { document_id: document.id.to_string(), ..Default::default() }
}

async fn contact(world: &World, name: &str, email: &str, phone: &str) -> Uuid {
    let id = Uuid::now_v7();
    let sql = "INSERT INTO contacts.contacts (id, name, email, phone) VALUES ($1, $2, $3, $4)";
    world.owner.execute(sql, &[&id, &name, &email, &phone]).await.unwrap();
    id
}

/// Stored as the indexer would have it, with these entities, all on the page of their number.
async fn letter(world: &World, title: &str, pages: &[&str], entities: &[(&str, &str, i32)]) -> Doc {
    let letter = doc(title, pages);
    world.store(&letter).await;
    let entities: Vec<_> =
        entities.iter().map(|(k, v, p)| format!(r#"{{"kind":"{k}","value":"{v}","page":{p}}}"#)).collect();
    let sql = "UPDATE insights SET insights = insights || $2::text::jsonb WHERE document_id = $1";
    let named = format!(r#"{{"entities":[{}]}}"#, entities.join(","));
    world.owner.execute(sql, &[&letter.id, &named]).await.unwrap();
    letter
}

fn titles(found: &ListLinksResponse) -> Vec<&str> {
    found.items.iter().map(|link| link.title.as_str()).collect()
}

/// Kind, page and what is marked, of each evidence.
fn shown(link: &Link) -> Vec<(&str, i32, String)> {
    let marked = |e: &proto::search::link::Evidence| {
        let characters: Vec<char> = e.snippet.chars().collect();
        let part = |r: &proto::search::Range| characters[r.start as usize..r.end as usize].iter().collect::<String>();
        e.ranges.iter().map(part).collect::<Vec<_>>().join(" ")
    };
    link.evidence.iter().map(|e| (e.kind.as_str(), e.page, marked(e))).collect()
}

#[tokio::test]
async fn documents_name_contacts_by_address_number_and_full_name() {
    let world = World::start(false).await;
    let ann = contact(&world, "Ann Müller", "Ann@Example.org", "0049 (0)30 123 456").await;
    let other = contact(&world, "Ann", "other@example.org", "030 123 456").await;
    let all = letter(
        &world,
        "All",
        &["Dear all", "Ann Müller, ann@example.org, +49 30 123-456"],
        &[("email", "ann@example.org", 2), ("phone", "+4930123456", 2)],
    )
    .await;
    letter(&world, "By name", &["As ANN\nMÜLLER said"], &[]).await;
    letter(&world, "By number", &["Call 0049 30 123456"], &[("phone", "+4930123456", 1)]).await;
    letter(&world, "Neither", &["Müller, Ann; and ann@example.com"], &[("email", "ann@example.com", 1)]).await;

    let found = list(&world, user(Role::Viewer), of_contact(ann)).await.unwrap();
    assert_eq!(titles(&found), ["By number", "By name", "All"]);
    let [number, name, every] = &found.items[..] else { panic!("three") };
    assert_eq!(shown(number), [("phone", 1, "0049 30 123456".to_owned())]);
    assert_eq!(shown(name), [("name", 1, "ANN MÜLLER".to_owned())]);
    let wanted = [
        ("email", 2, "ann example org".to_owned()),
        ("phone", 2, "49 30 123 456".to_owned()),
        ("name", 2, "Ann Müller".to_owned()),
    ];
    assert_eq!(shown(every), wanted);
    assert!(every.confidence > number.confidence && number.confidence > name.confidence && every.confidence < 1.0);
    assert!(list(&world, owner(), of_contact(other)).await.unwrap().items.is_empty(), "one word is no full name");

    let found = list(&world, owner(), of_document(&all)).await.unwrap();
    let [link] = &found.items[..] else { panic!("{found:?}") };
    assert_eq!((link.contact_id.as_str(), link.name.as_str()), (&*ann.to_string(), "Ann Müller"));
    assert_eq!(shown(link), wanted);
}

#[tokio::test]
async fn what_somebody_said_stays_whatever_stands_in_the_document() {
    let world = World::start(false).await;
    let ann = contact(&world, "Ann Miller", "ann@example.org", "").await;
    let wrong = letter(&world, "Wrong", &["Ann Miller, another one"], &[]).await;
    let right = letter(&world, "Right", &["Nobody is named here"], &[]).await;
    for (document, confirmed) in [(&wrong, false), (&right, true)] {
        let sql = "INSERT INTO contacts.links (contact_id, document_id, confirmed) VALUES ($1, $2, $3)";
        world.owner.execute(sql, &[&ann, &document.id, &confirmed]).await.unwrap();
    }
    let found = list(&world, owner(), of_contact(ann)).await.unwrap();
    assert_eq!(titles(&found), ["Right"]);
    let link = &found.items[0];
    assert!(link.confirmed && link.confidence == 1.0 && link.evidence.is_empty());
    assert!(list(&world, owner(), of_document(&wrong)).await.unwrap().items.is_empty());
    assert_eq!(list(&world, owner(), of_document(&right)).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn nobody_learns_of_documents_that_they_may_not_see_nor_of_contacts_without_a_role() {
    let world = World::start(false).await;
    let ann = contact(&world, "Ann Miller", "ann@example.org", "").await;
    let secret = Doc { collection: RESTRICTED, ..doc("Secret", &["Ann Miller"]) };
    world.store(&secret).await;
    assert_eq!(titles(&list(&world, owner(), of_contact(ann)).await.unwrap()), ["Secret"]);
    for request in [of_contact(ann), of_document(&secret)] {
        assert!(list(&world, user(Role::Editor), request.clone()).await.unwrap().items.is_empty());
        let refused = list(&world, Caller::Anonymous, request).await.unwrap_err();
        assert_eq!(Fault::of(&refused).kind, FaultKind::Unauthenticated);
    }
    let unknown = list(&world, owner(), of_contact(Uuid::now_v7())).await.unwrap_err();
    assert_eq!(Fault::of(&unknown).kind, FaultKind::NotFound);
}

#[tokio::test]
async fn many_documents_come_page_by_page() {
    let world = World::start(false).await;
    let ann = contact(&world, "Ann Miller", "ann@example.org", "").await;
    for n in 0..7 {
        letter(&world, &format!("Letter {n}"), &["To Ann Miller"], &[]).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let request = ListLinksRequest { limit: 3, cursor, ..of_contact(ann) };
        let found = list(&world, owner(), request).await.unwrap();
        seen.extend(titles(&found).into_iter().map(str::to_owned));
        cursor = found.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(seen, (0..7).rev().map(|n| format!("Letter {n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_search_can_be_kept_to_what_names_a_contact() {
    for with_engine in [true, false] {
        let world = World::start(with_engine).await;
        let ann = contact(&world, "Ann Müller", "ann@example.org", "").await;
        let nobody = contact(&world, "Nobody Else", "nobody@example.org", "").await;
        for letter in [
            letter(&world, "Hers", &["A walrus"], &[("email", "ann@example.org", 1)]).await,
            letter(&world, "Another", &["A walrus"], &[]).await,
            letter(&world, "By name", &["Ann Müller", "No walrus"], &[]).await,
        ] {
            world.engine.put_pages(&records(&letter, 1)).await.unwrap();
        }
        for q in ["walrus", ""] {
            let asked = |contact: Uuid| QueryRequest { contact_id: contact.to_string(), ..query(q) };
            let answer = world.ask_as(user(Role::Viewer), asked(ann)).await;
            let mut titles: Vec<_> = hits(&answer).into_iter().map(|(title, _)| title).collect();
            titles.sort_unstable();
            assert_eq!((titles.as_slice(), answer.estimated_total), (&["By name", "Hers"][..], 2), "{q:?}");
            for contact in [nobody, Uuid::nil()] {
                assert_eq!(world.ask_as(user(Role::Viewer), asked(contact)).await.estimated_total, 0);
            }
            let refused = as_caller(Caller::Anonymous, world.client.clone().query(asked(ann))).await.unwrap_err();
            assert_eq!(Fault::of(&refused).kind, FaultKind::Unauthenticated);
        }
    }
}

#[tokio::test]
async fn it_is_told_which_searches_found_what_names_a_contact() {
    let world = World::start(false).await;
    let ann = contact(&world, "Ann Müller", "ann@example.org", "").await;
    contact(&world, "Bea Never", "bea@example.org", "").await;
    let hers = letter(&world, "Hers", &["A walrus, a seal"], &[("email", "ann@example.org", 1)]).await;
    letter(&world, "Secret", &["A walrus of Ann Müller"], &[]).await;
    letter(&world, "Nobody's", &["A walrus"], &[]).await;
    let sql = format!("UPDATE documents SET collection_id = '{RESTRICTED}' WHERE title = 'Secret'");
    world.owner.execute(&sql, &[]).await.unwrap();
    let ask = async |caller: Caller, q: &str| world.ask_as(caller, query(q)).await;
    ask(owner(), "walrus").await;
    let opened = ask(owner(), "walrus").await;
    ask(owner(), "seal").await;
    ask(owner(), "nothing").await;
    let logged = async |table: &str, wanted: i64| {
        let sql = format!("SELECT count(*) FROM search.{table}");
        while world.owner.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) != wanted {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let limit = std::time::Duration::from_secs(10);
    testkit::within(limit, logged("queries", 4)).await;
    let click = RecordClickRequest { query_id: opened.query_id, document_id: hers.id.to_string(), rank: 1 };
    as_caller(owner(), world.client.clone().record_click(click)).await.unwrap();
    testkit::within(limit, logged("clicks", 1)).await;

    let mut rpc = AnalyticsClient::new(world.running.channel());
    let mut told = async |caller: Caller| -> Result<ContactSearches, Status> {
        let request = GetContactSearchesRequest::default();
        Ok(as_caller(caller, rpc.get_contact_searches(request)).await?.into_inner())
    };
    let seen = told(user(Role::Editor)).await.unwrap().items;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((seen[0].contact_id.as_str(), seen[0].name.as_str()), (ann.to_string().as_str(), "Ann Müller"));
    assert_eq!((seen[0].searches, seen[0].documents.len(), seen[0].documents[0].title.as_str()), (3, 1, "Hers"));
    let searches: Vec<_> =
        seen[0].documents[0].searches.iter().map(|s| (s.text.as_str(), s.searches, s.clicks)).collect();
    assert_eq!(searches, [("walrus", 2, 1), ("seal", 1, 0)]);
    let all = told(owner()).await.unwrap().items;
    assert_eq!((all[0].searches, all[0].documents.len()), (5, 2), "the owner sees what is restricted");
    assert_eq!(Fault::of(&told(user(Role::Viewer)).await.unwrap_err()).kind, FaultKind::Forbidden);
}
