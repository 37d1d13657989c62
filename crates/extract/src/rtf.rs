//! RTF: groups, control words and bytes in the code page of the font that is on.

use std::collections::{BTreeMap, HashMap};

use encoding_rs::{Encoding, WINDOWS_1252};

use crate::{Failure, FailureCode, tidy::tidy};

/// Groups in groups. Real documents have a few dozen.
const DEPTH: usize = 2_000;
/// Of what it says of itself.
const METADATA_BYTES: usize = 2_000;

/// What is not on the page.
const SILENT: [&str; 31] = [
    "fonttbl",
    "colortbl",
    "stylesheet",
    "pict",
    "object",
    "objdata",
    "themedata",
    "colorschememapping",
    "datastore",
    "latentstyles",
    "listtable",
    "listoverridetable",
    "rsidtbl",
    "generator",
    "filetbl",
    "revtbl",
    "xmlnstbl",
    "mmathPr",
    "fldinst",
    "nonshppict",
    "bkmkstart",
    "bkmkend",
    "pntext",
    "listtext",
    "wgrffmtfilter",
    "panose",
    "falt",
    "pgptbl",
    "info",
    "userprops",
    "template",
];
/// Groups that begin with `\*`, which readers that do not know them skip, and that are text all the same.
const SPOKEN: [&str; 6] = ["annotation", "atnauthor", "atnid", "footnote", "shpinst", "shptxt"];

pub(crate) struct Read {
    pub(crate) text: String,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) cut: Option<FailureCode>,
}

