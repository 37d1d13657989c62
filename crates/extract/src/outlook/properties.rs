//! The properties of a message, a recipient or an attachment: those of a fixed size stand in one
//! stream, sixteen bytes each, the others are streams that are named by their tag and type.

use std::collections::HashMap;

use encoding_rs::Encoding;

use super::container::Container;
use crate::{rtf, text};

/// Which property.
pub(super) mod tag {
    pub(in super::super) const SUBJECT: u16 = 0x0037;
    pub(in super::super) const SUBMITTED: u16 = 0x0039;
    pub(in super::super) const REPRESENTED_NAME: u16 = 0x0042;
    pub(in super::super) const REPRESENTED_ADDRESS: u16 = 0x0065;
    pub(in super::super) const RECIPIENT_TYPE: u16 = 0x0c15;
    pub(in super::super) const SENDER_NAME: u16 = 0x0c1a;
    pub(in super::super) const SENDER_ADDRESS: u16 = 0x0c1f;
    pub(in super::super) const DISPLAY_CC: u16 = 0x0e03;
    pub(in super::super) const DISPLAY_TO: u16 = 0x0e04;
    pub(in super::super) const DELIVERED: u16 = 0x0e06;
    pub(in super::super) const BODY: u16 = 0x1000;
    pub(in super::super) const RTF: u16 = 0x1009;
    pub(in super::super) const HTML: u16 = 0x1013;
    pub(in super::super) const DISPLAY_NAME: u16 = 0x3001;
    pub(in super::super) const ADDRESS: u16 = 0x3003;
    pub(in super::super) const DATA: u16 = 0x3701;
    pub(in super::super) const FILE_NAME: u16 = 0x3704;
    pub(in super::super) const LONG_FILE_NAME: u16 = 0x3707;
    pub(in super::super) const CONTENT_ID: u16 = 0x3712;
    pub(in super::super) const SMTP_ADDRESS: u16 = 0x39fe;
    pub(super) const INTERNET_CODE_PAGE: u16 = 0x3fde;
    pub(super) const CODE_PAGE: u16 = 0x3ffd;
    pub(in super::super) const SENDER_SMTP: u16 = 0x5d01;
    pub(in super::super) const REPRESENTED_SMTP: u16 = 0x5d02;
    /// The folder of a message that is attached.
    pub(in super::super) const EMBEDDED: &str = "__substg1.0_3701000D";
}

const NUMBER: u16 = 0x0003;
const BYTE_TEXT: u16 = 0x001e;
const WIDE_TEXT: u16 = 0x001f;
const TIME: u16 = 0x0040;
const BYTES: u16 = 0x0102;

/// Before the first entry, by what the stream belongs to.
const HEADER_OF_FILE: usize = 32;
const HEADER_OF_MESSAGE: usize = 24;
const HEADER_OF_PART: usize = 8;

/// What may be read of a folder: names in lists of people, and bodies and files once each.
const WANTED: [u16; 21] = [
    tag::SUBJECT,
    tag::REPRESENTED_NAME,
    tag::REPRESENTED_ADDRESS,
    tag::SENDER_NAME,
    tag::SENDER_ADDRESS,
    tag::DISPLAY_CC,
    tag::DISPLAY_TO,
    tag::BODY,
    tag::RTF,
    tag::HTML,
    tag::DISPLAY_NAME,
    tag::ADDRESS,
    tag::DATA,
    tag::FILE_NAME,
    tag::LONG_FILE_NAME,
    tag::CONTENT_ID,
    tag::SMTP_ADDRESS,
    tag::INTERNET_CODE_PAGE,
    tag::CODE_PAGE,
    tag::SENDER_SMTP,
    tag::REPRESENTED_SMTP,
];

/// Seconds from 1601, where the times begin, to 1970.
const SECONDS_TO_1970: u64 = 11_644_473_600;
const SECONDS_A_DAY: u64 = 86_400;

pub(super) struct Properties {
    /// By tag and type.
    fixed: HashMap<(u16, u16), u64>,
    streams: HashMap<(u16, u16), Vec<u8>>,
    encoding: Option<&'static Encoding>,
}

impl Properties {
    /// Nothing when there is no message in the folder.
    pub(super) fn of_message(container: &mut Container<'_>, folder: &str, is_first: bool) -> Option<Self> {
        let header = if is_first { HEADER_OF_FILE } else { HEADER_OF_MESSAGE };
        let mut read = Self::read(container, folder, header)?;
        let page = read.number(tag::CODE_PAGE).or_else(|| read.number(tag::INTERNET_CODE_PAGE));
        read.encoding = page.and_then(|page| i32::try_from(page).ok()).map(rtf::code_page);
        Some(read)
    }

    /// A recipient or an attachment of a message, whose encoding it shares.
    pub(super) fn of_part(container: &mut Container<'_>, folder: &str, message: &Self) -> Option<Self> {
        Some(Self { encoding: message.encoding, ..Self::read(container, folder, HEADER_OF_PART)? })
    }

    fn read(container: &mut Container<'_>, folder: &str, header: usize) -> Option<Self> {
        let table = container.stream(&format!("{folder}/__properties_version1.0"))?;
        let entries = table.get(header..).unwrap_or_default().as_chunks::<16>().0;
        let fixed = entries.iter().map(|entry| {
            let [a, b, c, d, _, _, _, _, value @ ..] = *entry;
            ((u16::from_le_bytes([c, d]), u16::from_le_bytes([a, b])), u64::from_le_bytes(value))
        });
        let fixed = fixed.collect();
        let mut streams = HashMap::new();
        for path in container.streams(folder) {
            if let Some(name) = path.rsplit_once("/__substg1.0_").map(|(_, name)| name)
                && let Some((tag, kind)) = name.split_at_checked(4)
                && let (Ok(tag), Ok(kind)) = (u16::from_str_radix(tag, 16), u16::from_str_radix(kind, 16))
                && WANTED.contains(&tag)
                && let Some(bytes) = container.stream(&path)
            {
                streams.insert((tag, kind), bytes);
            }
        }
        Some(Self { fixed, streams, encoding: None })
    }

    /// What the text says; nothing when it is empty.
    pub(super) fn text(&self, tag: u16) -> Option<String> {
        let wide = self.streams.get(&(tag, WIDE_TEXT)).map(|bytes| {
            let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
        });
        let narrow = || self.streams.get(&(tag, BYTE_TEXT)).map(|bytes| text::decode(bytes, self.encoding));
        let text = wide.or_else(narrow)?;
        let text = text.trim_end_matches('\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(super) fn bytes(&self, tag: u16) -> Option<Vec<u8>> {
        self.streams.get(&(tag, BYTES)).filter(|bytes| !bytes.is_empty()).cloned()
    }

    pub(super) fn number(&self, tag: u16) -> Option<u32> {
        self.fixed.get(&(tag, NUMBER)).map(|value| *value as u32)
    }

    /// In UTC, as `2026-11-23 10:00:00Z`.
    pub(super) fn time(&self, tag: u16) -> Option<String> {
        let seconds = (self.fixed.get(&(tag, TIME))? / 10_000_000).checked_sub(SECONDS_TO_1970)?;
        let (year, month, day) = civil(seconds / SECONDS_A_DAY);
        let of_day = seconds % SECONDS_A_DAY;
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        (year < 10_000).then(|| format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z"))
    }
}

/// Year, month and day of the Gregorian calendar, by days since 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    // Counted in eras of 400 years from the first of March of the year 0, so that leap days come last.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_780), (2026, 11, 23));
        assert_eq!(civil(47_541), (2100, 3, 1));
    }
}
