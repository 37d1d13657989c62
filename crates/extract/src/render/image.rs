//! Pictures made smaller.

use std::io::Cursor;

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage, imageops, metadata::Orientation,
};

use super::Frame;
use crate::{Failure, FailureCode, picture};

/// While it is unpacked; the rest of the address space is for the bytes and what becomes of them.
const MEMORY: u64 = 320 * 1024 * 1024;

/// The first picture of the file, upright.
///
/// # Errors
/// `no_such_page` for others than the first; `too_large` for more than can be unpacked, told by what the
/// file says of itself; `corrupt`.
pub(super) fn draw(media_type: &str, bytes: &[u8], number: u32, frame: Frame) -> Result<RgbImage, Failure> {
    if number != 1 {
        return Err(Failure::new(FailureCode::NoSuchPage));
    }
    picture::size(bytes)?;
    let format = ImageFormat::from_mime_type(media_type).ok_or_else(|| Failure::new(FailureCode::UnsupportedType))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| why(&error))?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let whole = DynamicImage::from_decoder(decoder).map_err(|error| why(&error))?;
    let mut small = shrunk(whole, orientation, frame)?;
    small.apply_orientation(orientation);
    Ok(on_paper(small))
}

fn why(error: &ImageError) -> Failure {
    Failure::new(match error {
        ImageError::Limits(_) => FailureCode::TooLarge,
        ImageError::Unsupported(_) => FailureCode::UnsupportedType,
        _ => FailureCode::Corrupt,
    })
}

/// Made to fit once it is upright. The mean of the pixels that one stands for.
fn shrunk(whole: DynamicImage, orientation: Orientation, frame: Frame) -> Result<DynamicImage, Failure> {
    let lies = matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    let turned = |(a, b): (u32, u32)| if lies { (b, a) } else { (a, b) };
    let (wide, high) = turned((whole.width(), whole.height()));
    let fitted = frame.fit(wide.into(), high.into()).ok_or_else(|| Failure::new(FailureCode::Corrupt))?;
    let (width, height, scale) = fitted;
    if scale >= 1.0 {
        return Ok(whole);
    }
    let (width, height) = turned((width, height));
    Ok(match whole {
        // Of sixteen and more bits nobody sees more than eight.
        DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) => whole.thumbnail_exact(width, height),
        // Colours of pixels that cannot be seen must not mix with those of their neighbours.
        whole if whole.color().has_alpha() => {
            DynamicImage::ImageRgb8(imageops::thumbnail(&on_paper(whole), width, height))
        }
        whole => DynamicImage::ImageRgb8(imageops::thumbnail(&whole.into_rgb8(), width, height)),
    })
}

/// On white.
fn on_paper(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    let (width, height) = rgba.dimensions();
    let rgb: Vec<u8> = rgba
        .pixels()
        .flat_map(|pixel| {
            let [r, g, b, alpha] = pixel.0.map(u32::from);
            [r, g, b].map(|colour| ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
        })
        .collect();
    RgbImage::from_raw(width, height, rgb).unwrap_or_default()
}
