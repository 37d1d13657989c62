//! The report as one page: a table, and a bar for each figure. No script, nothing fetched.

use super::{
    figures::{Row, Sample, number},
    report::Report,
};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1d2430}\
table{border-collapse:collapse;width:100%}td,th{padding:.4rem .6rem;text-align:left;border-bottom:1px solid #dde2e9;vertical-align:top}\
.met{color:#17663a;font-weight:600}.missed{color:#a4262c;font-weight:600}.note{color:#5a6474;font-size:.9em}pre{color:#5a6474}";
const WIDTH: f64 = 240.0;

/// The whole document.
pub(crate) fn html(report: &Report) -> String {
    let rows: String = report.rows.iter().map(row).collect();
    let quick = if report.quick { "<p><strong>A quick run: its figures mean nothing.</strong></p>" } else { "" };
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Dossier: measured</title><style>{STYLE}</style>\
         <h1>Measured</h1><pre>{}</pre>{quick}<table><thead><tr><th><th>what<th>ours<th>yardstick<th><th>ratio<th>goal<th>\
         </tr></thead><tbody>{rows}</tbody></table></html>\n",
        escape(&report.machine.text())
    )
}

fn row(row: &Row) -> String {
    let text = |sample: &Option<Sample>| sample.as_ref().map_or_else(|| "–".to_owned(), |s| escape(&s.text()));
    let ratio = row.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{}×", number(ratio)));
    let class = match row.met {
        Some(true) => "met",
        Some(false) => "missed",
        None => "",
    };
    let against = match row.against.as_str() {
        "" => String::new(),
        name => format!("<br><span class=\"note\">{}</span>", escape(name)),
    };
    format!(
        "<tr><td>{}<td>{}<br><span class=\"note\">{}</span><td>{}<td>{}{against}<td>{}<td>{ratio}<td>{}<td class=\"{class}\">{}</tr>",
        row.id,
        escape(&row.what),
        escape(&row.note),
        text(&row.ours),
        text(&row.yardstick),
        bars(row),
        escape(&row.goal_text()),
        row.verdict(),
    )
}

/// Ours above the yardstick, on one scale; the thin line is the spread.
fn bars(row: &Row) -> String {
    let samples: Vec<(&Sample, &str)> = [(&row.ours, "#2f6fb0"), (&row.yardstick, "#9aa5b4")]
        .into_iter()
        .filter_map(|(s, c)| Some((s.as_ref()?, c)))
        .collect();
    let most = samples.iter().map(|(sample, _)| sample.high()).fold(0.0, f64::max);
    if most <= 0.0 || !most.is_finite() {
        return String::new();
    }
    let scale = |value: f64| value / most * WIDTH;
    let bar = |(index, (sample, colour)): (usize, &(&Sample, &str))| {
        let (top, middle) = (index * 18, index * 18 + 7);
        format!(
            "<rect x=\"0\" y=\"{top}\" width=\"{:.1}\" height=\"14\" fill=\"{colour}\"/>\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle}\" y2=\"{middle}\" stroke=\"#1d2430\"/>",
            scale(sample.median()),
            scale(sample.low()),
            scale(sample.high())
        )
    };
    let height = samples.len() * 18;
    let drawn: String = samples.iter().enumerate().map(bar).collect();
    format!(
        "<svg width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-label=\"bars of the two figures\">{drawn}</svg>"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
