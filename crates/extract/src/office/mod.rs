//! Office documents: OOXML (Word, PowerPoint, Excel) and OpenDocument.

mod locked;
mod odf;
mod sheets;
mod slides;
mod styles;
mod word;

use std::collections::{BTreeMap, HashMap};

pub(crate) use odf::Kind;

use crate::{
    Failure, FailureCode,
    archive::{Archive, resolve},
    formats::{Found, Pages},
    media::CONTAINER,
    sniff,
    xml::{Piece, walk},
};

/// The kinds of OOXML.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ooxml {
    Word,
    Slides,
    Sheets,
}

impl Ooxml {
    pub(crate) fn of(media_type: Option<&str>) -> Option<Self> {
        match media_type?.strip_prefix("application/vnd.openxmlformats-officedocument.")? {
            "wordprocessingml.document" => Some(Self::Word),
            "presentationml.presentation" => Some(Self::Slides),
            "spreadsheetml.sheet" => Some(Self::Sheets),
            _ => None,
        }
    }
}

#[cfg(feature = "fuzzing")]
pub(crate) use locked::fuzzed as fuzzed_lock;

/// # Errors
/// `encrypted` when the password does not open it, or `corrupt` when the part that matters is not there.
pub(crate) fn read(kind: Ooxml, bytes: &[u8], password: &str, pages: Pages<'_>) -> Result<Found, Failure> {
    if !bytes.starts_with(CONTAINER) {
        return read_archive(kind, bytes, pages);
    }
    // With a password, the archive is inside of a container of the old kind.
    let opened = locked::open(bytes, password)?;
    read_archive(Ooxml::of(sniff(&opened, "")).unwrap_or(kind), &opened, pages)
}

fn read_archive(kind: Ooxml, bytes: &[u8], pages: Pages<'_>) -> Result<Found, Failure> {
    let archive = Archive::open(bytes)?;
    let metadata = properties(archive.read("docProps/core.xml")?);
    match kind {
        Ooxml::Word => word::read(&archive, pages)?,
        Ooxml::Slides => slides::read(&archive, pages)?,
        Ooxml::Sheets => sheets::read(&archive, pages)?,
    }
    Ok(Found { engine: "office", metadata, cut: archive.cut() })
}

/// # Errors
/// As [`read`].
pub(crate) fn read_open(kind: Kind, bytes: &[u8], pages: Pages<'_>) -> Result<Found, Failure> {
    let archive = Archive::open(bytes)?;
    if archive.read("META-INF/manifest.xml")?.is_some_and(|m| m.windows(16).any(|w| w == b"encryption-data>")) {
        return Err(Failure::new(FailureCode::Encrypted));
    }
    let metadata = properties(archive.read("meta.xml")?);
    odf::read(kind, &archive, pages)?;
    Ok(Found { engine: "office", metadata, cut: archive.cut() })
}

/// What the document says of itself, by the names that the house gives.
pub(crate) fn properties(bytes: Option<Vec<u8>>) -> BTreeMap<String, String> {
    let (mut found, mut open) = (BTreeMap::<String, String>::new(), None);
    walk(&bytes.unwrap_or_default(), |piece| {
        match piece {
            Piece::Open(name, _) => {
                open = Some(match name {
                    "title" | "subject" | "description" | "language" => name.to_owned(),
                    "creator" | "initial-creator" => "author".to_owned(),
                    "keywords" | "keyword" => "keywords".to_owned(),
                    "created" | "creation-date" => "created".to_owned(),
                    "modified" => "modified".to_owned(),
                    "date" => "date".to_owned(),
                    _ => return true,
                });
            }
            Piece::Text(text) => {
                if let Some(name) = &open {
                    let value = found.entry(name.clone()).or_default();
                    let room = 500usize.saturating_sub(value.chars().count());
                    value.extend(text.chars().take(room));
                }
            }
            Piece::Close(_) => open = None,
        }
        true
    });
    found.retain(|_, value| !value.trim().is_empty());
    found
}

/// What one part refers to: id to (kind, name of the part).
fn relations(archive: &Archive<'_>, part: &str) -> Result<HashMap<String, (String, String)>, Failure> {
    let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
    let mut found = HashMap::new();
    let bytes = archive.read(&format!("{folder}/_rels/{name}.rels"))?.unwrap_or_default();
    walk(&bytes, |piece| {
        if let Piece::Open("Relationship", attributes) = piece
            && attributes.get("TargetMode").as_deref() != Some("External")
            && let (Some(id), Some(kind), Some(target)) =
                (attributes.get("Id"), attributes.get("Type"), attributes.get("Target"))
        {
            let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
            found.insert(id, (kind, resolve(folder, &target)));
        }
        true
    });
    Ok(found)
}

/// The names of the parts of this kind.
fn related(archive: &Archive<'_>, part: &str, kind: &str) -> Result<Vec<String>, Failure> {
    let mut names: Vec<String> =
        relations(archive, part)?.into_values().filter(|(k, _)| k == kind).map(|(_, name)| name).collect();
    names.sort();
    Ok(names)
}

/// Ends a paragraph.
fn line_end(text: &mut String) {
    text.push('\n');
}

/// Ends a cell: what ended a paragraph is the space before the next cell.
fn cell_end(text: &mut String) {
    while text.ends_with('\n') {
        text.pop();
    }
    text.push('\t');
}

/// Ends a row of cells.
fn row_end(text: &mut String) {
    text.truncate(text.trim_end_matches(['\t', ' ']).len());
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}
