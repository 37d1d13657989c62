//! What the child prints: one JSON value in a line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::FailureCode;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    Page {
        number: u32,
        text: String,
    },
    /// What stands on the page before, to be read as a picture; grey, a byte for each pixel, in base 64.
    Scan {
        width: u32,
        height: u32,
        grey: String,
    },
    /// The document is a picture, and the page before is to have its text.
    Picture,
    /// Something is attached, and its bytes follow.
    Attached {
        name: String,
    },
    /// In base 64.
    Bytes {
        data: String,
    },
    /// Those were all.
    AttachedWhole,
    /// Readers that may drag it down are asked from here on.
    Asked,
    Done(Done),
    Failed {
        code: FailureCode,
    },
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) engine: String,
    pub(crate) metadata: BTreeMap<String, String>,
    /// Why the text is only part of the document.
    pub(crate) partial: Option<FailureCode>,
    pub(crate) cpu_ms: u64,
    pub(crate) peak_rss_bytes: u64,
}
