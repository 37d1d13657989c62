//! The account with which the prober does what a user does: an editor who is a member of a restricted
//! collection, so that nobody but owners comes across what it tests with. Its token is the one that both
//! services are told, and is good for documents and searching alone.

use std::time::Duration;

use chassis::{Caller, CancellationToken, Dependency, ExposeSecret, Fault, RequestContext, Role};
use proto::documents::{self as api, documents_client::DocumentsClient};
use uuid::Uuid;

use crate::{
    config::Config,
    domain::Identity,
    error::Error,
    secret::Credential,
    state::{Channels, Shared},
};

/// Its address; the domain is one that never exists (RFC 2606).
pub(crate) const EMAIL: &str = "prober@dossier.invalid";
/// The prober looks for this name.
const COLLECTION: &str = "Self-test";
const DESCRIPTION: &str = "The system tests itself here, every minute, and removes what it tested with.";
const LIMIT: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(1);

/// Whether what this caller searches for is left out of the figures about people's searches.
pub(crate) fn is_prober(identity: Option<&Identity>) -> bool {
    identity.is_some_and(|identity| identity.email == EMAIL)
}

/// Makes the account and its collection once database and documents are there, and lets in no token but
/// this one. Without a token nothing is made, and an account that is there stays as it is: owners revoke
/// its token or disable it like anybody's.
pub(crate) async fn settle(
    config: &Config,
    shared: &Shared,
    dependency: Option<Dependency>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (Some(token), Some(dependency)) = (&config.prober_token, dependency) else { return Ok(()) };
    let Some(Credential::Token(hash)) = Credential::token(token.expose_secret()) else {
        anyhow::bail!("PROBER_TOKEN is no token: it begins with dsr_ and has fewer than 100 characters");
    };
    let documents = DocumentsClient::new(Channels::new(config)?.documents);
    loop {
        let making = async {
            let user = shared.store.settle_prober(EMAIL, &hash).await?;
            let caller = Caller::User { id: user, role: Role::Owner };
            let context = RequestContext { caller, ..RequestContext::background(LIMIT) };
            context.scope(collection(documents.clone(), user)).await
        };
        match making.await {
            Ok(()) => {
                dependency.up();
                return Ok(());
            }
            Err(error) => dependency.down(error),
        }
        if stop.run_until_cancelled(tokio::time::sleep(RETRY)).await.is_none() {
            return Ok(());
        }
    }
}

/// The one with this name, or a new one, with the account as its member.
async fn collection(mut documents: DocumentsClient<chassis::grpc::Channel>, user: Uuid) -> Result<(), Error> {
    let mut cursor = String::new();
    let id = loop {
        let page = documents.list_collections(api::ListCollectionsRequest { cursor, limit: 200 }).await;
        let page = page.map_err(refused)?.into_inner();
        if let Some(own) =
            page.items.into_iter().find(|c| c.name == COLLECTION && c.visibility() == api::Visibility::Restricted)
        {
            break own.id;
        }
        if page.next_cursor.is_empty() {
            let new = api::CreateCollectionRequest {
                name: COLLECTION.to_owned(),
                description: DESCRIPTION.to_owned(),
                visibility: api::Visibility::Restricted.into(),
                idempotency: None,
            };
            break documents.create_collection(new).await.map_err(refused)?.into_inner().id;
        }
        cursor = page.next_cursor;
    };
    let member = api::AddMemberRequest { collection_id: id, user_id: user.to_string() };
    documents.add_member(member).await.map_err(refused)?;
    Ok(())
}

fn refused(status: tonic::Status) -> Error {
    Fault::of(&status).into()
}
