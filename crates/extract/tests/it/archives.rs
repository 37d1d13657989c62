//! Office documents and e-books made entry by entry.

use std::io::Write;

use flate2::{Compression, write::DeflateEncoder};

/// Deflated entries, and a table of contents that is right.
pub(crate) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    archive(entries, |name| name == "mimetype")
}

/// The same without compression.
pub(crate) fn stored(entries: &[(&str, &[u8])]) -> Vec<u8> {
    archive(entries, |_| true)
}

fn archive(entries: &[(&str, &[u8])], is_stored: impl Fn(&str) -> bool) -> Vec<u8> {
    let (mut bytes, mut table) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let stored = is_stored(name);
        let packed = match stored {
            true => content.to_vec(),
            false => deflated(content),
        };
        let mut fields = vec![20, 0, 0, 0, if stored { 0 } else { 8 }, 0, 0, 0, 0, 0];
        fields.extend(crc(content).to_le_bytes());
        fields.extend((packed.len() as u32).to_le_bytes());
        fields.extend((content.len() as u32).to_le_bytes());
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        table.extend(b"PK\x01\x02\x14\0");
        table.extend(&fields);
        table.extend([0; 10]);
        table.extend((bytes.len() as u32).to_le_bytes());
        table.extend(name.bytes());
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&fields);
        bytes.extend(name.bytes());
        bytes.extend(packed);
    }
    let at = bytes.len() as u32;
    bytes.extend(&table);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([(entries.len() as u16).to_le_bytes(), (entries.len() as u16).to_le_bytes()].concat());
    bytes.extend((table.len() as u32).to_le_bytes());
    bytes.extend(at.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

pub(crate) fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn crc(content: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    crc.sum()
}

const TYPES: (&str, &[u8]) = ("[Content_Types].xml", b"<Types/>");
const CORE: &[u8] = b"<cp:coreProperties xmlns:cp='x' xmlns:dc='y'><dc:title>The title</dc:title>\
    <dc:creator>Anna &amp; Co</dc:creator></cp:coreProperties>";

/// `body` is what is between `<w:body>` and its end.
pub(crate) fn docx(body: &str) -> Vec<u8> {
    let document = format!("<?xml version='1.0'?><w:document xmlns:w='w'><w:body>{body}</w:body></w:document>");
    docx_of(document.as_bytes())
}

pub(crate) fn docx_of(document: &[u8]) -> Vec<u8> {
    let relations = b"<Relationships><Relationship Id='r1' Type='http://x/header' Target='header1.xml'/>\
        <Relationship Id='r2' Type='http://x/footnotes' Target='footnotes.xml'/></Relationships>";
    zip(&[
        TYPES,
        ("docProps/core.xml", CORE),
        ("word/document.xml", document),
        ("word/_rels/document.xml.rels", relations),
        ("word/header1.xml", b"<w:hdr><w:p><w:r><w:t>Letterhead</w:t></w:r></w:p></w:hdr>"),
        ("word/footnotes.xml", b"<w:footnotes><w:p><w:r><w:t>A note</w:t></w:r></w:p></w:footnotes>"),
    ])
}

/// Two slides, of which the second comes first.
pub(crate) fn pptx() -> Vec<u8> {
    let slide = |text: &str| format!("<p:sld><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:sld>").into_bytes();
    zip(&[
        TYPES,
        ("ppt/presentation.xml", b"<p:presentation><p:sldIdLst><p:sldId id='256' r:id='rId2'/><p:sldId id='257' r:id='rId1'/></p:sldIdLst></p:presentation>"),
        ("ppt/_rels/presentation.xml.rels", b"<Relationships><Relationship Id='rId1' Type='a/slide' Target='slides/slide1.xml'/><Relationship Id='rId2' Type='a/slide' Target='slides/slide2.xml'/></Relationships>"),
        ("ppt/slides/slide1.xml", &slide("Thank you")),
        ("ppt/slides/slide2.xml", &slide("Welcome")),
        ("ppt/slides/_rels/slide2.xml.rels", b"<Relationships><Relationship Id='r' Type='a/notesSlide' Target='../notesSlides/n1.xml'/></Relationships>"),
        ("ppt/notesSlides/n1.xml", &slide("Speak slowly")),
    ])
}

/// Two sheets; `rows` are those of the first.
pub(crate) fn xlsx(rows: &str) -> Vec<u8> {
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
    zip(&[
        TYPES,
        ("xl/workbook.xml", b"<workbook><sheets><sheet name='Members' sheetId='1' r:id='a'/><sheet name='Empty' sheetId='2' r:id='b'/></sheets></workbook>"),
        ("xl/_rels/workbook.xml.rels", b"<Relationships><Relationship Id='a' Type='x/worksheet' Target='worksheets/sheet1.xml'/><Relationship Id='b' Type='x/worksheet' Target='/xl/worksheets/sheet2.xml'/></Relationships>"),
        ("xl/sharedStrings.xml", b"<sst><si><t>Name</t></si><si><r><t>An</t></r><r><t>na</t></r><rPh><t>no</t></rPh></si></sst>"),
        ("xl/styles.xml", b"<styleSheet><numFmts><numFmt numFmtId='164' formatCode='dd.mm.yyyy'/></numFmts><cellXfs><xf numFmtId='0'/><xf numFmtId='164'/></cellXfs></styleSheet>"),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
        ("xl/worksheets/sheet2.xml", b"<worksheet><sheetData/></worksheet>"),
    ])
}

/// OpenDocument: `kind` is text, spreadsheet or presentation.
pub(crate) fn open_document(kind: &str, body: &str) -> Vec<u8> {
    let declared = format!("application/vnd.oasis.opendocument.{kind}");
    let content = format!("<office:document-content><office:body>{body}</office:body></office:document-content>");
    zip(&[
        ("mimetype", declared.as_bytes()),
        ("content.xml", content.as_bytes()),
        ("meta.xml", b"<office:meta><dc:title>The title</dc:title><meta:initial-creator>Anna</meta:initial-creator></office:meta>"),
        ("styles.xml", b"<style:master-page><style:footer><text:p>The footer</text:p></style:footer></style:master-page>"),
    ])
}

pub(crate) fn epub(chapters: &[&str]) -> Vec<u8> {
    let items: String =
        (0..chapters.len()).map(|n| format!("<item id='c{n}' href='text/chapter%20{n}.xhtml'/>")).collect();
    // From the last to the first, to show that this is the order.
    let order: String = (0..chapters.len()).rev().map(|n| format!("<itemref idref='c{n}'/>")).collect();
    let package = format!(
        "<package><metadata><dc:title>A book</dc:title><dc:creator>Anna</dc:creator></metadata><manifest>{items}</manifest><spine>{order}</spine></package>"
    );
    let names: Vec<String> = (0..chapters.len()).map(|n| format!("OEBPS/text/chapter {n}.xhtml")).collect();
    let texts: Vec<String> = chapters.iter().map(|text| format!("<html><body><p>{text}</p></body></html>")).collect();
    let mut entries: Vec<(&str, &[u8])> = vec![
        ("mimetype", b"application/epub+zip"),
        (
            "META-INF/container.xml",
            b"<container><rootfiles><rootfile full-path='OEBPS/book.opf'/></rootfiles></container>",
        ),
        ("OEBPS/book.opf", package.as_bytes()),
    ];
    entries.extend(names.iter().map(String::as_str).zip(texts.iter().map(String::as_bytes)));
    zip(&entries)
}
