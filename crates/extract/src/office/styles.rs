//! Which cells of a spreadsheet hold a date, and which date a number is.

use crate::xml::{Piece, walk};

/// For each style of a cell: whether its number is a day, and whether that has a time.
#[derive(Default)]
pub(super) struct Styles(Vec<Option<Moment>>);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Moment {
    Day,
    DayAndTime,
    Time,
}

impl Styles {
    pub(super) fn read(bytes: &[u8]) -> Self {
        let (mut custom, mut styles, mut cells) = (std::collections::HashMap::new(), Vec::new(), false);
        walk(bytes, |piece| {
            match piece {
                Piece::Open("numFmt", attributes) => {
                    if let (Some(id), Some(code)) = (attributes.get("numFmtId"), attributes.get("formatCode")) {
                        custom.insert(id, moment_of(&code));
                    }
                }
                Piece::Open("cellXfs", _) => cells = true,
                Piece::Close("cellXfs") => cells = false,
                Piece::Open("xf", attributes) if cells => {
                    let id = attributes.get("numFmtId").unwrap_or_default();
                    styles.push(match id.parse::<u32>() {
                        Ok(14..=17) => Some(Moment::Day),
                        Ok(18..=21 | 45..=47) => Some(Moment::Time),
                        Ok(22) => Some(Moment::DayAndTime),
                        _ => custom.get(&id).copied().flatten(),
                    });
                }
                _ => {}
            }
            styles.len() < 100_000
        });
        Self(styles)
    }

    pub(super) fn get(&self, index: usize) -> Option<Moment> {
        self.0.get(index).copied().flatten()
    }
}

/// Letters outside of quotes and brackets tell.
fn moment_of(code: &str) -> Option<Moment> {
    let (mut quoted, mut bracket, mut letters) = (false, false, String::new());
    for c in code.chars() {
        match c {
            '"' => quoted = !quoted,
            '[' => bracket = true,
            ']' => bracket = false,
            ';' if !quoted => break,
            c if !quoted && !bracket => letters.push(c.to_ascii_lowercase()),
            _ => {}
        }
    }
    let (day, time) = (letters.contains(['y', 'd']), letters.contains(['h', 's']));
    match (day, time) {
        (true, true) => Some(Moment::DayAndTime),
        (true, false) => Some(Moment::Day),
        (false, true) if !letters.contains(['0', '#']) || letters.contains('h') => Some(Moment::Time),
        _ => None,
    }
}

/// Days since the end of 1899 (or 1904, in files that began on an old Macintosh), as people write them.
pub(super) fn moment(number: f64, kind: Moment, since_1904: bool) -> Option<String> {
    if !(0.0..=2_958_466.0).contains(&number) {
        return None;
    }
    let seconds = ((number.fract() * 86_400.0).round() as i64).min(86_399);
    let time = format!("{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
    if kind == Moment::Time {
        return Some(time);
    }
    // From 1970; 1900 had no 29 February, but the first spreadsheets thought so.
    let days = number as i64 - if since_1904 { 24_107 } else { 25_569 };
    let (year, month, day) = civil(days);
    let date = format!("{year:04}-{month:02}-{day:02}");
    Some(if kind == Moment::DayAndTime { format!("{date} {time}") } else { date })
}

/// Days since 1970 to year, month, day (Hinnant's algorithm).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_the_days_that_they_are() {
        assert_eq!(moment(45_351.0, Moment::Day, false).as_deref(), Some("2024-02-29"));
        assert_eq!(moment(45_351.75, Moment::DayAndTime, false).as_deref(), Some("2024-02-29 18:00"));
        assert_eq!(moment(0.5, Moment::Time, false).as_deref(), Some("12:00"));
        assert_eq!(moment(43_889.0, Moment::Day, true).as_deref(), Some("2024-02-29"));
        assert_eq!(moment(-1.0, Moment::Day, false), None);
    }

    #[test]
    fn formats_tell_what_is_a_date() {
        assert_eq!(moment_of("dd/mm/yyyy"), Some(Moment::Day));
        assert_eq!(moment_of("yyyy-mm-dd hh:mm"), Some(Moment::DayAndTime));
        assert_eq!(moment_of("#,##0.00 \"days\";[Red]-0"), None);
        assert_eq!(moment_of("General"), None);
    }
}
