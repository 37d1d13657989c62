//! Codes of an authenticator app (RFC 6238 with SHA-1, 30 seconds, six digits), and the codes for
//! the day on which the app is lost.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::secret::{Hash, sha256};

/// As long as the output of the hash, as RFC 4226 recommends.
pub(crate) type Secret = [u8; 20];

/// Seconds for which a code is shown.
const STEP: i64 = 30;
const MODULUS: u32 = 1_000_000;
/// Made at once; each is good for one sign-in.
pub(crate) const RECOVERY_CODES: usize = 10;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What somebody sends beside their password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Of the app.
    Code(u32),
    /// One of the recovery codes.
    Recovery(Hash),
}

impl Proof {
    /// Spaces and hyphens do not count. What is neither kind of code proves nothing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let plain: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').take(40).collect();
        match plain.len() {
            6 if plain.bytes().all(|b| b.is_ascii_digit()) => plain.parse().ok().map(Proof::Code),
            16 => Some(Proof::Recovery(recovery_hash(&plain))),
            _ => None,
        }
    }
}

/// 160 random bits.
pub(crate) fn secret() -> Secret {
    rand::random()
}

fn code(secret: &[u8], step: i64) -> u32 {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let sum = mac.finalize().into_bytes();
    let from = usize::from(sum[19] & 0x0f);
    let bits = u32::from_be_bytes([sum[from], sum[from + 1], sum[from + 2], sum[from + 3]]);
    (bits & 0x7fff_ffff) % MODULUS
}

/// The step whose code this is: the present one, the one before, or the one after, as clocks differ.
/// Those up to `used` are over.
pub(crate) fn step_of(secret: &[u8], sent: u32, now: i64, used: i64) -> Option<i64> {
    let present = now.div_euclid(STEP);
    // All three are computed, whichever matches.
    let matching = [present - 1, present, present + 1].map(|step| (step, (code(secret, step) ^ sent) == 0));
    matching.into_iter().find(|(step, same)| *same && *step > used).map(|(step, _)| step)
}

/// As authenticator apps take it when it is typed.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1)).collect::<Vec<u8>>();
    let letters = bits.chunks(5).map(|five| {
        let value = five.iter().fold(0u8, |sum, bit| sum << 1 | bit) << (5 - five.len());
        char::from(ALPHABET[usize::from(value)])
    });
    letters.collect()
}

/// What the app reads from a picture (Google's "Key Uri Format"). `host` names this system.
pub(crate) fn uri(secret: &Secret, host: &str, email: &str) -> String {
    let plain = |text: &str| -> String {
        let whole = text.bytes().map(|b| match b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            true => char::from(b).to_string(),
            false => format!("%{b:02X}"),
        });
        whole.collect()
    };
    let (host, secret) = (plain(host), base32(secret));
    format!("otpauth://totp/Dossier%20{host}:{}?secret={secret}&issuer=Dossier%20{host}", plain(email))
}

/// 80 random bits in four groups of four letters and digits.
pub(crate) fn recovery_code() -> String {
    let letters = base32(&rand::random::<[u8; 10]>()).to_lowercase();
    let groups: Vec<&str> = [0, 4, 8, 12].iter().filter_map(|from| letters.get(*from..from + 4)).collect();
    groups.join("-")
}

/// What is stored of one.
pub(crate) fn recovery_hash(code: &str) -> Hash {
    let plain: String = code.chars().filter(|c| *c != '-').flat_map(char::to_lowercase).collect();
    sha256(&[b"recovery code", plain.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        for (now, expected) in [
            (59, 287_082),
            (1_111_111_109, 81_804),
            (1_111_111_111, 50_471),
            (1_234_567_890, 5_924),
            (2_000_000_000, 279_037),
        ] {
            assert_eq!(code(secret, now / STEP), expected);
            assert_eq!(step_of(secret, expected, now, 0), Some(now / STEP));
        }
    }

    #[test]
    fn a_code_is_taken_one_step_early_or_late_and_once() {
        let secret = b"12345678901234567890";
        for (late, taken) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            assert_eq!(step_of(secret, 287_082, 59 + late * STEP, 0).is_some(), taken, "{late}");
        }
        assert_eq!(step_of(secret, 287_082, 59, 1), None);
        assert_eq!(step_of(secret, 287_083, 59, 0), None);
    }

    /// RFC 4648, section 10, without padding.
    #[test]
    fn secrets_are_written_as_apps_read_them() {
        for (bytes, text) in [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foobar", "MZXW6YTBOI")] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
        let uri = uri(b"12345678901234567890", "desk.example:8080", "a+b@example.org");
        assert_eq!(
            uri,
            "otpauth://totp/Dossier%20desk.example%3A8080:a%2Bb%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Dossier%20desk.example%3A8080"
        );
    }

    #[test]
    fn what_people_type_is_understood() {
        assert_eq!(Proof::parse(" 012 345 "), Some(Proof::Code(12_345)));
        let code = recovery_code();
        assert_eq!(code.len(), 19);
        assert_eq!(Proof::parse(&code.to_uppercase()), Some(Proof::Recovery(recovery_hash(&code))));
        for neither in ["", "12345", "1234567", "١٢٣٤٥٦", "12345x"] {
            assert_eq!(Proof::parse(neither), None, "{neither}");
        }
    }
}
