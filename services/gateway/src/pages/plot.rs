//! Drawings of numbers by day: SVG of attributes and classes, since nothing may be styled inline.

use std::fmt::Write;

use maud::{Markup, html};

use crate::words::Words;

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 140.0;
/// Around the line, for what is written there.
const TOP: f64 = 16.0;
const BOTTOM: f64 = 24.0;

/// A line over days, the last of which is today, with its largest value and its first and last day.
/// `days` are as they are shown. The numbers follow as a table, for those who cannot see the drawing.
pub(super) fn line(w: Words, what: &str, days: &[String], values: &[i64]) -> Markup {
    let most = values.iter().copied().max().unwrap_or_default();
    let path = path(values, most.max(1));
    let floor = TOP + HEIGHT;
    html! {
        svg.plot viewBox={ "0 0 " (WIDTH) " " (floor + BOTTOM) } role="img" aria-label=(w.plot_label(what, w.number(most))) {
            line.axis x1="0" y1=(TOP) x2=(WIDTH) y2=(TOP) {}
            line.axis x1="0" y1=(floor) x2=(WIDTH) y2=(floor) {}
            path.area d={ (path) "V" (floor) "H0z" } {}
            path.line d=(path) {}
            text x="0" y=(TOP - 4.0) { (w.number(most)) }
            @if let Some(first) = days.first() { text x="0" y=(floor + 20.0) { (first) } }
            @if let Some(last) = days.last() { text x=(WIDTH) y=(floor + 20.0) text-anchor="end" { (last) } }
        }
    }
}

/// Steps of even width; a single day is a level line.
fn path(values: &[i64], most: i64) -> String {
    let step = WIDTH / (values.len().max(2) - 1) as f64;
    let mut path = String::new();
    for (index, value) in values.iter().enumerate() {
        let (x, y) = (index as f64 * step, TOP + HEIGHT - *value as f64 / most as f64 * HEIGHT);
        // Writing to a String cannot fail.
        let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" });
    }
    if values.len() < 2 {
        let y = TOP + HEIGHT - values.first().map_or(0.0, |value| *value as f64 / most as f64 * HEIGHT);
        path = format!("M0 {y:.1}H{WIDTH}");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_day_touches_the_top_and_no_days_are_no_error() {
        assert_eq!(path(&[0, 5, 10], 10), "M0.0 156.0L300.0 86.0L600.0 16.0");
        assert_eq!(path(&[], 1), "M0 156.0H600");
        assert_eq!(path(&[3], 3), "M0 16.0H600");
        let drawn = line(Words::default(), "Visits", &["1 Jan".to_owned()], &[1234]).into_string();
        assert!(drawn.contains("1,234") && !drawn.contains("style="), "{drawn}");
    }
}
