//! Bodies in RTF are packed in a way of their own ([MS-OXRTFCP]): bytes, and references to the last
//! 4096 of them, which at the beginning are words that every such text has.

const COMPRESSED: &[u8] = b"LZFu";
const PLAIN: &[u8] = b"MELA";
const HEADER: usize = 16;
const WINDOW: usize = 4096;
const FIRST: &[u8] =
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \
    \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \
    \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/// Nothing when it is not packed in this way. What is damaged is given as far as it goes. The result
/// is less than nine times as long.
pub(crate) fn unpacked(bytes: &[u8]) -> Option<Vec<u8>> {
    let content = bytes.get(HEADER..)?;
    match &bytes[8..12] {
        PLAIN => return Some(content.to_vec()),
        COMPRESSED => {}
        _ => return None,
    }
    let mut window = [b' '; WINDOW];
    window[..FIRST.len()].copy_from_slice(FIRST);
    let (mut at, mut out) = (FIRST.len(), Vec::new());
    let mut content = content.iter().copied();
    while let Some(control) = content.next() {
        for bit in 0..8 {
            if control >> bit & 1 == 0 {
                let Some(byte) = content.next() else { return Some(out) };
                window[at] = byte;
                at = (at + 1) % WINDOW;
                out.push(byte);
                continue;
            }
            let (Some(high), Some(low)) = (content.next(), content.next()) else { return Some(out) };
            let reference = u16::from_be_bytes([high, low]);
            let from = usize::from(reference >> 4);
            if from == at {
                return Some(out);
            }
            for n in 0..usize::from(reference & 0xf) + 2 {
                let byte = window[(from + n) % WINDOW];
                window[at] = byte;
                at = (at + 1) % WINDOW;
                out.push(byte);
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification_are_read() {
        assert_eq!(FIRST.len(), 207);
        let hello = "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c0900206277\
            05b06c647d0a800fa0";
        let crossing = "1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0";
        let bytes = |hex: &str| -> Vec<u8> {
            let digit = |c: u8| (c as char).to_digit(16).unwrap() as u8;
            hex.as_bytes().as_chunks::<2>().0.iter().map(|[a, b]| digit(*a) << 4 | digit(*b)).collect()
        };
        assert_eq!(unpacked(&bytes(hello)).unwrap(), b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
        assert_eq!(unpacked(&bytes(crossing)).unwrap(), b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}");
    }

    #[test]
    fn damage_ends_it_and_other_packings_are_not_read() {
        assert_eq!(unpacked(b"0123456789abcdefx"), None);
        assert_eq!(unpacked(b"short"), None);
        let cut = [&[0; 8][..], COMPRESSED, &[0; 4], &[0b10, b'a', 0xff]].concat();
        assert_eq!(unpacked(&cut).unwrap(), b"a");
    }
}
