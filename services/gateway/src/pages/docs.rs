//! The interactive description of the API: Swagger UI, served from here, under the same policy as
//! every page.

use std::sync::{Arc, LazyLock};

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use chassis::Fault;
use maud::{DOCTYPE, html};
use utoipa_swagger_ui::{Config, serve};

use super::{Page, see};
use crate::call::Call;

static CONFIG: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::new(["/api/openapi.json"]).display_request_duration(true)));

/// To where relative addresses lead into its folder.
pub(super) async fn enter(_: Call) -> Page {
    Ok(see("/api/docs/"))
}

/// The page, and the files that it asks for.
pub(super) async fn file(call: Call) -> Page {
    let name = call.part("file");
    if name.is_empty() {
        return Ok(index());
    }
    let found = serve(&name, CONFIG.clone()).map_err(Fault::internal)?;
    let file = found.filter(|_| !name.ends_with(".html")).ok_or_else(|| Fault::not_found("file"))?;
    Ok(HttpResponse::build(StatusCode::OK)
        .insert_header((header::CONTENT_TYPE, file.content_type))
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .body(file.bytes.into_owned()))
}

fn index() -> HttpResponse {
    let whole = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "The API · Dossier" }
                link rel="stylesheet" href="swagger-ui.css";
                link rel="stylesheet" href="index.css";
            }
            body {
                main id="swagger-ui" {}
                noscript { "The description is made for programs, too: " a href="/api/openapi.json" { "openapi.json" } }
                script src="swagger-ui-bundle.js" {}
                script src="swagger-ui-standalone-preset.js" {}
                script src="swagger-initializer.js" {}
            }
        }
    };
    HttpResponse::build(StatusCode::OK)
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(whole.into_string())
}
