//! What was measured, beside what it is measured against.

use serde::Serialize;

/// Repeated measurements of one thing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) unit: &'static str,
    pub(crate) values: Vec<f64>,
}

impl Sample {
    pub(crate) fn new(unit: &'static str, values: Vec<f64>) -> Self {
        Self { unit, values }
    }

    pub(crate) fn one(unit: &'static str, value: f64) -> Self {
        Self::new(unit, vec![value])
    }

    pub(crate) fn median(&self) -> f64 {
        quantile(&self.values, 0.5)
    }

    pub(crate) fn low(&self) -> f64 {
        self.values.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(crate) fn high(&self) -> f64 {
        self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// Median, and the spread where there is one.
    pub(crate) fn text(&self) -> String {
        let (median, low, high) = (number(self.median()), number(self.low()), number(self.high()));
        match self.values.len() {
            0 => "–".to_owned(),
            1 => format!("{median} {}", self.unit),
            _ => format!("{median} {} ({low}–{high})", self.unit),
        }
    }
}

/// The value below which a share `q` of the values lies, by nearest rank.
pub(crate) fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Three digits that mean something.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// What is wanted of a figure.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// Ours ÷ yardstick.
    RatioAtLeast(f64),
    /// Ours ÷ yardstick.
    RatioAtMost(f64),
    /// In the unit of the figure.
    AtLeast(f64),
    /// In the unit of the figure.
    AtMost(f64),
    /// It only orients.
    Noted,
}

/// One row of the table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// Such as "P1a".
    pub(crate) id: &'static str,
    pub(crate) what: String,
    pub(crate) ours: Option<Sample>,
    pub(crate) yardstick: Option<Sample>,
    /// What the yardstick is.
    pub(crate) against: String,
    pub(crate) goal: Goal,
    pub(crate) ratio: Option<f64>,
    pub(crate) met: Option<bool>,
    /// Why there is no figure, or what to know about it.
    pub(crate) note: String,
}

impl Row {
    /// A figure with its goal; the yardstick, when there is one, ran in the same rounds.
    pub(crate) fn new(
        id: &'static str,
        what: impl Into<String>,
        ours: Sample,
        yardstick: Option<(String, Sample)>,
        goal: Goal,
    ) -> Self {
        let (against, yardstick) = yardstick.map_or((String::new(), None), |(name, sample)| (name, Some(sample)));
        let ratio = yardstick.as_ref().map(|other| paired_ratio(&ours, other));
        let met = match goal {
            Goal::RatioAtLeast(wanted) => ratio.map(|ratio| ratio >= wanted),
            Goal::RatioAtMost(wanted) => ratio.map(|ratio| ratio <= wanted),
            Goal::AtLeast(wanted) => Some(ours.median() >= wanted),
            Goal::AtMost(wanted) => Some(ours.median() <= wanted),
            Goal::Noted => None,
        };
        Self { id, what: what.into(), ours: Some(ours), yardstick, against, goal, ratio, met, note: String::new() }
    }

    /// Nothing was measured.
    pub(crate) fn missing(id: &'static str, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            id,
            what: what.into(),
            ours: None,
            yardstick: None,
            against: String::new(),
            goal: Goal::Noted,
            ratio: None,
            met: None,
            note: why.into(),
        }
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    pub(crate) fn goal_text(&self) -> String {
        let unit = self.ours.as_ref().map_or("", |sample| sample.unit);
        match self.goal {
            Goal::RatioAtLeast(wanted) => format!("≥ {wanted}×"),
            Goal::RatioAtMost(wanted) => format!("≤ {wanted}×"),
            Goal::AtLeast(wanted) => format!("≥ {} {unit}", number(wanted)),
            Goal::AtMost(wanted) => format!("≤ {} {unit}", number(wanted)),
            Goal::Noted => "–".to_owned(),
        }
    }

    pub(crate) fn verdict(&self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "–",
        }
    }
}

/// The median of the rounds' ratios: what the machine did meanwhile hit both sides of a round.
fn paired_ratio(ours: &Sample, other: &Sample) -> f64 {
    if ours.values.len() != other.values.len() {
        return ours.median() / other.median();
    }
    let ratios: Vec<f64> = ours.values.iter().zip(&other.values).map(|(a, b)| a / b).collect();
    quantile(&ratios, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        let ours = Sample::new("requests/s", vec![400.0, 200.0, 900.0]);
        let other = Sample::new("requests/s", vec![100.0, 50.0, 300.0]);
        let row = Row::new("P1a", "reads", ours, Some(("peer".to_owned(), other)), Goal::RatioAtLeast(4.0));
        assert_eq!((row.ratio, row.met), (Some(4.0), Some(true)));
    }

    #[test]
    fn a_goal_that_needs_a_yardstick_is_open_without_one() {
        let row = Row::new("P1a", "reads", Sample::one("requests/s", 9.0), None, Goal::RatioAtLeast(4.0));
        assert_eq!(row.met, None);
    }

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!((quantile(&values, 0.5), quantile(&values, 0.95)), (10.0, 19.0));
        assert!(quantile(&[], 0.5).is_nan());
    }
}
