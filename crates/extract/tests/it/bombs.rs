//! Small files that would become large, deep or endless.

use std::io::Write;

use flate2::{Compression, write::ZlibEncoder};

use crate::{
    archives::{docx, docx_of, epub, open_document, xlsx, zip},
    documents::{self, file, stream},
    formats::base64,
    hostile::{Case, DOCX, EPUB, MAIL, ODS, ODT, PDF, PPTX, XLSX},
    pictures::bmp,
};

const LAUGHS: &str = "<!DOCTYPE x [<!ENTITY a \"lol lol lol lol\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">\
    <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\">\
    <!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\"><!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\">\
    <!ENTITY file SYSTEM \"file:///etc/passwd\">]>";

pub(crate) fn archives() -> Vec<Case> {
    let laughing = |body: &str| format!("{LAUGHS}{body}").into_bytes();
    let huge = vec![b'x'; 80 << 20];
    let long_string = format!("<sst><si><t>{}</t></si></sst>", "word ".repeat(6_000));
    let repeated = "<row><c t='s'><v>0</v></c></row>".repeat(40_000);
    let workbook = |strings: &[u8], sheet: &[u8]| {
        zip(&[
            ("[Content_Types].xml", b"x"),
            ("xl/workbook.xml", b"<workbook/>"),
            ("xl/sharedStrings.xml", strings),
            ("xl/worksheets/sheet1.xml", sheet),
        ])
    };
    let slides: Vec<String> = (0..3_000).map(|n| format!("ppt/slides/slide{n}.xml")).collect();
    let mut deck: Vec<(&str, &[u8])> = vec![("ppt/presentation.xml", b"<p/>")];
    deck.extend(slides.iter().map(|name| (name.as_str(), &b"<a:p><a:t>x</a:t></a:p>"[..])));
    let loops = zip(&[
        ("ppt/presentation.xml", b"<p><p:sldId r:id='a'/><p:sldId r:id='a'/></p>"),
        ("ppt/_rels/presentation.xml.rels", b"<R><Relationship Id='a' Type='x/slide' Target='presentation.xml'/></R>"),
    ]);
    let inner = docx("<w:p/>");
    let nested = (0..6).fold(inner, |inside, _| zip(&[("word/document.xml", &inside), ("inside.docx", &inside)]));
    let text = |body: String| format!("<w:document>{body}</w:document>").into_bytes();
    vec![
        Case::new("a part of 80 MB", DOCX, docx_of(&huge)),
        Case::new("a part of 4 MB of tags", DOCX, docx_of(&b"<a/>".repeat(1 << 20))),
        Case::new("a part of 40 MB of text", DOCX, docx_of(&text(format!("<w:t>{}</w:t>", "word ".repeat(8 << 20))))),
        Case::new("laughs in Word", DOCX, docx_of(&laughing("<w:p><w:t>&f;&file;</w:t></w:p>"))),
        Case::new(
            "laughs in Excel",
            XLSX,
            workbook(&laughing("<sst><si><t>&f;</t></si></sst>"), b"<c t='s'><v>0</v></c>"),
        ),
        Case::new("laughs in a sheet", XLSX, workbook(b"", &laughing("<row><c><v>&f;&file;</v></c></row>"))),
        Case::new("laughs in PowerPoint", PPTX, zip(&[("ppt/slides/slide1.xml", &laughing("<a:t>&f;</a:t>"))])),
        Case::new("laughs in ODF", ODT, zip(&[("content.xml", &laughing("<text:p>&f;&file;</text:p>"))])),
        Case::new("laughs in a book", EPUB, zip(&[("a.xhtml", &laughing("<html><p>&f;&file;</p></html>"))])),
        Case::new("laughs about a book", EPUB, zip(&[("a.xhtml", b"<p>x"), ("a.opf", &laughing("<p>&f;</p>"))])),
        Case::new("deep Word", DOCX, docx_of(&b"<w:p>".repeat(1_000_000))),
        Case::new("deep ODF", ODT, open_document("text", &"<text:p>".repeat(1_000_000))),
        Case::new("deep tables", ODS, open_document("spreadsheet", &"<table:table>".repeat(300_000))),
        Case::new("deep book", EPUB, epub(&[&"<div>".repeat(300_000)])),
        Case::new("many attributes", DOCX, docx_of(format!("<w:br {}/>", "a='b' ".repeat(300_000)).as_bytes())),
        Case::new("an endless attribute", DOCX, docx_of(format!("<w:br w:type='{}", "x".repeat(3 << 20)).as_bytes())),
        Case::new("an endless comment", DOCX, docx_of(format!("<!-- {}", "<!--".repeat(500_000)).as_bytes())),
        Case::new("an endless section", DOCX, docx_of(format!("<a><![CDATA[{}", "]]".repeat(500_000)).as_bytes())),
        Case::new("unmatched ends", DOCX, docx_of(&b"</w:p>".repeat(500_000))),
        Case::new("wrong characters", DOCX, docx_of(b"<w:t>&#0;&#xffffffff;&#xd800;&#;&;&x</w:t>")),
        Case::new("page breaks", DOCX, docx_of(&b"<w:p><w:t>x</w:t><w:br w:type='page'/></w:p>".repeat(100_000))),
        Case::new("one string everywhere", XLSX, workbook(long_string.as_bytes(), repeated.as_bytes())),
        Case::new("far cells", XLSX, xlsx(&"<row r='1048576'><c r='XFD1048576'><v>1</v></c></row>".repeat(1000))),
        Case::new(
            "numbers that are none",
            XLSX,
            xlsx("<row><c><v>1e999</v></c><c t='s'><v>99999999999</v></c><c s='4294967296'><v>-1</v></c></row>"),
        ),
        Case::new("many rows", XLSX, xlsx(&"<row><c><v>1</v></c></row>".repeat(200_000))),
        Case::new(
            "repeated cells",
            ODS,
            open_document(
                "spreadsheet",
                "<table:table><table:table-row table:number-rows-repeated='2147483647'><table:table-cell table:number-columns-repeated='2147483647'><text:p>x</text:p></table:table-cell></table:table-row></table:table>",
            ),
        ),
        Case::new(
            "repeated spaces",
            ODT,
            open_document("text", &"<text:p><text:s text:c='4294967295'/></text:p>".repeat(1000)),
        ),
        Case::new("many slides", PPTX, zip(&deck)),
        Case::new("a slide that is the presentation", PPTX, loops),
        Case::new("archives in archives", DOCX, nested),
        Case::new("the same entry again and again", DOCX, overlapping()),
        Case::new(
            "chapters in a loop",
            EPUB,
            zip(&[
                ("META-INF/container.xml", b"<rootfile full-path='a.opf'/>"),
                (
                    "a.opf",
                    format!("<p><item id='a' href='a.opf'/>{}</p>", "<itemref idref='a'/>".repeat(100_000)).as_bytes(),
                ),
            ]),
        ),
        Case::new(
            "a path that leads out",
            EPUB,
            zip(&[
                ("META-INF/container.xml", b"<rootfile full-path='../../../../etc/passwd'/>"),
                ("../../../etc/passwd", b"x"),
            ]),
        ),
    ]
}

