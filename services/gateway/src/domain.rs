//! Values about people and tokens that cannot be wrong once they exist.

use chassis::{Caller, Fault, FieldFault, Role};
use jiff::{Timestamp, civil::Date};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::openapi::kind;

/// Names a token may carry, and the bit of each.
const SCOPES: [(&str, u8); 8] = [
    ("*", 0x80),
    ("read", Scopes::CONTACTS_READ | Scopes::DOCUMENTS_READ | Scopes::SEARCH_READ),
    ("write", 0x1f),
    ("contacts:read", Scopes::CONTACTS_READ),
    ("contacts:write", Scopes::CONTACTS_READ | Scopes::CONTACTS_WRITE),
    ("documents:read", Scopes::DOCUMENTS_READ),
    ("documents:write", Scopes::DOCUMENTS_READ | Scopes::DOCUMENTS_WRITE),
    ("search:read", Scopes::SEARCH_READ),
];

/// Languages of the pages and of mails; "": what the browser asks for.
pub(crate) const LANGUAGES: [&str; 3] = ["", "en", "de"];

/// In which orders a search answers besides the best first.
pub(crate) const SEARCH_ORDERS: [&str; 2] = ["created_at", "-created_at"];

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scopes(u8);

impl Scopes {
    pub(crate) const CONTACTS_READ: u8 = 0x01;
    pub(crate) const CONTACTS_WRITE: u8 = 0x02;
    pub(crate) const DOCUMENTS_READ: u8 = 0x04;
    pub(crate) const DOCUMENTS_WRITE: u8 = 0x08;
    pub(crate) const SEARCH_READ: u8 = 0x10;
    /// Everything that the token's maker may do, administration included.
    pub(crate) const ALL: u8 = 0x80;

    /// `None` when one of the names is unknown.
    pub(crate) fn parse<S: AsRef<str>>(names: &[S]) -> Option<Self> {
        names.iter().try_fold(Self(0), |sum, name| {
            let (_, bits) = SCOPES.iter().find(|(known, _)| *known == name.as_ref())?;
            Some(Self(sum.0 | bits))
        })
    }

    /// The names, for error messages.
    pub(crate) fn names() -> String {
        SCOPES.map(|(name, _)| name).join(", ")
    }

    /// The names, for the description of the API.
    pub(crate) fn list() -> Vec<&'static str> {
        SCOPES.map(|(name, _)| name).to_vec()
    }

    pub(crate) fn has(self, scope: u8) -> bool {
        self.0 & (scope | Self::ALL) != 0
    }

    /// The most that a token may be in a call that needs `scope`.
    fn ceiling(self, scope: u8) -> Role {
        match scope {
            _ if self.0 & Self::ALL != 0 => Role::Owner,
            Self::CONTACTS_WRITE | Self::DOCUMENTS_WRITE => Role::Editor,
            _ => Role::Viewer,
        }
    }
}

/// The scope a call needs, by its path and whether it changes something; `None` for calls that
/// anybody may make. What is not listed is administration.
pub(crate) fn needed_scope(path: &str, changes: bool) -> Option<u8> {
    let Some(path) = path.strip_prefix("/api/v1/") else {
        // The pages show a bit of everything.
        let open = ["/assets/", "/problems/", "/favicon.ico", "/api/openapi.json", "/api/docs", "/s/", "/u/"]
            .iter()
            .any(|start| path.starts_with(start));
        return (!open).then_some(Scopes::ALL);
    };
    let (group, rest) = path.split_once('/').unwrap_or((path, ""));
    match (group, changes) {
        ("health", _) => None,
        ("session", false) => None,
        ("submissions" | "visits", true) if rest.is_empty() => None,
        ("submissions" | "visits" | "contacts", false) => Some(Scopes::CONTACTS_READ),
        ("submissions" | "contacts" | "upload-links", true) => Some(Scopes::CONTACTS_WRITE),
        ("documents" | "collections", false) => Some(Scopes::DOCUMENTS_READ),
        ("documents" | "collections" | "shares", true) => Some(Scopes::DOCUMENTS_WRITE),
        ("search", _) | ("saved-searches", false) => Some(Scopes::SEARCH_READ),
        _ => Some(Scopes::ALL),
    }
}

/// How somebody proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// A browser's session.
    Session(Uuid),
    /// An API token.
    Token(Uuid, Scopes),
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) user_id: Uuid,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: Role,
    /// "": what the browser asks for.
    pub(crate) language: String,
    /// "": the browser's.
    pub(crate) time_zone: String,
    /// Whether they get a mail for each new submission.
    pub(crate) notify_submissions: bool,
    pub(crate) via: Via,
    /// Not good any more from then on.
    pub(crate) expires_at: Option<Timestamp>,
}

impl Identity {
    /// The browser's session, if it is one.
    pub(crate) fn session(&self) -> Option<Uuid> {
        match self.via {
            Via::Session(id) => Some(id),
            Via::Token(..) => None,
        }
    }

