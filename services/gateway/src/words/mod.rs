//! Every word of the pages, in every language.
//!
//! A message is one line of one of the files beside this one, split by subject: its name, its
//! English, its German. It becomes a method of [`Words`]; a message without its translation does not
//! compile, nor does a placeholder that is no parameter:
//!
//! ```text
//! words! {
//!     sign_in = "Sign in" / "Anmelden";
//!     page_of(number, of) = "Page {number} of {of}" / "Seite {number} von {of}";
//!     documents(n) = one "One document" / "Ein Dokument", other "{n} documents" / "{n} Dokumente";
//! }
//! ```
//!
//! and `w.sign_in()`, `w.page_of(w.number(3), w.number(10))`, `w.documents(1200)` answer it. Counts
//! are grouped as the language does it. What the scripts say stands in [`scripts`], what problems
//! mean in [`problems`].

mod contacts;
mod documents;
mod faults;
mod first_run;
mod inbox;
mod layout;
mod overview;
mod people;
pub(crate) mod problems;
mod scripts;
mod search;
mod settings;
mod sharing;
mod zones;

use std::fmt::Write;

use actix_web::{
    HttpMessage, HttpRequest,
    http::header::{ACCEPT_LANGUAGE, HeaderMap},
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use maud::{Markup, html};

use crate::call::Context;

pub(crate) use scripts::of_scripts;
pub(crate) use zones::Zone;

/// The cookie that remembers the choice.
pub(crate) const COOKIE: &str = "dossier_language";

/// A language that the catalogue is complete in.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq)]
pub(crate) enum Language {
    /// The one for whom nothing else fits.
    #[default]
    English,
    German,
}

impl Language {
    /// All of them, each by its own name.
    pub(crate) const ALL: [(Language, &'static str); 2] = [(Self::English, "English"), (Self::German, "Deutsch")];

    /// Its tag, as in `lang`.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The language of a tag such as `de` or `de-AT`.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().map(|(language, _)| language).find(|l| l.tag().eq_ignore_ascii_case(primary))
    }

    /// What a browser asks for most.
    fn of_header(headers: &HeaderMap) -> Option<Self> {
        let wanted = headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?;
        let weighed = wanted.split(',').filter_map(|part| {
            let (tag, weight) = part.split_once(";q=").unwrap_or((part, "1"));
            Some((weight.trim().parse::<f32>().ok().filter(|q| *q > 0.0)?, Self::of_tag(tag.trim())?))
        });
        // The first of those that weigh most.
        weighed.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, language)| language)
    }
}

/// The words in one language, and where the reader's clock stands.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq)]
pub(crate) struct Words(pub(crate) Language, Option<Zone>);

/// A message without parameters, for tables of them.
pub(crate) type Word = fn(Words) -> &'static str;

/// One method for each message; see the module.
macro_rules! words {
    ($($name:ident $(($($parameter:ident),+))? = $(one $one_en:literal / $one_de:literal, other)? $en:literal / $de:literal;)+) => {
        // A message may begin with "from".
        #[allow(clippy::wrong_self_convention)]
        impl $crate::words::Words {
            $(words!(@method $name ($($($parameter),+)?) ($($one_en / $one_de)?) $en / $de);)+
        }
    };
    (@method $name:ident () () $en:literal / $de:literal) => {
        #[doc = $en]
        pub(crate) fn $name(self) -> &'static str {
            match self.0 {
                $crate::words::Language::English => $en,
                $crate::words::Language::German => $de,
            }
        }
    };
    (@method $name:ident ($($parameter:ident),+) () $en:literal / $de:literal) => {
        #[doc = $en]
        pub(crate) fn $name(self, $($parameter: impl std::fmt::Display),+) -> String {
            match self.0 {
                $crate::words::Language::English => format!($en),
                $crate::words::Language::German => format!($de),
            }
        }
    };
    (@method $name:ident ($n:ident) ($one_en:literal / $one_de:literal) $en:literal / $de:literal) => {
        #[doc = $en]
        pub(crate) fn $name(self, $n: i64) -> String {
            let one = $n == 1;
            let $n = self.number($n);
            match (self.0, one) {
                ($crate::words::Language::English, true) => $one_en.to_owned(),
                ($crate::words::Language::English, false) => format!($en),
                ($crate::words::Language::German, true) => $one_de.to_owned(),
                ($crate::words::Language::German, false) => format!($de),
            }
        }
    };
}
use words;

