//! The other side of the one call of `Documents` that the indexer makes on behalf of people.

use std::task::{Context, Poll};

use chassis::{Caller, Fault, grpc::context};
use futures_util::{
    future::BoxFuture,
    stream::{self, BoxStream, StreamExt},
};
use proto::documents::{ContentHead, ReadContentRequest, ReadContentResponse, read_content_response::Part};
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{Service, http},
    server::{Grpc, NamedService, ServerStreamingService},
};
use tonic_prost::ProstCodec;
use uuid::Uuid;

use crate::documents::Fake;

/// `Documents/ReadContent`, and nothing else of that service.
#[derive(Clone)]
pub(crate) struct Content(pub(crate) Fake);

impl NamedService for Content {
    const NAME: &'static str = "dossier.documents.v1.Documents";
}

impl Service<http::Request<Body>> for Content {
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let known = request.uri().path().ends_with("/ReadContent");
        let service = self.clone();
        Box::pin(async move {
            match known {
                true => {
                    let codec = ProstCodec::<ReadContentResponse, ReadContentRequest>::default();
                    Ok(Grpc::new(codec).server_streaming(service, request).await)
                }
                false => Ok(Status::unimplemented("the indexer does not call this").into_http()),
            }
        })
    }
}

impl ServerStreamingService<ReadContentRequest> for Content {
    type Response = ReadContentResponse;
    type ResponseStream = BoxStream<'static, Result<ReadContentResponse, Status>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<ReadContentRequest>) -> Self::Future {
        let (caller, asked) = (context(&request).caller, request.into_inner());
        let fake = self.0.clone();
        Box::pin(async move {
            let id: Uuid = asked.id.parse().map_err(|_| Fault::not_found("document"))?;
            let call = if asked.head_only { "head" } else { "content" };
            let entry = fake.change(|state| {
                state.calls.push((call, id));
                state.entries.get(&id).cloned()
            });
            // Here only those who are signed in see anything.
            let entry = entry.filter(|_| caller != Caller::Anonymous).ok_or_else(|| Fault::not_found("document"))?;
            let head = ContentHead {
                media_type: entry.media_type,
                size: i64::try_from(entry.bytes.len()).unwrap(),
                version: entry.version,
                ..Default::default()
            };
            let chunks: Vec<_> = entry.bytes.chunks(1000).map(|chunk| Part::Chunk(chunk.to_vec().into())).collect();
            let rest = if asked.head_only { Vec::new() } else { chunks };
            let parts = std::iter::once(Part::Head(head)).chain(rest);
            let messages = parts.map(|part| Ok(ReadContentResponse { part: Some(part) })).collect::<Vec<_>>();
            Ok(Response::new(stream::iter(messages).boxed()))
        })
    }
}
