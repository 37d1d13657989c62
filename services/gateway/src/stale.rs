//! What was answered last, for when it cannot be found out anew: while the database is away, whoever is
//! known reads on, and is told how old it is.
//!
//! An answer is remembered for the session or token that got it (or for nobody in particular) and for
//! the very same question, so that nobody sees what another may. It counts as long as nothing was changed
//! through this gateway since: neither what it shows nor who may see what. So one's own changes are never
//! hidden by an older answer. Gateways tell each other once a second that something was changed, with the
//! heartbeat of [`crate::access`]; of people, sessions and tokens all hear at once. What is changed through
//! another gateway in the last second before the database goes away is told when it is back, and until then
//! [`OLDEST`] bounds it.

use std::{
    sync::atomic::{AtomicU8, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::ServiceResponse,
    http::{
        Method, StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    web::Bytes,
};
use chassis::{Caller, Role};
use maud::html;
use moka::sync::Cache;
use uuid::Uuid;

use crate::{
    domain::{Identity, Via},
    words::Words,
};

/// Older answers help nobody.
const OLDEST: Duration = Duration::from_secs(600);
/// The same answer is not kept again and again.
const FRESH: Duration = Duration::from_secs(1);
/// Larger ones are not kept.
const LARGEST: usize = 256 << 10;
/// What an entry costs besides its text.
const OVERHEAD: usize = 400;
/// How what one gateway tells the others begins.
const CHANGED: &str = "changed ";
/// What was changed, in one number.
const CONTACTS: u8 = 1;
const REST: u8 = 2;

/// What an answer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Contacts,
    Documents,
    Both,
}

impl About {
    /// `None` for what is not remembered.
    fn of(path: &str) -> Option<Self> {
        let (api, rest) = match path.strip_prefix("/api/v1") {
            Some(rest) => (true, rest),
            None => (false, path),
        };
        let parts: Vec<&str> = rest.split('/').skip(1).collect();
        match *parts.as_slice() {
            ["submissions"] | ["submissions", _] if api => Some(Self::Contacts),
            ["visits"] if api => Some(Self::Contacts),
            ["contacts"] => Some(Self::Contacts),
            ["contacts", id] if api && !matches!(id, "export" | "import") => Some(Self::Contacts),
            ["contacts", _, "documents"] if api => Some(Self::Both),
            ["documents"] => Some(Self::Documents),
            ["documents", _] if api => Some(Self::Documents),
            ["documents", _, "text" | "versions"] if api => Some(Self::Documents),
            ["documents", _, "contacts"] if api => Some(Self::Both),
            ["collections"] | ["collections", _] if api => Some(Self::Documents),
            ["search"] | ["search", "suggest"] if api => Some(Self::Both),
            [""] | ["inbox"] | ["overview"] | ["contacts" | "documents", _] if !api => Some(Self::Both),
            _ => None,
        }
    }
}

/// How often each was changed; equal numbers: not since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    contacts: u64,
    /// And everything else, such as who may see which collection.
    rest: u64,
    people: u64,
}