impl Words {
    /// For whoever sent this: what they chose in this browser, else in their settings, else what the browser
    /// asks for.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let cookie = request.cookie(COOKIE).and_then(|cookie| Language::of_tag(cookie.value()));
        let theirs = request.extensions().get::<Context>().and_then(|context| context.identity.clone());
        let zone = theirs.as_ref().and_then(|who| Zone::of(&who.time_zone));
        let chosen = cookie.or_else(|| Language::of_tag(&theirs?.language));
        Self(chosen.or_else(|| Language::of_header(request.headers())).unwrap_or_default(), zone)
    }

    /// For somebody of whom nothing else is known.
    pub(crate) fn in_language(language: Language) -> Self {
        Self(language, None)
    }

    /// The time zone that the reader has chosen.
    pub(crate) fn zone(self) -> Option<Zone> {
        self.1
    }

    /// A whole number, its thousands set apart.
    pub(crate) fn number(self, n: i64) -> String {
        let mark = match self.0 {
            Language::English => ',',
            Language::German => '.',
        };
        let digits = n.unsigned_abs().to_string();
        let mut grouped = String::from(if n < 0 { "-" } else { "" });
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push(mark);
            }
            grouped.push(digit);
        }
        grouped
    }

    /// A number with one digit after the point.
    pub(crate) fn decimal(self, n: f64) -> String {
        let text = format!("{n:.1}");
        match self.0 {
            Language::English => text,
            Language::German => text.replace('.', ","),
        }
    }

    /// A part of a whole, from 0 to 1.
    pub(crate) fn percent(self, part: f64) -> String {
        match self.0 {
            Language::English => format!("{:.0}%", part * 100.0),
            Language::German => format!("{:.0}\u{a0}%", part * 100.0),
        }
    }

    /// A number of bytes.
    pub(crate) fn size(self, bytes: i64) -> String {
        match bytes {
            ..1000 => self.bytes(bytes),
            1000..1_000_000 => format!("{}\u{a0}kB", bytes / 1000),
            1_000_000..1_000_000_000 => format!("{}\u{a0}MB", self.decimal(bytes as f64 / 1e6)),
            _ => format!("{}\u{a0}GB", self.decimal(bytes as f64 / 1e9)),
        }
    }

    /// Seconds, in a unit that fits.
    pub(crate) fn duration(self, seconds: f64) -> String {
        match seconds {
            ..60.0 => format!("{}\u{a0}s", self.decimal(seconds)),
            60.0..5400.0 => format!("{}\u{a0}min", self.decimal(seconds / 60.0)),
            _ => format!("{}\u{a0}h", self.decimal(seconds / 3600.0)),
        }
    }

    /// A calendar day.
    pub(crate) fn day(self, day: Date) -> String {
        let month = self.month(day.month());
        match self.0 {
            Language::English => format!("{} {month} {}", day.day(), day.year()),
            Language::German => format!("{}. {month} {}", day.day(), day.year()),
        }
    }

    /// A day and a month, for where the year is clear.
    pub(crate) fn short_day(self, day: Date) -> String {
        let month: String = self.month(day.month()).chars().take(3).collect();
        match self.0 {
            Language::English => format!("{} {month}", day.day()),
            Language::German => format!("{}. {month}", day.day()),
        }
    }

    /// A moment, in microseconds since 1970: in the reader's time zone if it is known, else in UTC, and where
    /// scripts run they say it in the browser's.
    pub(crate) fn time(self, micros: i64) -> Markup {
        let at = Timestamp::from_microsecond(micros).unwrap_or_default();
        let local = at.to_zoned(self.1.map_or(TimeZone::UTC, Zone::rules));
        let unsure = if self.1.is_none() { " UTC" } else { "" };
        let mut text = self.day(local.date());
        // Writing to a String cannot fail.
        let _ = write!(text, ", {:02}:{:02}{unsure}", local.hour(), local.minute());
        html! { time datetime=(at.to_string()) { (text) } }
    }

    /// The day of a moment, by the reader's clock if that is known, else in UTC.
    pub(crate) fn date(self, micros: i64) -> Markup {
        let at = Timestamp::from_microsecond(micros).unwrap_or_default();
        let day = at.to_zoned(self.1.map_or(TimeZone::UTC, Zone::rules)).date();
        html! { time datetime=(day.to_string()) { (self.day(day)) } }
    }

    /// A day such as `2026-03-05` in words; what is none, as it is.
    pub(crate) fn day_of(self, text: &str) -> String {
        text.parse().map_or_else(|_| text.to_owned(), |day| self.day(day))
    }

    /// The first moment of a day by the reader's clock, or with `end` its last, as the services take it; as it
    /// is where their clock is not known, or where it is no day.
    pub(crate) fn day_as_moment(self, text: &str, end: bool) -> String {
        let moment = || {
            let (zone, day) = (self.1?.rules(), text.parse::<Date>().ok()?);
            let start = |day: Date| Some(day.to_zoned(zone.clone()).ok()?.timestamp());
            match end {
                false => start(day),
                true => start(day.tomorrow().ok()?)?.checked_sub(jiff::Span::new().microseconds(1)).ok(),
            }
        };
        moment().map_or_else(|| text.to_owned(), |moment| moment.to_string())
    }

    fn month(self, month: i8) -> &'static str {
        let index = usize::try_from(month - 1).unwrap_or_default();
        self.months().split(' ').nth(index).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn the_language_is_the_one_that_is_asked_for_most() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(text));
            Language::of_header(&headers)
        };
        assert_eq!(of("de-AT,de;q=0.9,en;q=0.8"), Some(Language::German));
        assert_eq!(of("fr, en;q=0.5, de;q=0.7"), Some(Language::German));
        assert_eq!(of("en-GB"), Some(Language::English));
        assert_eq!(of("de;q=0"), None);
        assert_eq!(of("fr"), None);
    }

    #[test]
    fn numbers_days_and_sizes_are_said_as_the_language_does() {
        let (en, de) = (Words::in_language(Language::English), Words::in_language(Language::German));
        assert_eq!((en.number(1_234_567), de.number(-1234)), ("1,234,567".to_owned(), "-1.234".to_owned()));
        assert_eq!((en.size(2_340_000), de.size(2_340_000)), ("2.3\u{a0}MB".to_owned(), "2,3\u{a0}MB".to_owned()));
        let day = Date::constant(2026, 3, 5);
        assert_eq!((en.day(day), de.day(day)), ("5 March 2026".to_owned(), "5. März 2026".to_owned()));
        let time = de.time(0).into_string();
        assert_eq!(time, r#"<time datetime="1970-01-01T00:00:00Z">1. Januar 1970, 00:00 UTC</time>"#);
        let there = Words(Language::German, Zone::of("Europe/Berlin")).time(1_751_320_800_000_000).into_string();
        assert_eq!(there, r#"<time datetime="2025-06-30T22:00:00Z">1. Juli 2025, 00:00</time>"#);
        let berlin = Words(Language::English, Zone::of("Europe/Berlin"));
        assert_eq!(
            berlin.date(1_751_320_800_000_000).into_string(),
            r#"<time datetime="2025-07-01">1 July 2025</time>"#
        );
        assert_eq!(berlin.day_as_moment("2025-07-01", false), "2025-06-30T22:00:00Z");
        assert_eq!(berlin.day_as_moment("2025-07-01", true), "2025-07-01T21:59:59.999999Z");
        assert_eq!((&*en.day_as_moment("2025-07-01", true), &*berlin.day_as_moment("x", true)), ("2025-07-01", "x"));
        assert_eq!(en.documents(1), "One document");
        assert_eq!(de.documents(2000), "2.000 Dokumente");
    }
}
