//! The table for the terminal, the JSON for programs, and the files they go into.

use std::path::Path;

use serde::Serialize;

use super::{
    figures::{Row, number},
    machine::Machine,
    page,
};

/// Everything that one run measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) quick: bool,
    pub(crate) seconds: f64,
    pub(crate) peers: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

impl Report {
    /// Aligned columns.
    pub(crate) fn table(&self) -> String {
        let mut lines = vec![["", "what", "ours", "yardstick", "ratio", "goal", ""].map(str::to_owned)];
        lines.extend(self.rows.iter().map(cells));
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..7).map(width).collect();
        let mut text = format!("{}\n", self.machine.text());
        if self.quick {
            text.push_str("A quick run: it shows that everything runs; its figures mean nothing.\n");
        }
        for line in &lines {
            let padded = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            text.push('\n');
            text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        }
        for row in self.rows.iter().filter(|row| !row.note.is_empty()) {
            text.push_str(&format!("\n{}: {}", row.id, row.note));
        }
        text.push('\n');
        text
    }

    /// Writes `report.json` and `report.html` into `folder`.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("report.json"), serde_json::to_vec_pretty(self)?)?;
        std::fs::write(folder.join("report.html"), page::html(self))?;
        Ok(())
    }
}

fn cells(row: &Row) -> [String; 7] {
    let yardstick = match &row.yardstick {
        Some(sample) => format!("{}: {}", row.against, sample.text()),
        None => "–".to_owned(),
    };
    [
        row.id.to_owned(),
        row.what.clone(),
        row.ours.as_ref().map_or_else(|| "–".to_owned(), |sample| sample.text()),
        yardstick,
        row.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{}×", number(ratio))),
        row.goal_text(),
        row.verdict().to_owned(),
    ]
}
