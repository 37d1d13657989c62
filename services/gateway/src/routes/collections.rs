use actix_web::http::StatusCode;
use chassis::{Fault, Role, grpc::idempotent};
use proto::documents as api;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    call::{Body, Call, json, no_content},
    openapi::kind,
    problem::Answer,
    wire::{List, Micros},
};

const VISIBILITY: [(&str, i32); 3] = [("public", 1), ("internal", 2), ("restricted", 3)];

#[derive(JsonSchema, Serialize)]
pub(super) struct Collection<'a> {
    #[schemars(with = "kind::Id")]
    id: &'a str,
    name: &'a str,
    description: &'a str,
    #[schemars(extend("enum" = ["public", "internal", "restricted"]))]
    visibility: &'static str,
    document_count: i64,
    #[schemars(with = "Vec<kind::Id>")]
    members: &'a [String],
    created_at: Micros,
    updated_at: Micros,
}

fn view(collection: &api::Collection) -> Collection<'_> {
    let visibility = VISIBILITY.iter().find(|(_, number)| *number == collection.visibility);
    Collection {
        id: &collection.id,
        name: &collection.name,
        description: &collection.description,
        visibility: visibility.map_or("restricted", |(name, _)| name),
        document_count: collection.document_count,
        members: &collection.members,
        created_at: Micros(collection.created_at),
        updated_at: Micros(collection.updated_at),
    }
}

fn visibility(text: Option<&str>) -> Result<i32, Fault> {
    let Some(text) = text else { return Ok(0) };
    let known = VISIBILITY.iter().find(|(name, _)| *name == text);
    known.map(|(_, number)| *number).ok_or_else(|| Fault::field("visibility", "must be public, internal or restricted"))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewCollection")]
pub(super) struct New {
    #[schemars(with = "kind::Line<1, 200>")]
    name: String,
    #[schemars(extend("enum" = ["public", "internal", "restricted"]))]
    visibility: String,
    #[serde(default)]
    #[schemars(with = "Option<kind::Text<0, 2000>>")]
    description: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CollectionPatch")]
pub(super) struct Patch {
    #[schemars(with = "Option<kind::Line<1, 200>>")]
    name: Option<String>,
    #[schemars(with = "Option<kind::Visibility>")]
    visibility: Option<String>,
    #[schemars(with = "Option<kind::Text<0, 2000>>")]
    description: Option<String>,
}

pub(super) async fn list(call: Call) -> Answer {
    let mut query = call.query()?;
    let request = api::ListCollectionsRequest { cursor: query.value("cursor"), limit: query.number("limit", 1, 200) };
    query.done()?;
    let ask = || {
        let (mut documents, request) = (call.state.documents.clone(), request.clone());
        async move { documents.list_collections(request).await }
    };
    let found = idempotent(ask).await?.into_inner();
    json(StatusCode::OK, &List::new(found.items.iter().map(view).collect(), found.next_cursor, None))
}

pub(super) async fn create(call: Call, body: Body) -> Answer {
    call.require(Role::Owner)?;
    let sent = body.json::<New>().await?;
    let key = call.idempotency(&sent.raw)?;
    let request = api::CreateCollectionRequest {
        name: sent.value.name,
        description: sent.value.description.unwrap_or_default(),
        visibility: visibility(Some(&sent.value.visibility))?,
        idempotency: super::documents::key(key),
    };
    let made = call.state.documents.clone().create_collection(request).await?.into_inner();
    call.created("collections", &made.id, Some(made.revision), &view(&made))
}

pub(super) async fn get(call: Call) -> Answer {
    call.query()?.done()?;
    let ask = || {
        let (mut documents, request) =
            (call.state.documents.clone(), api::GetCollectionRequest { id: call.part("id") });
        async move { documents.get_collection(request).await }
    };
    let collection = idempotent(ask).await?.into_inner();
    call.entity(collection.revision, &view(&collection))
}

pub(super) async fn update(call: Call, body: Body) -> Answer {
    call.require(Role::Owner)?;
    let sent = body.json::<Patch>().await?.value;
    let request = api::UpdateCollectionRequest {
        id: call.part("id"),
        name: sent.name,
        description: sent.description,
        visibility: visibility(sent.visibility.as_deref())?,
        if_revision: call.if_match(),
    };
    let collection = call.state.documents.clone().update_collection(request).await?.into_inner();
    call.entity(collection.revision, &view(&collection))
}

pub(super) async fn delete(call: Call) -> Answer {
    call.require(Role::Owner)?;
    let request = api::DeleteCollectionRequest { id: call.part("id"), if_revision: call.if_match() };
    call.state.documents.clone().delete_collection(request).await?;
    no_content()
}

pub(super) async fn add_member(call: Call) -> Answer {
    call.require(Role::Owner)?;
    // Only the gateway knows who exists.
    let user = call.state.shared.store.get_user(call.id("user_id", "user")?).await?;
    let request = api::AddMemberRequest { collection_id: call.part("id"), user_id: user.id.to_string() };
    call.state.documents.clone().add_member(request).await?;
    no_content()
}

pub(super) async fn remove_member(call: Call) -> Answer {
    call.require(Role::Owner)?;
    let user = call.id("user_id", "user")?;
    let request = api::RemoveMemberRequest { collection_id: call.part("id"), user_id: user.to_string() };
    call.state.documents.clone().remove_member(request).await?;
    no_content()
}
