use chassis::{FaultKind, Role};
use proto::documents::{self as api, Visibility};
use testkit::{as_caller, user};

use crate::fixture::{self, kind, reason, unique_text};

#[tokio::test]
async fn the_first_collection_is_there_and_stays() {
    let fixture = fixture::start().await;
    let request = api::GetCollectionRequest { id: fixture::FIRST.into() };
    let first = as_caller(fixture.owner, fixture.documents().get_collection(request)).await.unwrap().into_inner();
    assert_eq!((first.name.as_str(), first.visibility()), ("Documents", Visibility::Internal));
    let delete = api::DeleteCollectionRequest { id: fixture::FIRST.into(), if_revision: None };
    assert_eq!(
        reason(as_caller(fixture.owner, fixture.documents().delete_collection(delete)).await),
        "first-collection"
    );
}

#[tokio::test]
async fn only_an_empty_collection_is_deleted() {
    let fixture = fixture::start().await;
    let collection = fixture.create_collection("Letters", Visibility::Public).await;
    let document = fixture.upload_to(&collection.id, &unique_text()).await;
    let delete = |if_revision| api::DeleteCollectionRequest { id: collection.id.clone(), if_revision };
    let mut client = fixture.documents();
    assert_eq!(reason(as_caller(fixture.owner, client.delete_collection(delete(None))).await), "collection-not-empty");
    let moved = api::UpdateDocumentRequest {
        id: document.id,
        collection_id: Some(fixture::FIRST.into()),
        ..Default::default()
    };
    as_caller(fixture.owner, client.update_document(moved)).await.unwrap();
    assert_eq!(
        kind(as_caller(fixture.owner, client.delete_collection(delete(Some(9)))).await),
        FaultKind::PreconditionFailed
    );
    as_caller(fixture.owner, client.delete_collection(delete(Some(1)))).await.unwrap();
    assert_eq!(kind(as_caller(fixture.owner, client.delete_collection(delete(None))).await), FaultKind::NotFound);
}

#[tokio::test]
async fn only_owners_manage_collections() {
    let fixture = fixture::start().await;
    let mut client = fixture.documents();
    let create =
        api::CreateCollectionRequest { name: "x".into(), visibility: Visibility::Public.into(), ..Default::default() };
    assert_eq!(kind(as_caller(user(Role::Editor), client.create_collection(create)).await), FaultKind::Forbidden);
    let update = api::UpdateCollectionRequest {
        id: fixture::FIRST.into(),
        visibility: Visibility::Public.into(),
        ..Default::default()
    };
    assert_eq!(
        kind(as_caller(user(Role::Editor), client.update_collection(update.clone())).await),
        FaultKind::Forbidden
    );
    let changed = as_caller(fixture.owner, client.update_collection(update)).await.unwrap().into_inner();
    assert_eq!((changed.visibility(), changed.name.as_str(), changed.revision), (Visibility::Public, "Documents", 2));
    let nameless = api::CreateCollectionRequest::default();
    assert_eq!(kind(as_caller(fixture.owner, client.create_collection(nameless)).await), FaultKind::Invalid);
}

#[tokio::test]
async fn members_are_shown_to_members_and_owners() {
    let fixture = fixture::start().await;
    let collection = fixture.create_collection("Board", Visibility::Internal).await;
    let member = user(Role::Viewer);
    let id = member.user_id().unwrap().to_string();
    let mut client = fixture.documents();
    for _ in 0..2 {
        let add = api::AddMemberRequest { collection_id: collection.id.clone(), user_id: id.clone() };
        as_caller(fixture.owner, client.add_member(add)).await.unwrap();
    }
    for (caller, shown) in [(fixture.owner, true), (member, true), (user(Role::Editor), false)] {
        let request = api::GetCollectionRequest { id: collection.id.clone() };
        let seen = as_caller(caller, client.get_collection(request)).await.unwrap().into_inner();
        assert_eq!((seen.members.contains(&id), seen.revision), (shown, 2));
    }
}

#[tokio::test]
async fn collections_are_listed_by_name_in_pages_and_made_once_for_a_key() {
    let fixture = fixture::start().await;
    for name in ["b", "A", "c", "a"] {
        fixture.create_collection(name, Visibility::Internal).await;
    }
    let (mut cursor, mut names) = (String::new(), Vec::new());
    loop {
        let request = api::ListCollectionsRequest { cursor, limit: 2 };
        let page = as_caller(fixture.owner, fixture.documents().list_collections(request)).await.unwrap().into_inner();
        names.extend(page.items.into_iter().map(|c| c.name.to_lowercase()));
        cursor = page.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["a", "a", "b", "c", "documents"]);
    let create = api::CreateCollectionRequest {
        name: "Once".into(),
        visibility: Visibility::Internal.into(),
        idempotency: Some(api::Idempotency { key: "k".into(), fingerprint: vec![1; 32] }),
        ..Default::default()
    };
    let make = async || {
        as_caller(fixture.owner, fixture.documents().create_collection(create.clone())).await.unwrap().into_inner().id
    };
    assert_eq!(make().await, make().await);
}
