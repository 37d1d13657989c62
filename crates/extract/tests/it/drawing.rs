//! Pages and pictures as they look.

use std::io::{Cursor, Seek, Write};

use extract::{Failure, FailureCode, Limits, PagePicture, PictureType, Renderer};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use crate::documents::{self, file, stream};

pub(crate) const PDF: &str = "application/pdf";
const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const WHITE: [u8; 3] = [255, 255, 255];

pub(crate) fn renderer(limits: Limits) -> Renderer {
    Renderer::new(env!("CARGO_BIN_EXE_dossier-extract").into(), limits)
}

pub(crate) fn opened(bytes: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

async fn draw(bytes: &[u8], media_type: &str, page: u32, width: u32) -> Result<PagePicture, Failure> {
    renderer(Limits::default()).draw(opened(bytes), media_type, page, width).await
}

/// Decoded, and of the size that it is said to have.
async fn seen(bytes: &[u8], media_type: &str, page: u32, width: u32) -> RgbImage {
    let drawn = draw(bytes, media_type, page, width).await.unwrap();
    let decoded = image::load_from_memory(&drawn.bytes).unwrap().into_rgb8();
    assert_eq!(decoded.dimensions(), (drawn.width, drawn.height));
    decoded
}

async fn failure(bytes: &[u8], media_type: &str, page: u32) -> FailureCode {
    draw(bytes, media_type, page, 400).await.unwrap_err().code
}

/// Compression changes colours a little.
fn is(picture: &RgbImage, (x, y): (u32, u32), colour: [u8; 3]) {
    let found = picture.get_pixel(x, y).0;
    let near = found.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 12);
    assert!(near, "{found:?} at {x}, {y} is not {colour:?}");
}

/// One page with these entries and this content.
fn page(entries: &str, content: &str) -> Vec<u8> {
    let page = format!("<</Type/Page/Parent 2 0 R{entries}/Contents 4 0 R>>");
    let objects = [
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
        page.into_bytes(),
        stream("", content.as_bytes()),
    ];
    file(&objects, "")
}

#[tokio::test]
async fn each_page_of_a_pdf_is_drawn_as_it_looks() {
    let pdf = documents::pdf_of_contents(&["1 0 0 rg 0 421 595 421 re f", "0 0 1 rg 0 0 595 842 re f", ""]);
    let first = seen(&pdf, PDF, 1, 400).await;
    assert_eq!(first.dimensions(), (400, 566));
    is(&first, (200, 100), RED);
    is(&first, (200, 500), WHITE);
    let second = seen(&pdf, PDF, 2, 200).await;
    assert_eq!(second.dimensions(), (200, 283));
    is(&second, (199, 282), BLUE);
    is(&seen(&pdf, PDF, 3, 800).await, (400, 566), WHITE);
}

#[tokio::test]
async fn a_picture_says_what_it_is_and_what_it_cost() {
    let plain = draw(&documents::pdf(&["x"]), PDF, 1, 400).await.unwrap();
    assert_eq!(plain.kind, PictureType::Png, "smaller than JPEG");
    assert_eq!(image::guess_format(&plain.bytes).unwrap(), ImageFormat::Png);
    assert!(plain.peak_rss_bytes > 0);
    let noise = RgbImage::from_fn(300, 300, |x, y| Rgb([(x * 7 + y * 13) as u8, (x * y) as u8, (x ^ y) as u8]));
    let busy = draw(&encoded(&noise.into(), ImageFormat::Png), "image/png", 1, 400).await.unwrap();
    assert_eq!((busy.kind, busy.kind.media_type()), (PictureType::Jpeg, "image/jpeg"));
    assert_eq!(image::guess_format(&busy.bytes).unwrap(), ImageFormat::Jpeg);
}

#[tokio::test]
async fn the_fonts_that_every_reader_must_have_are_there() {
    for font in [
        "Helvetica",
        "Helvetica-Bold",
        "Helvetica-Oblique",
        "Helvetica-BoldOblique",
        "Times-Roman",
        "Times-Bold",
        "Times-Italic",
        "Times-BoldItalic",
        "Courier",
        "Courier-Bold",
        "Courier-Oblique",
        "Courier-BoldOblique",
        "Symbol",
        "ZapfDingbats",
    ] {
        let resources =
            format!("/MediaBox[0 0 400 100]/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/{font}>>>>>>");
        let drawn = seen(&page(&resources, "BT /F1 48 Tf 20 30 Td (abcdef) Tj ET"), PDF, 1, 400).await;
        let dark = drawn.pixels().filter(|pixel| pixel.0[0] < 100).count();
        assert!((500..8000).contains(&dark), "{font}: {dark} dark pixels");
    }
}

