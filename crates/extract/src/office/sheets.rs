//! Excel workbooks: a sheet is a page, and a long one several. Only cells that are there are looked at,
//! however far out they say that they are.

use super::{
    related, relations, row_end,
    slides::append,
    styles::{Styles, moment},
};
use crate::{
    Failure, FailureCode,
    archive::Archive,
    formats::{Pages, Rows},
    xml::{Piece, walk},
};

const BODY: &str = "xl/workbook.xml";
const MOST: usize = 2_000;
/// Of one cell: Excel itself takes 32,767 characters.
const CELL_CHARACTERS: usize = 40_000;

pub(super) fn read(archive: &Archive<'_>, pages: Pages<'_>) -> Result<(), Failure> {
    let (sheets, since_1904) = sheets(archive)?;
    if sheets.is_empty() {
        return Err(Failure::new(FailureCode::Corrupt));
    }
    let strings = strings(archive)?;
    let styles = Styles::read(&archive.read("xl/styles.xml")?.unwrap_or_default());
    for (name, part) in sheets {
        let Some(bytes) = archive.read(&part)? else { continue };
        let mut rows = Rows::new(pages, &name);
        let mut sheet = Sheet { strings: &strings, styles: &styles, since_1904, ..Sheet::default() };
        let whole = walk(&bytes, |piece| sheet.piece(piece, &mut rows));
        if !whole {
            archive.is_cut(FailureCode::Corrupt);
        }
        for part in related(archive, &part, "comments")? {
            let mut comment = String::new();
            let bytes = archive.read(&part)?.unwrap_or_default();
            walk(&bytes, |piece| {
                match piece {
                    Piece::Text(text) => comment.push_str(&text),
                    Piece::Close("comment" | "authors") => {
                        rows.row(comment.trim());
                        comment.clear();
                    }
                    _ => {}
                }
                true
            });
        }
        let mut drawn = String::new();
        for part in related(archive, &part, "drawing")? {
            append(archive, &part, &mut drawn)?;
            for chart in related(archive, &part, "chart")? {
                append(archive, &chart, &mut drawn)?;
            }
        }
        for line in drawn.lines() {
            rows.row(line);
        }
        if !rows.end() {
            break;
        }
    }
    Ok(())
}

/// Names and parts, in their order, and whether days are counted from 1904.
fn sheets(archive: &Archive<'_>) -> Result<(Vec<(String, String)>, bool), Failure> {
    let targets = relations(archive, BODY)?;
    let (mut sheets, mut since_1904) = (Vec::new(), false);
    walk(&archive.read(BODY)?.unwrap_or_default(), |piece| {
        match piece {
            Piece::Open("workbookPr", attributes) => {
                since_1904 = matches!(attributes.get("date1904").as_deref(), Some("1" | "true"));
            }
            Piece::Open("sheet", attributes) => {
                if let Some((_, part)) = attributes.exactly("r:id").and_then(|id| targets.get(&id)) {
                    sheets.push((attributes.get("name").unwrap_or_default(), part.clone()));
                }
            }
            _ => {}
        }
        sheets.len() < MOST
    });
    sheets.retain(|(_, part)| archive.has(part));
    if sheets.is_empty() {
        let parts = archive.names("xl/worksheets/sheet", ".xml").into_iter().take(MOST);
        sheets = parts.map(|part| (String::new(), part)).collect();
    }
    Ok((sheets, since_1904))
}

fn strings(archive: &Archive<'_>) -> Result<Vec<String>, Failure> {
    let (mut strings, mut current, mut inside, mut phonetic) = (Vec::new(), String::new(), false, false);
    let whole = walk(&archive.read("xl/sharedStrings.xml")?.unwrap_or_default(), |piece| {
        match piece {
            // How it is pronounced, which is not what is written.
            Piece::Open("rPh", _) => phonetic = true,
            Piece::Close("rPh") => phonetic = false,
            Piece::Open("t", _) => inside = !phonetic,
            Piece::Close("t") => inside = false,
            Piece::Text(text) if inside => current.push_str(&text),
            Piece::Close("si") => strings.push(std::mem::take(&mut current)),
            _ => {}
        }
        true
    });
    if !whole {
        archive.is_cut(FailureCode::Corrupt);
    }
    Ok(strings)
}

/// Where the walk through a sheet is.
struct Sheet<'a> {
    strings: &'a [String],
    styles: &'a Styles,
    since_1904: bool,
    row: String,
    kind: String,
    style: usize,
    value: String,
    inside: bool,
}

impl Default for Sheet<'_> {
    fn default() -> Self {
        static NONE: std::sync::LazyLock<Styles> = std::sync::LazyLock::new(Styles::default);
        Self {
            strings: &[],
            styles: &NONE,
            since_1904: false,
            row: String::new(),
            kind: String::new(),
            style: 0,
            value: String::new(),
            inside: false,
        }
    }
}

impl Sheet<'_> {
    fn piece(&mut self, piece: Piece<'_>, rows: &mut Rows<'_>) -> bool {
        match piece {
            Piece::Open("c", attributes) => {
                self.kind = attributes.get("t").unwrap_or_default();
                self.style = attributes.get("s").and_then(|s| s.parse().ok()).unwrap_or(0);
                self.value.clear();
            }
            Piece::Open("v" | "t", _) => self.inside = true,
            Piece::Close("v" | "t") => self.inside = false,
            Piece::Text(text) if self.inside && self.value.len() < CELL_CHARACTERS => self.value.push_str(&text),
            Piece::Close("c") => {
                let shown = self.shown();
                if !shown.is_empty() {
                    self.row.push_str(&shown);
                    self.row.push('\t');
                }
            }
            Piece::Close("row") => {
                row_end(&mut self.row);
                let on = rows.row(self.row.trim_end());
                self.row.clear();
                return on;
            }
            _ => {}
        }
        true
    }

    /// As people see it, nearly.
    fn shown(&self) -> String {
        let value = self.value.trim();
        match self.kind.as_str() {
            "s" => value.parse::<usize>().ok().and_then(|at| self.strings.get(at)).cloned().unwrap_or_default(),
            "b" => if value == "1" { "TRUE" } else { "FALSE" }.to_owned(),
            "str" | "inlineStr" | "e" | "d" => value.to_owned(),
            _ => match value.parse::<f64>() {
                Ok(number) if number.is_finite() => self
                    .styles
                    .get(self.style)
                    .and_then(|kind| moment(number, kind, self.since_1904))
                    .unwrap_or_else(|| number_shown(number)),
                _ => value.to_owned(),
            },
        }
    }
}

/// Without the digits that only come from counting in twos.
fn number_shown(number: f64) -> String {
    if number.abs() >= 1e15 || number != 0.0 && number.abs() < 1e-9 {
        return format!("{number:e}");
    }
    let shown = format!("{number:.9}");
    shown.trim_end_matches('0').trim_end_matches('.').to_owned()
}