    /// Who this is in a call that needs `scope`: the lower of the role and what the scopes allow.
    pub(crate) fn caller(&self, scope: Option<u8>) -> Result<Caller, Fault> {
        let role = match (self.via, scope) {
            (Via::Session(_), _) | (Via::Token(..), None) => self.role,
            (Via::Token(_, scopes), Some(scope)) if scopes.has(scope) => self.role.min(scopes.ceiling(scope)),
            _ => return Err(Fault::forbidden("this token's scopes do not cover the call")),
        };
        Ok(Caller::User { id: self.user_id, role })
    }
}

/// A user as others see them.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) language: String,
    pub(crate) time_zone: String,
    pub(crate) notify_submissions: bool,
    /// Has no way to sign in yet.
    pub(crate) invited: bool,
    pub(crate) disabled_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) revision: i64,
}

/// What is changed about a user; absent: nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserPatch {
    pub(crate) name: Option<String>,
    pub(crate) role: Option<Role>,
    pub(crate) disabled: Option<bool>,
    pub(crate) notify_submissions: Option<bool>,
    pub(crate) password_hash: Option<String>,
}

/// A browser and its system, as far as people tell them apart: not a fingerprint.
pub(crate) fn device(user_agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(sign, _)| user_agent.contains(sign)).map_or("", |(_, name)| *name)
    };
    // Each of them claims to be those that follow.
    let browser = first(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox", "Firefox"),
        ("Chrome", "Chrome"),
        ("Safari", "Safari"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    [browser, system].into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ")
}

/// A token as its owner sees it.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) last_used_at: Option<Timestamp>,
}

/// What a search looks for, as `GET /search` takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SavedQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<kind::Words>")]
    pub(crate) q: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<kind::Id>")]
    pub(crate) collection_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<kind::Exact>")]
    pub(crate) media_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<kind::Exact>")]
    pub(crate) language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<kind::Exact>")]
    pub(crate) tag: Option<String>,
    /// Added on this day or later.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "day")]
    #[schemars(with = "Option<kind::Day>")]
    pub(crate) from: Option<Date>,
    /// Added on this day or before.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "day")]
    #[schemars(with = "Option<kind::Day>")]
    pub(crate) to: Option<Date>,
    /// The best first unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<kind::SearchOrder>")]
    pub(crate) sort: Option<String>,
}

/// Only as people write it: the library takes more.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let parsed = text.map(|text| text.parse().ok().filter(|_| text.len() == 10));
    let unfit = || serde::de::Error::custom("must be a day such as 2026-03-01");
    parsed.map(|day| day.ok_or_else(unfit)).transpose()
}

impl SavedQuery {
    /// The same without what says nothing.
    pub(crate) fn checked(self, check: &mut Check) -> Self {
        let said = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let query = Self {
            q: said(self.q),
            media_type: said(self.media_type),
            language: said(self.language),
            tag: said(self.tag),
            sort: said(self.sort),
            ..self
        };
        let texts = [
            ("q", &query.q, 500),
            ("media_type", &query.media_type, 200),
            ("language", &query.language, 200),
            ("tag", &query.tag, 200),
        ];
        for (field, text, most) in texts {
            let text = text.as_deref().unwrap_or_default();
            if text.chars().count() > most || text.contains('\0') {
                check.blame(&format!("query.{field}"), format!("must have at most {most} characters"));
            }
        }
        if query.sort.as_deref().is_some_and(|sort| !SEARCH_ORDERS.contains(&sort)) {
            check.blame("query.sort", format!("must be one of {}", SEARCH_ORDERS.join(", ")));
        }
        if (Self { sort: None, ..query.clone() }) == Self::default() {
            check.refuse("query", "must look for something");
        }
        query
    }

    /// What `GET /search` and the page of results call its parts.
    pub(crate) fn fields(&self) -> Vec<(&'static str, String)> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let day = |day: Option<Date>| day.map_or_else(String::new, |day| day.to_string());
        vec![
            ("q", text(&self.q)),
            ("collection_id", self.collection_id.map_or_else(String::new, |id| id.to_string())),
            ("media_type", text(&self.media_type)),
            ("language", text(&self.language)),
            ("tag", text(&self.tag)),
            ("from", day(self.from)),
            ("to", day(self.to)),
            ("sort", text(&self.sort)),
        ]
    }
}

/// A search that somebody keeps.
#[derive(Clone, Debug)]
pub(crate) struct SavedSearch {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) query: SavedQuery,
    pub(crate) created_at: Timestamp,
}

/// One line of the audit log.
#[derive(Clone, Debug)]
pub(crate) struct AuditEntry {
    pub(crate) id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) actor: Option<Uuid>,
    pub(crate) action: String,
    pub(crate) subject: Option<Uuid>,
    pub(crate) request_id: String,
    pub(crate) detail: serde_json::Value,
}

/// Collects what is wrong with the fields of one request.
#[derive(Debug, Default)]
pub(crate) struct Check {
    faults: Vec<FieldFault>,
    unfit: Vec<FieldFault>,
}

