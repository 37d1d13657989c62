//! Style, scripts and icon, kept in the program. Their address carries a part of their checksum, so
//! browsers may keep them for good; what they import is addressed so too.

use std::{collections::BTreeMap, sync::LazyLock};

use actix_web::{HttpResponse, http::header};
use chassis::Fault;
use flate2::Compression;
use maud::{Markup, html};
use sha2::{Digest, Sha256};

use super::{
    Page,
    layout::{gzip, takes_gzip},
};
use crate::{
    call::Call,
    words::{Language, of_scripts},
};

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// ES modules; each after those that it imports. `words.js`, which is made, stands before them all.
const SCRIPTS: [(&str, &str); 7] = [
    ("page.js", include_str!("../assets/scripts/page.js")),
    ("document.js", include_str!("../assets/scripts/document.js")),
    ("uploads.js", include_str!("../assets/scripts/uploads.js")),
    ("office.js", include_str!("../assets/scripts/office.js")),
    ("search.js", include_str!("../assets/scripts/search.js")),
    ("settings.js", include_str!("../assets/scripts/settings.js")),
    // Imports all the others; the only one that a page names.
    ("dossier.js", include_str!("../assets/scripts/dossier.js")),
];
const WORDS: &str = "words.js";
const ENTRY: &str = "dossier.js";

struct Asset {
    media_type: &'static str,
    bytes: Vec<u8>,
    pressed: Vec<u8>,
    mark: String,
}

impl Asset {
    fn new(media_type: &'static str, bytes: Vec<u8>) -> Self {
        let mark = hex::encode(&Sha256::digest(&bytes)[..8]);
        Self { media_type, pressed: gzip(&bytes, Compression::best()).unwrap_or_default(), bytes, mark }
    }
}

/// By tag of language and name.
static ASSETS: LazyLock<BTreeMap<(&str, &str), Asset>> = LazyLock::new(|| {
    let mut assets = BTreeMap::new();
    for (language, _) in Language::ALL {
        let tag = language.tag();
        let mut put = |name, media_type, bytes| assets.insert((tag, name), Asset::new(media_type, bytes));
        put("dossier.css", CSS, include_bytes!("../assets/dossier.css").to_vec());
        put("icon.svg", SVG, include_bytes!("../assets/icon.svg").to_vec());
        put(WORDS, JAVASCRIPT, of_scripts(language).into_bytes());
        for (name, source) in SCRIPTS {
            let script = addressed(source, tag, &assets);
            assets.insert((tag, name), Asset::new(JAVASCRIPT, script.into_bytes()));
        }
    }
    assets
});

/// With the addresses of what it imports.
fn addressed(source: &str, tag: &'static str, assets: &BTreeMap<(&str, &str), Asset>) -> String {
    let earlier = assets.range((tag, "")..).take_while(|((of, _), _)| *of == tag);
    earlier.fold(source.to_owned(), |text, ((_, name), asset)| {
        text.replace(&format!("\"./{name}\""), &format!("\"{}\"", address(tag, name, &asset.mark)))
    })
}

fn address(tag: &str, name: &str, mark: &str) -> String {
    format!("/assets/{tag}/{name}?v={mark}")
}

/// Where a page finds it.
pub(super) fn path(name: &str, language: Language) -> String {
    let tag = language.tag();
    address(tag, name, ASSETS.get(&(tag, name)).map_or("", |asset| asset.mark.as_str()))
}

/// The scripts of every page; all are asked for at once.
pub(super) fn modules(language: Language) -> Markup {
    html! {
        @for name in std::iter::once(WORDS).chain(SCRIPTS.iter().map(|(name, _)| *name)).filter(|name| *name != ENTRY) {
            link rel="modulepreload" href=(path(name, language));
        }
        script type="module" src=(path(ENTRY, language)) {}
    }
}

/// The sources of all scripts.
#[cfg(test)]
pub(crate) fn scripts() -> impl Iterator<Item = &'static str> {
    SCRIPTS.iter().map(|(_, source)| *source)
}

pub(super) async fn asset(call: Call) -> Page {
    serve(&call, &call.part("language"), &call.part("name"))
}

pub(super) async fn icon(call: Call) -> Page {
    serve(&call, Language::default().tag(), "icon.svg")
}

fn serve(call: &Call, tag: &str, name: &str) -> Page {
    let known = ASSETS.iter().find(|((language, known), _)| *language == tag && *known == name);
    let (_, asset) = known.ok_or_else(|| Fault::not_found("file"))?;
    let tag_of_bytes = format!("\"{}\"", asset.mark);
    let for_good = call.request.query_string().strip_prefix("v=") == Some(&asset.mark);
    let caching = if for_good { "public, max-age=31536000, immutable" } else { "public, no-cache" };
    let seen = call.has_seen(&tag_of_bytes);
    let mut response = if seen { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((header::ETAG, format!("W/{tag_of_bytes}"))).insert_header((header::CACHE_CONTROL, caching));
    response.insert_header((header::VARY, "Accept-Encoding"));
    if seen {
        return Ok(response.finish());
    }
    response.insert_header((header::CONTENT_TYPE, asset.media_type));
    match takes_gzip(&call.request) && !asset.pressed.is_empty() {
        true => Ok(response.insert_header((header::CONTENT_ENCODING, "gzip")).body(asset.pressed.as_slice())),
        false => Ok(response.body(asset.bytes.as_slice())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_imports_by_an_address_that_browsers_may_keep() {
        let entry = String::from_utf8(ASSETS[&("de", ENTRY)].bytes.clone()).unwrap();
        assert!(entry.contains(&format!("import \"{}\"", path("search.js", Language::German))), "{entry}");
        assert!(!entry.contains("\"./"), "{entry}");
    }

    #[test]
    fn a_first_visit_is_light() {
        let weight =
            |tag: &str| ASSETS.iter().filter(|((of, _), _)| *of == tag).map(|(_, a)| a.pressed.len()).sum::<usize>();
        for tag in ["en", "de"] {
            assert!(weight(tag) < 80_000, "{} bytes", weight(tag));
        }
    }
}