#[tokio::test]
async fn a_page_is_turned_as_it_says() {
    // Red in the corner where the page begins, which is the lower left one.
    let corners = [(0, (10, 90)), (90, (10, 10)), (180, (190, 10)), (270, (90, 190)), (-90, (90, 190))];
    for (turn, corner) in corners {
        let pdf = page(&format!("/MediaBox[0 0 200 100]/Rotate {turn}"), "1 0 0 rg 0 0 20 20 re f");
        let width = if turn % 180 == 0 { 200 } else { 100 };
        let drawn = seen(&pdf, PDF, 1, width).await;
        assert_eq!(drawn.dimensions(), (width, 300 - width), "{turn}");
        is(&drawn, corner, RED);
        is(&drawn, (50, 50), WHITE);
    }
}

#[tokio::test]
async fn what_is_cropped_does_not_show() {
    let pdf =
        page("/MediaBox[0 0 300 300]/CropBox[100 100 200 150]", "1 0 0 rg 0 0 99 300 re f 0 0 1 rg 120 120 10 10 re f");
    let drawn = seen(&pdf, PDF, 1, 200).await;
    assert_eq!(drawn.dimensions(), (200, 100));
    is(&drawn, (1, 50), WHITE);
    is(&drawn, (50, 50), BLUE);
}

#[tokio::test]
async fn steep_pages_and_wide_ones_fit_their_frame() {
    for (media_box, size) in [
        ("[0 0 10 1000]", (8, 800)),
        ("[0 0 1000 10]", (400, 4)),
        ("[0 0 1000000000 1]", (400, 1)),
        ("[0 0 0.5 0.5]", (400, 400)),
        ("[-100 -100 100 100]", (400, 400)),
        ("[200 200 0 0]", (400, 400)),
    ] {
        let drawn = draw(&page(&format!("/MediaBox{media_box}"), ""), PDF, 1, 400).await;
        assert_eq!(drawn.map(|drawn| (drawn.width, drawn.height)), Ok(size), "{media_box}");
    }
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Red on the left, blue on the right.
fn halves(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, _| Rgb(if x < width / 2 { RED } else { BLUE })).into()
}

#[tokio::test]
async fn pictures_of_every_kind_are_made_smaller_and_never_larger() {
    for (format, media_type) in [
        (ImageFormat::Png, "image/png"),
        (ImageFormat::Jpeg, "image/jpeg"),
        (ImageFormat::Gif, "image/gif"),
        (ImageFormat::Bmp, "image/bmp"),
        (ImageFormat::Tiff, "image/tiff"),
        (ImageFormat::WebP, "image/webp"),
    ] {
        let small = seen(&encoded(&halves(100, 50), format), media_type, 1, 400).await;
        assert_eq!(small.dimensions(), (100, 50), "{media_type}");
        is(&small, (20, 25), RED);
        is(&small, (80, 25), BLUE);
        let large = seen(&encoded(&halves(1000, 500), format), media_type, 1, 200).await;
        assert_eq!(large.dimensions(), (200, 100), "{media_type}");
        is(&large, (20, 50), RED);
        is(&large, (180, 50), BLUE);
        let steep = seen(&encoded(&halves(100, 5000), format), media_type, 1, 200).await;
        assert_eq!(steep.dimensions(), (8, 400), "{media_type}");
    }
}

