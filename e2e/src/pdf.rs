//! Makes small, real PDF documents: pages of text, in Helvetica, with a correct cross-reference
//! table. Every other page's content is kept in a Flate stream, as real programs do.

use std::fmt::Write as _;

use crate::words;

/// A document with one page for each text. The texts must be ASCII; lines are wrapped, and what
/// does not fit on the sheet runs off it (and is still text of that page).
pub fn document<T: AsRef<str>>(pages: &[T]) -> Vec<u8> {
    let mut file = File::default();
    let kids: Vec<String> = (0..pages.len()).map(|index| format!("{} 0 R", 4 + 2 * index)).collect();
    file.object("<< /Type /Catalog /Pages 2 0 R >>");
    file.object(&format!("<< /Type /Pages /Count {} /Kids [{}] >>", pages.len(), kids.join(" ")));
    file.object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>");
    for (index, text) in pages.iter().enumerate() {
        file.object(&format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> \
             /Contents {} 0 R >>",
            5 + 2 * index
        ));
        file.stream(content(text.as_ref()).as_bytes(), index % 2 == 1);
    }
    file.finish()
}

/// An ordinary document of ten pages, 300 words each. `marks` are put, one each, on the first pages.
pub fn ten_pages(seed: u64, marks: &[&str]) -> Vec<u8> {
    many_pages(seed, 10, 300, marks)
}

/// `pages` pages of `count` words of prose. `marks` are put, one each, on the first pages.
pub fn many_pages(seed: u64, pages: usize, count: usize, marks: &[&str]) -> Vec<u8> {
    let page = |index: usize| {
        let prose = words::prose(seed.wrapping_mul(1009).wrapping_add(index as u64), count);
        match marks.get(index) {
            Some(mark) => format!("{prose} {mark} ends this page."),
            None => prose,
        }
    };
    document(&(0..pages).map(page).collect::<Vec<_>>())
}

/// The same document with `size` bytes of ballast in it, which no page draws: a large file that is
/// quick to read.
pub fn with_ballast(pages: &[&str], size: usize) -> Vec<u8> {
    let mut file = document(pages);
    // After the end: readers look for the trailer in the last kilobyte, so it is repeated.
    let start = file.iter().rposition(|b| *b == b'x').map_or(0, |found| found + 1 - "startx".len());
    let trailer = file[start..].to_vec();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    file.push(b'%');
    file.extend((0..size).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b'A' + (state % 26) as u8
    }));
    file.push(b'\n');
    file.extend_from_slice(&trailer);
    file
}

fn content(text: &str) -> String {
    let mut drawing = String::from("BT /F1 11 Tf 14 TL 50 792 Td\n");
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.len() + 1 + word.len() > 88 {
            draw(&mut drawing, &line);
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    draw(&mut drawing, &line);
    drawing.push_str("ET");
    drawing
}

fn draw(drawing: &mut String, line: &str) {
    let escaped = line.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
    // Writing to a String cannot fail.
    let _ = writeln!(drawing, "({escaped}) Tj T*");
}

/// The file as it grows, and where each object begins.
struct File {
    bytes: Vec<u8>,
    offsets: Vec<usize>,
}

impl Default for File {
    fn default() -> Self {
        // The second line tells transports that this is not text.
        Self { bytes: b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n".to_vec(), offsets: Vec::new() }
    }
}

impl File {
    fn object(&mut self, body: &str) {
        self.begin();
        self.bytes.extend_from_slice(body.as_bytes());
        self.bytes.extend_from_slice(b"\nendobj\n");
    }

    fn stream(&mut self, content: &[u8], flate: bool) {
        let packed = if flate { stored_zlib(content) } else { content.to_vec() };
        let filter = if flate { " /Filter /FlateDecode" } else { "" };
        self.begin();
        self.bytes.extend_from_slice(format!("<< /Length {}{filter} >>\nstream\n", packed.len()).as_bytes());
        self.bytes.extend_from_slice(&packed);
        self.bytes.extend_from_slice(b"\nendstream\nendobj\n");
    }

    fn begin(&mut self) {
        self.offsets.push(self.bytes.len());
        self.bytes.extend_from_slice(format!("{} 0 obj\n", self.offsets.len()).as_bytes());
    }

    fn finish(mut self) -> Vec<u8> {
        let table = self.bytes.len();
        let size = self.offsets.len() + 1;
        let mut tail = format!("xref\n0 {size}\n0000000000 65535 f \n");
        for offset in &self.offsets {
            let _ = writeln!(tail, "{offset:010} 00000 n ");
        }
        let _ = write!(tail, "trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n");
        self.bytes.extend_from_slice(tail.as_bytes());
        self.bytes
    }
}

/// A zlib stream of stored blocks: valid for every reader, and made without a compressor.
fn stored_zlib(content: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let mut blocks = content.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let (a, b) = content.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    out.extend_from_slice(&((b << 16) | a).to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cross_reference_table_points_at_the_objects() {
        let file = document(&["one (of) two", "the \\ other"]);
        let text = String::from_utf8_lossy(&file).into_owned();
        let table = text.rfind("xref\n0 8").expect("a table for seven objects");
        assert!(text[table..].contains(" 00000 n "));
        assert!(text.contains("(one \\(of\\) two) Tj"));
        let start: usize = text.lines().rev().nth(1).and_then(|l| l.parse().ok()).expect("startxref");
        assert_eq!(&file[start..start + 4], b"xref");
    }

    #[test]
    fn ballast_leaves_the_trailer_at_the_end() {
        let file = with_ballast(&["text"], 10_000);
        assert!(file.len() > 10_000);
        assert!(file.ends_with(b"%%EOF\n"));
        assert!(file[file.len() - 40..].windows(9).any(|w| w == b"startxref"));
    }
}
