//! Documents that were made to hurt whoever draws them, and real ones.

use std::{
    collections::BTreeMap,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use extract::{FailureCode, Limits};
use flate2::{Compression, write::ZlibEncoder};

use crate::{
    bombs,
    documents::{self, file, stream},
    drawing::{PDF, opened, renderer},
    hostile::{Case, good},
};

const LIMITS: Limits = Limits {
    wall: Duration::from_secs(8),
    cpu: Duration::from_secs(4),
    memory_bytes: 512 * 1024 * 1024,
    output_bytes: 3 * 1024 * 1024,
    pages: 1,
    attachments: 0,
    attachment_bytes: 0,
};
/// For starting processes on a machine that has other things to do as well.
const SLACK: Duration = Duration::from_secs(12);

/// A page of 500 points a side that draws this with these resources; they begin with object 5.
fn drawing(content: &str, resources: &str, more: &[Vec<u8>]) -> Vec<u8> {
    let page = format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 500 500]/Contents 4 0 R/Resources<<{resources}>>>>");
    let mut objects = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
        page.into_bytes(),
        stream("", content.as_bytes()),
    ];
    objects.extend_from_slice(more);
    file(&objects, "")
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn image(width: u32, height: u32, data: &[u8]) -> Vec<u8> {
    let entries = format!(
        "/Type/XObject/Subtype/Image/Width {width}/Height {height}/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/FlateDecode"
    );
    stream(&entries, &deflated(data))
}

fn pages() -> Vec<Case> {
    let bomb = vec![0u8; 200 << 20];
    let group = "/Type/XObject/Subtype/Form/BBox[0 0 500 500]/Group<</S/Transparency>>";
    // Each form draws the next one twice, so that there are 2^20 in all.
    let doubling: Vec<Vec<u8>> = (0..20)
        .map(|n| match n {
            19 => stream(group, b"0 0 9 9 re f"),
            _ => stream(&format!("{group}/Resources<</XObject<</X {} 0 R>>>>", n + 6), b"/X Do /X Do"),
        })
        .collect();
    let deep: Vec<Vec<u8>> = (0..3000)
        .map(|n| match n {
            2999 => stream(group, b"0 0 9 9 re f"),
            _ => stream(&format!("{group}/Resources<</XObject<</X {} 0 R>>>>", n + 6), b"/X Do"),
        })
        .collect();
    let tiling = stream(
        "/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep 0.0001/YStep 0.0001/Resources<<>>",
        b"1 0 0 rg 0 0 1 1 re f",
    );
    let shading = b"<</ShadingType 1/ColorSpace/DeviceRGB/Domain[0 1e30 0 1e30]/Function<</FunctionType 2/Domain[0 1]/N 1e9/C0[0 0 0]/C1[1 1 1]>>>>".to_vec();
    let forms = "/XObject<</X 5 0 R>>";
    vec![
        Case::new(
            "a picture that says it is huge",
            PDF,
            drawing("500 0 0 500 0 0 cm /X Do", forms, &[image(60_000, 60_000, b"x")]),
        ),
        Case::new(
            "a picture that is huge",
            PDF,
            drawing("500 0 0 500 0 0 cm /X Do", forms, &[image(8_000, 8_000, &bomb)]),
        ),
        Case::new(
            "a picture far away",
            PDF,
            drawing("1e30 0 0 1e30 -1e29 1e29 cm /X Do", forms, &[image(2, 2, &[9; 12])]),
        ),
        Case::new(
            "one picture many times",
            PDF,
            drawing(&"q 500 0 0 500 0 0 cm /X Do Q ".repeat(5_000), forms, &[image(500, 500, &[9; 750_000])]),
        ),
        Case::new("doubling forms", PDF, drawing("/X Do", forms, &doubling)),
        Case::new("deep forms", PDF, drawing("/X Do", forms, &deep)),
        Case::new("tiny tiles", PDF, drawing("/Pattern cs /P scn 0 0 500 500 re f", "/Pattern<</P 5 0 R>>", &[tiling])),
        Case::new("an endless shading", PDF, drawing("/S sh", "/Shading<</S 5 0 R>>", &[shading])),
        Case::new("saved for ever", PDF, drawing(&"q ".repeat(1_000_000), "", &[])),
        Case::new("clipped for ever", PDF, drawing(&"0 0 500 500 re W n ".repeat(200_000), "", &[])),
        Case::new("an endless path", PDF, drawing(&"0 0 m 500 500 500 0 0 500 c ".repeat(200_000), "", &[])),
        Case::new("dashes without end", PDF, drawing("[0.00001 0.00001] 0 d 0 0 m 500 500 l S", "", &[])),
        Case::new("a line as wide as the world", PDF, drawing("1e38 w 0 0 m 1e38 1e38 l S", "", &[])),
        Case::new("numbers that are none", PDF, drawing("1e999 -1e999 1e999 0 0 0 cm 0 0 1e999 1e999 re f", "", &[])),
        Case::new(
            "a bomb of content",
            PDF,
            file(
                &[
                    b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
                    b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
                    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>".to_vec(),
                    stream("/Filter/FlateDecode", &deflated(&b"0 0 9 9 re f ".repeat(10 << 20))),
                ],
                "",
            ),
        ),
        Case::new("a loop of pages", PDF, documents::page_tree_loop()),
        Case::new("a loop of forms", PDF, documents::form_loop()),
        Case::new("deep arrays", PDF, documents::deep_arrays()),
    ]
}

