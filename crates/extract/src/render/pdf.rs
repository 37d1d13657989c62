//! Pages of PDFs, by the interpreter that reads them as well.

use hayro::{
    RenderCache, RenderSettings,
    hayro_interpret::InterpreterSettings,
    hayro_syntax::{LoadPdfError, Pdf},
    kurbo::Affine,
    vello_cpu::{Pixmap, RasterizerSettings, RenderContext, Resources, TargetInit, color::palette::css::WHITE},
};
use image::RgbImage;

use super::Frame;
use crate::{Failure, FailureCode};

/// # Errors
/// `encrypted`, `no_such_page`, or `corrupt` when it cannot be opened or the page has no size.
pub(super) fn draw(bytes: Vec<u8>, number: u32, frame: Frame) -> Result<RgbImage, Failure> {
    let corrupt = || Failure::new(FailureCode::Corrupt);
    let pdf = Pdf::new(bytes).map_err(|error| match error {
        LoadPdfError::Decryption(_) => Failure::new(FailureCode::Encrypted),
        _ => corrupt(),
    })?;
    if pdf.pages().is_empty() {
        return Err(corrupt());
    }
    let page = (number as usize).checked_sub(1).and_then(|index| pdf.pages().get(index));
    let page = page.ok_or_else(|| Failure::new(FailureCode::NoSuchPage))?;
    // Turned as its /Rotate says.
    let (wide, high) = page.render_dimensions();
    let (width, height, _) = frame.fit(wide.into(), high.into()).ok_or_else(corrupt)?;
    let (Ok(columns), Ok(rows)) = (u16::try_from(width), u16::try_from(height)) else { return Err(corrupt()) };
    // Sides are whole pixels, so the two differ a little.
    let scale = Affine::scale_non_uniform(f64::from(width) / f64::from(wide), f64::from(height) / f64::from(high));
    let transform = scale * Affine::new(page.initial_transform(true).as_coeffs());
    let cache = RenderCache::new();
    // Letters that lie where the page puts them: hints are for larger pixels than those of a small picture.
    let settings = RenderSettings { hinting: false, force_image_interpolation: true, ..RenderSettings::default() };
    let mut context = RenderContext::new(columns, rows);
    hayro::render_into(page, &cache, &InterpreterSettings::default(), &settings, &mut context, transform);
    context.flush();
    let mut pixmap = Pixmap::new(columns, rows);
    let paper = RasterizerSettings { target_init: TargetInit::Clear(WHITE), ..RasterizerSettings::default() };
    context.render_with(&mut pixmap, &mut Resources::default(), paper);
    // On paper nothing is transparent, so nothing is multiplied in.
    let rgb = pixmap.data_as_u8_slice().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    RgbImage::from_raw(width, height, rgb).ok_or_else(corrupt)
}
