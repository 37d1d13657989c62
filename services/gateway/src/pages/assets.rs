//! Style, script and icon, kept in the program. Their address carries a part of their checksum, so
//! browsers may keep them for good.

use std::sync::LazyLock;

use actix_web::{HttpResponse, http::header};
use sha2::{Digest, Sha256};

use super::Page;
use crate::call::Call;

struct Asset {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    mark: String,
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        ("dossier.css", "text/css; charset=utf-8", &include_bytes!("../assets/dossier.css")[..]),
        ("dossier.js", "text/javascript; charset=utf-8", &include_bytes!("../assets/dossier.js")[..]),
        ("icon.svg", "image/svg+xml", &include_bytes!("../assets/icon.svg")[..]),
    ]
    .map(|(name, media_type, bytes)| Asset {
        name,
        media_type,
        bytes,
        mark: hex::encode(&Sha256::digest(bytes)[..8]),
    })
});

/// Where a page finds it.
pub(super) fn path(name: &str) -> String {
    let mark = ASSETS.iter().find(|asset| asset.name == name).map_or("", |asset| asset.mark.as_str());
    format!("/assets/{name}?v={mark}")
}

pub(super) async fn asset(call: Call) -> Page {
    serve(&call, &call.part("name"))
}

pub(super) async fn icon(call: Call) -> Page {
    serve(&call, "icon.svg")
}

fn serve(call: &Call, name: &str) -> Page {
    let asset = ASSETS.iter().find(|asset| asset.name == name).ok_or_else(|| chassis::Fault::not_found("file"))?;
    let tag = format!("\"{}\"", asset.mark);
    let for_good = call.request.query_string().strip_prefix("v=") == Some(&asset.mark);
    let caching = if for_good { "public, max-age=31536000, immutable" } else { "public, no-cache" };
    let mut response = match call.has_seen(&tag) {
        true => HttpResponse::NotModified(),
        false => HttpResponse::Ok(),
    };
    response.insert_header((header::ETAG, tag.clone())).insert_header((header::CACHE_CONTROL, caching));
    match call.has_seen(&tag) {
        true => Ok(response.finish()),
        false => Ok(response.insert_header((header::CONTENT_TYPE, asset.media_type)).body(asset.bytes)),
    }
}