/// Pictures that say that they are larger than they may be.
fn floods() -> Vec<Case> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend([0, 1, 0, 0, 0, 1, 0, 0, 8, 6, 0, 0, 0, 0, 0, 0, 0]);
    let gif = b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;".to_vec();
    vec![Case::new("a flood in png", "image/png", png), Case::new("a flood in gif", "image/gif", gif)]
}

/// Each kind of picture, cut at many places.
fn cut() -> Vec<Case> {
    let picture = image::DynamicImage::from(image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8, y as u8, 9])));
    let mut cases = Vec::new();
    for (format, media_type) in [
        (image::ImageFormat::Png, "image/png"),
        (image::ImageFormat::Jpeg, "image/jpeg"),
        (image::ImageFormat::Gif, "image/gif"),
        (image::ImageFormat::Bmp, "image/bmp"),
        (image::ImageFormat::Tiff, "image/tiff"),
        (image::ImageFormat::WebP, "image/webp"),
    ] {
        let mut whole = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut whole, format).unwrap();
        let whole = whole.into_inner();
        for n in 0..8 {
            let at = whole.len() * n / 8;
            cases.push(Case::new(format!("{media_type} cut at {at}"), media_type, &whole[..at]));
        }
    }
    cases
}

async fn outcome(case: &Case) -> &'static str {
    let started = Instant::now();
    let drawn = renderer(LIMITS).draw(opened(&case.bytes), case.media_type, 1, 1600).await;
    let (took, name) = (started.elapsed(), &case.name);
    assert!(took < LIMITS.wall + SLACK, "{name} took {took:?}");
    if took > Duration::from_secs(2) {
        println!("{name} took {} ms: {:?}", took.as_millis(), drawn.as_ref().map(|_| "drawn").map_err(|f| f.code));
    }
    match drawn {
        Ok(drawn) => {
            assert!(drawn.width <= 1600 && drawn.height <= 3200, "{name}");
            assert!(drawn.peak_rss_bytes <= LIMITS.memory_bytes, "{name}: {}", drawn.peak_rss_bytes);
            "drawn"
        }
        Err(failure) => failure.code.as_str(),
    }
}

