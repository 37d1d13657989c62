//! Text from the positions of glyphs, in the order in which the page draws them.

use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask,
    font::{Glyph, GlyphRun},
    hayro_cmap::{BfString, WritingMode},
    interpret_page,
    kurbo::{Affine, BezPath, Point, Rect, Vec2},
};
use hayro_syntax::Pdf;

use super::{direction, scan::Scan};

/// A gap wider than this part of the type size is a space.
const SPACE: f64 = 0.18;
/// A step sideways of more than this part of it is another line.
const LINE: f64 = 0.5;
/// A step of more than this is another paragraph.
const PARAGRAPH: f64 = 2.2;
/// Glyphs on a page, against pages that draw for ever.
const MAX_GLYPHS: usize = 2_000_000;

pub(super) struct Reader<'a> {
    pdf: &'a Pdf,
    cache: InterpreterCache<'a>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(pdf: &'a Pdf) -> Self {
        Self { pdf, cache: InterpreterCache::new() }
    }

    /// What is on the page; with `draw` its pictures are drawn as well.
    pub(super) fn page(&self, index: usize, draw: bool) -> Page {
        let page = &self.pdf.pages()[index];
        let (width, height) = page.render_dimensions();
        let bounds = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
        let transform = Affine::new(page.initial_transform(true).as_coeffs());
        let settings = InterpreterSettings::default();
        let mut context = Context::new(transform, bounds, &self.cache, self.pdf.xref(), settings);
        let mut device = TextDevice {
            text: String::new(),
            glyphs: 0,
            last: None,
            rightward: 0,
            leftward: 0,
            scan: Scan::new(width.into(), height.into(), draw),
        };
        interpret_page(page, &mut context, &mut device);
        let (text, scan) = (device.in_reading_order(), device.scan);
        Page { text, glyphs: device.glyphs, scan }
    }
}

/// What was found on a page.
pub(super) struct Page {
    pub(super) text: String,
    /// How many were drawn.
    pub(super) glyphs: usize,
    pub(super) scan: Scan,
}

/// Where the last glyph ended.
struct Last {
    end: Point,
    start: Point,
    size: f64,
    text: BfString,
}

struct TextDevice {
    text: String,
    glyphs: usize,
    last: Option<Last>,
    /// Steps from one Hebrew or Arabic letter to the next, to the right and to the left.
    rightward: usize,
    leftward: usize,
    scan: Scan,
}

impl TextDevice {
    fn in_reading_order(&mut self) -> String {
        if self.rightward > self.leftward { direction::logical(&self.text) } else { std::mem::take(&mut self.text) }
    }

    fn glyph(&mut self, glyph: &Glyph<'_>, transform: Affine, vertical: bool) {
        self.glyphs += 1;
        if self.glyphs > MAX_GLYPHS {
            return;
        }
        // Glyphs are designed on a square of a thousand units.
        let [a, b, c, d, ..] = transform.as_coeffs();
        let along = if vertical { Vec2::new(-c, -d) } else { Vec2::new(a, b) } * 1000.0;
        let size = along.hypot();
        let start = transform * Point::ZERO;
        if !size.is_finite() || size == 0.0 || !start.x.is_finite() || !start.y.is_finite() {
            return;
        }
        let advance = match glyph {
            _ if vertical => 1.0,
            Glyph::Outline(outline) => f64::from(outline.advance_width().unwrap_or(500.0)) / 1000.0,
            Glyph::Type3(type3) => f64::from(type3.advance_width().unwrap_or(500.0)) / 1000.0,
        };
        let text = glyph.as_unicode().unwrap_or(BfString::Char('\u{fffd}'));
        if let Some(last) = &self.last {
            // Bold by drawing twice.
            if same(&last.text, &text) && (start - last.start).hypot() < size * 0.05 {
                return;
            }
            let direction = along / size;
            let step = start - last.end;
            let (mut forward, sideways) = (step.dot(direction), step.cross(direction).abs());
            let em = size.max(last.size);
            if is_leftward(&last.text) && is_leftward(&text) && sideways <= em * LINE {
                // Drawn as it is read: this letter ends where the last one began.
                let back = (last.start - (start + along * advance)).dot(direction);
                if forward < 0.0 && back > -em * LINE {
                    forward = back.min(em);
                    self.leftward += 1;
                } else {
                    self.rightward += 1;
                }
            }
            if sideways > em * PARAGRAPH {
                self.text.push_str("\n\n");
            } else if sideways > em * LINE || forward < -em {
                self.text.push('\n');
            } else if forward > em * SPACE && !self.text.ends_with(char::is_whitespace) {
                self.text.push(' ');
            }
        }
        match &text {
            BfString::Char(c) => self.text.push(*c),
            BfString::String(s) => self.text.push_str(s),
        }
        self.last = Some(Last { end: start + along * advance, start, size, text });
    }
}

fn is_leftward(text: &BfString) -> bool {
    match text {
        BfString::Char(c) => direction::is_leftward(*c),
        BfString::String(s) => s.chars().next().is_some_and(direction::is_leftward),
    }
}

fn same(a: &BfString, b: &BfString) -> bool {
    match (a, b) {
        (BfString::Char(a), BfString::Char(b)) => a == b,
        (BfString::String(a), BfString::String(b)) => a == b,
        _ => false,
    }
}

impl<'a> Device<'a> for TextDevice {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        let vertical = matches!(run.writing_mode(), WritingMode::Vertical);
        for glyph in run.glyphs() {
            self.glyph(glyph, props.transform * glyph.transform(), vertical);
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_clip_rect(&mut self, _: &Rect) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        self.scan.image(&image, props.transform);
    }
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
    fn draw_rect(&mut self, _: &Rect, _: DrawProps<'a>, _: &DrawMode) {}
}
