//! Values that cannot be wrong: parsed once, at the door. Each has one constructor, `parse`, which
//! answers the value or a sentence for the client's developer.

mod merge;

use chassis::{Fault, FieldFault};
use serde_json::{Map, Value};

pub(crate) use merge::{Details, Taken};

/// As serialised, after any merge.
const METADATA_BYTES: usize = 16 * 1024;
const TAGS: usize = 50;

/// What `parse` answers.
type Parsed<T> = Result<T, String>;

/// One trimmed line of `MIN` to `MAX` characters, none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line<const MIN: usize, const MAX: usize>(String);

pub(crate) type Name = Line<1, 200>;
pub(crate) type Company = Line<0, 200>;
pub(crate) type Subject = Line<0, 200>;
pub(crate) type Tag = Line<1, 50>;
/// What a list is searched for, or filtered by.
pub(crate) type Query = Line<0, 200>;

impl<const MIN: usize, const MAX: usize> Line<MIN, MAX> {
    pub(crate) fn parse(text: &str) -> Parsed<Self> {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            return Err("must be one line without control characters".to_owned());
        }
        within(text, MIN, MAX)?;
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Several lines, 1 to 10,000 characters; line ends are `\n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message(String);

impl Message {
    pub(crate) fn parse(text: &str) -> Parsed<Self> {
        let text = text.replace("\r\n", "\n");
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            return Err("must not contain control characters".to_owned());
        }
        within(text.trim(), 1, 10_000)?;
        Ok(Self(text.trim().to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn within(text: &str, least: usize, most: usize) -> Parsed<()> {
    match text.chars().count() {
        0 if least > 0 => Err("is required".to_owned()),
        n if n > most => Err(format!("must have at most {most} characters")),
        _ => Ok(()),
    }
}

/// An address as RFC 5321 has it, without quoted local parts, comments and address literals, which
/// no mailbox of a person has. Kept as given; the database finds it however it is capitalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email(String);

impl Email {
    pub(crate) fn parse(text: &str) -> Parsed<Self> {
        match text.trim() {
            "" => Err("is required".to_owned()),
            text if is_email(text) => Ok(Self(text.to_owned())),
            _ => Err("is not an e-mail address".to_owned()),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// At most 40 characters with a digit among them; "" is none. People add extensions and remarks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phone(String);

impl Phone {
    pub(crate) fn parse(text: &str) -> Parsed<Self> {
        let Line(text) = Line::<0, 40>::parse(text)?;
        if !text.is_empty() && !text.contains(|c: char| c.is_ascii_digit()) {
            return Err("must have a digit".to_owned());
        }
        Ok(Self(text))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// At most 50, in the order given, none twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags(Vec<String>);

impl Tags {
    pub(crate) fn parse(tags: &[String]) -> Parsed<Self> {
        if tags.len() > TAGS {
            return Err(format!("must be at most {TAGS}"));
        }
        let mut kept = Vec::new();
        for tag in tags {
            let tag = Tag::parse(tag).map_err(|detail| format!("each {detail}"))?.0;
            if !kept.contains(&tag) {
                kept.push(tag);
            }
        }
        Ok(Self(kept))
    }

    pub(crate) fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// A JSON object of at most 16 KiB, without control characters other than line ends and tabs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Metadata(Map<String, Value>);

impl Metadata {
    /// From the text of a JSON object; "" is `{}`.
    pub(crate) fn parse(text: &str) -> Parsed<Self> {
        // White space may make it longer than what is kept, within reason.
        if text.len() > 4 * METADATA_BYTES {
            return Err(format!("must have at most {METADATA_BYTES} bytes"));
        }
        match text {
            "" => Ok(Self::default()),
            text => {
                let object = serde_json::from_str(text).map_err(|_| "must be a JSON object".to_owned())?;
                Self(object).checked()
            }
        }
    }

    /// Of an object.
    pub(crate) fn of(object: Map<String, Value>) -> Parsed<Self> {
        Self(object).checked()
    }

    /// RFC 7396: what `patch` names replaces what is there, `null` removes it.
    pub(crate) fn merged(mut self, patch: Metadata) -> Parsed<Self> {
        merge(&mut self.0, patch.0);
        self.checked()
    }

    /// What the database has.
    pub(crate) fn stored(value: Value) -> Self {
        match value {
            Value::Object(object) => Self(object),
            _ => Self::default(),
        }
    }

    pub(crate) fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn checked(self) -> Parsed<Self> {
        if pg::has_control(&self.0) {
            return Err("must not contain control characters".to_owned());
        }
        match serde_json::to_string(&self.0).map_or(usize::MAX, |text| text.len()) {
            0..=METADATA_BYTES => Ok(self),
            _ => Err(format!("must have at most {METADATA_BYTES} bytes")),
        }
    }
}

/// Collects what is wrong with each field, so that a client hears it all at once.
#[derive(Debug, Default)]
pub(crate) struct Check(Vec<FieldFault>);

impl Check {
    /// The value, or `None` and a fault to be told.
    pub(crate) fn take<T>(&mut self, field: &str, parsed: Parsed<T>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(detail) => {
                self.0.push(FieldFault { field: field.to_owned(), detail });
                None
            }
        }
    }

    /// An error when anything was wrong.
    pub(crate) fn done(self) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err(self.fault()) }
    }

    /// All that was wrong.
    pub(crate) fn fault(self) -> Fault {
        Fault::fields(self.0)
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
    (1..=255).contains(&domain.len())
        && (1..=64).contains(&local.len())
        && local.chars().all(|c| atom(c) && !c.is_control() && !c.is_whitespace())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && domain.contains('.')
        && domain.split('.').all(label)
        && !domain.chars().any(char::is_whitespace)
}

fn merge(target: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.remove(&key);
            }
            Value::Object(inner) => {
                let slot = target.entry(key).or_insert_with(|| Value::Object(Map::new()));
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
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
    pub(crate) name: Name,
    pub(crate) email: Email,
    pub(crate) phone: Phone,
    pub(crate) company: Company,
    pub(crate) tags: Tags,
    pub(crate) metadata: Metadata,
}

/// What is to be changed; `None` stays.
#[derive(Debug, Default)]
pub(crate) struct ContactPatch {
    pub(crate) name: Option<Name>,
    pub(crate) email: Option<Email>,
    pub(crate) phone: Option<Phone>,
    pub(crate) company: Option<Company>,
    pub(crate) tags: Option<Tags>,
    pub(crate) metadata: Option<Metadata>,
}

/// A message from the contact form.
#[derive(Debug)]
pub(crate) struct NewSubmission {
    pub(crate) name: Name,
    pub(crate) email: Email,
    pub(crate) subject: Subject,
    pub(crate) message: Message,
    pub(crate) metadata: Metadata,
    pub(crate) spam: bool,
}

/// Why a visitor was taken for a bot; `""` for people.
pub(crate) fn bot_reason(user_agent: &str) -> &'static str {
    let agent = user_agent.to_ascii_lowercase();
    // A maker of telephones has the word in its name.
    let agent = agent.replace("cubot", "");
    let has = |words: &[&str]| words.iter().any(|word| agent.contains(word));
    if agent.trim().is_empty() {
        "empty"
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
    fn addresses_may_be_as_long_as_the_protocol_allows() {
        let label = "d".repeat(62);
        let domain = format!("{label}.{label}.{label}.{label}.ch");
        let address = format!("{}@{domain}", "x".repeat(64));
        assert!(address.len() <= 320 && is_email(&address));
        assert!(!is_email(&format!("a@{domain}.org")));
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let mut check = Check::default();
        check.take("name", Name::parse(" "));
        check.take("email", Email::parse("x"));
        check.take("phone", Phone::parse("call me"));
        check.take("company", Company::parse("fine"));
        check.take("metadata", Metadata::parse("[1]"));
        let fault = check.done().unwrap_err();
        let fields: Vec<_> = fault.fields.iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["name", "email", "phone", "metadata"]);
    }

    #[test]
    fn limits_are_counted_in_characters() {
        assert!(Name::parse(&"ü".repeat(200)).is_ok());
        assert!(Name::parse(&"ü".repeat(201)).is_err());
        assert!(Message::parse(&"x".repeat(10_001)).is_err());
        assert!(Message::parse("bell \u{7}").is_err());
        assert_eq!(Message::parse(" a\r\nb ").unwrap().as_str(), "a\nb");
        assert!(Tags::parse(&vec!["t".to_owned(); 51]).is_err());
        assert_eq!(Tags::parse(&["a".into(), " a ".into(), "b".into()]).unwrap().as_slice(), ["a", "b"]);
    }

    #[test]
    fn metadata_refuses_what_the_database_cannot_hold_and_nothing_else() {
        for bad in [r#"{"a":"\u0000"}"#, r#"{"\u0000":1}"#, r#"{"a":[{"b":"\u0007"}]}"#, "null", "{", r#"{"a":1e999}"#]
        {
            assert!(Metadata::parse(bad).is_err(), "{bad}");
        }
        for good in ["", "{}", r#"{"a":"\\u0000"}"#, r#"{"a":"line\nline"}"#] {
            assert!(Metadata::parse(good).is_ok(), "{good}");
        }
        let half = |key: &str| Metadata::parse(&format!(r#"{{"{key}":"{}"}}"#, "x".repeat(9000))).unwrap();
        assert!(half("a").merged(half("a")).is_ok());
        assert!(half("a").merged(half("b")).is_err(), "a merge must not grow past the limit");
    }

    #[test]
    fn a_patch_merges_as_the_rfc_says() {
        let object = |text: &str| Metadata::parse(text).unwrap();
        let target = object(r#"{"a":{"b":1,"c":2},"d":3}"#);
        let merged = target.merged(object(r#"{"a":{"b":null,"e":{"f":1}},"d":[4]}"#)).unwrap();
        assert_eq!(merged, object(r#"{"a":{"c":2,"e":{"f":1}},"d":[4]}"#));
    }

    #[test]
    fn bots_are_told_by_what_they_say_they_are() {
        assert_eq!(bot_reason("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"), "");
        assert_eq!(bot_reason("Mozilla/5.0 (compatible; Googlebot/2.1)"), "crawler");
        assert_eq!(bot_reason("curl/8.5"), "script");
        assert_eq!(bot_reason("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/140.0"), "headless");
        assert_eq!(bot_reason("Mozilla/5.0 (Linux; Android 14; CUBOT KINGKONG 9)"), "");
        assert_eq!(bot_reason(""), "empty");
    }
}