impl Stamp {
    fn holds(self, now: Self, about: About) -> bool {
        let contacts = self.contacts == now.contacts || about == About::Documents;
        let rest = self.rest == now.rest || about == About::Contacts;
        contacts && rest && self.people == now.people
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct Key {
    /// Of the session or token; nil for nobody in particular.
    credential: Uuid,
    role: Option<Role>,
    words: Option<Words>,
    /// With its query.
    path: String,
}

#[derive(Clone)]
struct Remembered {
    stamp: Stamp,
    at: Instant,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

/// A question that is being asked anew.
pub(crate) struct Question {
    key: Key,
    about: About,
    stamp: Stamp,
}

/// What was answered last.
pub(crate) struct Stale {
    answers: Option<Cache<Key, Remembered>>,
    contacts: AtomicU64,
    rest: AtomicU64,
    /// Who tells it, so that nobody listens to themselves.
    name: Uuid,
    /// What the other gateways have not been told.
    untold: AtomicU8,
}

impl Stale {
    /// `bytes` at most; 0 remembers nothing.
    pub(crate) fn new(bytes: u64) -> Self {
        let weigh = |key: &Key, answer: &Remembered| {
            u32::try_from(OVERHEAD + key.path.len() + answer.body.len()).unwrap_or(u32::MAX)
        };
        let answers =
            (bytes > 0).then(|| Cache::builder().max_capacity(bytes).weigher(weigh).time_to_live(OLDEST).build());
        Self {
            answers,
            contacts: AtomicU64::new(0),
            rest: AtomicU64::new(0),
            name: Uuid::now_v7(),
            untold: AtomicU8::new(0),
        }
    }

    fn stamp(&self, people: u64) -> Stamp {
        Stamp { contacts: self.contacts.load(Ordering::Acquire), rest: self.rest.load(Ordering::Acquire), people }
    }

    /// Before it is asked; `people` counts what changed about those who may come in.
    pub(crate) fn ask(
        &self,
        request: &HttpRequest,
        caller: Caller,
        identity: Option<&Identity>,
        people: u64,
    ) -> Option<Question> {
        if self.answers.is_none() || *request.method() != Method::GET {
            return None;
        }
        let (path, query) = (request.path(), request.query_string());
        let about = About::of(path)?;
        let credential = identity.map_or(Uuid::nil(), |who| match who.via {
            Via::Session(id) | Via::Token(id, _) => id,
        });
        // The API speaks one language.
        let words = if path.starts_with("/api/") { None } else { Some(Words::of(request)) };
        let path = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        let key = Key { credential, role: caller.role(), words, path };
        Some(Question { key, about, stamp: self.stamp(people) })
    }

    /// After a call that may have changed something.
    pub(crate) fn changed(&self, method: &Method, path: &str, status: StatusCode, signed_in: bool) {
        // Not done for certain, or by somebody who cannot read: the form of a website, a visit.
        if method.is_safe() || status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE || !signed_in {
            return;
        }
        let call = path.strip_prefix("/api/v1").unwrap_or(path).split('/').nth(1);
        let changed = match call {
            // Which documents belong to a contact is said at the contact.
            Some("contacts" | "submissions" | "visits" | "inbox") if path.contains("/documents/") => CONTACTS | REST,
            Some("contacts" | "submissions" | "visits" | "inbox") => CONTACTS,
            Some("search") => return,
            _ => REST,
        };
        self.count(changed);
        self.untold.fetch_or(changed, Ordering::Release);
    }

    fn count(&self, changed: u8) {
        for (bit, counter) in [(CONTACTS, &self.contacts), (REST, &self.rest)] {
            if changed & bit != 0 {
                counter.fetch_add(1, Ordering::Release);
            }
        }
    }

    /// What to tell the other gateways, if anything was changed here since this was asked last.
    pub(crate) fn tell(&self) -> Option<String> {
        match self.untold.swap(0, Ordering::AcqRel) {
            0 => None,
            changed => Some(format!("{CHANGED}{} {changed}", self.name)),
        }
    }

    /// It could not be told.
    pub(crate) fn tell_again(&self) {
        self.untold.store(CONTACTS | REST, Ordering::Release);
    }

    /// Another gateway, or this one, told something; `false` when it is not about changes.
    pub(crate) fn hear(&self, told: &str) -> bool {
        let Some((name, changed)) = told.strip_prefix(CHANGED).and_then(|rest| rest.split_once(' ')) else {
            return false;
        };
        if name.parse() != Ok(self.name) {
            // What a later release may say is taken for everything.
            self.count(changed.parse().unwrap_or(CONTACTS | REST));
        }
        true
    }

    /// Remembers a good answer; instead of one that could not be given, answers what is remembered.
    pub(crate) fn settle(
        &self,
        question: Question,
        people: u64,
        response: ServiceResponse<BoxBody>,
    ) -> ServiceResponse<BoxBody> {
        let Some(answers) = &self.answers else { return response };
        match response.status() {
            StatusCode::OK => remember(answers, question, response),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                let now = self.stamp(people);
                let known = answers.get(&question.key).filter(|answer| answer.stamp.holds(now, question.about));
                match known {
                    Some(answer) => {
                        let words = Words::of(response.request());
                        response.into_response(answer.again(words))
                    }
                    None => response,
                }
            }
            _ => response,
        }
    }
}

fn remember(
    answers: &Cache<Key, Remembered>,
    question: Question,
    response: ServiceResponse<BoxBody>,
) -> ServiceResponse<BoxBody> {
    let known = answers.get(&question.key);
    if known.is_some_and(|answer| answer.stamp == question.stamp && answer.at.elapsed() < FRESH) {
        return response;
    }
    let (request, response) = response.into_parts();
    let (head, body) = response.into_parts();
    // What is streamed is not in one piece.
    let body = match body.try_into_bytes() {
        Ok(body) => body,
        Err(body) => return ServiceResponse::new(request, head.set_body(body)),
    };
    if body.len() <= LARGEST {
        let headers = head.headers().iter().filter(|(name, _)| **name != header::SET_COOKIE);
        let headers = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
        let answer = Remembered { stamp: question.stamp, at: Instant::now(), headers, body: body.clone() };
        answers.insert(question.key, answer);
    }
    ServiceResponse::new(request, head.set_body(BoxBody::new(body)))
}

impl Remembered {
    fn again(&self, words: Words) -> HttpResponse {
        metrics::counter!("gateway_stale_answers_total").increment(1);
        let age = self.at.elapsed().as_secs();
        let mut response = HttpResponse::Ok();
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response.insert_header((header::AGE, age));
        response.insert_header((header::WARNING, r#"110 - "Response is Stale""#));
        let page = self
            .headers
            .iter()
            .any(|(name, value)| *name == header::CONTENT_TYPE && value.as_bytes().starts_with(b"text/html"));
        response.body(if page { noticed(&self.body, words, age) } else { self.body.clone() })
    }
}

/// A page that says how old it is.
fn noticed(page: &Bytes, words: Words, age: u64) -> Bytes {
    let Ok(text) = std::str::from_utf8(page) else { return page.clone() };
    let begin = text.find("<main").and_then(|main| Some(main + text[main..].find('>')? + 1));
    let Some(begin) = begin else { return page.clone() };
    let notice = html! { p.notice role="status" { (words.as_of(words.number(age.try_into().unwrap_or(i64::MAX)))) } };
    [&text[..begin], &notice.into_string(), &text[begin..]].concat().into()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn answered(status: StatusCode, body: &'static str) -> ServiceResponse<BoxBody> {
        let response = HttpResponse::build(status).insert_header((header::ETAG, "\"r1\"")).body(body);
        TestRequest::default().to_srv_response(response)
    }

    fn text(response: ServiceResponse<BoxBody>) -> String {
        let bytes = response.into_body().try_into_bytes().expect("a body in one piece");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn asked(path: &str) -> HttpRequest {
        TestRequest::with_uri(&format!("{path}?q=x")).to_http_request()
    }

    struct Person(Identity);

    impl Person {
        fn new(role: Role) -> Self {
            Self(Identity {
                user_id: Uuid::now_v7(),
                email: String::new(),
                name: String::new(),
                role,
                via: Via::Session(Uuid::now_v7()),
                expires_at: None,
                language: String::new(),
                time_zone: String::new(),
                notify_submissions: false,
            })
        }

        fn ask(&self, stale: &Stale, path: &str, people: u64, response: ServiceResponse<BoxBody>) -> String {
            let caller = Caller::User { id: self.0.user_id, role: self.0.role };
            match stale.ask(&asked(path), caller, Some(&self.0), people) {
                Some(question) => text(stale.settle(question, people, response)),
                None => text(response),
            }
        }
    }

    const CONTACT: &str = "/api/v1/contacts/1";
    const DOCUMENT: &str = "/api/v1/documents/1";

    fn away() -> ServiceResponse<BoxBody> {
        answered(StatusCode::SERVICE_UNAVAILABLE, "away")
    }

    fn good() -> ServiceResponse<BoxBody> {
        answered(StatusCode::OK, "good")
    }

    #[test]
    fn only_who_got_an_answer_gets_it_again() {
        let (stale, one, other) = (Stale::new(1 << 20), Person::new(Role::Owner), Person::new(Role::Owner));
        assert_eq!(one.ask(&stale, CONTACT, 0, away()), "away");
        assert_eq!(one.ask(&stale, CONTACT, 0, good()), "good");
        assert_eq!(one.ask(&stale, CONTACT, 0, away()), "good");
        assert_eq!(one.ask(&stale, DOCUMENT, 0, away()), "away");
        assert_eq!(other.ask(&stale, CONTACT, 0, away()), "away");
        let nobody = stale.ask(&asked(CONTACT), Caller::Anonymous, None, 0).unwrap();
        assert_eq!(text(stale.settle(nobody, 0, away())), "away");
        let demoted = Person(Identity { role: Role::Viewer, ..one.0.clone() });
        assert_eq!(demoted.ask(&stale, CONTACT, 0, away()), "away");
    }

    #[test]
    fn it_is_marked_and_keeps_its_header() {
        let (stale, one) = (Stale::new(1 << 20), Person::new(Role::Owner));
        one.ask(&stale, CONTACT, 0, good());
        let caller = Caller::User { id: one.0.user_id, role: one.0.role };
        let question = stale.ask(&asked(CONTACT), caller, Some(&one.0), 0).unwrap();
        let again = stale.settle(question, 0, answered(StatusCode::GATEWAY_TIMEOUT, "late"));
        let field = |name: HeaderName| again.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        assert_eq!((field(header::ETAG), field(header::AGE)), ("\"r1\"", "0"));
        assert!(field(header::WARNING).starts_with("110 "));
    }

    #[test]
    fn a_change_ends_what_it_may_have_changed() {
        let (stale, one) = (Stale::new(1 << 20), Person::new(Role::Owner));
        let remember = || [CONTACT, DOCUMENT].map(|path| one.ask(&stale, path, 0, good()));
        let recall = || [CONTACT, DOCUMENT].map(|path| one.ask(&stale, path, 0, away()));
        remember();
        stale.changed(&Method::PATCH, CONTACT, StatusCode::SERVICE_UNAVAILABLE, true);
        stale.changed(&Method::PATCH, CONTACT, StatusCode::FORBIDDEN, true);
        stale.changed(&Method::POST, "/api/v1/submissions", StatusCode::CREATED, false);
        assert_eq!(recall(), ["good", "good"]);
        stale.changed(&Method::PATCH, CONTACT, StatusCode::OK, true);
        assert_eq!(recall(), ["away", "good"]);
        remember();
        stale.changed(&Method::PUT, "/api/v1/collections/1/members/2", StatusCode::NO_CONTENT, true);
        assert_eq!(recall(), ["good", "away"]);
        remember();
        // Somebody's rights changed, wherever.
        assert_eq!(one.ask(&stale, CONTACT, 1, away()), "away");
    }

    #[test]
    fn a_change_through_another_gateway_ends_it_too() {
        let (stale, other, one) = (Stale::new(1 << 20), Stale::new(1 << 20), Person::new(Role::Owner));
        let remember = || [CONTACT, DOCUMENT].map(|path| one.ask(&stale, path, 0, good()));
        let recall = || [CONTACT, DOCUMENT].map(|path| one.ask(&stale, path, 0, away()));
        assert_eq!(other.tell(), None);
        other.changed(&Method::PATCH, "/api/v1/collections/1", StatusCode::OK, true);
        remember();
        let told = other.tell().unwrap();
        assert!(other.hear(&told) && stale.hear(&told));
        assert_eq!(recall(), ["good", "away"]);
        assert_eq!(other.tell(), None);
        remember();
        other.tell_again();
        assert!(stale.hear(&other.tell().unwrap()));
        assert_eq!(recall(), ["away", "away"]);
        // One's own change was noticed when it was made; what was answered since holds.
        stale.changed(&Method::PATCH, CONTACT, StatusCode::OK, true);
        remember();
        assert!(stale.hear(&stale.tell().unwrap()));
        assert_eq!(recall(), ["good", "good"]);
        assert!(!stale.hear("heartbeat") && !stale.hear(""));
    }

    #[test]
    fn what_was_on_its_way_during_a_change_does_not_count() {
        let (stale, one) = (Stale::new(1 << 20), Person::new(Role::Owner));
        let caller = Caller::User { id: one.0.user_id, role: one.0.role };
        let question = stale.ask(&asked(CONTACT), caller, Some(&one.0), 0).unwrap();
        stale.changed(&Method::PATCH, CONTACT, StatusCode::OK, true);
        stale.settle(question, 0, good());
        assert_eq!(one.ask(&stale, CONTACT, 0, away()), "away");
    }

    #[test]
    fn a_page_says_how_old_it_is() {
        let page = noticed(&Bytes::from_static(b"<body><main id=\"main\"><h1>x</h1></main>"), Words::default(), 7);
        let page = std::str::from_utf8(&page).unwrap();
        assert!(page.starts_with("<body><main id=\"main\"><p class=\"notice\""), "{page}");
        assert!(page.contains("7 seconds ago") && page.ends_with("</p><h1>x</h1></main>"), "{page}");
    }
}
