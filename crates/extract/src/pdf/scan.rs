//! The pictures of a page as one picture in grey, for the recognition of text.

use hayro_interpret::{
    Image, ImageData,
    kurbo::{Affine, Point},
};

/// Of a picture that is looked at: more would not fit into memory.
const MOST_PIXELS: u64 = 60_000_000;
/// Pixels of the canvas for each point of the page: 250 to an inch.
const DENSITY: f64 = 250.0 / 72.0;
/// The longest side of the canvas: about that of A4.
const SIDE: f64 = 3000.0;
/// A page that is covered less than this is no scan.
const COVERED: f64 = 0.2;
/// Pictures on a page, against pages that draw for ever.
const MOST_PICTURES: usize = 2_000;

/// How much of a page its pictures cover; and, when asked, what they show.
pub(super) struct Scan {
    width: f64,
    height: f64,
    covered: f64,
    pictures: usize,
    canvas: Option<Canvas>,
}

/// Grey, from the top left, a byte for each pixel.
pub(crate) struct Canvas {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) grey: Vec<u8>,
}

impl Scan {
    pub(super) fn new(width: f64, height: f64, draw: bool) -> Self {
        let mut scan = Self { width, height, covered: 0.0, pictures: 0, canvas: None };
        let scale = DENSITY.min(SIDE / width.max(height));
        if draw && scale.is_finite() && scale > 0.0 && width > 0.0 && height > 0.0 {
            let side = |length: f64| (length * scale).round().clamp(1.0, SIDE) as u32;
            let (width, height) = (side(width), side(height));
            let grey = vec![255; width as usize * height as usize];
            scan.canvas = Some(Canvas { width, height, grey });
        }
        scan
    }

    pub(super) fn is_scan(&self) -> bool {
        self.covered >= COVERED
    }

    pub(super) fn canvas(self) -> Option<Canvas> {
        self.canvas
    }

    /// `transform` takes the unit of a pixel of the picture to the page.
    pub(super) fn image(&mut self, image: &Image<'_, '_>, transform: Affine) {
        let (width, height) = (image.width(), image.height());
        let area = transform.determinant().abs() * f64::from(width) * f64::from(height);
        self.covered += (area / (self.width * self.height)).clamp(0.0, 1.0);
        self.pictures += 1;
        if self.pictures > MOST_PICTURES || u64::from(width) * u64::from(height) > MOST_PIXELS {
            return;
        }
        let Some(canvas) = &mut self.canvas else { return };
        let to_canvas =
            Affine::scale_non_uniform(f64::from(canvas.width) / self.width, f64::from(canvas.height) / self.height)
                * transform;
        match image {
            Image::Stencil(stencil) => stencil.with_stencil(
                |mask, _| {
                    let scaled =
                        to_canvas * Affine::scale_non_uniform(mask.scale_factors.0.into(), mask.scale_factors.1.into());
                    // What is painted is taken to be ink.
                    canvas.draw(scaled, mask.width, mask.height, |at| mask.data.get(at).map(|painted| 255 - painted));
                },
                None,
            ),
            Image::Raster(raster) => raster.with_rgba(
                |data, _| match data {
                    ImageData::Luma(luma) => {
                        let scaled = to_canvas
                            * Affine::scale_non_uniform(luma.scale_factors.0.into(), luma.scale_factors.1.into());
                        canvas.draw(scaled, luma.width, luma.height, |at| luma.data.get(at).copied());
                    }
                    ImageData::Rgb(rgb) => {
                        let scaled = to_canvas
                            * Affine::scale_non_uniform(rgb.scale_factors.0.into(), rgb.scale_factors.1.into());
                        canvas.draw(scaled, rgb.width, rgb.height, |at| {
                            let [r, g, b] = *rgb.data.get(at * 3..at * 3 + 3)? else { return None };
                            Some(((u32::from(r) * 299 + u32::from(g) * 587 + u32::from(b) * 114) / 1000) as u8)
                        });
                    }
                },
                None,
            ),
        }
    }
}

impl Canvas {
    /// Each pixel of the canvas that the picture covers takes the mean of those of the picture that it
    /// stands for.
    fn draw(&mut self, transform: Affine, width: u32, height: u32, grey: impl Fn(usize) -> Option<u8>) {
        let determinant = transform.determinant();
        if !determinant.is_finite() || determinant.abs() < 1e-9 {
            return;
        }
        let back = transform.inverse();
        let bounds =
            transform.transform_rect_bbox(hayro_interpret::kurbo::Rect::new(0.0, 0.0, width.into(), height.into()));
        let range =
            |from: f64, to: f64, most: u32| (from.floor().max(0.0) as u32)..(to.ceil().clamp(0.0, most.into()) as u32);
        // As many samples a side as a pixel of the canvas has pixels of the picture, up to three.
        let samples = ((1.0 / determinant.abs()).sqrt().round() as u32).clamp(1, 3);
        for y in range(bounds.y0, bounds.y1, self.height) {
            for x in range(bounds.x0, bounds.x1, self.width) {
                let (mut sum, mut count) = (0u32, 0u32);
                for sample in 0..samples * samples {
                    let part = |n: u32| (f64::from(n) + 0.5) / f64::from(samples);
                    let at =
                        back * Point::new(f64::from(x) + part(sample % samples), f64::from(y) + part(sample / samples));
                    if at.x < 0.0 || at.y < 0.0 || at.x >= width.into() || at.y >= height.into() {
                        continue;
                    }
                    if let Some(value) = grey(at.y as usize * width as usize + at.x as usize) {
                        sum += u32::from(value);
                        count += 1;
                    }
                }
                if let Some(mean) = sum.checked_div(count) {
                    self.grey[y as usize * self.width as usize + x as usize] = mean as u8;
                }
            }
        }
    }
}
