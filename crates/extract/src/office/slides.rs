//! PowerPoint presentations: a slide is a page, with its notes.

use super::{cell_end, line_end, relations, row_end};
use crate::{
    Failure, FailureCode,
    archive::Archive,
    formats::Pages,
    xml::{Piece, walk},
};

const BODY: &str = "ppt/presentation.xml";
/// Slides of a deck.
const MOST: usize = 5_000;

pub(super) fn read(archive: &Archive<'_>, pages: Pages<'_>) -> Result<(), Failure> {
    let slides = slides(archive)?;
    if slides.is_empty() && !archive.has(BODY) {
        return Err(Failure::new(FailureCode::Corrupt));
    }
    if slides.len() > MOST {
        archive.is_cut(FailureCode::LimitExceeded);
    }
    for slide in slides.into_iter().take(MOST) {
        let mut text = String::new();
        append(archive, &slide, &mut text)?;
        let mut more: Vec<(String, String)> = relations(archive, &slide)?
            .into_values()
            .filter(|(kind, _)| matches!(kind.as_str(), "diagramData" | "chart" | "notesSlide" | "comments"))
            .collect();
        // Notes come last.
        more.sort_by_key(|(kind, name)| (kind == "notesSlide", name.clone()));
        for (_, part) in more {
            append(archive, &part, &mut text)?;
        }
        if !pages(&text) {
            break;
        }
    }
    Ok(())
}

/// In the order of the presentation, else of their numbers.
fn slides(archive: &Archive<'_>) -> Result<Vec<String>, Failure> {
    let targets = relations(archive, BODY)?;
    let mut slides = Vec::new();
    walk(&archive.read(BODY)?.unwrap_or_default(), |piece| {
        if let Piece::Open("sldId", attributes) = piece
            && let Some((_, name)) = attributes.exactly("r:id").and_then(|id| targets.get(&id))
            && archive.has(name)
            && !slides.contains(name)
        {
            slides.push(name.clone());
        }
        slides.len() <= MOST
    });
    if slides.is_empty() {
        slides = archive.names("ppt/slides/slide", ".xml");
    }
    Ok(slides)
}

/// Adds what people read in a slide, a drawing or a chart.
pub(super) fn append(archive: &Archive<'_>, part: &str, text: &mut String) -> Result<(), Failure> {
    let Some(bytes) = archive.read(part)? else { return Ok(()) };
    // Slide numbers and dates that the program fills in say nothing.
    let (mut inside, mut field) = (false, false);
    let whole = walk(&bytes, |piece| {
        match piece {
            Piece::Open("fld", attributes) => field = attributes.get("type").is_some_and(|kind| kind == "slidenum"),
            Piece::Close("fld") => field = false,
            Piece::Open("t" | "v" | "text", _) => inside = !field,
            Piece::Close(name @ ("t" | "v" | "text")) => {
                if name != "t" && inside {
                    line_end(text);
                }
                inside = false;
            }
            Piece::Text(found) if inside => text.push_str(&found),
            Piece::Open("br", _) | Piece::Close("p") => line_end(text),
            Piece::Close("tc") => cell_end(text),
            Piece::Close("tr") => row_end(text),
            _ => {}
        }
        true
    });
    if !whole {
        archive.is_cut(FailureCode::Corrupt);
    }
    Ok(())
}
