//! Messages of Outlook, made property by property.

use std::io::{Cursor, Write};

use cfb::CompoundFile;
use extract::{FailureCode, sniff};

use crate::{archives, documents, hostile::Case, read, texts};

pub(crate) const MSG: &str = "application/vnd.ms-outlook";

type File = CompoundFile<Cursor<Vec<u8>>>;

/// A folder of properties.
struct Folder<'a> {
    file: &'a mut File,
    path: String,
    table: Vec<u8>,
}

impl Folder<'_> {
    fn stream(&mut self, tag: u32, bytes: &[u8]) -> &mut Self {
        let path = format!("{}/__substg1.0_{tag:08X}", self.path);
        self.file.create_stream(path).unwrap().write_all(bytes).unwrap();
        self.fixed(tag, bytes.len() as u64)
    }

    fn text(&mut self, tag: u32, text: &str) -> &mut Self {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        self.stream(tag << 16 | 0x1f, &bytes)
    }

    fn fixed(&mut self, tag: u32, value: u64) -> &mut Self {
        self.table.extend(tag.to_le_bytes());
        self.table.extend([6, 0, 0, 0]);
        self.table.extend(value.to_le_bytes());
        self
    }

    fn end(&mut self) {
        let path = format!("{}/__properties_version1.0", self.path);
        self.file.create_stream(path).unwrap().write_all(&self.table).unwrap();
    }
}

fn folder<'a>(file: &'a mut File, path: &str, header: usize) -> Folder<'a> {
    if !path.is_empty() {
        file.create_storage_all(path).unwrap();
    }
    Folder { file, path: path.to_owned(), table: vec![0; header] }
}

fn file(fill: impl FnOnce(&mut File)) -> Vec<u8> {
    let mut file = CompoundFile::create_with_version(cfb::Version::V3, Cursor::new(Vec::new())).unwrap();
    fill(&mut file);
    file.flush().unwrap();
    file.into_inner().into_inner()
}

/// 2026-11-23 09:00:00 UTC, in tenths of microseconds since 1601.
const DATE: u64 = (1_795_424_400 + 11_644_473_600) * 10_000_000;

/// A message with two recipients, a PDF and a message that are attached.
pub(crate) fn message() -> Vec<u8> {
    file(|file| {
        folder(file, "", 32)
            .text(0x0037, "Résumé")
            .text(0x0042, "Jürg Weber")
            .text(0x5d02, "juerg@example.org")
            .text(0x0065, "/O=EXAMPLE/CN=JUERG")
            .text(0x1000, "See the bill, grüße\r\n")
            .stream(0x1013_0102, b"<html><p>See the bill, <b>soon</b></p>")
            .fixed(0x0039_0040, DATE)
            .end();
        for (n, kind, name) in [(0, 1, "anna"), (1, 2, "berta")] {
            folder(file, &format!("/__recip_version1.0_#0000000{n}"), 8)
                .fixed(0x0c15_0003, kind)
                .text(0x3001, name)
                .text(0x39fe, &format!("{name}@example.org"))
                .end();
        }
        folder(file, "/__attach_version1.0_#00000000", 8)
            .text(0x3707, "bill.pdf")
            .stream(0x3701_0102, &documents::pdf(&["Invoice 4711"]))
            .end();
        folder(file, "/__attach_version1.0_#00000001", 8).text(0x3001, "Before").fixed(0x3705_0003, 5).end();
        folder(file, "/__attach_version1.0_#00000001/__substg1.0_3701000D", 24)
            .fixed(0x3ffd_0003, 1251)
            .stream(0x0037_001e, b"\xcf\xf0\xe8\xe2\xe5\xf2")
            .text(0x0c1a, "Eve")
            .text(0x1000, "The first letter")
            .end();
    })
}

fn body(tag: u32, bytes: &[u8]) -> Vec<u8> {
    file(|file| folder(file, "", 32).stream(tag, bytes).end())
}

#[tokio::test]
async fn a_message_has_its_head_its_body_and_what_is_attached() {
    let bytes = message();
    assert_eq!(sniff(&bytes[..bytes.len().min(8192)], "x"), Some(MSG));
    let read = read(&bytes, MSG).await.unwrap();
    assert_eq!(
        texts(&read),
        [
            "Subject: Résumé\nFrom: Jürg Weber <juerg@example.org>\nTo: anna <anna@example.org>\n\
             Cc: berta <berta@example.org>\nDate: 2026-11-23 09:00:00Z\n\nSee the bill, grüße\n\nSee the bill, soon",
            "bill.pdf\nInvoice 4711",
            "Subject: Привет\nFrom: Eve\n\nThe first letter",
        ]
    );
    assert_eq!((read.partial.as_deref(), read.engine.as_str()), (None, "outlook"));
    assert_eq!(read.metadata["title"], "Résumé");
    assert_eq!(read.metadata["author"], "Jürg Weber <juerg@example.org>");
    assert_eq!(read.metadata["date"], "2026-11-23T09:00:00Z");
}

