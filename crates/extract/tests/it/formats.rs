//! Each format as it is meant to be read.

use extract::{FailureCode, sniff};

use crate::{archives, documents, read, texts};

const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const PPTX: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const EPUB: &str = "application/epub+zip";

fn open_document(kind: &str) -> String {
    format!("application/vnd.oasis.opendocument.{kind}")
}

#[tokio::test]
async fn a_word_document_has_its_pages_tables_header_and_notes() {
    let body = "<w:p><w:r><w:t xml:space='preserve'>Dear </w:t></w:r><w:r><w:t>M&#252;ller</w:t><w:tab/><w:t>x</w:t></w:r></w:p>\
        <w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>\
        <w:p><w:r><w:delText>gone</w:delText><w:instrText>PAGE</w:instrText><w:br w:type='page'/></w:r></w:p>\
        <w:p><w:r><w:lastRenderedPageBreak/><w:t>Second page</w:t></w:r></w:p>";
    let bytes = archives::docx(body);
    assert_eq!(sniff(&bytes[..bytes.len().min(8192)], "x"), Some(DOCX));
    let read = read(&bytes, DOCX).await.unwrap();
    assert_eq!(texts(&read), ["Letterhead\nDear Müller\tx\na\tb", "Second page\nA note"]);
    assert_eq!((read.metadata["title"].as_str(), read.metadata["author"].as_str()), ("The title", "Anna & Co"));
    assert_eq!((read.partial.as_deref(), read.engine.as_str()), (None, "office"));
}

#[tokio::test]
async fn a_slide_is_a_page_in_the_order_of_the_presentation() {
    let read = read(&archives::pptx(), PPTX).await.unwrap();
    assert_eq!(texts(&read), ["Welcome\nSpeak slowly", "Thank you"]);
}

#[tokio::test]
async fn a_sheet_is_a_page_with_its_name_and_dates_are_dates() {
    let rows = "<row r='1'><c r='A1' t='s'><v>0</v></c><c r='B1' t='inlineStr'><is><t>Since</t></is></c></row>\
        <row r='2'><c r='A2' t='s'><v>1</v></c><c r='XFD2' s='1'><v>45351</v></c><c t='b'><v>1</v></c><c><v>0.30000000000000004</v></c></row>";
    let read = read(&archives::xlsx(rows), XLSX).await.unwrap();
    assert_eq!(texts(&read), ["Members\nName\tSince\nAnna\t2024-02-29\tTRUE\t0.3", "Empty"]);
}

#[tokio::test]
async fn a_long_sheet_is_several_pages_that_begin_with_its_name() {
    let rows = "<row><c t='inlineStr'><is><t>word word word</t></is></c></row>".repeat(4_000);
    let read = read(&archives::xlsx(&rows), XLSX).await.unwrap();
    assert!(read.pages.len() > 2 && read.pages[1].text.starts_with("Members\nword"));
    assert_eq!(read.pages.iter().map(|p| p.text.matches("word word word").count()).sum::<usize>(), 4_000);
}

#[tokio::test]
async fn open_documents_are_read() {
    let text = "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes><text:h>Title</text:h>\
        <text:p>One<text:s text:c='2'/>two<text:tab/>three</text:p><text:soft-page-break/><text:p>Next</text:p>";
    let read_text = read(&archives::open_document("text", text), &open_document("text")).await.unwrap();
    assert_eq!(texts(&read_text), ["The footer\nTitle\nOne  two\tthree", "Next"]);
    assert_eq!(read_text.metadata["author"], "Anna");
    let cell = |text: &str| format!("<table:table-cell><text:p>{text}</text:p></table:table-cell>");
    let sheet = format!(
        "<table:table table:name='S1'><table:table-row>{}{}</table:table-row></table:table><table:table table:name='S2'/>",
        cell("a"),
        cell("b")
    );
    let read_sheets =
        read(&archives::open_document("spreadsheet", &sheet), &open_document("spreadsheet")).await.unwrap();
    assert_eq!(texts(&read_sheets), ["S1\na\tb", "S2", "The footer"]);
    let slides = "<draw:page><text:p>First</text:p></draw:page><draw:page><text:p>Second</text:p></draw:page>";
    let read_slides =
        read(&archives::open_document("presentation", slides), &open_document("presentation")).await.unwrap();
    assert_eq!(texts(&read_slides), ["First", "Second", "The footer"]);
}

#[tokio::test]
async fn a_chapter_of_a_book_is_a_page_in_the_order_of_reading() {
    let read = read(&archives::epub(&["last words", "first words"]), EPUB).await.unwrap();
    assert_eq!(texts(&read), ["first words", "last words"]);
    assert_eq!(read.metadata["title"], "A book");
}

