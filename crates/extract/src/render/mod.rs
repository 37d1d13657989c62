//! A page as a picture: drawn and encoded here, in the child, and answered in one line of JSON with the
//! bytes after it.
//!
//! A picture is at most as wide as it is asked to be, and at most twice as high. Pages of PDFs fill that
//! frame, since they can be drawn at any size; pictures are made smaller and never larger. Nothing shines
//! through: what is transparent lies on white, as paper does.

mod image;
mod pdf;

use std::io::Write;

use ::image::{
    ExtendedColorType, ImageEncoder, RgbImage,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
    },
};
use serde::{Deserialize, Serialize};

use crate::{Failure, FailureCode, media::PICTURES};

/// The widest that a picture can be asked to be.
pub(crate) const WIDEST: u32 = 1600;
/// How much higher than wide a picture may be.
pub(crate) const STEEPEST: u32 = 2;
/// Where the marks of compression begin to show on letters is above this.
const QUALITY: u8 = 80;

/// What is said before the bytes, or instead of them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Drawn { cpu_ms: u64, peak_rss_bytes: u64 },
    Failed { code: FailureCode },
}

/// The most that a picture may measure, in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    width: u32,
    height: u32,
}

impl Frame {
    /// As wide as this.
    pub(crate) fn of(width: u32) -> Self {
        let width = width.clamp(1, WIDEST);
        Self { width, height: width * STEEPEST }
    }

    /// Whether a picture of this size is one that was asked for.
    pub(crate) fn holds(self, width: u32, height: u32) -> bool {
        (1..=self.width).contains(&width) && (1..=self.height).contains(&height)
    }

    /// The size in pixels of what has these sides, and by how much it is scaled. `None` for what has no
    /// size.
    fn fit(self, width: f64, height: f64) -> Option<(u32, u32, f64)> {
        let scale = (f64::from(self.width) / width).min(f64::from(self.height) / height);
        if !(width > 0.0 && height > 0.0 && scale.is_finite() && scale > 0.0) {
            return None;
        }
        let side = |length: f64, most: u32| ((length * scale).round() as u32).clamp(1, most);
        Some((side(width, self.width), side(height, self.height), scale))
    }
}

/// Whether documents of this type have looks.
pub(crate) fn draws(media_type: &str) -> bool {
    media_type == "application/pdf" || PICTURES.contains(&media_type)
}

/// Page `number`, from 1, of a document as an encoded picture.
///
/// # Errors
/// `unsupported_type` when documents of this type have no looks, `no_such_page`, or why the page could
/// not be drawn.
pub(crate) fn draw(media_type: &str, bytes: Vec<u8>, number: u32, width: u32) -> Result<Vec<u8>, Failure> {
    let frame = Frame::of(width);
    let drawn = match media_type {
        "application/pdf" => pdf::draw(bytes, number, frame)?,
        picture if PICTURES.contains(&picture) => image::draw(picture, &bytes, number, frame)?,
        _ => return Err(Failure::new(FailureCode::UnsupportedType)),
    };
    encode(&drawn)
}

/// As JPEG, or as PNG where that is smaller: plain slides and empty pages.
fn encode(picture: &RgbImage) -> Result<Vec<u8>, Failure> {
    let failed = |_| Failure::new(FailureCode::Crashed);
    let (width, height) = picture.dimensions();
    let (mut jpeg, mut png) = (Vec::new(), Vec::new());
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .write_image(picture, width, height, ExtendedColorType::Rgb8)
        .map_err(failed)?;
    PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive)
        .write_image(picture, width, height, ExtendedColorType::Rgb8)
        .map_err(failed)?;
    Ok(if png.len() < jpeg.len() { png } else { jpeg })
}

/// Says how it went, and what was drawn.
///
/// # Errors
/// When the parent has gone.
pub(crate) fn answer(out: &mut impl Write, answer: &Answer, picture: &[u8]) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.write_all(picture)?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_fills_its_frame_and_what_has_no_size_has_no_picture() {
        let frame = Frame::of(400);
        assert_eq!(frame.fit(612.0, 792.0).map(|(w, h, _)| (w, h)), Some((400, 518)));
        assert_eq!(frame.fit(10.0, 1000.0).map(|(w, h, _)| (w, h)), Some((8, 800)));
        assert_eq!(frame.fit(1e9, 1.0).map(|(w, h, _)| (w, h)), Some((400, 1)));
        for (width, height) in [(0.0, 5.0), (f64::NAN, 5.0), (5.0, f64::INFINITY), (-5.0, 5.0)] {
            assert!(frame.fit(width, height).is_none(), "{width} {height}");
        }
        assert!(frame.holds(400, 800) && !frame.holds(401, 1) && !frame.holds(0, 1));
        assert!(Frame::of(u32::MAX).holds(WIDEST, WIDEST * STEEPEST));
    }
}
