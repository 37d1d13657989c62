//! Values that cannot be wrong: parsed once, at the door.

use chassis::{Fault, FieldFault};
use serde_json::{Map, Value};

pub(crate) type Metadata = Map<String, Value>;

const METADATA_BYTES: usize = 16 * 1024;
const TAGS: usize = 50;

/// Collects what is wrong with each field, so that a client hears it all at once.
#[derive(Debug, Default)]
pub(crate) struct Check(Vec<FieldFault>);

impl Check {
    fn fail(&mut self, field: &str, detail: impl Into<String>) {
        self.0.push(FieldFault { field: field.to_owned(), detail: detail.into() });
    }

    /// An error when anything was wrong.
    pub(crate) fn done(self) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err(Fault::fields(self.0)) }
    }

    /// One line, trimmed.
    pub(crate) fn line(&mut self, field: &str, text: &str, required: bool, most: usize) -> String {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            self.fail(field, "must be one line without control characters");
        }
        self.length(field, text, required, most)
    }

    /// Several lines; line ends become `\n`.
    pub(crate) fn text(&mut self, field: &str, text: &str, required: bool, most: usize) -> String {
        let text = text.replace("\r\n", "\n");
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            self.fail(field, "must not contain control characters");
        }
        self.length(field, text.trim(), required, most)
    }

    fn length(&mut self, field: &str, text: &str, required: bool, most: usize) -> String {
        match text.chars().count() {
            0 if required => self.fail(field, "is required"),
            n if n > most => self.fail(field, format!("must have at most {most} characters")),
            _ => {}
        }
        text.to_owned()
    }

    pub(crate) fn name(&mut self, text: &str) -> String {
        self.line("name", text, true, 200)
    }

    /// An address as RFC 5321 has it, without quoted local parts, comments and address literals,
    /// which no mailbox of a person has.
    pub(crate) fn email(&mut self, text: &str) -> String {
        let text = text.trim();
        if !is_email(text) {
            self.fail("email", "is not an e-mail address");
        }
        text.to_owned()
    }

    pub(crate) fn phone(&mut self, text: &str) -> String {
        let phone = self.line("phone", text, false, 40);
        let sign = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '(' | ')' | '/' | '.' | ' ');
        if !phone.is_empty() && (!phone.chars().all(sign) || !phone.contains(|c: char| c.is_ascii_digit())) {
            self.fail("phone", "may have digits, spaces and + - ( ) / . only");
        }
        phone
    }

    pub(crate) fn company(&mut self, text: &str) -> String {
        self.line("company", text, false, 200)
    }

    /// Trimmed, without repetitions, in the order given.
    pub(crate) fn tags(&mut self, tags: &[String]) -> Vec<String> {
        if tags.len() > TAGS {
            self.fail("tags", format!("must be at most {TAGS}"));
        }
        let mut kept: Vec<String> = Vec::new();
        for tag in tags.iter().take(TAGS) {
            let tag = self.line("tags", tag, true, 50);
            if !kept.contains(&tag) {
                kept.push(tag);
            }
        }
        kept
    }

    /// The text of a JSON object.
    pub(crate) fn metadata(&mut self, text: &str) -> Metadata {
        if text.len() > METADATA_BYTES {
            self.fail("metadata", format!("must have at most {METADATA_BYTES} bytes"));
            return Metadata::new();
        }
        if text.contains("\\u0000") {
            self.fail("metadata", "must not contain the NUL character");
        }
        match text {
            "" => Metadata::new(),
            text => serde_json::from_str(text).unwrap_or_else(|_| {
                self.fail("metadata", "must be a JSON object");
                Metadata::new()
            }),
        }
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c) || !c.is_ascii();
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || !c.is_ascii())
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    text.len() <= 254
        && (1..=64).contains(&local.len())
        && local.chars().all(|c| atom(c) && !c.is_control() && !c.is_whitespace())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && domain.contains('.')
        && domain.split('.').all(label)
        && !domain.chars().any(char::is_whitespace)
}

/// RFC 7396: what `patch` names replaces what is there, `null` removes it.
pub(crate) fn merge(target: &mut Metadata, patch: Metadata) {
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.remove(&key);
            }
            Value::Object(inner) => {
                let slot = target.entry(key).or_insert_with(|| Value::Object(Metadata::new()));
                if !slot.is_object() {
                    *slot = Value::Object(Metadata::new());
                }
                if let Value::Object(existing) = slot {
                    merge(existing, inner);
                }
            }
            value => {
                target.insert(key, value);
            }
        }
    }
}

/// A contact as somebody entered it.
#[derive(Debug)]
pub(crate) struct NewContact {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) phone: String,
    pub(crate) company: String,
    pub(crate) tags: Vec<String>,
    pub(crate) metadata: Metadata,
}

/// What is to be changed; `None` stays.
#[derive(Debug, Default)]
pub(crate) struct ContactPatch {
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) company: Option<String>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) metadata: Option<Metadata>,
}

/// A message from the contact form.
#[derive(Debug)]
pub(crate) struct NewSubmission {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) subject: String,
    pub(crate) message: String,
    pub(crate) metadata: Metadata,
    pub(crate) spam: bool,
}

/// Why a visitor was taken for a bot; `""` for people.
pub(crate) fn bot_reason(user_agent: &str) -> &'static str {
    let agent = user_agent.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| agent.contains(word));
    if agent.trim().is_empty() {
        "no_user_agent"
    } else if has(&["bot", "crawl", "spider", "slurp", "facebookexternalhit", "preview"]) {
        "crawler"
    } else if has(&["headless", "phantomjs", "selenium", "puppeteer", "playwright"]) {
        "headless"
    } else if has(&["curl/", "wget/", "python", "go-http-client", "java/", "okhttp", "libwww", "scrapy"]) {
        "script"
    } else if has(&["uptime", "pingdom", "monitor", "lighthouse", "blackbox"]) {
        "monitor"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_is_none() {
        for good in ["a@b.ch", "anna.muster+x@sub.example.org", "jürg@zürich.example"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["", "a", "a@", "@b.ch", "a@b", "a b@c.de", "a..b@c.de", ".a@c.de", "a@-b.de", "a@b..de", "a@b.de\n"]
        {
            assert!(!is_email(bad), "{bad}");
        }
        assert!(!is_email(&format!("{}@b.ch", "x".repeat(65))));
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let mut check = Check::default();
        check.name(" ");
        check.email("x");
        check.phone("call me");
        check.metadata("[1]");
        let fault = check.done().unwrap_err();
        let fields: Vec<_> = fault.fields.iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["name", "email", "phone", "metadata"]);
    }

    #[test]
    fn a_patch_merges_as_the_rfc_says() {
        let object = |text: &str| serde_json::from_str::<Metadata>(text).unwrap();
        let mut target = object(r#"{"a":{"b":1,"c":2},"d":3}"#);
        merge(&mut target, object(r#"{"a":{"b":null,"e":{"f":1}},"d":[4]}"#));
        assert_eq!(target, object(r#"{"a":{"c":2,"e":{"f":1}},"d":[4]}"#));
    }

    #[test]
    fn bots_are_told_by_what_they_say_they_are() {
        assert_eq!(bot_reason("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"), "");
        assert_eq!(bot_reason("Mozilla/5.0 (compatible; Googlebot/2.1)"), "crawler");
        assert_eq!(bot_reason("curl/8.5"), "script");
        assert_eq!(bot_reason(""), "no_user_agent");
    }
}
