//! What the export bundle holds of this service: records, each a JSON object on a line of its own. The bytes
//! of files come beside them.
//!
//! The crate `bundle-format` says what a later format may change. What was read out of a document is not in
//! it: whoever brings it in reads it again.

use chassis::Fault;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::Check;

/// Records of one part, bytes of its lines, and of the files that follow: a part is not made longer once it
/// has so many.
pub(crate) const PART_RECORDS: i64 = 50;
pub(crate) const PART_BYTES: usize = 512 << 10;
pub(crate) const PART_FILE_BYTES: i64 = 64 << 20;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Collection {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) visibility: String,
    pub(crate) created_at: Timestamp,
    pub(crate) members: Vec<Uuid>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) id: Uuid,
    pub(crate) collection_id: Uuid,
    pub(crate) title: String,
    pub(crate) tags: Vec<String>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: Option<Uuid>,
    /// Since when it is in the trash.
    pub(crate) deleted_at: Option<Timestamp>,
    /// From 1, without a gap; the last is the current one.
    pub(crate) versions: Vec<Version>,
    /// The message that it came with. Since format 2.
    #[serde(default)]
    pub(crate) parent_id: Option<Uuid>,
    /// What came with it, if it is a message; also what somebody removed for good, so that it does not come
    /// back when the message is read again. Since format 2.
    #[serde(default)]
    pub(crate) attachments: Vec<Attachment>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attachment {
    pub(crate) document_id: Uuid,
    pub(crate) file_name: String,
    /// Of what was attached; the document may have got other bytes since.
    pub(crate) sha256: String,
    /// The last version of the message that has it.
    pub(crate) version: i32,
    /// Put into the trash because a newer version of the message does not have it.
    pub(crate) gone: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Version {
    pub(crate) number: i32,
    pub(crate) file_name: String,
    pub(crate) media_type: String,
    pub(crate) size: i64,
    pub(crate) sha256: String,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: Option<Uuid>,
}

/// Records of one kind.
#[derive(Debug)]
pub(crate) enum Records {
    Collections(Vec<Collection>),
    Documents(Vec<Document>),
}

impl Records {
    /// # Errors
    /// When the format or the kind is not known, or a line is not a record of it.
    pub(crate) fn parse(format: i32, kind: &str, lines: &[u8]) -> Result<Self, Fault> {
        bundle_format::known(format)?;
        match kind {
            "collections" => Ok(Records::Collections(bundle_format::read(lines)?)),
            "documents" => Ok(Records::Documents(bundle_format::read(lines)?)),
            _ => Err(bundle_format::unknown_kind()),
        }
    }
}

impl Collection {
    /// Held to the same rules as what somebody makes.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let mut check = Check::default();
        check.line("name", &self.name, true, 200);
        check.text("description", &self.description, 2000);
        check.done()?;
        match ["public", "internal", "restricted"].contains(&self.visibility.as_str()) {
            true => Ok(()),
            false => Err(Fault::field("visibility", "must be public, internal or restricted")),
        }
    }
}

impl Document {
    /// Held to the same rules as what somebody uploads.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let mut check = Check::default();
        check.line("title", &self.title, true, 300);
        check.tags(&self.tags);
        check.metadata(&Value::Object(self.metadata.clone()).to_string());
        for version in &self.versions {
            check.sha256("sha256", &version.sha256);
            check.line("file_name", &version.file_name, true, 255);
        }
        for attachment in &self.attachments {
            check.sha256("sha256", &attachment.sha256);
            check.line("file_name", &attachment.file_name, true, 255);
        }
        check.done()?;
        let numbered = self.versions.iter().zip(1..).all(|(version, number)| version.number == number);
        let sized = self.versions.iter().all(|version| version.size > 0 && version.sha256.len() == 64);
        match numbered && sized && !self.versions.is_empty() {
            true => Ok(()),
            false => Err(Fault::field("versions", "must be numbered from 1 and have size and SHA-256")),
        }
    }

    /// Whether what is here is what this record says. Reading a message again notes what came with it, and older
    /// bundles do not say what a document came with.
    pub(crate) fn is(&self, here: &Document) -> bool {
        let parent_id = self.parent_id.and(here.parent_id);
        *self == Document { parent_id, attachments: self.attachments.clone(), ..here.clone() }
    }

    /// The current one; there is one in every record that was checked.
    pub(crate) fn current(&self) -> Option<&Version> {
        self.versions.last()
    }
}
