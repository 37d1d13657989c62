use std::time::Duration;

use chassis::{Caller, CancellationToken, Role, grpc::caller};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use pg::{Listener, PageRequest};
use proto::documents::{self as api, documents_server::Documents, read_content_response::Part};
use tokio::sync::{broadcast, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::{Answer, Streamed, ascending, bundle, collections, id, pieces, upload};
use crate::{
    config::Limits,
    domain::{Check, range, status_name},
    error::Error,
    objects::Objects,
    store::{DocumentFilter, DocumentPatch, NoticeKey, Store},
};

/// How often those who watch look for themselves.
const POLL: Duration = Duration::from_secs(1);
/// Nobody watches longer; a client that wants to comes again.
const WATCH: Duration = Duration::from_secs(3600);
const TEXT_PAGES: i64 = 50;
/// Told of at once, at most.
const NOTICES: i64 = 1000;

/// Serves people and programs, by way of the gateway.
pub(crate) struct DocumentsApi {
    store: Store,
    objects: Objects,
    limits: Limits,
    events: Listener,
    stop: CancellationToken,
}

impl DocumentsApi {
    pub(crate) fn new(
        store: Store,
        objects: Objects,
        limits: Limits,
        events: Listener,
        stop: CancellationToken,
    ) -> Self {
        Self { store, objects, limits, events, stop }
    }
}

#[tonic::async_trait]
impl Documents for DocumentsApi {
    async fn upload(&self, request: Request<Streaming<api::UploadRequest>>) -> Answer<api::UploadResponse> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let limit = self.limits.max_document_bytes;
        let receiving = upload::receive(&self.store, &self.objects, limit, &caller, request.into_inner());
        Ok(Response::new(Box::pin(receiving).await?))
    }

    async fn find_by_hash(&self, request: Request<api::FindByHashRequest>) -> Answer<api::FindByHashResponse> {
        let caller = caller(&request);
        let mut check = Check::default();
        let sha256 = check.sha256("sha256", &request.into_inner().sha256);
        check.done().map_err(Error::from)?;
        let found = self.store.find_by_hash(&caller, &sha256).await?;
        Ok(Response::new(api::FindByHashResponse { found }))
    }

    async fn list_documents(&self, request: Request<api::ListDocumentsRequest>) -> Answer<api::ListDocumentsResponse> {
        let caller = caller(&request);
        let sent = request.into_inner();
        if sent.trashed {
            caller.require(Role::Editor)?;
        }
        let mut check = Check::default();
        let filter = DocumentFilter {
            collection: match sent.collection_id.as_str() {
                "" => None,
                text => Some(id(text, "collection")?),
            },
            parent: match sent.parent_id.as_str() {
                "" => None,
                text => Some(id(text, "document")?),
            },
            status: status_name(sent.status()),
            media_type: check.line("media_type", &sent.media_type, false, 200),
            tag: check.line("tag", &sent.tag, false, 50),
            language: check.line("language", &sent.language, false, 20),
            trashed: sent.trashed,
            sort: ascending(&sent.sort, &["created_at", "updated_at", "title", "size"])?,
        };
        check.done().map_err(Error::from)?;
        let page = PageRequest::parse(&sent.cursor, sent.limit)?;
        Ok(Response::new(self.store.list_documents(&caller, &filter, &page, sent.count).await?))
    }

    async fn get_document(&self, request: Request<api::GetDocumentRequest>) -> Answer<api::Document> {
        let caller = caller(&request);
        let id = id(&request.into_inner().id, "document")?;
        Ok(Response::new(self.store.get_document(&caller, id).await?))
    }

    async fn update_document(&self, request: Request<api::UpdateDocumentRequest>) -> Answer<api::Document> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let sent = request.into_inner();
        let mut check = Check::default();
        let patch = DocumentPatch {
            title: sent.title.map(|t| check.line("title", &t, true, 300)),
            tags: sent.tags.map(|t| check.tags(&t.values)),
            metadata: sent.metadata.map(|t| check.metadata(&t)),
            collection: sent.collection_id.map(|c| id(&c, "collection")).transpose()?,
        };
        check.done().map_err(Error::from)?;
        let id = id(&sent.id, "document")?;
        Ok(Response::new(self.store.update_document(&caller, id, patch, sent.if_revision).await?))
    }

    async fn trash_document(&self, request: Request<api::TrashDocumentRequest>) -> Answer<api::Document> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let sent = request.into_inner();
        Ok(Response::new(self.store.trash_document(&caller, id(&sent.id, "document")?, sent.if_revision).await?))
    }

    async fn restore_document(&self, request: Request<api::RestoreDocumentRequest>) -> Answer<api::Document> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let id = id(&request.into_inner().id, "document")?;
        Ok(Response::new(self.store.restore_document(&caller, id).await?))
    }

    async fn purge_document(&self, request: Request<api::PurgeDocumentRequest>) -> Answer<api::PurgeDocumentResponse> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        self.store.purge_document(&caller, id(&request.into_inner().id, "document")?).await?;
        Ok(Response::new(api::PurgeDocumentResponse {}))
    }

    async fn reprocess_document(&self, request: Request<api::ReprocessDocumentRequest>) -> Answer<api::Document> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let id = id(&request.into_inner().id, "document")?;
        Ok(Response::new(self.store.reprocess_document(&caller, id).await?))
    }

    type ReadContentStream = Streamed<api::ReadContentResponse>;

    async fn read_content(&self, request: Request<api::ReadContentRequest>) -> Answer<Self::ReadContentStream> {
        let caller = caller(&request);
        let sent = request.into_inner();
        let content = self.store.content(&caller, id(&sent.id, "document")?, sent.version.max(0)).await?;
        let mut head = content.head;
        (head.first, head.length) = range(head.size, sent.first, sent.last, sent.suffix)?;
        let bytes = u64::try_from(head.first).unwrap_or(0)..u64::try_from(head.first + head.length).unwrap_or(0);
        let head = stream::once(std::future::ready(Ok(api::ReadContentResponse { part: Some(Part::Head(head)) })));
        if sent.head_only {
            return Ok(Response::new(Box::pin(head)));
        }
        let reading = self.objects.read(&content.object_key, bytes).await.map_err(Error::from)?;
        let chunks = pieces(reading, |bytes| api::ReadContentResponse { part: Some(Part::Chunk(bytes)) });
        Ok(Response::new(Box::pin(head.chain(chunks))))
    }

    async fn get_text(&self, request: Request<api::GetTextRequest>) -> Answer<api::GetTextResponse> {
        let caller = caller(&request);
        let sent = request.into_inner();
        let limit = match (sent.page, i64::from(sent.limit)) {
            (0, 0) => TEXT_PAGES,
            (_, 0) => 1,
            (_, limit @ 1..=200) => limit,
            _ => return Err(chassis::Fault::field("limit", "must be between 1 and 200").into()),
        };
        Ok(Response::new(self.store.text(&caller, id(&sent.id, "document")?, sent.page, limit).await?))
    }

    async fn list_versions(&self, request: Request<api::ListVersionsRequest>) -> Answer<api::ListVersionsResponse> {
        let caller = caller(&request);
        let items = self.store.versions(&caller, id(&request.into_inner().id, "document")?).await?;
        Ok(Response::new(api::ListVersionsResponse { items }))
    }

    type WatchEventsStream = Streamed<api::Event>;

    async fn watch_events(&self, request: Request<api::WatchEventsRequest>) -> Answer<Self::WatchEventsStream> {
        let caller = caller(&request);
        let sent = request.into_inner();
        let id = id(&sent.id, "document")?;
        let hints = self.events.subscribe();
        let (events, settled) = self.store.events(&caller, id, sent.after).await?;
        let (sender, receiver) = mpsc::channel(16);
        let (store, stop) = (self.store.clone(), self.stop.clone());
        tokio::spawn(async move {
            let following = follow(&store, &caller, id, sent.after, (events, settled), hints, &sender);
            let _ = stop.run_until_cancelled(tokio::time::timeout(WATCH, following)).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn list_notices(&self, request: Request<api::ListNoticesRequest>) -> Answer<api::ListNoticesResponse> {
        caller(&request).require_service()?;
        let limit = i64::from(request.into_inner().limit).clamp(1, NOTICES);
        Ok(Response::new(api::ListNoticesResponse { notices: self.store.list_notices(limit).await? }))
    }

    async fn forget_notices(&self, request: Request<api::ForgetNoticesRequest>) -> Answer<api::ForgetNoticesResponse> {
        caller(&request).require_service()?;
        let notices = request.into_inner().notices;
        let keys = notices.iter().map(notice_key).collect::<Result<Vec<_>, Error>>()?;
        self.store.forget_notices(&keys).await?;
        Ok(Response::new(api::ForgetNoticesResponse {}))
    }

    async fn create_collection(&self, request: Request<api::CreateCollectionRequest>) -> Answer<api::Collection> {
        let caller = caller(&request);
        Ok(Response::new(collections::create(&self.store, &caller, request.into_inner()).await?))
    }

    async fn get_collection(&self, request: Request<api::GetCollectionRequest>) -> Answer<api::Collection> {
        let caller = caller(&request);
        let id = id(&request.into_inner().id, "collection")?;
        Ok(Response::new(self.store.get_collection(&caller, id).await?))
    }

    async fn list_collections(
        &self,
        request: Request<api::ListCollectionsRequest>,
    ) -> Answer<api::ListCollectionsResponse> {
        let caller = caller(&request);
        Ok(Response::new(collections::list(&self.store, &caller, request.into_inner()).await?))
    }

    async fn update_collection(&self, request: Request<api::UpdateCollectionRequest>) -> Answer<api::Collection> {
        let caller = caller(&request);
        Ok(Response::new(collections::update(&self.store, &caller, request.into_inner()).await?))
    }

    async fn delete_collection(
        &self,
        request: Request<api::DeleteCollectionRequest>,
    ) -> Answer<api::DeleteCollectionResponse> {
        let caller = caller(&request);
        collections::delete(&self.store, &caller, request.into_inner()).await?;
        Ok(Response::new(api::DeleteCollectionResponse {}))
    }

    async fn add_member(&self, request: Request<api::AddMemberRequest>) -> Answer<api::AddMemberResponse> {
        let caller = caller(&request);
        collections::add_member(&self.store, &caller, request.into_inner()).await?;
        Ok(Response::new(api::AddMemberResponse {}))
    }

    async fn remove_member(&self, request: Request<api::RemoveMemberRequest>) -> Answer<api::RemoveMemberResponse> {
        let caller = caller(&request);
        collections::remove_member(&self.store, &caller, request.into_inner()).await?;
        Ok(Response::new(api::RemoveMemberResponse {}))
    }

    type ExportStream = Streamed<api::ExportResponse>;

    async fn export(&self, request: Request<api::ExportRequest>) -> Answer<Self::ExportStream> {
        caller(&request).require(Role::Owner)?;
        Ok(Response::new(bundle::export(self.store.clone(), self.objects.clone())))
    }

    async fn import(&self, request: Request<Streaming<api::ImportRequest>>) -> Answer<api::ImportResponse> {
        caller(&request).require(Role::Owner)?;
        let receiving = bundle::import(&self.store, &self.objects, request.into_inner());
        Ok(Response::new(Box::pin(receiving).await?))
    }
}

/// Sends what happened, then what happens, until nothing more will or nobody listens.
async fn follow(
    store: &Store,
    caller: &Caller,
    id: Uuid,
    mut after: i64,
    first: (Vec<api::Event>, bool),
    mut hints: broadcast::Receiver<String>,
    sender: &mpsc::Sender<Result<api::Event, Status>>,
) {
    let mut read = Ok(first);
    loop {
        let (events, settled) = match read {
            Ok(read) => read,
            Err(error) => {
                let _ = sender.send(Err(Status::from(error))).await;
                return;
            }
        };
        for event in events {
            after = event.seq;
            if sender.send(Ok(event)).await.is_err() {
                return;
            }
        }
        if settled {
            return;
        }
        tokio::select! {
            () = told(&mut hints, id) => {}
            () = tokio::time::sleep(POLL) => {}
            () = sender.closed() => return,
        }
        read = store.events(caller, id, after).await;
    }
}

fn notice_key(notice: &api::Notice) -> Result<NoticeKey<'_>, Error> {
    let at = Timestamp::from_microsecond(notice.at).map_err(|_| Error::NotFound("notice"))?;
    Ok(NoticeKey { at, document: id(&notice.document_id, "notice")?, kind: &notice.kind })
}

/// Until something may have happened to this document.
async fn told(hints: &mut broadcast::Receiver<String>, id: Uuid) {
    let id = id.to_string();
    loop {
        match hints.recv().await {
            Ok(about) if about.is_empty() || about == id => return,
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => return,
            // Stopping; the poll goes on.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
