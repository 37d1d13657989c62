//! HTTP ↔ proto shape. What is valid, and who may do it, the services decide; here only what can be
//! refused without asking them is refused early.

mod administration;
mod collections;
mod contacts;
mod content;
pub(crate) mod documents;
mod events;
mod health;
pub(crate) mod search;
pub(crate) mod session;
mod submissions;
mod tokens;
pub(crate) mod upload;
mod users;
mod visits;

use actix_web::{
    HttpResponse, Resource,
    guard::{Any, Get, Head},
    http::header,
    web::{self, ServiceConfig},
};

use crate::problem::Problem;

/// Methods of one path: each with its handler, HEAD with GET, the rest 405.
macro_rules! at {
    ($config:expr, $path:expr, $allow:literal, $($method:ident => $handler:expr),+ $(,)?) => {
        $config.service(otherwise(web::resource($path)$(.route(crate::routes::method::$method().to($handler)))+, $allow))
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

/// The API's routing table, under `/api/v1`.
pub(crate) fn api(c: &mut ServiceConfig) {
    at!(c, "/health/live", "GET, HEAD", get => health::live);
    at!(c, "/health/ready", "GET, HEAD", get => health::ready);

    at!(c, "/submissions", "GET, HEAD, POST", get => submissions::list, post => submissions::submit);
    at!(c, "/submissions/{id}", "GET, HEAD, PATCH, DELETE",
        get => submissions::get, patch => submissions::update, delete => submissions::delete);
    at!(c, "/contacts", "GET, HEAD, POST", get => contacts::list, post => contacts::create);
    at!(c, "/contacts/{id}", "GET, HEAD, PATCH, DELETE",
        get => contacts::get, patch => contacts::update, delete => contacts::delete);
    at!(c, "/visits", "GET, HEAD, POST", get => visits::series, post => visits::count);

    at!(c, "/collections", "GET, HEAD, POST", get => collections::list, post => collections::create);
    at!(c, "/collections/{id}", "GET, HEAD, PATCH, DELETE",
        get => collections::get, patch => collections::update, delete => collections::delete);
    at!(c, "/collections/{id}/members/{user_id}", "PUT, DELETE",
        put => collections::add_member, delete => collections::remove_member);

    at!(c, "/documents", "GET, HEAD, POST",
        head => documents::has, get => documents::list, post => documents::create);
    at!(c, "/documents/{id}", "GET, HEAD, PATCH, DELETE",
        get => documents::get, patch => documents::update, delete => documents::delete);
    at!(c, "/documents/{id}/content", "GET, HEAD", get => content::read);
    at!(c, "/documents/{id}/text", "GET, HEAD", get => documents::text);
    at!(c, "/documents/{id}/events", "GET, HEAD", get => events::watch);
    at!(c, "/documents/{id}/versions", "GET, HEAD, POST",
        get => documents::versions, post => documents::create_version);
    at!(c, "/documents/{id}/restore", "POST", post => documents::restore);
    at!(c, "/documents/{id}/reprocess", "POST", post => documents::reprocess);

    at!(c, "/search", "GET, HEAD", get => search::query);
    at!(c, "/search/suggest", "GET, HEAD", get => search::suggest);
    at!(c, "/search/{query_id}/click", "POST", post => search::click);

    at!(c, "/session", "GET, HEAD, POST, DELETE",
        get => session::get, post => session::create, delete => session::delete);
    at!(c, "/tokens", "GET, HEAD, POST", get => tokens::list, post => tokens::create);
    at!(c, "/tokens/{id}", "DELETE", delete => tokens::delete);
    at!(c, "/users", "GET, HEAD, POST", get => users::list, post => users::create);
    at!(c, "/users/{id}", "GET, HEAD, PATCH, DELETE",
        get => users::get, patch => users::update, delete => users::delete);
    at!(c, "/audit", "GET, HEAD", get => administration::audit);
    at!(c, "/index", "GET, HEAD", get => administration::index);
}