#[tokio::test]
async fn whatever_is_in_a_file_its_drawing_ends_in_time_and_in_a_known_way() {
    let cases: Vec<Case> = pages()
        .into_iter()
        .chain(floods())
        .chain(cut())
        .chain(bombs::pdfs())
        .chain(bombs::pictures())
        .chain(good())
        .collect();
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut crashed = Vec::new();
    for case in &cases {
        let what = outcome(case).await;
        if what == FailureCode::Crashed.as_str() {
            crashed.push(&case.name);
        }
        *outcomes.entry(what).or_default() += 1;
    }
    println!("{} hostile files were drawn: {outcomes:?}", cases.len());
    // A reader that dies by itself is contained, but is not what is meant to happen.
    assert!(crashed.is_empty(), "{crashed:?}");
    assert!(outcomes.get("drawn").is_some_and(|n| *n > 10), "{outcomes:?}");
    assert_eq!(outcome(&Case::new("still here", PDF, documents::pdf(&["Still here"]))).await, "drawn");
}

#[tokio::test]
async fn a_flood_of_pixels_has_no_picture() {
    for case in floods() {
        assert_eq!(outcome(&case).await, "too_large", "{}", case.name);
    }
}

/// The least part of pages of real PDFs that open, and of real pictures, that must be drawn.
const FLOOR: f64 = 0.97;
/// Pages of one document that are drawn.
const PAGES: u32 = 5;

#[tokio::test]
async fn real_documents_are_drawn() {
    let Some(root) = std::env::var_os("DOSSIER_CORPUS") else {
        eprintln!("NOT TESTED on real documents: DOSSIER_CORPUS names no folder");
        return;
    };
    let root = Path::new(&root);
    let manifest = std::fs::read_to_string(root.join("manifest.tsv")).unwrap();
    let (mut times, mut peaks, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    let mut failures: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut drawable, mut drawn) = (0, 0);
    for line in manifest.lines().skip(1) {
        let columns: Vec<_> = line.split('\t').collect();
        let (name, class) = (columns[0], columns[3]);
        let bytes = std::fs::read(root.join(name)).unwrap();
        let Some(media_type) = extract::sniff(&bytes[..bytes.len().min(8192)], name) else { continue };
        if !extract::Renderer::draws(media_type) {
            continue;
        }
        for page in 1..=PAGES {
            let started = Instant::now();
            let picture = renderer(LIMITS).draw(opened(&bytes), media_type, page, 400).await;
            let took = started.elapsed();
            match picture {
                Ok(picture) => {
                    (drawable, drawn) = (drawable + 1, drawn + 1);
                    times.push(took);
                    peaks.push(picture.peak_rss_bytes >> 20);
                    sizes.push(picture.bytes.len());
                    if let Some(folder) = std::env::var_os("DOSSIER_DRAWINGS") {
                        let end = picture.kind.media_type().trim_start_matches("image/");
                        let name = Path::new(name).file_name().unwrap().to_string_lossy().into_owned();
                        let path = Path::new(&folder).join(format!("{name}.{page}.{end}"));
                        std::fs::write(path, &picture.bytes).unwrap();
                    }
                }
                Err(failure) if failure.code == FailureCode::NoSuchPage => break,
                Err(failure) => {
                    let locked = failure.code == FailureCode::Encrypted;
                    assert!(!locked || class == "password", "{name} has no password");
                    assert_ne!(failure.code, FailureCode::Crashed, "{name}");
                    drawable += u32::from(!locked && class != "unopenable");
                    failures.entry(failure.code.as_str().to_owned()).or_default().push(format!("{name} ({class})"));
                    break;
                }
            }
        }
    }
    times.sort();
    peaks.sort();
    sizes.sort();
    let at = |part: usize| times.len() * part / 100;
    println!(
        "{drawn} of {drawable} pages drawn at 400 px; ms median {} p95 {} most {}; MiB median {} most {}; bytes median {} p95 {}",
        times[at(50)].as_millis(),
        times[at(95)].as_millis(),
        times[times.len() - 1].as_millis(),
        peaks[at(50)],
        peaks[peaks.len() - 1],
        sizes[at(50)],
        sizes[at(95)],
    );
    println!("without a picture: {failures:#?}");
    assert!(f64::from(drawn) >= FLOOR * f64::from(drawable), "{drawn} of {drawable}");
}
