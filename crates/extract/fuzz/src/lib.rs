//! Targets for cargo-fuzz, one for each entry of a parser that is ours: `cargo fuzz run rtf`, from the
//! folder above. It is a workspace of its own, which neither the build nor the tests look at.
//!
//! What the targets share is here: archives around a part that is being tried, so that its compression and
//! checksums are not in the way.

/// Entries that are not compressed, and a table of contents that is right.
pub fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut table) = (Vec::new(), Vec::new());
    for (name, content) in [("[Content_Types].xml", &b"<Types/>"[..])].iter().chain(entries) {
        let mut fields = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        fields.extend((content.len() as u32).to_le_bytes());
        fields.extend((content.len() as u32).to_le_bytes());
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        table.extend(b"PK\x01\x02\x14\0");
        table.extend(&fields);
        table.extend([0; 10]);
        table.extend((bytes.len() as u32).to_le_bytes());
        table.extend(name.bytes());
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&fields);
        bytes.extend(name.bytes());
        bytes.extend(*content);
    }
    let at = bytes.len() as u32;
    let count = (entries.len() as u16 + 1).to_le_bytes();
    bytes.extend(&table);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([count, count].concat());
    bytes.extend((table.len() as u32).to_le_bytes());
    bytes.extend(at.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}
