//! What the export bundle holds of this service: records, each a JSON object on a line of its own.
//!
//! This is format 1. A later one may add fields, with a default for what older bundles do not have; what
//! is here is never taken away, so that every release reads the bundles of all earlier ones.

use chassis::Fault;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::{
    Check, Company, Email, Line, Message, Metadata, Name, NewContact, NewSubmission, Phone, Subject, Tags,
};

/// The newest format that is known.
const FORMAT: i32 = 1;
/// A part is not made longer once it has so many bytes.
pub(crate) const PART_BYTES: usize = 512 << 10;

/// The kinds of records, in the order in which they are brought in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Contacts,
    Submissions,
    Visits,
    Links,
}

impl Kind {
    pub(crate) const ALL: [Kind; 4] = [Kind::Contacts, Kind::Submissions, Kind::Visits, Kind::Links];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Contacts => "contacts",
            Kind::Submissions => "submissions",
            Kind::Visits => "visits",
            Kind::Links => "links",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contact {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) phone: String,
    pub(crate) company: String,
    pub(crate) tags: Vec<String>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) revision: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Submission {
    pub(crate) id: Uuid,
    /// None for spam.
    pub(crate) contact_id: Option<Uuid>,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) subject: String,
    pub(crate) message: String,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) status: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) revision: i64,
}

/// Visits of one day, by people ("") or by bots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Visits {
    pub(crate) day: Date,
    pub(crate) reason: String,
    pub(crate) count: i64,
}

/// What somebody said of a contact and a document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    pub(crate) contact_id: Uuid,
    pub(crate) document_id: Uuid,
    pub(crate) confirmed: bool,
    pub(crate) decided_at: Timestamp,
}

/// Records of one kind.
#[derive(Debug)]
pub(crate) enum Records {
    Contacts(Vec<Contact>),
    Submissions(Vec<Submission>),
    Visits(Vec<Visits>),
    Links(Vec<Link>),
}

impl Records {
    /// # Errors
    /// When the format or the kind is not known, or a line is not a record of it.
    pub(crate) fn parse(format: i32, kind: &str, lines: &[u8]) -> Result<Self, Fault> {
        if !(1..=FORMAT).contains(&format) {
            return Err(Fault::unprocessable("format", "is newer than this release reads").because("bundle-format"));
        }
        Ok(match kind {
            "contacts" => Records::Contacts(each(lines)?),
            "submissions" => Records::Submissions(each(lines)?),
            "visits" => Records::Visits(each(lines)?),
            "links" => Records::Links(each(lines)?),
            _ => return Err(Fault::unprocessable("kind", "is not known").because("bundle-damaged")),
        })
    }
}

fn each<T: DeserializeOwned>(lines: &[u8]) -> Result<Vec<T>, Fault> {
    let lines = lines.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    let wrong = |error: serde_json::Error| {
        // What stands in the line is nobody's business here.
        let detail = format!("holds a line that is no record ({:?})", error.classify());
        Fault::unprocessable("lines", detail).because("bundle-damaged")
    };
    lines.map(|line| serde_json::from_slice(line).map_err(wrong)).collect()
}

/// Adds a record to lines.
pub(crate) fn write(lines: &mut Vec<u8>, record: &impl Serialize) -> Result<(), pg::Error> {
    serde_json::to_writer(&mut *lines, record).map_err(|error| pg::Error::Other(error.into()))?;
    lines.push(b'\n');
    Ok(())
}

impl Contact {
    /// Held to the same rules as what somebody enters.
    pub(crate) fn checked(&self) -> Result<NewContact, Fault> {
        let mut check = Check::default();
        let (Some(name), Some(email), Some(phone), Some(company), Some(tags), Some(metadata)) = (
            check.take("name", Name::parse(&self.name)),
            check.take("email", Email::parse(&self.email)),
            check.take("phone", Phone::parse(&self.phone)),
            check.take("company", Company::parse(&self.company)),
            check.take("tags", Tags::parse(&self.tags)),
            check.take("metadata", Metadata::of(self.metadata.clone())),
        ) else {
            return Err(check.fault());
        };
        Ok(NewContact { name, email, phone, company, tags, metadata })
    }
}

impl Submission {
    /// Held to the same rules as what somebody sends.
    pub(crate) fn checked(&self) -> Result<NewSubmission, Fault> {
        let mut check = Check::default();
        if !["new", "read", "archived", "spam"].contains(&self.status.as_str()) {
            return Err(Fault::field("status", "must be new, read, archived or spam"));
        }
        let spam = self.contact_id.is_none();
        if spam && self.status != "spam" {
            return Err(Fault::field("contact_id", "is missing"));
        }
        let (Some(name), Some(email), Some(subject), Some(message), Some(metadata)) = (
            check.take("name", Name::parse(&self.name)),
            check.take("email", Email::parse(&self.email)),
            check.take("subject", Subject::parse(&self.subject)),
            check.take("message", Message::parse(&self.message)),
            check.take("metadata", Metadata::of(self.metadata.clone())),
        ) else {
            return Err(check.fault());
        };
        Ok(NewSubmission { name, email, subject, message, metadata, spam })
    }
}

impl Visits {
    pub(crate) fn checked(&self) -> Result<(), Fault> {
        match (Line::<0, 40>::parse(&self.reason), self.count) {
            (Ok(_), 1..=1_000_000_000_000) => Ok(()),
            _ => Err(Fault::field("visits", "are not as they are counted here")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_nothing_else_is() {
        let link = Link {
            contact_id: Uuid::now_v7(),
            document_id: Uuid::now_v7(),
            confirmed: true,
            decided_at: "2026-03-01T09:30:00.123456Z".parse().unwrap(),
        };
        let mut lines = Vec::new();
        write(&mut lines, &link).unwrap();
        let Records::Links(read) = Records::parse(1, "links", &lines).unwrap() else { panic!("another kind") };
        assert_eq!(read, [link]);
        assert_eq!(Records::parse(1, "links", b"{}\n").unwrap_err().reason, "bundle-damaged");
        assert_eq!(Records::parse(1, "secrets", &lines).unwrap_err().reason, "bundle-damaged");
        assert_eq!(Records::parse(2, "links", &lines).unwrap_err().reason, "bundle-format");
    }
}
