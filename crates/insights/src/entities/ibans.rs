//! Account numbers.

/// Runs of two letters, two digits and 11 to 30 more characters (ISO 13616), in groups or not,
/// whose checksum (ISO 7064, mod 97-10) is right.
pub(super) fn find(text: &str) -> impl Iterator<Item = String> {
    let groups: Vec<&str> =
        text.split_whitespace().map(|w| w.trim_matches(|c: char| !c.is_ascii_alphanumeric())).collect();
    let starts = |group: &str| {
        let bytes = group.as_bytes();
        bytes.len() >= 4 && bytes[..2].iter().all(u8::is_ascii_uppercase) && bytes[2..4].iter().all(u8::is_ascii_digit)
    };
    let at: Vec<usize> = (0..groups.len()).filter(|i| starts(groups[*i])).collect();
    at.into_iter().filter_map(move |start| {
        let mut iban = String::new();
        let mut valid = None;
        for group in groups[start..].iter().take(9) {
            let fits = group.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            if !fits || iban.len() + group.len() > 34 {
                break;
            }
            iban.push_str(group);
            if (15..=34).contains(&iban.len()) && checksum_is_right(&iban) {
                valid = Some(iban.clone());
            }
        }
        valid
    })
}

fn checksum_is_right(iban: &str) -> bool {
    let moved = iban.bytes().skip(4).chain(iban.bytes().take(4));
    let remainder = moved.fold(0u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    remainder == 1
}