#[derive(Clone, Copy, PartialEq)]
enum Into {
    Page,
    Nothing,
    Fonts,
    Field(&'static str),
}

#[derive(Clone, Copy)]
struct Group {
    into: Into,
    encoding: &'static Encoding,
    /// Characters that follow a `\u`, for readers that do not know it.
    stand_ins: usize,
    /// It began with `\*`, and its first word is not known yet.
    optional: bool,
}

/// # Errors
/// `corrupt` when it does not begin like one.
pub(crate) fn read(bytes: &[u8]) -> Result<Read, Failure> {
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(0);
    let bytes = bytes[start..].strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes[start..]);
    if !bytes.starts_with(b"{\\rtf") {
        return Err(Failure::new(FailureCode::Corrupt));
    }
    let mut reader = Reader::new(bytes);
    reader.run();
    reader.flush();
    let metadata = reader
        .fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), tidy(value)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    Ok(Read { text: reader.text, metadata, cut: reader.cut })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    now: Group,
    around: Vec<Group>,
    text: String,
    fields: BTreeMap<&'static str, String>,
    /// Not decoded yet: a character may be more than one byte.
    pending: Vec<u8>,
    skip: usize,
    page: &'static Encoding,
    fonts: HashMap<i32, &'static Encoding>,
    font: i32,
    /// Half of a character beyond the first 65,536.
    high: Option<u16>,
    cut: Option<FailureCode>,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let now = Group { into: Into::Page, encoding: WINDOWS_1252, stand_ins: 1, optional: false };
        Self {
            bytes,
            at: 0,
            now,
            around: Vec::new(),
            text: String::new(),
            fields: BTreeMap::new(),
            pending: Vec::new(),
            skip: 0,
            page: WINDOWS_1252,
            fonts: HashMap::new(),
            font: 0,
            high: None,
            cut: None,
        }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn run(&mut self) {
        while let Some(byte) = self.next() {
            match byte {
                b'{' => {
                    self.flush();
                    self.skip = 0;
                    if self.around.len() == DEPTH {
                        self.cut = Some(FailureCode::LimitExceeded);
                        return;
                    }
                    self.around.push(self.now);
                }
                b'}' => {
                    self.flush();
                    self.skip = 0;
                    match self.around.pop() {
                        Some(group) => self.now = group,
                        None => return,
                    }
                    if self.around.is_empty() {
                        return;
                    }
                }
                b'\\' => self.control(),
                b'\r' | b'\n' | 0 => {}
                byte => self.byte(byte),
            }
        }
        self.cut = Some(FailureCode::Corrupt);
    }

    /// A byte of text.
    fn byte(&mut self, byte: u8) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.now.into != Into::Nothing {
            self.pending.push(byte);
        }
    }

    fn push(&mut self, text: &str) {
        self.flush();
        match self.now.into {
            Into::Page => self.text.push_str(text),
            Into::Field(name) => {
                let value = self.fields.entry(name).or_default();
                if value.len() + text.len() <= METADATA_BYTES {
                    value.push_str(text);
                }
            }
            Into::Nothing | Into::Fonts => {}
        }
    }

    /// What was held back as bytes, as characters.
    fn flush(&mut self) {
        self.high = None;
        if self.pending.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.pending);
        let decoded = self.now.encoding.decode_without_bom_handling(&bytes).0;
        if self.now.into != Into::Fonts {
            self.push(&decoded);
        }
    }

    fn control(&mut self) {
        let Some(first) = self.next() else { return };
        if !first.is_ascii_alphabetic() {
            match first {
                b'\'' => {
                    let digits = self.bytes.get(self.at..self.at + 2).and_then(|d| std::str::from_utf8(d).ok());
                    if let Some(byte) = digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
                        self.at += 2;
                        self.byte(byte);
                    }
                }
                b'*' => self.now.optional = true,
                b'~' => self.push(" "),
                b'_' => self.push("-"),
                b'-' => self.push("\u{ad}"),
                b'\r' | b'\n' => self.push("\n"),
                b'\\' | b'{' | b'}' => self.byte(first),
                _ => {}
            }
            return;
        }
        let start = self.at - 1;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_alphabetic) && self.at - start < 32 {
            self.at += 1;
        }
        let bytes = self.bytes;
        let word = std::str::from_utf8(&bytes[start..self.at]).unwrap_or_default();
        let from = self.at;
        self.at += usize::from(bytes.get(self.at) == Some(&b'-'));
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) && self.at - from < 11 {
            self.at += 1;
        }
        let number = std::str::from_utf8(&bytes[from..self.at]).ok().and_then(|n| n.parse::<i32>().ok());
        self.at += usize::from(bytes.get(self.at) == Some(&b' '));
        self.word(word, number);
    }

    fn word(&mut self, word: &str, number: Option<i32>) {
        let optional = std::mem::take(&mut self.now.optional);
        if word == "bin" {
            // Raw bytes, as many as it says, if there are.
            let length = usize::try_from(number.unwrap_or(0)).unwrap_or(0);
            self.at = self.at.saturating_add(length).min(self.bytes.len());
            return;
        }
        if word == "u" {
            return self.unicode(number.unwrap_or(0));
        }
        if self.now.into == Into::Nothing && !matches!(word, "title" | "author" | "subject" | "keywords") {
            return;
        }
        match word {
            "fonttbl" => self.into(Into::Fonts),
            "title" if self.in_info() => self.into(Into::Field("title")),
            "author" if self.in_info() => self.into(Into::Field("author")),
            "subject" if self.in_info() => self.into(Into::Field("subject")),
            "keywords" if self.in_info() => self.into(Into::Field("keywords")),
            _ if SILENT.contains(&word) => self.into(Into::Nothing),
            _ if optional && !SPOKEN.contains(&word) => self.into(Into::Nothing),
            "par" | "line" | "sect" => self.push("\n"),
            "page" | "column" => self.push("\u{0c}"),
            "tab" | "cell" | "nestcell" => self.push("\t"),
            "row" | "nestrow" => self.push("\n"),
            "emdash" => self.push("—"),
            "endash" => self.push("–"),
            "lquote" => self.push("‘"),
            "rquote" => self.push("’"),
            "ldblquote" => self.push("“"),
            "rdblquote" => self.push("”"),
            "bullet" => self.push("•"),
            "emspace" | "enspace" | "qmspace" => self.push(" "),
            "uc" => self.now.stand_ins = usize::try_from(number.unwrap_or(1)).unwrap_or(1).min(32),
            "ansicpg" => self.page(code_page(number.unwrap_or(1252))),
            "mac" => self.page(encoding_rs::MACINTOSH),
            "f" => {
                self.flush();
                self.font = number.unwrap_or(0);
                if self.now.into != Into::Fonts {
                    self.now.encoding = self.fonts.get(&self.font).copied().unwrap_or(self.page);
                }
            }
            "fcharset" if self.now.into == Into::Fonts && self.fonts.len() < 10_000 => {
                let encoding = charset(number.unwrap_or(0)).unwrap_or(self.page);
                self.fonts.insert(self.font, encoding);
            }
            "plain" => {
                self.flush();
                self.now.encoding = self.page;
            }
            "headerl" | "headerr" | "header" | "footer" | "footerl" | "footerr" | "footnote" => self.push("\n"),
            _ => {}
        }
    }

    fn page(&mut self, encoding: &'static Encoding) {
        self.flush();
        self.page = encoding;
        self.now.encoding = encoding;
    }

    fn into(&mut self, into: Into) {
        self.flush();
        self.now.into = into;
    }

    /// What it says of itself stands in a group inside of one that is silent.
    fn in_info(&self) -> bool {
        self.around.last().is_some_and(|group| group.into == Into::Nothing) && self.around.len() <= 3
    }

    fn unicode(&mut self, number: i32) {
        // Negative above 32,767.
        let unit = number as u16;
        let high = self.high.take();
        let c = match (high, unit) {
            (_, 0xd800..=0xdbff) => {
                self.flush();
                self.high = Some(unit);
                self.skip = self.now.stand_ins;
                return;
            }
            (Some(high), 0xdc00..=0xdfff) => char::decode_utf16([high, unit]).next().and_then(Result::ok),
            _ => char::from_u32(unit.into()),
        };
        if let Some(c) = c {
            self.push(c.encode_utf8(&mut [0; 4]));
        }
        self.skip = self.now.stand_ins;
    }
}

