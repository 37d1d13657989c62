//! What the export bundle holds of this service: records, each a JSON object on a line of its own.
//!
//! The crate `bundle-format` says what a later format may change.

use chassis::Fault;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::{
    Check, Company, Email, Line, Message, Metadata, Name, NewContact, NewSubmission, Phone, Subject, Tags, Taken,
};

/// A part is not made longer once it has so many bytes.
pub(crate) const PART_BYTES: usize = 512 << 10;

/// The kinds of records, in the order in which they are brought in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Contacts,
    Submissions,
    Visits,
    Links,
    Merges,
}

impl Kind {
    pub(crate) const ALL: [Kind; 5] = [Kind::Contacts, Kind::Submissions, Kind::Visits, Kind::Links, Kind::Merges];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Contacts => "contacts",
            Kind::Submissions => "submissions",
            Kind::Visits => "visits",
            Kind::Links => "links",
            Kind::Merges => "merges",
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

/// Two contacts that became one, or two again. Since format 2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Merge {
    pub(crate) id: Uuid,
    /// The contact that went into the other one.
    pub(crate) source_id: Uuid,
    pub(crate) target_id: Uuid,
    pub(crate) taken: Taken,
    /// That the source had then.
    pub(crate) submissions: i64,
    pub(crate) merged_at: Timestamp,
    pub(crate) undone_at: Option<Timestamp>,
}

/// Records of one kind.
#[derive(Debug)]
pub(crate) enum Records {
    Contacts(Vec<Contact>),
    Submissions(Vec<Submission>),
    Visits(Vec<Visits>),
    Links(Vec<Link>),
    Merges(Vec<Merge>),
}

impl Records {
    /// # Errors
    /// When the format or the kind is not known, or a line is not a record of it.
    pub(crate) fn parse(format: i32, kind: &str, lines: &[u8]) -> Result<Self, Fault> {
        bundle_format::known(format)?;
        Ok(match kind {
            "contacts" => Records::Contacts(bundle_format::read(lines)?),
            "submissions" => Records::Submissions(bundle_format::read(lines)?),
            "visits" => Records::Visits(bundle_format::read(lines)?),
            "links" => Records::Links(bundle_format::read(lines)?),
            "merges" => Records::Merges(bundle_format::read(lines)?),
            _ => return Err(bundle_format::unknown_kind()),
        })
    }
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
        bundle_format::write(&mut lines, &link).unwrap();
        let Records::Links(read) = Records::parse(1, "links", &lines).unwrap() else { panic!("another kind") };
        assert_eq!(read, [link]);
        assert_eq!(Records::parse(1, "links", b"{}\n").unwrap_err().reason, "bundle-damaged");
        assert_eq!(Records::parse(1, "secrets", &lines).unwrap_err().reason, "bundle-damaged");
        assert_eq!(Records::parse(bundle_format::FORMAT + 1, "links", &lines).unwrap_err().reason, "bundle-format");
    }
}
