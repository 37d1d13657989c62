//! Pages as they look.

use actix_web::{
    HttpResponse,
    http::header::{self, HeaderValue},
};
use chassis::{Fault, grpc::idempotent};
use proto::indexer::DrawPageRequest;

use super::content::CSP;
use crate::{
    call::{Call, put},
    problem::Answer,
};

/// A version never changes, so its picture may be kept by the browser that showed it.
const OF_A_VERSION: HeaderValue = HeaderValue::from_static("private, max-age=86400, immutable");
const OF_THE_NEWEST: HeaderValue = HeaderValue::from_static("private, no-cache");
/// What a browser kept for one person is not for the next one who signs in there.
const VARY: HeaderValue = HeaderValue::from_static("Cookie, Authorization");

pub(super) async fn page(call: Call) -> Answer {
    let mut query = call.query()?;
    let (width, version) = (query.number("width", 1, 1600), query.number("version", 1, i32::MAX));
    query.done()?;
    let page = call.part("number").parse().map_err(|_| Fault::not_found("page"))?;
    draw(&call, DrawPageRequest { document_id: call.part("id"), version, page, width }).await
}

/// The picture, for whoever calls; links for people without an account show it, too.
///
/// # Errors
/// 404 also when the page has none.
pub(crate) async fn draw(call: &Call, request: DrawPageRequest) -> Answer {
    let version = request.version;
    let ask = || {
        let (mut indexer, request) = (call.state.indexer.clone(), request.clone());
        async move { indexer.draw_page(request).await }
    };
    let drawn = idempotent(ask).await?.into_inner();
    let tag = format!("\"{}\"", drawn.tag);
    let mut response = match call.has_seen(&tag) {
        true => HttpResponse::NotModified().finish(),
        false => {
            let mut response = HttpResponse::Ok().body(drawn.picture);
            put(&mut response, header::CONTENT_TYPE, &drawn.media_type);
            response
        }
    };
    put(&mut response, header::ETAG, &tag);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, if version == 0 { OF_THE_NEWEST } else { OF_A_VERSION });
    headers.insert(header::CONTENT_SECURITY_POLICY, CSP);
    headers.append(header::VARY, VARY);
    Ok(response)
}