#[tokio::test]
async fn a_photograph_is_upright_as_its_camera_says() {
    let jpeg = encoded(&halves(400, 200), ImageFormat::Jpeg);
    // Orientation: the first row is on the left (6), on the right (8), or at the bottom (3).
    for (orientation, size, red, blue) in [
        (1, (200, 100), (20, 50), (180, 50)),
        (3, (200, 100), (180, 50), (20, 50)),
        (6, (200, 400), (100, 40), (100, 360)),
        (8, (200, 400), (100, 360), (100, 40)),
    ] {
        let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
        let length = (exif.len() as u16 + 2).to_be_bytes();
        let turned = [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat();
        let drawn = seen(&turned, "image/jpeg", 1, 200).await;
        assert_eq!(drawn.dimensions(), size, "{orientation}");
        is(&drawn, red, RED);
        is(&drawn, blue, BLUE);
    }
}

#[tokio::test]
async fn what_is_transparent_lies_on_white() {
    // What cannot be seen is black, and must not darken its neighbours.
    let clear = RgbaImage::from_fn(800, 400, |x, _| if x < 400 { Rgba([255, 0, 0, 255]) } else { Rgba([0; 4]) });
    let drawn = seen(&encoded(&clear.into(), ImageFormat::Png), "image/png", 1, 200).await;
    is(&drawn, (20, 50), RED);
    is(&drawn, (110, 50), WHITE);
    let half = RgbaImage::from_pixel(10, 10, Rgba([0, 0, 255, 128]));
    is(&seen(&encoded(&half.into(), ImageFormat::Png), "image/png", 1, 200).await, (5, 5), [127, 127, 255]);
}

#[tokio::test]
async fn deep_and_grey_pictures_are_drawn() {
    let deep = DynamicImage::ImageRgb16(halves(600, 300).into_rgb16());
    is(&seen(&encoded(&deep, ImageFormat::Png), "image/png", 1, 200).await, (20, 50), RED);
    let grey = DynamicImage::ImageLuma8(halves(600, 300).into_luma8());
    let drawn = seen(&encoded(&grey, ImageFormat::Png), "image/png", 1, 200).await;
    assert_eq!(drawn.dimensions(), (200, 100));
}

#[tokio::test]
async fn what_has_no_picture_says_why() {
    let pdf = documents::pdf(&["One", "Two"]);
    for page in [0, 3, u32::MAX] {
        assert_eq!(failure(&pdf, PDF, page).await, FailureCode::NoSuchPage);
    }
    assert_eq!(failure(&encoded(&halves(9, 9), ImageFormat::Png), "image/png", 2).await, FailureCode::NoSuchPage);
    assert_eq!(failure(&documents::encrypted_pdf(), PDF, 1).await, FailureCode::Encrypted);
    assert_eq!(failure(&documents::pdf_with_password("x", b"secret"), PDF, 1).await, FailureCode::Encrypted);
    assert!(draw(&documents::pdf_with_empty_password("Anybody may look"), PDF, 1, 400).await.is_ok());
    assert_eq!(failure(b"text", "text/plain", 1).await, FailureCode::UnsupportedType);
    assert_eq!(failure(b"PK", crate::hostile::DOCX, 1).await, FailureCode::UnsupportedType);
    assert_eq!(failure(b"%PDF-1.7 nothing", PDF, 1).await, FailureCode::Corrupt);
    assert!(Renderer::draws(PDF) && Renderer::draws("image/webp") && !Renderer::draws("text/plain"));
}

#[tokio::test]
async fn a_child_that_misbehaves_has_no_picture() {
    let limits = Limits { memory_bytes: 256 << 20, cpu: std::time::Duration::from_secs(1), ..Limits::default() };
    for (what, code) in [
        ("memory", FailureCode::LimitExceeded),
        ("spin", FailureCode::LimitExceeded),
        ("flood", FailureCode::Crashed),
        ("garbage", FailureCode::Crashed),
        ("pages_then_abort", FailureCode::Crashed),
    ] {
        let renderer = renderer(limits.clone()).probing(what);
        let failure = renderer.draw(opened(b""), PDF, 1, 400).await.unwrap_err();
        assert_eq!(failure.code, code, "{what}");
    }
    let hasty = renderer(Limits { wall: std::time::Duration::from_millis(300), ..limits }).probing("sleep");
    assert_eq!(hasty.draw(opened(b""), PDF, 1, 400).await.unwrap_err().code, FailureCode::Timeout);
}

#[tokio::test]
async fn a_picture_that_is_larger_than_allowed_is_not_passed_on() {
    let noise = RgbImage::from_fn(400, 400, |x, y| Rgb([(x * 7 + y * 13) as u8, (x * y) as u8, (x ^ y) as u8]));
    let bytes = encoded(&noise.into(), ImageFormat::Bmp);
    let limits = Limits { output_bytes: 10_000, ..Limits::default() };
    let failure = renderer(limits).draw(opened(&bytes), "image/bmp", 1, 400).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::LimitExceeded);
}

#[test]
fn the_program_writes_a_picture_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (pdf, picture) = (folder.path().join("a.pdf"), folder.path().join("a.picture"));
    std::fs::write(&pdf, documents::pdf(&["One", "Two"])).unwrap();
    let run = |page: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dossier-extract"));
        let output =
            command.arg(&pdf).args(["--picture", page, "--width", "300", "-o"]).arg(&picture).output().unwrap();
        (output.status.code(), serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap())
    };
    let (code, line) = run("3");
    assert_eq!((code, &line["failure"]["code"]), (Some(1), &"no_such_page".into()));
    assert!(!picture.exists());
    let (code, line) = run("2");
    assert_eq!((code, &line["picture"]["width"], &line["failure"]), (Some(0), &300.into(), &serde_json::Value::Null));
    assert_eq!(image::load_from_memory(&std::fs::read(&picture).unwrap()).unwrap().width(), 300);
}
