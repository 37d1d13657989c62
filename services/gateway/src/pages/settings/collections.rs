//! Where documents live, who may see them, and who is a member.

use actix_web::HttpResponse;
use chassis::{Role, grpc::idempotent};
use maud::{Markup, html};
use pg::PageRequest;
use proto::documents as api;

use super::{Outcome, Page, SHOWN, button, frame, see};
use crate::{
    call::{Body, Call},
    domain::User,
    problem::Problem,
    words::{Word, Words},
};

const HERE: &str = "/settings/collections";

const VISIBILITY: [(api::Visibility, &str, Word); 3] = [
    (api::Visibility::Public, "public", Words::visible_to_anybody),
    (api::Visibility::Internal, "internal", Words::visible_to_signed_in),
    (api::Visibility::Restricted, "restricted", Words::visible_to_members),
];

pub(super) async fn list(call: Call) -> Page {
    call.query()?.done()?;
    show(&call, Outcome::default()).await
}

async fn show(call: &Call, outcome: Outcome<'_>) -> Page {
    call.require(Role::Owner)?;
    let w = call.words();
    let request = api::ListCollectionsRequest { cursor: String::new(), limit: SHOWN };
    let ask = || {
        let (mut documents, request) = (call.state.documents.clone(), request.clone());
        async move { documents.list_collections(request).await }
    };
    let found = idempotent(ask).await?.into_inner().items;
    let (users, _) = call.state.shared.store.list_users(&PageRequest::parse("", SHOWN)?).await?;
    let content = html! {
        @for collection in &found { (card(w, collection, &users)) }
        section aria-labelledby="new" {
            h2 #new { (w.new_collection()) }
            form.fields #new-collection action=(HERE) method="post" {
                (fields(w, "new", "", "", api::Visibility::Internal))
                button.primary type="submit" { (w.make()) }
            }
        }
    };
    Ok(frame(call, HERE, &outcome, &content))
}

fn fields(w: Words, key: &str, name: &str, description: &str, visibility: api::Visibility) -> Markup {
    html! {
        label for={ "name-" (key) } { (w.name()) }
        input id={ "name-" (key) } name="name" value=(name) required maxlength="100" autocomplete="off";
        label for={ "description-" (key) } { (w.description()) }
        input id={ "description-" (key) } name="description" value=(description) maxlength="1000" autocomplete="off";
        label for={ "visibility-" (key) } { (w.who_may_see()) }
        select id={ "visibility-" (key) } name="visibility" {
            @for (value, text, words) in VISIBILITY { option value=(text) selected[value == visibility] { (words(w)) } }
        }
    }
}

fn card(w: Words, collection: &api::Collection, users: &[User]) -> Markup {
    let visible = VISIBILITY.iter().find(|(value, ..)| *value == collection.visibility());
    let path = format!("{HERE}/{}", collection.id);
    let is_member = |user: &User| collection.members.contains(&user.id.to_string());
    html! {
        section.card aria-labelledby={ "c-" (collection.id) } {
            h2 id={ "c-" (collection.id) } { (collection.name) }
            p { (collection.description) }
            p.quiet {
                @if let Some((.., words)) = visible { (words(w)) " · " }
                (w.documents(collection.document_count))
            }
            details {
                summary { (w.change()) span.quiet { " " (collection.name) } }
                form.fields action=(path) method="post" {
                    (fields(w, &collection.id, &collection.name, &collection.description, collection.visibility()))
                    button type="submit" { (w.save()) }
                }
                (button(&format!("{path}/remove"), w.remove_when_empty(), "danger"))
            }
            @if collection.visibility() == api::Visibility::Restricted {
                h3 { (w.members()) }
                ul.plain {
                    @for user in users.iter().filter(|user| is_member(user)) {
                        li.actions {
                            span { (user.email) }
                            form action={ (path) "/members" } method="post" {
                                input type="hidden" name="user" value=(user.id);
                                button.link name="member" value="false" type="submit" { (w.remove()) span.quiet { " " (user.email) } }
                            }
                        }
                    }
                }
                form.inline action={ (path) "/members" } method="post" {
                    label {
                        (w.add_member()) " "
                        select name="user" {
                            @for user in users.iter().filter(|user| !is_member(user)) { option value=(user.id) { (user.email) } }
                        }
                    }
                    button name="member" value="true" type="submit" { (w.add()) }
                }
            }
        }
    }
}

async fn answer(call: &Call, outcome: Result<(), tonic::Status>) -> Page {
    match outcome.map_err(Problem::from) {
        Ok(()) => Ok::<HttpResponse, Problem>(see(HERE)),
        Err(problem) => show(call, Outcome::refused(&problem)?).await,
    }
}

fn visibility(text: &str) -> i32 {
    VISIBILITY.iter().find(|(_, known, _)| *known == text).map_or(0, |(value, ..)| *value as i32)
}

pub(super) async fn create(call: Call, body: Body) -> Page {
    call.require(Role::Owner)?;
    let mut form = body.form().await?;
    let request = api::CreateCollectionRequest {
        name: form.text("name"),
        description: form.text("description"),
        visibility: visibility(&form.text("visibility")),
        idempotency: None,
    };
    form.done()?;
    let made = call.state.documents.clone().create_collection(request).await;
    answer(&call, made.map(drop)).await
}

pub(super) async fn change(call: Call, body: Body) -> Page {
    call.require(Role::Owner)?;
    let mut form = body.form().await?;
    let request = api::UpdateCollectionRequest {
        id: call.part("id"),
        name: form.get("name"),
        description: form.get("description"),
        visibility: visibility(&form.text("visibility")),
        if_revision: None,
    };
    form.done()?;
    let changed = call.state.documents.clone().update_collection(request).await;
    answer(&call, changed.map(drop)).await
}

pub(super) async fn member(call: Call, body: Body) -> Page {
    call.require(Role::Owner)?;
    let mut form = body.form().await?;
    let (user, member) = (form.text("user"), form.flag("member"));
    form.done()?;
    let user = user.parse().map_err(|_| chassis::Fault::not_found("user"))?;
    // Only the gateway knows who exists.
    let user_id = call.state.shared.store.get_user(user).await?.id.to_string();
    let (mut documents, collection_id) = (call.state.documents.clone(), call.part("id"));
    let done = match member {
        true => documents.add_member(api::AddMemberRequest { collection_id, user_id }).await.map(drop),
        false => documents.remove_member(api::RemoveMemberRequest { collection_id, user_id }).await.map(drop),
    };
    answer(&call, done).await
}

pub(super) async fn remove(call: Call) -> Page {
    call.require(Role::Owner)?;
    let request = api::DeleteCollectionRequest { id: call.part("id"), if_revision: None };
    let removed = call.state.documents.clone().delete_collection(request).await;
    answer(&call, removed.map(drop)).await
}