impl Check {
    pub(crate) fn blame(&mut self, field: &str, detail: impl Into<String>) {
        self.faults.push(FieldFault { field: field.to_owned(), detail: detail.into() });
    }

    /// Well-formed, and still not to be had.
    pub(crate) fn refuse(&mut self, field: &str, detail: impl Into<String>) {
        self.unfit.push(FieldFault { field: field.to_owned(), detail: detail.into() });
    }

    /// One line of text, trimmed.
    pub(crate) fn line(&mut self, field: &str, text: &str, min: usize, max: usize) -> String {
        let text = text.trim();
        let length = text.chars().count();
        if length < min || length > max {
            self.blame(field, format!("must have {min} to {max} characters"));
        } else if text.chars().any(char::is_control) {
            self.blame(field, "must not contain control characters");
        }
        text.to_owned()
    }

    /// An address that mail could be sent to; the domain in lower case.
    pub(crate) fn email(&mut self, field: &str, text: &str) -> String {
        let text = self.line(field, text, 3, 254);
        let plausible = text.rsplit_once('@').filter(|(local, domain)| {
            !local.is_empty()
                && local.len() <= 64
                && !domain.is_empty()
                && !domain.starts_with('.')
                && !domain.ends_with('.')
                && domain.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
                && !text.chars().any(|c| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';'))
        });
        match plausible {
            Some((local, domain)) => format!("{local}@{}", domain.to_lowercase()),
            None => {
                self.blame(field, "is not an e-mail address");
                String::new()
            }
        }
    }

    /// An id; `None` for "".
    pub(crate) fn id(&mut self, field: &str, text: &str) -> Option<Uuid> {
        let id = text.parse().ok();
        if id.is_none() && !text.is_empty() {
            self.blame(field, "must be an id");
        }
        id
    }

    /// A day such as 2026-03-01; `None` for "".
    pub(crate) fn day(&mut self, field: &str, text: &str) -> Option<Date> {
        let day = text.parse().ok().filter(|_| text.len() == 10);
        if day.is_none() && !text.is_empty() {
            self.blame(field, "must be a day such as 2026-03-01");
        }
        day
    }

    pub(crate) fn role(&mut self, field: &str, text: &str) -> Role {
        text.parse().unwrap_or_else(|error: chassis::UnknownRole| {
            self.blame(field, error.to_string());
            Role::Viewer
        })
    }

    pub(crate) fn done(self) -> Result<(), Fault> {
        match (self.faults.is_empty(), self.unfit.into_iter().next()) {
            (true, None) => Ok(()),
            (true, Some(unfit)) => Err(Fault::unprocessable(unfit.field, unfit.detail)),
            (false, unfit) => Err(Fault::fields(self.faults.into_iter().chain(unfit).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(role: Role, scopes: &[&str]) -> Identity {
        let via = Via::Token(Uuid::nil(), Scopes::parse(scopes).unwrap());
        Identity {
            user_id: Uuid::nil(),
            email: String::new(),
            name: String::new(),
            role,
            language: String::new(),
            time_zone: String::new(),
            notify_submissions: false,
            via,
            expires_at: None,
        }
    }

    #[test]
    fn a_token_never_does_more_than_its_scopes_and_its_maker() {
        let role = |who: &Identity, path, changes| {
            who.caller(needed_scope(path, changes)).ok().and_then(|caller| caller.role())
        };
        let owner = identity(Role::Owner, &["contacts:write"]);
        assert_eq!(role(&owner, "/api/v1/contacts/x", true), Some(Role::Editor));
        assert_eq!(role(&owner, "/api/v1/contacts", false), Some(Role::Viewer));
        assert_eq!(role(&owner, "/api/v1/documents", false), None);
        assert_eq!(role(&owner, "/api/v1/users", false), None);
        assert_eq!(role(&owner, "/api/v1/submissions", true), Some(Role::Owner));
        let viewer = identity(Role::Viewer, &["*"]);
        assert_eq!(role(&viewer, "/api/v1/contacts/x", true), Some(Role::Viewer));
        assert_eq!(role(&viewer, "/api/v1/users", false), Some(Role::Viewer));
        let reader = identity(Role::Editor, &["read"]);
        assert_eq!(role(&reader, "/api/v1/documents/x/content", false), Some(Role::Viewer));
        assert_eq!(role(&reader, "/api/v1/documents/x", true), None);
        assert_eq!(role(&identity(Role::Owner, &["write"]), "/api/v1/tokens", true), None);
        assert_eq!(role(&owner, "/documents/x", false), None);
        assert!(Scopes::parse(&["everything"]).is_none());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in ["", "a", "@b", "a@", "a b@c.de", "a@.de", "a@b.", "<a@b.de>", "a@b\u{0}.de"] {
            let mut check = Check::default();
            check.email("email", bad);
            assert!(check.done().is_err(), "{bad:?}");
        }
        assert_eq!(Check::default().email("email", " Ann@Example.ORG "), "Ann@example.org");
    }
}
