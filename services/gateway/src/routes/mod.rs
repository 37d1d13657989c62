//! HTTP ↔ proto shape. What is valid, and who may do it, the services decide; here only what can be
//! refused without asking them is refused early.

mod administration;
mod analytics;
mod collections;
mod contacts;
mod content;
pub(crate) mod documents;
mod events;
mod health;
mod index;
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

/// One path of the API, as its description has it.
pub(crate) struct Described {
    pub(crate) path: &'static str,
    /// Methods in lower case, each with a sentence.
    pub(crate) operations: &'static [(&'static str, &'static str)],
}

/// The routing table and its description from the same lines.
macro_rules! table {
    ($($path:literal ($allow:literal) { $($method:ident $handler:path, $text:literal;)+ })+) => {
        /// The API's routing table, under `/api/v1`.
        pub(crate) fn api(c: &mut ServiceConfig) {
            $(at!(c, $path, $allow, $($method => $handler),+);)+
        }

        /// The same for `/api/openapi.json`.
        pub(crate) const DESCRIBED: &[Described] = &[
            $(Described { path: $path, operations: &[$((stringify!($method), $text)),+] }),+
        ];
    };
}

/// The description of the API.
pub(crate) fn description(c: &mut ServiceConfig) {
    at!(c, "/api/openapi.json", "GET, HEAD", get => crate::openapi::serve);
}

table! {
    "/health/live" ("GET, HEAD") {
        get health::live, "Whether the process lives";
    }
    "/health/ready" ("GET, HEAD") {
        get health::ready, "Whether it can do its work, and how each dependency is";
    }
    "/submissions" ("GET, HEAD, POST") {
        get submissions::list, "The inbox";
        post submissions::submit, "Sends the contact form; anybody may";
    }
    "/submissions/{id}" ("GET, HEAD, PATCH, DELETE") {
        get submissions::get, "One submission";
        patch submissions::update, "Changes its status";
        delete submissions::delete, "Removes it";
    }
    "/contacts" ("GET, HEAD, POST") {
        get contacts::list, "Contacts, found by part of name, address or company, tag or metadata";
        post contacts::create, "Makes a contact";
    }
    "/contacts/{id}" ("GET, HEAD, PATCH, DELETE") {
        get contacts::get, "One contact";
        patch contacts::update, "Changes the fields that are given";
        delete contacts::delete, "Removes it";
    }
    "/visits" ("GET, HEAD, POST") {
        get visits::series, "Visits and bots by day";
        post visits::count, "Counts a visit; anybody may";
    }
    "/collections" ("GET, HEAD, POST") {
        get collections::list, "Collections that the caller may see";
        post collections::create, "Makes a collection";
    }
    "/collections/{id}" ("GET, HEAD, PATCH, DELETE") {
        get collections::get, "One collection";
        patch collections::update, "Changes the fields that are given";
        delete collections::delete, "Removes it when it is empty";
    }
    "/collections/{id}/members/{user_id}" ("PUT, DELETE") {
        put collections::add_member, "Lets somebody see a restricted collection";
        delete collections::remove_member, "Ends that";
    }
    "/documents" ("GET, HEAD, POST") {
        head documents::has, "Whether these bytes are here already";
        get documents::list, "Documents, without their insights";
        post documents::create, "Uploads a document as multipart/form-data or as a raw body";
    }
    "/documents/{id}" ("GET, HEAD, PATCH, DELETE") {
        get documents::get, "One document";
        patch documents::update, "Changes the fields that are given";
        delete documents::delete, "To the trash; with purge=true, out of it for good";
    }
    "/documents/{id}/content" ("GET, HEAD") {
        get content::read, "The bytes, or a range of them";
    }
    "/documents/{id}/text" ("GET, HEAD") {
        get documents::text, "The text, by page";
    }
    "/documents/{id}/events" ("GET, HEAD") {
        get events::watch, "What happens to it, as server-sent events, until it is ready or failed";
    }
    "/documents/{id}/versions" ("GET, HEAD, POST") {
        get documents::versions, "Its versions";
        post documents::create_version, "Uploads a new version";
    }
    "/documents/{id}/restore" ("POST") {
        post documents::restore, "Out of the trash";
    }
    "/documents/{id}/reprocess" ("POST") {
        post documents::reprocess, "Reads it again";
    }
    "/search" ("GET, HEAD") {
        get search::query, "Finds pages";
    }
    "/search/suggest" ("GET, HEAD") {
        get search::suggest, "Completes what is typed";
    }
    "/search/{query_id}/click" ("POST") {
        post search::click, "Notes which hit was opened";
    }
    "/session" ("GET, HEAD, POST, DELETE") {
        get session::get, "Who is calling";
        post session::create, "Signs in";
        delete session::delete, "Signs out";
    }
    "/tokens" ("GET, HEAD, POST") {
        get tokens::list, "One's own API tokens";
        post tokens::create, "Makes a token; it is shown this once";
    }
    "/tokens/{id}" ("DELETE") {
        delete tokens::delete, "Revokes a token";
    }
    "/users" ("GET, HEAD, POST") {
        get users::list, "Users";
        post users::create, "Makes a user";
    }
    "/users/{id}" ("GET, HEAD, PATCH, DELETE") {
        get users::get, "One user";
        patch users::update, "Changes the fields that are given";
        delete users::delete, "Removes a user";
    }
    "/audit" ("GET, HEAD") {
        get administration::audit, "What happened to users, sessions and tokens";
    }
    "/index" ("GET, HEAD") {
        get index::get, "The state of the search index, and of a rebuild";
    }
    "/index/rebuild" ("POST") {
        post index::build, "Builds the search index again, while the old one goes on answering";
    }
    "/index/verify" ("POST") {
        post index::verify, "Compares the search index with the documents; differences are then mended";
    }
    "/index/synonyms" ("GET, HEAD, PUT") {
        get index::list_synonyms, "Words that stand for others";
        put index::put_synonym, "Sets what is found as well for one word";
    }
    "/analytics/overview" ("GET, HEAD") {
        get analytics::overview, "What happened by day: visits, submissions, uploads, searches";
    }
    "/analytics/searches" ("GET, HEAD") {
        get analytics::searches, "What was searched for most, what found nothing, which hits were opened";
    }
}