/// A table of contents with 60,000 names for one entry of a megabyte.
fn overlapping() -> Vec<u8> {
    let one = zip(&[("word/document.xml", &vec![b' '; 1 << 20])]);
    let table = one.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let end = one.windows(4).position(|w| w == b"PK\x05\x06").unwrap();
    let entry = &one[table..end];
    let mut bytes = one[..table].to_vec();
    for n in 0..60_000u32 {
        let mut entry = entry.to_vec();
        let name = format!("word/header{n:06}.xml");
        entry[28..30].copy_from_slice(&(name.len() as u16).to_le_bytes());
        entry.truncate(46);
        entry.extend(name.bytes());
        bytes.extend(entry);
    }
    bytes.extend(&one[end..]);
    bytes
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A file of a catalog, pages, one page with `resources`, its content, and `more` from object 5.
fn pdf(resources: &str, content: Vec<u8>, more: Vec<Vec<u8>>) -> Vec<u8> {
    let mut objects = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
        format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<<{resources}>>>>")
            .into_bytes(),
        content,
    ];
    objects.extend(more);
    file(&objects, "")
}

pub(crate) fn pdfs() -> Vec<Case> {
    let font = "/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>";
    let plain = |content: String| pdf(font, stream("", content.as_bytes()), vec![]);
    let bomb = zlib(&vec![b' '; 60 << 20]);
    let image = |rest: &str, data: &[u8]| {
        pdf(
            "/XObject<</I 5 0 R>>",
            stream("", b"100 0 0 100 0 0 cm /I Do"),
            vec![stream(&format!("/Type/XObject/Subtype/Image{rest}"), data)],
        )
    };
    let mapped = |map: &str, last: u32| {
        let font = "/Font<</F1<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/ToUnicode 5 0 R/DescendantFonts[6 0 R]>>>>";
        let below = format!(
            "<</Type/Font/Subtype/CIDFontType2/BaseFont/X/CIDSystemInfo<</Registry(A)/Ordering(B)/Supplement 0>>\
            /W[0 {last} 500]>>"
        );
        pdf(
            font,
            stream("", b"BT /F1 12 Tf <00010002> Tj ET"),
            vec![stream("", map.as_bytes()), below.as_bytes().to_vec()],
        )
    };
    let two = |first: &str, second: &str| file(&[first.as_bytes().to_vec(), second.as_bytes().to_vec()], "");
    let catalog = "<</Type/Catalog/Pages 2 0 R>>";
    let page = |rest: &str| {
        file(
            &[
                catalog.as_bytes().to_vec(),
                b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
                format!("<</Type/Page/Parent 2 0 R{rest}>>").into_bytes(),
            ],
            "",
        )
    };
    let chain: Vec<Vec<u8>> = (0..3000)
        .map(|n| format!("<</Type/Pages/Count 1/Parent {} 0 R/Kids[{} 0 R]>>", n + 1, n + 3).into_bytes())
        .collect();
    let raw = |text: String| text.into_bytes();
    let mut cases = vec![
        Case::new("Flate bomb", PDF, pdf(font, stream("/Filter/FlateDecode", &bomb), vec![])),
        Case::new("Flate bomb in a Flate bomb", PDF, pdf(font, stream("/Filter[/FlateDecode/FlateDecode]", &zlib(&zlib(&vec![0; 60 << 20]))), vec![])),
        Case::new("many filters", PDF, pdf(font, stream(&format!("/Filter[{}]", "/ASCIIHexDecode".repeat(5000)), b"41>"), vec![])),
        Case::new("a predictor of millions", PDF, pdf(font, stream("/Filter/FlateDecode/DecodeParms<</Predictor 15/Columns 2147483647/Colors 32/BitsPerComponent 16>>", &zlib(b"x")), vec![])),
        Case::new("run lengths", PDF, pdf(font, stream("/Filter/RunLengthDecode", &b"\x81 ".repeat(400_000)), vec![])),
        Case::new("LZW of noise", PDF, pdf(font, stream("/Filter/LZWDecode", &[0x80, 0x0b, 0x60, 0x50].repeat(9000)), vec![])),
        Case::new("page tree loop", PDF, documents::page_tree_loop()),
        Case::new("form loop", PDF, documents::form_loop()),
        Case::new("deep arrays", PDF, documents::deep_arrays()),
        Case::new("deep dictionaries", PDF, two(&format!("{catalog}/X {}", "<</A ".repeat(100_000)), "<</Type/Pages/Kids[]>>")),
        Case::new("deep page tree", PDF, file(&[vec![catalog.as_bytes().to_vec()], chain].concat(), "")),
        Case::new("a catalog that is its own tree", PDF, two("<</Type/Catalog/Pages 1 0 R/Kids[1 0 R]>>", "null")),
        Case::new("a reference to itself", PDF, two("1 0 R", "2 0 R")),
        Case::new("references in a ring", PDF, two("2 0 R", "1 0 R")),
        Case::new("a length that is itself", PDF, pdf(font, b"<</Length 4 0 R>>stream\nBT ET\nendstream".to_vec(), vec![])),
        Case::new("the same page many times", PDF, file(&[catalog.as_bytes().to_vec(), format!("<</Type/Pages/Count 50000/Kids[{}]>>", "3 0 R ".repeat(50_000)).into_bytes(), b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>".to_vec()], "")),
        Case::new("a count of billions", PDF, two(catalog, "<</Type/Pages/Count 2147483647/Kids[]>>")),
        Case::new("a negative count", PDF, two(catalog, "<</Type/Pages/Count -5/Kids[null null]>>")),
        Case::new("a page without end", PDF, page("/MediaBox[0 0 1e38 1e38]")),
        Case::new("a page without size", PDF, page("/MediaBox[0 0 0 0]/Rotate 45")),
        Case::new("a page turned inside out", PDF, page("/MediaBox[9 9 -9 -9]/UserUnit 1e30")),
        Case::new("contents in a loop", PDF, page("/Contents[3 0 R 3 0 R]/MediaBox[0 0 9 9]")),
        Case::new("resources in a loop", PDF, page("/Resources 3 0 R/MediaBox[0 0 9 9]/Contents 3 0 R")),
        Case::new("saved states", PDF, plain("q ".repeat(500_000))),
        Case::new("restored states", PDF, plain("Q ".repeat(500_000))),
        Case::new("clips", PDF, plain("0 0 9 9 re W n ".repeat(60_000))),
        Case::new("open strings", PDF, plain("(".repeat(500_000))),
        Case::new("open arrays", PDF, plain("[".repeat(500_000))),
        Case::new("open dictionaries", PDF, plain("<<".repeat(300_000))),
        Case::new("letters without end", PDF, plain(format!("BT /F1 1 Tf {} ET", "(aaaaaaaaaaaaaaaaaaaaaaaa) Tj ".repeat(60_000)))),
        Case::new("letters of no size", PDF, plain("BT /F1 0 Tf 0 0 0 0 0 0 Tm (abc) Tj 1e39 0 0 1e39 0 0 Tm (abc) Tj ET".to_owned())),
        Case::new("numbers that are none", PDF, plain("99999999999999999999 --5 +.-. 1e5 Td 4.4.4 0 Td BT /F1 nan Tf (x) Tj ET".to_owned())),
        Case::new("curves", PDF, plain(format!("0 0 m {} f", "1 2 3 4 5 6 c ".repeat(100_000)))),
        Case::new("dashes", PDF, plain("[0.0000001] 0 d 0 0 m 1e9 0 l S ".repeat(2000))),
        Case::new("marked content", PDF, plain("/A BMC ".repeat(300_000))),
        Case::new("an inline picture without end", PDF, plain("BI /W 99999 /H 99999 /BPC 8 /CS /RGB ID ".to_owned() + &"x".repeat(100_000))),
        Case::new("a picture of gigapixels", PDF, image("/Width 1000000/Height 1000000/ColorSpace/DeviceRGB/BitsPerComponent 8", b"x")),
        Case::new("a picture of negative size", PDF, image("/Width -1/Height 5/ColorSpace/DeviceRGB/BitsPerComponent 8", b"x")),
        Case::new("a picture with a mask of itself", PDF, image("/Width 5/Height 5/ColorSpace/DeviceGray/BitsPerComponent 8/SMask 5 0 R", &[0; 25])),
        Case::new("a JPEG that is none", PDF, image("/Width 5/Height 5/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode", b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03\x01\x11\0")),
        Case::new("a JBIG2 that is none", PDF, image("/Width 99999/Height 99999/BitsPerComponent 1/ImageMask true/Filter/JBIG2Decode", &[0xff; 90])),
        Case::new("a JPEG 2000 that is none", PDF, image("/Width 9/Height 9/Filter/JPXDecode", b"\0\0\0\x0cjP  \r\n\x87\n\xff\x4f\xff\x51")),
        Case::new("a fax of millions", PDF, image("/Width 2000000/Height 2000000/BitsPerComponent 1/ColorSpace/DeviceGray/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns 2000000/Rows 2000000>>", &[0; 200])),
        Case::new("a map of four billion characters", PDF, mapped("1 begincodespacerange <00000000> <ffffffff> endcodespacerange 1 beginbfrange <00000000> <ffffffff> <0041> endbfrange", 9)),
        Case::new("a map that uses itself", PDF, mapped("/X usecmap begincmap 1 beginbfchar <0001> <> endbfchar", 9)),
        Case::new("a map of long texts", PDF, mapped(&format!("1 beginbfrange <0000> <ffff> <{}> endbfrange", "0041".repeat(20_000)), 9)),
        Case::new("widths of two billion characters", PDF, mapped("1 beginbfchar <0001> <0041> endbfchar", 2_147_483_647)),
        Case::new("a font drawn by itself", PDF, pdf("/Font<</F1 5 0 R>>", stream("", b"BT /F1 9 Tf (aaaa) Tj ET"), vec![b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[1 0 0 1 0 0]/FirstChar 97/LastChar 97/Widths[1]/Encoding<</Differences[97/a]>>/CharProcs<</a 6 0 R>>/Resources<</Font<</F1 5 0 R>>>>>>".to_vec(), stream("", b"1 0 d0 BT /F1 9 Tf (aa) Tj ET")])),
        Case::new("a pattern painted with itself", PDF, pdf("/Pattern<</P 5 0 R>>", stream("", b"/Pattern cs /P scn 0 0 500 500 re f"), vec![stream("/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep 0.0001/YStep 0.0001/Resources<</Pattern<</P 5 0 R>>>>", b"/Pattern cs /P scn 0 0 1 1 re f")])),
        Case::new("a function of itself", PDF, pdf("/Shading<</S<</ShadingType 1/ColorSpace/DeviceRGB/Function 5 0 R>>>>", stream("", b"/S sh"), vec![b"<</FunctionType 3/Domain[0 1]/Bounds[]/Encode[0 1]/Functions[5 0 R]>>".to_vec()])),
        Case::new("a colour of itself", PDF, pdf("/ColorSpace<</C 5 0 R>>", stream("", b"/C cs 1 sc"), vec![b"[/Indexed 5 0 R 255 5 0 R]".to_vec()])),
        Case::new("tables in a ring", PDF, raw("%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 1 0 R>>endobj\nxref\n0 1\n0000000000 65535 f \ntrailer<</Size 2/Root 1 0 R/Prev 52>>\nstartxref\n52\n%%EOF".to_owned())),
        Case::new("a table of billions", PDF, raw("%PDF-1.7\nxref\n0 4294967295\n0000000000 65535 f \ntrailer<</Size 4294967295/Root 1 0 R>>\nstartxref\n9\n%%EOF".to_owned())),
        Case::new("a table beyond the end", PDF, raw("%PDF-1.7\ntrailer<</Root 1 0 R>>\nstartxref\n99999999999999999999\n%%EOF".to_owned())),
        Case::new("a stream of objects that extends itself", PDF, file(&[catalog.as_bytes().to_vec(), stream("/Type/ObjStm/N 2147483647/First 9/Extends 2 0 R", b"3 0 4 9 <<>>")], "")),
        Case::new("nothing but objects", PDF, raw("%PDF-1.7\n".to_owned() + &"1 0 obj<<>>endobj\n".repeat(60_000))),
        Case::new("nothing but beginnings", PDF, raw("%PDF-1.7\n".repeat(60_000))),
        Case::new("outlines in a ring", PDF, two("<</Type/Catalog/Pages 2 0 R/Outlines 1 0 R/First 1 0 R/Next 1 0 R/AcroForm 1 0 R/Fields[1 0 R]/StructTreeRoot 1 0 R/K 1 0 R>>", "<</Type/Pages/Count 0/Kids[]>>")),
        Case::new("a title without end", PDF, two(&format!("<</Type/Catalog/Pages 2 0 R/Title({}", "\\".repeat(300_000)), "null")),
    ];
    for (name, length) in
        [("none", ""), ("negative", "/Length -1"), ("huge", "/Length 4294967295"), ("text", "/Length(5)")]
    {
        let content = format!("<<{length}>>stream\nBT /F1 12 Tf 50 700 Td (words) Tj ET\nendstream");
        cases.push(Case::new(format!("length: {name}"), PDF, pdf(font, content.into_bytes(), vec![])));
    }
    cases
}

pub(crate) fn pictures() -> Vec<Case> {
    let header = |width: u32, height: u32| {
        let mut bytes = bmp(4, 4, &[0; 16]);
        bytes[18..22].copy_from_slice(&width.to_le_bytes());
        bytes[22..26].copy_from_slice(&height.to_le_bytes());
        bytes
    };
    let png = |width: u32, height: u32| {
        let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
        [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &size, b"\x08\x02\0\0\0\0\0\0\0"].concat()
    };
    let jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03\x01\x11\0\x02\x11\x01\x03\x11\x01";
    vec![
        Case::new("bmp of gigapixels", "image/bmp", header(0x7fff_ffff, 0x7fff_ffff)),
        Case::new("bmp upside down", "image/bmp", header(4, u32::MAX)),
        Case::new("bmp of nothing", "image/bmp", header(0, 0)),
        Case::new("png of gigapixels", "image/png", png(u32::MAX, u32::MAX)),
        Case::new("png of 65535 by 65535", "image/png", png(65_535, 65_535)),
        Case::new("png of one line", "image/png", png(1, 99_999_999)),
        Case::new("png without data", "image/png", png(9, 9)),
        Case::new("jpeg of 65535 by 65535", "image/jpeg", &jpeg[..]),
        Case::new(
            "jpeg of markers",
            "image/jpeg",
            [b"\xff\xd8".as_slice(), &b"\xff\xe0\0\x02".repeat(200_000)].concat(),
        ),
        Case::new("gif of 65535 by 65535", "image/gif", &b"GIF89a\xff\xff\xff\xff\0\0\0"[..]),
        Case::new("tiff in a ring", "image/tiff", &b"II*\0\x08\0\0\0\0\0\x08\0\0\0"[..]),
        Case::new("tiff far away", "image/tiff", &b"II*\0\xff\xff\xff\xff"[..]),
        Case::new(
            "webp of nothing",
            "image/webp",
            &b"RIFF\xff\xff\xff\xffWEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff"[..],
        ),
    ]
}

pub(crate) fn texts() -> Vec<Case> {
    let mut letter = "From: a@b.cd\r\nTo: a@b.cd\r\nSubject: in\r\n\r\ninnermost".to_owned();
    for depth in 0..40 {
        letter = format!("From: a@b.cd\r\nSubject: {depth}\r\nContent-Type: message/rfc822\r\n\r\n{letter}");
    }
    let multipart = |parts: usize| {
        let head = "From: a@b.cd\r\nTo: c@d.ef\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
        head.to_owned() + &"--b\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nx\r\n".repeat(parts)
    };
    let nested: String =
        (0..2000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n")).collect();
    let bomb = base64(&docx_of(&vec![b' '; 70 << 20]));
    let with_bombs = "From: a@b.cd\r\nTo: c@d.ef\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".to_owned()
        + &format!("--b\r\nContent-Type: {DOCX}\r\nContent-Disposition: attachment; filename=a.docx\r\nContent-Transfer-Encoding: base64\r\n\r\n{bomb}\r\n").repeat(8);
    let rtf = |body: String| format!("{{\\rtf1 {body}");
    let (html, csv, md, txt, rtf_type) = ("text/html", "text/csv", "text/markdown", "text/plain", "application/rtf");
    vec![
        Case::new("letters in letters", MAIL, letter),
        Case::new("many attachments", MAIL, multipart(50_000)),
        Case::new("parts in parts", MAIL, "From: a@b.cd\r\n".to_owned() + &nested),
        Case::new("attached bombs", MAIL, with_bombs),
        Case::new("a head without end", MAIL, "Subject: =?utf-8?q?=C3?= ".repeat(100_000)),
        Case::new("a field without end", MAIL, "From: ".to_owned() + &"<a@b.cd>,".repeat(200_000)),
        Case::new(
            "a body of one part and no end",
            MAIL,
            "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n--\r\n--",
        ),
        Case::new("groups in groups", rtf_type, rtf("{".repeat(2_000_000))),
        Case::new("ends of groups", rtf_type, rtf("}".repeat(2_000_000))),
        Case::new("bytes that are not there", rtf_type, rtf("\\bin2147483647 x".to_owned())),
        Case::new(
            "bytes less than none",
            rtf_type,
            rtf("\\bin-2147483648 x\\u-99999999999 \\uc2147483647 \\u5 abc".to_owned()),
        ),
        Case::new(
            "fonts without end",
            rtf_type,
            rtf("{\\fonttbl".to_owned()
                + &(0..60_000).map(|n| format!("{{\\f{n}\\fcharset{} x;}}", n % 300)).collect::<String>()),
        ),
        Case::new("a word without end", rtf_type, rtf("\\".to_owned() + &"a".repeat(2_000_000))),
        Case::new("pages", rtf_type, rtf("\\page x".repeat(200_000))),
        Case::new("tags in tags", html, "<div>".repeat(400_000)),
        Case::new("tables in tables", html, "<table><tr><td>".repeat(60_000)),
        Case::new("bold in slanted", html, "<b><i><a>".repeat(60_000)),
        Case::new("misnested", html, "<b><p></b>".repeat(30_000)),
        Case::new("attributes", html, format!("<p {}>x", "a=b ".repeat(200_000))),
        Case::new("comments", html, "<!--".repeat(400_000)),
        Case::new("options", html, "<select><option>".repeat(60_000)),
        Case::new("entities", html, "&amp;&#x41;&nosuch;".repeat(100_000)),
        Case::new("an encoding that there is not", html, "<meta charset=utf-7>+ADw-script+AD4-"),
        Case::new("a quotation without end", csv, "a,b\n\"".to_owned() + &"x,y\n".repeat(300_000)),
        Case::new("quotation marks", csv, "\"".repeat(1_000_000)),
        Case::new("nothing but cells", csv, ",".repeat(1_000_000)),
        Case::new("nothing but rows", csv, "\n".repeat(1_000_000)),
        Case::new("quotations that begin again", csv, "\"a\n".repeat(30_000)),
        Case::new("brackets", md, "[".repeat(500_000)),
        Case::new("links in links", md, "[a](".repeat(200_000)),
        Case::new("angles", md, "<a".repeat(300_000)),
        Case::new("data", md, "](data:".repeat(200_000)),
        Case::new("marks on one letter", txt, "a".to_owned() + &"\u{301}\u{323}".repeat(400_000)),
        Case::new("one long word", txt, "x".repeat(5_000_000)),
        Case::new("form feeds", txt, "\u{c}".repeat(1_000_000)),
        Case::new("half a character", txt, [b"\xff\xfe".as_slice(), &b"\x00\xd8".repeat(300_000), b"x"].concat()),
        Case::new("bytes that are no text", txt, (0..=255u8).cycle().take(1_000_000).collect::<Vec<_>>()),
        Case::new("hyphens at line ends", txt, "a-\n".repeat(300_000)),
        Case::new("nothing", txt, ""),
        Case::new("nothing as PDF", PDF, ""),
        Case::new("nothing as Word", DOCX, ""),
        Case::new("nothing as a message", MAIL, ""),
        Case::new("nothing as a picture", "image/png", ""),
    ]
}