#[tokio::test]
async fn a_body_that_is_html_or_rtf_only_is_read() {
    let html = body(0x1013_0102, b"<meta charset=iso-8859-1><p>Gr\xfc\xdfe");
    assert_eq!(texts(&read(&html, MSG).await.unwrap()), ["Grüße"]);
    // The example of the specification.
    let mut packed =
        b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125B2\x0a\xf3 hel\x09\0 bw\x05\xb0ld}\x0a\x80\x0f\xa0"
            .to_vec();
    assert_eq!(texts(&read(&body(0x1009_0102, &packed), MSG).await.unwrap()), ["hello world"]);
    packed[8..12].copy_from_slice(b"MELA");
    packed.splice(16.., *b"{\\rtf1 plain \\'fc}");
    assert_eq!(texts(&read(&body(0x1009_0102, &packed), MSG).await.unwrap()), ["plain ü"]);
}

#[tokio::test]
async fn other_containers_are_said_to_be_unsupported() {
    let word = file(|file| file.create_stream("/WordDocument").unwrap().write_all(&[1; 5000]).unwrap());
    assert_eq!(sniff(&word[..word.len().min(8192)], "a.doc"), None);
    assert_eq!(read(&word, MSG).await.unwrap_err().code, FailureCode::UnsupportedType);
    assert_eq!(read(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", MSG).await.unwrap_err().code, FailureCode::Corrupt);
}

#[tokio::test]
async fn an_attachment_that_cannot_be_read_does_not_spoil_the_message() {
    let bytes = file(|file| {
        folder(file, "", 32).text(0x0037, "Subject").end();
        folder(file, "/__attach_version1.0_#00000000", 8)
            .text(0x3704, "bill.pdf")
            .stream(0x3701_0102, b"%PDF-1.7 nothing")
            .end();
        folder(file, "/__attach_version1.0_#00000001", 8).text(0x3707, "link.docx").fixed(0x3705_0003, 4).end();
    });
    let read = read(&bytes, MSG).await.unwrap();
    assert_eq!(texts(&read), ["Subject: Subject", "bill.pdf", "link.docx"]);
    assert_eq!(read.partial.as_deref(), Some("corrupt"));
}

/// Messages that were made to hurt.
pub(crate) fn hostile() -> Vec<Case> {
    let whole = message();
    let mut cases = Vec::new();
    let mut case = |name: &str, bytes: Vec<u8>| cases.push(Case::new(format!("msg: {name}"), MSG, bytes));
    // Every field of the header that is a number, and every pointer of the first tables.
    for at in [0x18, 0x1a, 0x1e, 0x20, 0x28, 0x2c, 0x30, 0x38, 0x3c, 0x40, 0x44, 0x48, 0x4c] {
        for value in [0u8, 1, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at..at + 2].fill(value);
            case(&format!("header field {at:#x} is {value:#x}"), bytes);
        }
    }
    let number = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let sector = |n: usize| (n + 1) * 512;
    let (fat, directory) = (sector(number(&whole, 0x4c)), sector(number(&whole, 0x30)));
    for (name, value) in [("to itself", None), ("to the first", Some(0u32)), ("to nowhere", Some(0x00ff_ffff))] {
        let mut bytes = whole.clone();
        for (n, entry) in bytes[fat..fat + 512].as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *entry = value.unwrap_or(n as u32).to_le_bytes();
        }
        case(&format!("every chain leads {name}"), bytes);
    }
    // Left, right and what is inside, of each entry.
    for (field, at) in [("left", 0x44), ("right", 0x48), ("inside", 0x4c), ("start", 0x74), ("length", 0x78)] {
        for value in [0u32, 1, 2, 0x7fff_ffff, 0xffff_fffe] {
            let mut bytes = whole.clone();
            for entry in 0..4 {
                let at = directory + entry * 128 + at;
                bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            }
            case(&format!("{field} of the first entries is {value:#x}"), bytes);
        }
    }
    case("deep", {
        let inner = "/__attach_version1.0_#00000000/__substg1.0_3701000D";
        file(|file| {
            folder(file, "", 32).text(0x0037, "0").end();
            for depth in 1..40 {
                folder(file, &inner.repeat(depth - 1), 24).file.create_storage_all(inner.repeat(depth)).unwrap();
                let attachment = format!("{}/__attach_version1.0_#00000000", inner.repeat(depth - 1));
                folder(file, &attachment, 8).end();
                folder(file, &inner.repeat(depth), 24).text(0x0037, &depth.to_string()).end();
            }
        })
    });
    case("many attachments", {
        file(|file| {
            folder(file, "", 32).text(0x0037, "many").end();
            for n in 0..400 {
                folder(file, &format!("/__attach_version1.0_#{n:08X}"), 8).stream(0x3701_0102, b"a,b\n").end();
            }
        })
    });
    case("bombs attached", {
        let bomb = archives::docx(&"<w:p><w:r><w:t>aaaaaaaa</w:t></w:r></w:p>".repeat(300_000));
        file(|file| {
            folder(file, "", 32).text(0x0037, "bombs").end();
            for n in 0..20 {
                folder(file, &format!("/__attach_version1.0_#{n:08X}"), 8).stream(0x3701_0102, &bomb).end();
            }
        })
    });
    case("packed body of references", body(0x1009_0102, &[b"0123456789abLZFu".as_slice(), &[0xff; 300_000]].concat()));
    case("packed body ends", body(0x1009_0102, b"01234567LZFu0123\x01\xff"));
    case("html as deep as it goes", body(0x1013_0102, "<div>".repeat(200_000).as_bytes()));
    case("odd text", body(0x0037_001f, &[0xd8; 100_001]));
    case("no properties", file(|file| folder(file, "/__attach_version1.0_#00000000", 8).end()));
    cases
}
