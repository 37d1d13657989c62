//! Pictures: looked at here for their size only.

use imagesize::ImageSize;

use crate::{
    Failure, FailureCode,
    formats::{Found, Pages},
    help::Help,
};

/// Beyond this a picture is not for reading: 100 megapixels are A0 at 300 dots per inch.
const MOST_PIXELS: u64 = 100_000_000;
const LONGEST_SIDE: usize = 32_000;

/// What it says of its size, in pixels.
///
/// # Errors
/// `corrupt` when it does not say how large it is, `too_large` when it is too large to be unpacked.
pub(crate) fn size(bytes: &[u8]) -> Result<ImageSize, Failure> {
    let size = imagesize::blob_size(bytes).map_err(|_| Failure::new(FailureCode::Corrupt))?;
    let pixels = size.width as u64 * size.height as u64;
    if pixels == 0 {
        return Err(Failure::new(FailureCode::Corrupt));
    }
    if pixels > MOST_PIXELS || size.width.max(size.height) > LONGEST_SIDE {
        return Err(Failure::new(FailureCode::TooLarge));
    }
    Ok(size)
}

/// One page, which the parent has read when it can.
///
/// # Errors
/// As [`size`].
pub(crate) fn read(bytes: &[u8], help: &mut Help, pages: Pages<'_>) -> Result<Found, Failure> {
    let size = size(bytes)?;
    pages("");
    match help.pictures {
        true => help.picture(),
        false => help.is_unread(),
    }
    let mut found = Found::by("picture");
    found.metadata.insert("width".to_owned(), size.width.to_string());
    found.metadata.insert("height".to_owned(), size.height.to_string());
    Ok(found)
}
