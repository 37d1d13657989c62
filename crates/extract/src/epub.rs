//! E-books: a chapter is a page.

use std::collections::HashMap;

use crate::{
    Failure, FailureCode,
    archive::{Archive, resolve},
    formats::{Found, Pages, chapter},
    html,
    office::properties,
    xml::{Piece, walk},
};

const MOST_CHAPTERS: usize = 5_000;

/// # Errors
/// `corrupt` when it has no chapters, `encrypted` when they have a password.
pub(crate) fn read(bytes: &[u8], pages: Pages<'_>) -> Result<Found, Failure> {
    let archive = Archive::open(bytes)?;
    let package = package(&archive)?;
    let description = match &package {
        Some(name) => archive.read(name)?.unwrap_or_default(),
        None => Vec::new(),
    };
    let folder = package.as_deref().and_then(|p| p.rsplit_once('/')).map_or("", |(folder, _)| folder);
    let mut chapters = chapters(&description, folder);
    chapters.retain(|name| archive.has(name));
    if chapters.is_empty() {
        chapters = [".xhtml", ".html", ".htm"].iter().flat_map(|end| archive.names("", end)).collect();
    }
    if chapters.is_empty() {
        return Err(Failure::new(FailureCode::Corrupt));
    }
    let locked = encrypted(&archive)?;
    if chapters.iter().all(|chapter| locked.contains(chapter)) {
        return Err(Failure::new(FailureCode::Encrypted));
    }
    for name in chapters.into_iter().filter(|name| !locked.contains(name)) {
        let text = html::read(&archive.read(&name)?.unwrap_or_default()).pages.concat();
        if !chapter(&text, pages) {
            break;
        }
    }
    Ok(Found { engine: "epub", metadata: properties(Some(description)), cut: archive.cut() })
}

/// Where the book is described.
fn package(archive: &Archive<'_>) -> Result<Option<String>, Failure> {
    let mut found = None;
    walk(&archive.read("META-INF/container.xml")?.unwrap_or_default(), |piece| {
        if let Piece::Open("rootfile", attributes) = piece {
            found = attributes.get("full-path");
        }
        found.is_none()
    });
    Ok(found.filter(|name| archive.has(name)).or_else(|| archive.names("", ".opf").into_iter().next()))
}

/// In the order of reading, each once.
fn chapters(description: &[u8], folder: &str) -> Vec<String> {
    let (mut items, mut order) = (HashMap::new(), Vec::new());
    walk(description, |piece| {
        match piece {
            Piece::Open("item", attributes) => {
                if let (Some(id), Some(target)) = (attributes.get("id"), attributes.get("href")) {
                    items.insert(id, resolve(folder, &unescaped(&target)));
                }
            }
            Piece::Open("itemref", attributes) => order.extend(attributes.get("idref")),
            _ => {}
        }
        order.len() < MOST_CHAPTERS
    });
    let mut seen = std::collections::HashSet::new();
    order.iter().filter_map(|id| items.get(id)).filter(|name| seen.insert(*name)).cloned().collect()
}

/// Chapters that are there but cannot be read; fonts are often listed as well, which is no loss.
fn encrypted(archive: &Archive<'_>) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    walk(&archive.read("META-INF/encryption.xml")?.unwrap_or_default(), |piece| {
        if let Piece::Open("CipherReference", attributes) = piece {
            names.extend(attributes.get("URI").map(|name| resolve("", &unescaped(&name))));
        }
        true
    });
    Ok(names)
}

/// `%20` and the like as the characters that they are.
fn unescaped(target: &str) -> String {
    let target = target.split('#').next().unwrap_or_default();
    let mut bytes = Vec::with_capacity(target.len());
    let mut rest = target.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |b: &[u8]| u8::from_str_radix(std::str::from_utf8(b).ok()?, 16).ok();
        match after.get(..2).filter(|_| *first == b'%').and_then(hex) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