pub(crate) fn code_page(number: i32) -> &'static Encoding {
    let label = match number {
        932 => "shift_jis",
        936 => "gbk",
        949 => "euc-kr",
        950 => "big5",
        874 => "windows-874",
        866 => "ibm866",
        10000 => "macintosh",
        65001 => "utf-8",
        1250..=1258 => return Encoding::for_label(format!("windows-{number}").as_bytes()).unwrap_or(WINDOWS_1252),
        _ => return WINDOWS_1252,
    };
    Encoding::for_label(label.as_bytes()).unwrap_or(WINDOWS_1252)
}

/// The code page that a font's number of its characters stands for.
fn charset(number: i32) -> Option<&'static Encoding> {
    Some(code_page(match number {
        77 => 10000,
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &[u8]) -> String {
        read(source).unwrap().text
    }

    #[test]
    fn words_and_signs_are_read_and_the_rest_is_not() {
        let source = b"{\\rtf1\\ansi{\\fonttbl{\\f0\\fswiss Arial;}}{\\colortbl;\\red0;}{\\*\\unknown secret}\
            Hello \\b bold\\b0  and {\\i slanted}\\par Second\\tab line \\{x\\}\\emdash {\\pict 0102ff}end}";
        assert_eq!(text(source), "Hello bold and slanted\nSecond\tline {x}—end");
    }

    #[test]
    fn characters_come_from_code_pages_fonts_and_unicode() {
        assert_eq!(text(b"{\\rtf1\\ansi\\ansicpg1252 Z\\'fcrich \\u1046?x \\u-10179?\\u-8704?}"), "Zürich Жx 😀");
        assert_eq!(
            text(b"{\\rtf1\\ansi{\\fonttbl{\\f0 A;}{\\f1\\fcharset204 B;}{\\f2\\fcharset128 C;}}{\\f1 \\'cf\\'f0}\\f2 \\'93\\'fa}"),
            "Пр日"
        );
        assert_eq!(text(b"{\\rtf1\\uc2 a\\u252 \\'fc\\'fcb{\\uc0\\u252 c}}"), "aübüc");
    }

    #[test]
    fn what_it_says_of_itself_is_known() {
        let read = read(b"{\\rtf1{\\info{\\title The title}{\\author Anna}{\\company No}}text}").unwrap();
        assert_eq!((read.metadata["title"].as_str(), read.metadata["author"].as_str()), ("The title", "Anna"));
        assert_eq!((read.text.as_str(), read.metadata.len()), ("text", 2));
    }

    #[test]
    fn damage_and_depth_are_said() {
        assert_eq!(read(b"{\\rtf1 kept").unwrap().cut, Some(FailureCode::Corrupt));
        assert_eq!(
            read(&[b"{\\rtf1 kept".as_slice(), &b"{".repeat(1_000_000)].concat()).unwrap().cut,
            Some(FailureCode::LimitExceeded)
        );
        assert_eq!(text(b"{\\rtf1 a\\bin99999999 b}"), "a");
        assert!(read(b"no").is_err());
    }
}
