//! Text in pictures: with tesseract where it is installed, and without it everywhere.

use std::io::{Seek, Write};

use extract::{Extraction, Failure, FailureCode, Limits, Ocr};

use crate::{documents, extractor, texts};

/// Letters of five by seven points, a row for each byte.
fn letter(c: char) -> [u8; 7] {
    match c {
        'A' => [4, 10, 17, 17, 31, 17, 17],
        'C' => [14, 17, 16, 16, 16, 17, 14],
        'E' => [31, 16, 16, 30, 16, 16, 31],
        'H' => [17, 17, 17, 31, 17, 17, 17],
        'I' => [14, 4, 4, 4, 4, 4, 14],
        'L' => [16, 16, 16, 16, 16, 16, 31],
        'N' => [17, 25, 21, 21, 19, 17, 17],
        'O' => [14, 17, 17, 17, 17, 17, 14],
        'R' => [30, 17, 17, 30, 20, 18, 17],
        'T' => [31, 4, 4, 4, 4, 4, 4],
        _ => [0; 7],
    }
}

const SCALE: usize = 6;
const MARGIN: usize = 60;

/// Width, height and grey of black letters on white.
pub(crate) fn drawn(text: &str) -> (usize, usize, Vec<u8>) {
    let (width, height) = (text.len() * 6 * SCALE + 2 * MARGIN, 7 * SCALE + 2 * MARGIN);
    let mut grey = vec![255; width * height];
    for (index, c) in text.chars().enumerate() {
        for (row, bits) in letter(c).into_iter().enumerate() {
            for column in (0..5).filter(|column| bits & (16 >> column) != 0) {
                for point in 0..SCALE * SCALE {
                    let x = MARGIN + (index * 6 + column) * SCALE + point % SCALE;
                    let y = MARGIN + row * SCALE + point / SCALE;
                    grey[y * width + x] = 0;
                }
            }
        }
    }
    (width, height, grey)
}

/// A picture as Windows has them, 24 bits a pixel, from the bottom up.
pub(crate) fn bmp(width: usize, height: usize, grey: &[u8]) -> Vec<u8> {
    let line = (width * 3).next_multiple_of(4);
    let mut bytes = b"BM".to_vec();
    bytes.extend((54 + line as u32 * height as u32).to_le_bytes());
    bytes.extend([0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0]);
    bytes.extend((width as u32).to_le_bytes());
    bytes.extend((height as u32).to_le_bytes());
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 24]);
    for row in grey.chunks(width).rev() {
        let mut pixels: Vec<u8> = row.iter().flat_map(|g| [*g; 3]).collect();
        pixels.resize(line, 0);
        bytes.extend(pixels);
    }
    bytes
}

async fn read(bytes: &[u8], media_type: &str, ocr: Option<Ocr>) -> Result<Extraction, Failure> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    extractor(Limits::default()).with_ocr(ocr).extract(file, media_type).await
}

fn picture() -> Vec<u8> {
    let (width, height, grey) = drawn("THE HOTEL");
    bmp(width, height, &grey)
}

fn scanned() -> Vec<u8> {
    let (width, height, grey) = drawn("THE HOTEL");
    documents::scanned_pdf(width, height, &grey)
}

#[tokio::test]
async fn without_a_program_for_it_the_document_says_so_and_is_there() {
    for (bytes, media_type) in [(picture(), "image/bmp"), (scanned(), "application/pdf")] {
        let read = read(&bytes, media_type, None).await.unwrap();
        assert_eq!((texts(&read), read.partial.as_deref()), (vec![""], Some("ocr_unavailable")));
    }
    assert_eq!(Ocr::find("no-such-program-anywhere", "eng"), None);
    assert_eq!(Ocr::find("", "eng"), None);
}

#[tokio::test]
async fn a_program_that_lacks_its_languages_is_as_good_as_none() {
    let Some(ocr) = Ocr::find("tesseract", "no_such_language") else {
        eprintln!("NOT TESTED: tesseract is not installed");
        return;
    };
    let read = read(&picture(), "image/bmp", Some(ocr)).await.unwrap();
    assert_eq!((texts(&read), read.partial.as_deref()), (vec![""], Some("ocr_unavailable")));
}

#[tokio::test]
async fn pictures_and_scanned_pages_are_read() {
    let Some(ocr) = Ocr::find("tesseract", "eng") else {
        eprintln!("NOT TESTED: tesseract is not installed");
        return;
    };
    for (bytes, media_type) in [(picture(), "image/bmp"), (scanned(), "application/pdf")] {
        let read = read(&bytes, media_type, Some(ocr.clone())).await.unwrap();
        assert_eq!((texts(&read), read.partial.as_deref()), (vec!["THE HOTEL"], None), "{media_type}");
        assert!(read.engine.ends_with("+tesseract"), "{}", read.engine);
    }
}

#[tokio::test]
async fn a_program_that_reads_pictures_has_no_network_and_starts_nothing() {
    // A shell in the place of tesseract tries what must be impossible.
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("tesseract");
    // A fork that is refused ends the script, so it comes last.
    let body = "#!/bin/bash\ntrap 'exit 0' EXIT\n{ echo > /tmp/dossier-ocr-probe; } 2>&- && echo wrote\n\
        { : 3<>/dev/tcp/127.0.0.1/9; } 2>&- && echo connected\n{ read -r line < /etc/passwd; } 2>&- && echo \"$line\"\n\
        echo alive\n(echo child)\n";
    std::fs::write(&script, body).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let ocr = Ocr::find(script.to_str().unwrap(), "eng");
    let read = read(&picture(), "image/bmp", ocr).await.unwrap();
    let said = texts(&read).concat();
    assert!(said.contains("alive"), "{said:?} {:?}", read.partial);
    for impossible in ["child", "wrote", "connected", "root"] {
        assert!(!said.contains(impossible), "{said:?}");
    }
}

#[tokio::test]
async fn a_flood_of_pixels_is_refused_by_its_header() {
    let mut bytes = picture();
    bytes[18..26].copy_from_slice(&[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0]);
    let failure = read(&bytes, "image/bmp", Ocr::find("tesseract", "eng")).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::TooLarge);
}