#[tokio::test]
async fn rtf_is_read_with_its_characters() {
    let read = read(
        b"{\\rtf1\\ansi\\ansicpg1252{\\*\\generator x}Gr\\'fc\\'dfe\\par\\u1046?{\\*\\annotation Why?}}",
        "application/rtf",
    );
    assert_eq!(texts(&read.await.unwrap()), ["Grüße\nЖWhy?"]);
}

#[tokio::test]
async fn tables_are_read_row_by_row_in_their_encoding() {
    let read = read(b"Name;Ort\r\n\"Weber; Anna\";Z\xfcrich\r\n", "text/csv").await.unwrap();
    assert_eq!(texts(&read), ["Name\tOrt\nWeber; Anna\tZürich"]);
}

#[tokio::test]
async fn common_encodings_are_recognised() {
    for (bytes, expected) in [
        (&b"\x93\xfa\x96{\x8c\xea\x82\xcc\x83e\x83L\x83X\x83g\x82\xc5\x82\xb7\x81B"[..], "日本語のテキストです。"),
        (b"It\x92s a caf\xe9 \x96 na\xefve", "It’s a café – naïve"),
        (b"\xff\xfeG\0r\0\xfc\0\xdf\0e\0", "Grüße"),
        (b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe", "Grüße"),
    ] {
        assert_eq!(texts(&read(bytes, "text/plain").await.unwrap()), [expected]);
    }
}

pub(crate) fn message() -> Vec<u8> {
    let pdf: String = base64(&documents::pdf(&["Invoice 4711"]));
    format!(
        "From: =?utf-8?q?J=C3=BCrg?= <juerg@example.org>\r\nTo: anna@example.org\r\nSubject: =?utf-8?b?UsOpc3Vtw6k=?=\r\n\
         Date: Mon, 23 Nov 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\nSee the bill, gr=FC=DFe\r\n--c\r\nContent-Type: text/html\r\n\r\n\
         <p>See the bill, <b>soon</b></p>\r\n--c--\r\n--b\r\nContent-Type: application/octet-stream; name=bill.pdf\r\n\
         Content-Disposition: attachment; filename=bill.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n{pdf}\r\n\
         --b\r\nContent-Type: message/rfc822\r\n\r\nFrom: eve@example.org\r\nSubject: Before\r\n\r\nThe first letter\r\n--b--\r\n"
    )
    .into_bytes()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}

#[tokio::test]
async fn a_message_has_its_head_its_body_and_what_is_attached() {
    let bytes = message();
    assert_eq!(sniff(&bytes[..1024], "x"), Some("message/rfc822"));
    let read = read(&bytes, "message/rfc822").await.unwrap();
    let all = texts(&read).join("\u{c}");
    for expected in [
        "Subject: Résumé",
        "From: Jürg <juerg@example.org>",
        "See the bill, grüße",
        "soon",
        "bill.pdf\nInvoice 4711",
        "The first letter",
    ] {
        assert!(all.contains(expected), "{expected:?} in {all:?}");
    }
    assert_eq!(read.metadata["author"], "Jürg <juerg@example.org>");
    assert_eq!(read.partial, None);
}

#[tokio::test]
async fn what_is_left_of_a_cut_office_document_is_read_and_said_to_be_partial() {
    let many: String =
        (0..3_000).map(|n| format!("<w:p><w:r><w:t>number {}</w:t></w:r></w:p>", n * 7919 % 3001)).collect();
    let whole = archives::docx(&many);
    let read = read(&whole[..whole.len() / 2], DOCX).await.unwrap();
    assert!(texts(&read).concat().contains("number"));
    assert_eq!(read.partial.as_deref(), Some("corrupt"));
}

#[tokio::test]
async fn a_container_that_is_damaged_says_so_whatever_it_is_called() {
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let container = [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".as_slice(), &[0; 1016], &name, &[0; 1000]].concat();
    assert_eq!(sniff(&container, "a.xlsx"), Some(XLSX));
    assert_eq!(read(&container, XLSX).await.unwrap_err().code, FailureCode::Corrupt);
    assert_eq!(read(&container[..1024], XLSX).await.unwrap_err().code, FailureCode::Corrupt);
}

#[tokio::test]
async fn a_locked_archive_says_so() {
    let mut bytes = archives::docx("<w:p/>");
    // The flag of encryption, in both tables.
    for (mark, at) in [(&b"PK\x03\x04"[..], 6), (b"PK\x01\x02", 8)] {
        let found: Vec<usize> = bytes.windows(4).enumerate().filter(|(_, w)| *w == mark).map(|(at, _)| at).collect();
        found.into_iter().for_each(|start| bytes[start + at] |= 1);
    }
    assert_eq!(read(&bytes, DOCX).await.unwrap_err().code, FailureCode::Encrypted);
}
