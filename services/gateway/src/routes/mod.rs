//! HTTP ↔ proto shape. What is valid, and who may do it, the services decide; here only what can be
//! refused without asking them is refused early.

pub(crate) mod administration;
mod analytics;
pub(crate) mod bundle;
mod collections;
pub(crate) mod contacts;
pub(crate) mod content;
pub(crate) mod documents;
mod events;
mod health;
pub(crate) mod index;
pub(crate) mod links;
pub(crate) mod merges;
pub(crate) mod pictures;
pub(crate) mod saved;
pub(crate) mod search;
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod shares;
pub(crate) mod submissions;
pub(crate) mod timeline;
pub(crate) mod tokens;
pub(crate) mod totp;
pub(crate) mod transfer;
pub(crate) mod upload;
pub(crate) mod upload_links;
pub(crate) mod users;
mod visits;
pub(crate) mod webhooks;

mod table;

use actix_web::{
    HttpResponse, Resource,
    guard::{Any, Get, Head},
    http::header,
    web::{self, ServiceConfig},
};

pub(crate) use table::{Described, api, described};

use crate::problem::Problem;

/// Methods of one path: each with its handler, HEAD with GET, the rest 405.
macro_rules! at {
    ($config:expr, $path:expr, $allow:literal, $($method:ident => $handler:expr),+ $(,)?) => {
        $config.service(crate::routes::otherwise(actix_web::web::resource($path)$(.route(crate::routes::method::$method().to($handler)))+, $allow))
    };
}
pub(crate) use at;

/// Routes by method.
pub(crate) mod method {
    use super::{Any, Get, Head};
    use actix_web::{Route, web};

    pub(crate) fn get() -> Route {
        web::route().guard(Any(Get()).or(Head()))
    }
    pub(crate) fn head() -> Route {
        web::head()
    }
    pub(crate) fn post() -> Route {
        web::post()
    }
    pub(crate) fn put() -> Route {
        web::put()
    }
    pub(crate) fn patch() -> Route {
        web::patch()
    }
    pub(crate) fn delete() -> Route {
        web::delete()
    }
}

/// What a resource answers to methods that it does not have.
pub(crate) fn otherwise(resource: Resource, allow: &'static str) -> Resource {
    resource
        .route(
            web::method(actix_web::http::Method::OPTIONS)
                .to(move || async move { HttpResponse::NoContent().insert_header((header::ALLOW, allow)).finish() }),
        )
        .default_service(web::to(move || async move { Err::<HttpResponse, _>(Problem::method_not_allowed(allow)) }))
}

/// The description of the API.
pub(crate) fn description(c: &mut ServiceConfig) {
    at!(c, "/api/openapi.json", "GET, HEAD", get => crate::openapi::serve);
}
