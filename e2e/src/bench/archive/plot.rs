//! Milliseconds over the size of the archive, as a picture and as numbers.

use std::fmt::Write;

/// What was measured at growing sizes.
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    /// Pages and milliseconds.
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const MARGIN: f64 = 60.0;
const COLOURS: [&str; 3] = ["#2f6fb0", "#17663a", "#a4262c"];

/// Pages on a logarithmic axis: what grows as log n is a straight line.
pub(crate) fn svg(curves: &[Curve]) -> String {
    let points = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let most = points().map(|p| p.1).fold(f64::MIN_POSITIVE, f64::max);
    let (least, widest) = points().map(|p| p.0.log10()).fold((f64::MAX, f64::MIN), |(l, w), x| (l.min(x), w.max(x)));
    let x = |pages: f64| {
        MARGIN + (pages.log10() - least) / (widest - least).max(f64::MIN_POSITIVE) * (WIDTH - 2.0 * MARGIN)
    };
    let y = |ms: f64| HEIGHT - MARGIN - ms / most * (HEIGHT - 2.0 * MARGIN);
    let mut drawn = String::new();
    for (n, curve) in curves.iter().enumerate().filter(|(_, curve)| !curve.points.is_empty()) {
        let colour = COLOURS[n % COLOURS.len()];
        let line: Vec<String> = curve.points.iter().map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
        let _ = write!(
            drawn,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"{MARGIN}\" y=\"{}\" fill=\"{colour}\">{}, P95</text>",
            line.join(" "),
            18 + 16 * n,
            curve.name
        );
    }
    if let Some(longest) = curves.iter().max_by_key(|curve| curve.points.len()) {
        for (pages, _) in &longest.points {
            let _ = write!(
                drawn,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{pages}</text>",
                x(*pages),
                HEIGHT - 30.0
            );
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\
         <path d=\"M{MARGIN} {MARGIN}V{bottom}H{right}\" fill=\"none\" stroke=\"#1d2430\"/>{drawn}\
         <text x=\"8\" y=\"{MARGIN}\">{most:.1} ms</text><text x=\"8\" y=\"{bottom}\">0 ms</text>\
         <text x=\"{right}\" y=\"{}\" text-anchor=\"end\">pages</text></svg>\n",
        HEIGHT - 12.0,
        bottom = HEIGHT - MARGIN,
        right = WIDTH - MARGIN
    )
}

/// A line for each point.
pub(crate) fn csv(curves: &[Curve]) -> String {
    let line = |name: &str, p: &(f64, f64)| format!("{name},{},{:.3}\n", p.0, p.1);
    let lines: String = curves.iter().flat_map(|c| c.points.iter().map(|p| line(c.name, p))).collect();
    format!("what,pages,p95_ms\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_drawn_on_a_logarithmic_axis() {
        let curve = Curve { name: "search", points: vec![(1_000.0, 2.0), (10_000.0, 3.0), (100_000.0, 4.0)] };
        let drawn = svg(std::slice::from_ref(&curve));
        assert!(drawn.contains("points=\"60.0,160.0 320.0,110.0 580.0,60.0\""), "{drawn}");
        assert_eq!(csv(&[curve]).lines().nth(2), Some("search,10000,3.000"));
    }
}
