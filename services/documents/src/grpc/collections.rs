//! What the calls about collections do; they are part of the Documents service.

use chassis::{Caller, Role};
use pg::PageRequest;
use proto::documents as api;

use super::{id, key};
use crate::{domain::Check, error::Error, store::Store};

pub(super) async fn create(
    store: &Store,
    caller: &Caller,
    sent: api::CreateCollectionRequest,
) -> Result<api::Collection, Error> {
    caller.require(Role::Owner)?;
    let mut check = Check::default();
    let name = check.line("name", &sent.name, true, 200);
    let description = check.text("description", &sent.description, 2000);
    let visibility = check.visibility(sent.visibility(), true);
    check.done()?;
    store.create_collection(caller, &name, &description, visibility, key(sent.idempotency)).await
}

pub(super) async fn list(
    store: &Store,
    caller: &Caller,
    sent: api::ListCollectionsRequest,
) -> Result<api::ListCollectionsResponse, Error> {
    store.list_collections(caller, &PageRequest::parse(&sent.cursor, sent.limit)?).await
}

pub(super) async fn update(
    store: &Store,
    caller: &Caller,
    sent: api::UpdateCollectionRequest,
) -> Result<api::Collection, Error> {
    caller.require(Role::Owner)?;
    let mut check = Check::default();
    let visibility = check.visibility(sent.visibility(), false);
    let name = sent.name.map(|name| check.line("name", &name, true, 200));
    let description = sent.description.map(|text| check.text("description", &text, 2000));
    check.done()?;
    let id = id(&sent.id, "collection")?;
    store.update_collection(caller, id, name, description, visibility, sent.if_revision).await
}

pub(super) async fn delete(store: &Store, caller: &Caller, sent: api::DeleteCollectionRequest) -> Result<(), Error> {
    caller.require(Role::Owner)?;
    store.delete_collection(caller, id(&sent.id, "collection")?, sent.if_revision).await
}

pub(super) async fn add_member(store: &Store, caller: &Caller, sent: api::AddMemberRequest) -> Result<(), Error> {
    caller.require(Role::Owner)?;
    store.add_member(caller, id(&sent.collection_id, "collection")?, id(&sent.user_id, "user")?).await
}

pub(super) async fn remove_member(store: &Store, caller: &Caller, sent: api::RemoveMemberRequest) -> Result<(), Error> {
    caller.require(Role::Owner)?;
    store.remove_member(caller, id(&sent.collection_id, "collection")?, id(&sent.user_id, "user")?).await
}
