//! Every call of the API, once: its path, its methods, who handles it, and what it takes and answers.

use actix_web::web::ServiceConfig;
use chassis::Role::{Editor, Owner, Viewer};
use serde_json::json;

use super::{
    administration, analytics, at, bundle, collections, contacts, content, documents, events, health, index, links,
    merges, pictures, saved, search, session, sessions, shares, submissions, timeline, tokens, totp, transfer, upload,
    upload_links, users, visits, webhooks,
};
use crate::openapi::{
    Operation, Parameter,
    kind::{Day, Exact, Id, Line, Sha256, Words},
};

/// One path of the API, as its description has it.
pub(crate) struct Described {
    pub(crate) path: &'static str,
    /// By method in lower case.
    pub(crate) operations: Vec<(&'static str, Operation)>,
}

/// The routing table and its description from the same lines.
macro_rules! table {
    ($($path:literal ($allow:literal) { $($method:ident $handler:path => $text:literal $(.$say:ident$(::<$t:ty>)?($($argument:expr),* $(,)?))+;)+ })+) => {
        /// The API's routing table, under `/api/v1`.
        pub(crate) fn api(c: &mut ServiceConfig) {
            $(at!(c, $path, $allow, $($method => $handler),+);)+
        }

        /// The same, described.
        pub(crate) fn described() -> Vec<Described> {
            vec![$(Described {
                path: $path,
                operations: vec![$((
                    stringify!($method),
                    Operation::new($text)$(.$say$(::<$t>)?($($argument),*))+,
                )),+],
            }),+]
        }
    };
}

table! {
    "/health/live" ("GET, HEAD") {
        get health::live => "Whether the process lives".answers::<health::Live>();
    }
    "/health/ready" ("GET, HEAD") {
        get health::ready => "Whether it can do its work, and how each dependency is"
            .answers::<health::Ready>().also::<health::Ready>(503, "It cannot work at present");
    }
    "/submissions" ("GET, HEAD, POST") {
        get submissions::list => "The inbox"
            .needs(Viewer)
            .query([
                Parameter::one_of("status", "Only these", &["new", "read", "archived", "spam"]),
                Parameter::query::<Id>("contact_id", "Only from this contact"),
                Parameter::query::<Line<0, 200>>("q", "Part of a name, an address, a subject or a message"),
                sort(&["created_at"]),
                count(),
            ])
            .page_of::<submissions::Submission>();
        post submissions::submit => "Sends the contact form; anybody may"
            .takes::<submissions::New>().or_form::<submissions::Form>()
            .creates::<submissions::Submitted>()
            .also_bytes(200, "Thanks, as a page, for a form that names no `next`", "text/html", json!({"type": "string"}), &[])
            .also_nothing(303, "To the page of this site that a form names as `next`", &["Location"])
            .limited().open_to_sites();
    }
    "/submissions/{id}" ("GET, HEAD, PATCH, DELETE") {
        get submissions::get => "One submission".needs(Viewer).entity::<submissions::Submission>();
        patch submissions::update => "Changes its status"
            .needs(Editor).takes::<submissions::Patch>().changes::<submissions::Submission>();
        delete submissions::delete => "Removes it".needs(Editor).conditional().nothing();
    }
    "/contacts" ("GET, HEAD, POST") {
        get contacts::list => "Contacts, found by part of name, address or company, tag or metadata"
            .needs(Viewer)
            .query([
                Parameter::query::<Line<0, 200>>("q", "Part of a name, an address or a company; forgives typos"),
                Parameter::query::<Line<0, 200>>("tag", "With this tag"),
                sort(&["created_at", "updated_at", "name"]),
                count(),
            ])
            .page_of::<contacts::Contact>();
        post contacts::create => "Makes a contact"
            .needs(Editor).takes::<contacts::New>().creates::<contacts::Contact>();
    }
    "/contacts/export" ("GET, HEAD") {
        get transfer::export => "All contacts, the oldest first, as a file"
            .needs(Viewer)
            .query([Parameter::one_of("format", "CSV (no cell of it is a formula) unless said; vCard is 4.0", &["csv", "ndjson", "vcard"])])
            .also_bytes(200, "The file", "*/*", json!({"type": "string"}), &["Content-Disposition"]);
    }
    "/contacts/import" ("POST") {
        post transfer::import => "Brings in a CSV file with headings (name, email, phone, company, tags; others become metadata), or vCards of any version. The same file again changes nothing"
            .needs(Editor)
            .query([Parameter::query::<bool>("dry_run", "Says what each row would do, and changes nothing")])
            .takes_bytes("text/csv", json!({"type": "string", "examples": ["name,email\nAnn,ann@example.org\n"]}))
            .takes_bytes("text/vcard", json!({"type": "string", "examples": ["BEGIN:VCARD\nVERSION:4.0\nFN:Ann\nEMAIL:ann@example.org\nEND:VCARD\n"]}))
            .idempotent()
            .also_with::<transfer::Imported>(200, "What each row did, or would do", &["Idempotency-Replayed"])
            .may_fail(&[408, 413, 415, 422]);
    }
    "/contacts/tags" ("GET, HEAD") {
        get contacts::tags => "The tags that contacts have, the most frequent first, at most 200"
            .needs(Viewer).answers::<contacts::Tags>();
    }
    "/contacts/merges/{id}/undo" ("POST") {
        post merges::undo => "Makes two contacts of a merged one again: the first as it was, with what came to its address since; the other without what it took and nobody changed. The same again changes nothing"
            .needs(Editor)
            .idempotent()
            .also_with::<merges::Merge>(200, "They are two again", &["Idempotency-Replayed"]);
    }
    "/contacts/{id}" ("GET, HEAD, PATCH, DELETE") {
        get contacts::get => "One contact".needs(Viewer).entity::<contacts::Contact>();
        patch contacts::update => "Changes the fields that are given; `metadata` is merged (RFC 7396)"
            .needs(Editor).takes::<contacts::Patch>().changes::<contacts::Contact>().may_fail(&[409]);
        delete contacts::delete => "Removes it and its submissions".needs(Editor).conditional().nothing();
    }
    "/contacts/{id}/merge" ("POST") {
        post merges::merge => "Makes it part of another contact, which takes what it has none of; `POST /contacts/merges/{id}/undo` undoes it. The same again answers the same"
            .needs(Editor)
            .query([Parameter::query::<bool>("dry_run", "Says what would happen, and changes nothing")])
            .takes::<merges::New>()
            .idempotent()
            .also_with::<merges::Merge>(200, "They are one, or would be", &["Idempotency-Replayed"]);
    }
    "/contacts/{id}/timeline" ("GET, HEAD") {
        get timeline::list => "What it sent, what was done, and the documents that name it, the newest first"
            .needs(Viewer).page_of::<timeline::Shown>();
    }
    "/contacts/{id}/documents" ("GET, HEAD") {
        get links::documents => "Documents that name the contact by address, telephone or full name, the newest first"
            .needs(Viewer).page_of::<links::LinkedDocument>();
    }
    "/contacts/{id}/documents/{document_id}" ("PUT, DELETE") {
        put links::confirm => "Says that they belong together, whether the document names the contact or not"
            .needs(Editor).nothing();
        delete links::refuse => "Says that they have nothing to do with each other".needs(Editor).nothing();
    }
    "/contacts/{id}/upload-links" ("GET, HEAD, POST") {
        get upload_links::list => "Links by which the contact hands in documents, the newest first"
            .needs(Editor).page_of::<upload_links::UploadLink>();
        post upload_links::create => "Makes a link by which the contact, without an account, hands in documents; it is shown this once"
            .needs(Editor).may_take::<upload_links::New>().creates::<upload_links::UploadLink>();
    }
    "/upload-links/{id}" ("DELETE") {
        delete upload_links::delete => "Ends an upload link; what came by it stays".needs(Editor).nothing();
    }
    "/visits" ("GET, HEAD, POST") {
        get visits::series => "Visits and bots by day"
            .needs(Viewer)
            .query([
                Parameter::query::<Day>("from", "The first day; 29 days before the last unless said"),
                Parameter::query::<Day>("to", "The last day; today (UTC) unless said"),
                Parameter::one_of("by", "The only step there is", &["day"]),
            ])
            .answers::<visits::Visits>();
        post visits::count => "Counts a visit; anybody may"
            .may_take::<visits::Visit>().answers::<visits::Count>().limited().open_to_sites();
    }
    "/collections" ("GET, HEAD, POST") {
        get collections::list => "Collections that the caller may see".page_of::<collections::Collection>();
        post collections::create => "Makes a collection"
            .needs(Owner).takes::<collections::New>().creates::<collections::Collection>();
    }
    "/collections/{id}" ("GET, HEAD, PATCH, DELETE") {
        get collections::get => "One collection".entity::<collections::Collection>();
        patch collections::update => "Changes the fields that are given"
            .needs(Owner).takes::<collections::Patch>().changes::<collections::Collection>().may_fail(&[409]);
        delete collections::delete => "Removes it when it is empty"
            .needs(Owner).conditional().nothing().may_fail(&[409]);
    }
    "/collections/{id}/members/{user_id}" ("PUT, DELETE") {
        put collections::add_member => "Lets somebody see a restricted collection".needs(Owner).nothing();
        delete collections::remove_member => "Ends that".needs(Owner).nothing();
    }
    "/documents" ("GET, HEAD, POST") {
        head documents::has => "Whether these bytes are here already, as far as the caller may see"
            .query([Parameter::query::<Sha256>("sha256", "Of the bytes").required()])
            .nothing().may_fail(&[404]);
        get documents::list => "Documents, without their insights"
            .query([
                Parameter::query::<Id>("collection_id", "Only of this collection"),
                Parameter::query::<Id>("parent_id", "Only what is attached to this one"),
                Parameter::one_of("status", "Only these", &["pending", "processing", "ready", "failed"]),
                Parameter::query::<Line<0, 200>>("media_type", "Only of this type"),
                Parameter::query::<Line<0, 50>>("tag", "With this tag"),
                Parameter::query::<Line<0, 20>>("language", "In this language"),
                Parameter::query::<bool>("trashed", "Those in the trash instead"),
                sort(&["created_at", "updated_at", "title", "size"]),
                count(),
            ])
            .page_of::<documents::Document>();
        post documents::create => "Uploads a document as multipart/form-data or as a raw body"
            .needs(Editor)
            .query(upload::parameters())
            .header::<Sha256>("X-Checksum-Sha256", "What the bytes must be; otherwise 422, and nothing is kept")
            .takes_bytes("multipart/form-data", upload::form())
            .takes_bytes("application/octet-stream", json!({"type": "string", "format": "binary"}))
            .creates::<documents::Document>()
            .also::<documents::Document>(200, "Known already: this is it, with `duplicate: true`")
            .may_fail(&[404, 408, 413, 415, 507]);
    }
    "/documents/{id}" ("GET, HEAD, PATCH, DELETE") {
        get documents::get => "One document, with its insights".entity::<documents::Document>();
        patch documents::update => "Changes the fields that are given; `metadata` is merged (RFC 7396)"
            .needs(Editor).takes::<documents::Patch>().changes::<documents::Document>().may_fail(&[409, 422]);
        delete documents::delete => "To the trash; with purge=true, out of it for good"
            .needs(Editor)
            .query([Parameter::query::<bool>("purge", "What is in the trash is removed for good")])
            .conditional().nothing().may_fail(&[409]);
    }
    "/documents/{id}/content" ("GET, HEAD") {
        get content::read => "The bytes, or a range of them"
            .query([Parameter::number("version", "Not the newest but this one", 1, i32::MAX)])
            .header::<String>("Range", "One range of bytes (RFC 9110)")
            .header::<String>("If-Range", "The range is only wanted of these bytes")
            .header::<String>("If-None-Match", "The `ETag` that is known already")
            .also_bytes(200, "The bytes", "*/*", json!({"type": "string", "format": "binary"}), &["ETag", "Content-Disposition", "Accept-Ranges"])
            .also_bytes(206, "Part of them", "*/*", json!({"type": "string", "format": "binary"}), &["ETag", "Content-Disposition", "Content-Range"])
            .also_nothing(304, "You have them", &["ETag"])
            .may_fail(&[416]);
    }
    "/documents/{id}/pages/{number}/picture" ("GET, HEAD") {
        get pictures::page => "A page as it looks; of PDFs and pictures, whose only page is the first"
            .query([
                Parameter::number("width", "At most as wide as the next of 200, 400, 800 and 1600 pixels, and twice as high; 400 unless said", 1, 1600),
                Parameter::number("version", "Not the newest but this one; its picture may be kept without asking again", 1, i32::MAX),
            ])
            .header::<String>("If-None-Match", "The `ETag` that is known already")
            .also_bytes(200, "The picture", "image/*", json!({"type": "string", "format": "binary"}), &["ETag", "Cache-Control"])
            .also_nothing(304, "You have it", &["ETag", "Cache-Control"]);
    }
    "/documents/{id}/text" ("GET, HEAD") {
        get documents::text => "The text, by page"
            .query([Parameter::number("page", "Only this page", 1, i32::MAX)])
            .answers::<documents::Text>().may_fail(&[409]);
    }
    "/documents/{id}/events" ("GET, HEAD") {
        get events::watch => "What happens to it, as server-sent events, until it is ready or failed"
            .header::<String>("Last-Event-Id", "The last event that was seen")
            .also_bytes(200, "Events: `id`, `event` (the stage) and `data` (JSON with `stage`, `version`, `detail`, `at`)", "text/event-stream", json!({"type": "object", "required": ["id", "event", "data"], "properties": {"id": {"type": "string"}, "event": {"type": "string"}, "data": {"type": "string"}}}), &[]);
    }
    "/documents/{id}/versions" ("GET, HEAD, POST") {
        get documents::versions => "Its versions, the newest first".answers::<documents::Versions>();
        post documents::create_version => "Uploads a new version"
            .needs(Editor)
            .query(upload::parameters())
            .header::<Sha256>("X-Checksum-Sha256", "What the bytes must be; otherwise 422, and nothing is kept")
            .takes_bytes("multipart/form-data", upload::form())
            .takes_bytes("application/octet-stream", json!({"type": "string", "format": "binary"}))
            .creates::<documents::Document>()
            .also::<documents::Document>(200, "These are the bytes that it has already")
            .may_fail(&[408, 413, 415, 507]);
    }
    "/documents/{id}/contacts" ("GET, HEAD") {
        get links::contacts => "Contacts that the document names, at most 200"
            .needs(Viewer).answers::<links::LinkedContacts>();
    }
    "/documents/{id}/shares" ("GET, HEAD, POST") {
        get shares::list => "Links to the document for people without an account, the newest first"
            .needs(Editor).page_of::<shares::Share>();
        post shares::create => "Makes a link to this document for people without an account; it is shown this once"
            .needs(Editor).may_take::<shares::New>().creates::<shares::Share>();
    }
    "/shares/{id}" ("DELETE") {
        delete shares::delete => "Ends a share link".needs(Editor).nothing();
    }
    "/documents/{id}/restore" ("POST") {
        post documents::restore => "Out of the trash".needs(Editor).also::<documents::Document>(200, "It is back").may_fail(&[409]);
    }
    "/documents/{id}/reprocess" ("POST") {
        post documents::reprocess => "Reads it again".needs(Editor).accepts::<documents::Document>().may_fail(&[409]);
    }
    "/documents/{id}/unlock" ("POST") {
        post documents::unlock => "Reads a document that waits for a password with it; the password is kept nowhere"
            .needs(Editor).takes::<documents::Password>().accepts::<documents::Document>().may_fail(&[409, 422]);
    }
    "/search" ("GET, HEAD") {
        get search::query => "Finds pages"
            .query([
                Parameter::query::<Words>("q", "Words, \"exact phrases\", -without; the last word may be a beginning; typos are forgiven"),
                Parameter::number("limit", "Hits; 20 unless said", 1, 100),
                Parameter::number("offset", "Hits to skip", 0, 1000),
                Parameter::query::<Id>("collection_id", "Only in this collection"),
                Parameter::query::<Exact>("language", "Only in this language"),
                Parameter::query::<Exact>("media_type", "Only of this type"),
                Parameter::query::<Exact>("tag", "Only with this tag"),
                Parameter::query::<Id>("contact_id", "Only what names this contact; for those who may read contacts"),
                Parameter::query::<Day>("from", "Added on this day (UTC) or at this time, or later"),
                Parameter::query::<Day>("to", "Added on this day (UTC) or at this time, or before"),
                Parameter::one_of("sort", "By when documents were added; with `-`, the newest first. The best first unless said", &["created_at", "-created_at"]),
                Parameter::query::<search::Facets>("facets", "What is counted besides, separated by commas"),
            ])
            .answers::<search::Found>().may_fail(&[401, 403]);
    }
    "/search/suggest" ("GET, HEAD") {
        get search::suggest => "Completes what is typed"
            .query([
                Parameter::query::<Words>("q", "The beginning"),
                Parameter::number("limit", "Completions", 1, 10),
            ])
            .answers::<search::Suggestions>();
    }
    "/search/{query_id}/click" ("POST") {
        post search::click => "Notes which hit was opened".takes::<search::Click>().nothing();
    }
    "/saved-searches" ("GET, HEAD, POST") {
        get saved::list => "The searches that one has saved, the newest first; nobody else sees them"
            .signed_in().page_of::<saved::SavedSearch>();
        post saved::create => "Saves a search under a name that one has not used yet; at most 100"
            .signed_in().takes::<saved::New>().creates::<saved::SavedSearch>();
    }
    "/saved-searches/{id}" ("DELETE") {
        delete saved::delete => "Removes a saved search".signed_in().nothing();
    }
    "/session" ("GET, HEAD, POST, PATCH, DELETE") {
        get session::get => "Who is calling".signed_in().answers::<session::Session>();
        post session::create => "Signs in"
            .takes::<session::SignIn>()
            .also::<session::Session>(201, "Signed in; the cookie is set").may_fail(&[403]).limited();
        patch session::update => "Changes what one decides about oneself"
            .signed_in().takes::<session::Patch>().answers::<session::Session>().may_fail(&[422]);
        delete session::delete => "Signs out".signed_in().nothing();
    }
    "/session/password" ("POST") {
        post session::password => "A new password for whoever knows the old one; other sessions end, and the cookie changes"
            .signed_in().takes::<session::NewPassword>().nothing().limited();
    }
    "/sessions" ("GET, HEAD, DELETE") {
        get sessions::list => "Where one is signed in, the newest first".signed_in().page_of::<sessions::Session>();
        delete sessions::delete_others => "Ends all of one's sessions but the one that asks".signed_in().nothing();
    }
    "/sessions/{id}" ("DELETE") {
        delete sessions::delete => "Ends one of one's sessions".signed_in().nothing();
    }
    "/session/totp" ("GET, HEAD, POST") {
        get totp::get => "Whether signing in takes a code of an authenticator app (RFC 6238)"
            .signed_in().answers::<totp::State>();
        post totp::create => "Makes a secret for the app; it is shown this once, and not in use until confirmed"
            .signed_in().takes::<totp::Again>().answers::<totp::Begun>().may_fail(&[409]).limited();
    }
    "/session/totp/confirm" ("POST") {
        post totp::confirm => "Takes a first code of the app; from then on signing in takes one. Other sessions end, and the cookie changes"
            .signed_in().takes::<totp::Code>().answers::<totp::Codes>().may_fail(&[404, 409, 422]).limited();
    }
    "/session/totp/disable" ("POST") {
        post totp::disable => "Signing in takes no code any more"
            .signed_in().takes::<totp::Again>().nothing().may_fail(&[404]).limited();
    }
    "/tokens" ("GET, HEAD, POST") {
        get tokens::list => "One's own API tokens".signed_in().page_of::<tokens::Token>();
        post tokens::create => "Makes a token; it is shown this once"
            .signed_in().takes::<tokens::New>().creates::<tokens::Token>();
    }
    "/tokens/{id}" ("DELETE") {
        delete tokens::delete => "Revokes a token; owners revoke anybody's".signed_in().nothing();
    }
    "/users" ("GET, HEAD, POST") {
        get users::list => "Users".needs(Owner).page_of::<users::User>();
        post users::create => "Makes a user; without a password, somebody who chooses one by the link that is shown this once"
            .needs(Owner).takes::<users::New>().creates::<users::User>().may_fail(&[422]);
    }
    "/users/{id}" ("GET, HEAD, PATCH, DELETE") {
        get users::get => "One user".needs(Owner).entity::<users::User>();
        patch users::update => "Changes the fields that are given"
            .needs(Owner).takes::<users::Patch>().changes::<users::User>().may_fail(&[409, 422]);
        delete users::delete => "Removes a user".needs(Owner).conditional().nothing().may_fail(&[409]);
    }
    "/users/{id}/invitation" ("POST") {
        post users::invite => "Makes a link by which somebody chooses a password; shown this once, good once and for seven days"
            .needs(Owner).also::<users::Invitation>(201, "Made; those before are not good any more").may_fail(&[409]);
    }
    "/users/{id}/totp" ("DELETE") {
        delete totp::delete => "Removes the second factor of somebody who has lost it".needs(Owner).nothing();
    }
    "/webhooks" ("GET, HEAD, POST") {
        get webhooks::list => "Other systems that are told what happens".needs(Owner).page_of::<webhooks::Webhook>();
        post webhooks::create => "Tells another system from now on, signed as Standard Webhooks has it; the secret is shown this once. `submission.created` brings the submission, `document.ready`, `document.failed` and `document.deleted` (into the trash) bring `document_id`, `collection_id`, `version` and `failure.code`"
            .needs(Owner).takes::<webhooks::New>().creates::<webhooks::Webhook>();
    }
    "/webhooks/{id}" ("GET, HEAD, PATCH, DELETE") {
        get webhooks::get => "One webhook".needs(Owner).entity::<webhooks::Webhook>();
        patch webhooks::update => "Changes the fields that are given"
            .needs(Owner).takes::<webhooks::Patch>().changes::<webhooks::Webhook>();
        delete webhooks::delete => "Removes it, what waits for it, and its log".needs(Owner).conditional().nothing();
    }
    "/webhooks/{id}/test" ("POST") {
        post webhooks::test => "Sends it `webhook.test`; the log says how that went"
            .needs(Owner).accepts::<webhooks::Delivery>();
    }
    "/webhooks/{id}/deliveries" ("GET, HEAD") {
        get webhooks::deliveries => "What was sent to it and what waits, of the last 30 days"
            .needs(Owner).page_of::<webhooks::Delivery>();
    }
    "/audit" ("GET, HEAD") {
        get administration::audit => "What happened to users, sessions and tokens"
            .needs(Owner)
            .query([
                Parameter::query::<Id>("actor", "Only what this user did"),
                Parameter::query::<Id>("subject", "Only what happened to this"),
                Parameter::query::<Exact>("action", "Only this, such as `session.created`; with a dot at the end, all that begin so"),
                Parameter::query::<Day>("from", "On this day (UTC) or later"),
                Parameter::query::<Day>("to", "On this day (UTC) or before"),
            ])
            .page_of::<administration::Entry>();
    }
    "/export" ("GET, HEAD") {
        get bundle::export => "Everything in one file, which any later release brings in: records, files, and a manifest; without passwords and keys"
            .needs(Owner)
            .also_bytes(200, "A tar archive, as it is read; without its `manifest.json`, the last entry, it is not whole", "application/x-tar", json!({"type": "string", "format": "binary"}), &["Content-Disposition"]);
    }
    "/import" ("GET, HEAD, POST") {
        get bundle::state => "How the import is going that this process is at, or how its last one went"
            .needs(Owner).answers::<bundle::Import>().may_fail(&[404]);
        post bundle::import => "Brings in what is missing of an export, with its ids; what is there stays as it is, so the same file again changes nothing; `application/x-tar` is taken as well"
            .needs(Owner)
            .query([Parameter::query::<bool>("dry_run", "Checks the whole file and says what would happen, and changes nothing")])
            .takes_bytes("application/octet-stream", json!({"type": "string", "format": "binary"}))
            .answers::<bundle::Import>()
            .may_fail(&[408, 409, 413, 415, 422, 507]);
    }
    "/index" ("GET, HEAD") {
        get index::get => "The state of the search index, and of a rebuild".needs(Owner).answers::<index::Index>();
    }
    "/index/rebuild" ("POST") {
        post index::build => "Builds the search index again, while the old one goes on answering"
            .needs(Owner).also_nothing(202, "It begins; `GET /index` shows how far it is", &[]).may_fail(&[409]);
    }
    "/index/verify" ("POST") {
        post index::verify => "Compares the search index with the documents; differences are then mended"
            .needs(Owner).answers::<index::Differences>().may_fail(&[409]);
    }
    "/index/synonyms" ("GET, HEAD, PUT") {
        get index::list_synonyms => "Words that stand for others".needs(Editor).answers::<index::Synonyms>();
        put index::put_synonym => "Sets what is found as well for one word; no others, and it is removed"
            .needs(Editor).takes::<index::Synonym>().answers::<index::Synonyms>();
    }
    "/analytics/overview" ("GET, HEAD") {
        get analytics::overview => "What happened by day: visits, submissions, uploads, searches"
            .needs(Editor).query(days()).answers::<analytics::Overview>().may_fail(&[422]);
    }
    "/analytics/contacts" ("GET, HEAD") {
        get analytics::contacts => "Contacts, the documents that name them, and the searches that found these"
            .needs(Editor)
            .query(days())
            .query([Parameter::number("limit", "Contacts; 20 unless said", 1, 100)])
            .answers::<analytics::Contacts>().may_fail(&[422]);
    }
    "/analytics/searches" ("GET, HEAD") {
        get analytics::searches => "What was searched for most, what found nothing, which hits were opened"
            .needs(Editor)
            .query(days())
            .query([Parameter::number("limit", "Queries of each kind; 20 unless said", 1, 100)])
            .answers::<analytics::Searches>().may_fail(&[422]);
    }
}

/// `field`, or `-field` for descending.
fn sort(fields: &[&'static str]) -> Parameter {
    let both: Vec<String> = fields.iter().flat_map(|f| [(*f).to_owned(), format!("-{f}")]).collect();
    let both: Vec<&str> = both.iter().map(String::as_str).collect();
    Parameter::one_of("sort", "The order; with `-`, the other way round. Newest first unless said", &both)
}

fn count() -> Parameter {
    Parameter::query::<bool>("count", "Whether to count them all")
}

fn days() -> [Parameter; 2] {
    [
        Parameter::query::<Day>("from", "The first day; 29 days before the last unless said, 399 at most"),
        Parameter::query::<Day>("to", "The last day; today (UTC) unless said"),
    ]
}
