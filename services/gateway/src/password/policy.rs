//! What a password must be (OWASP ASVS 5.0, 6.2): long enough, and none that others try first. No rules
//! about kinds of characters, which make passwords worse.

use std::sync::LazyLock;

/// Characters.
pub(crate) const SHORTEST: usize = 8;
pub(crate) const LONGEST: usize = 256;
/// Words of what a password is for that are shorter say nothing about it.
const SHORTEST_WORD: usize = 4;
/// This product's own.
const OURS: &str = "dossier";

/// The five thousand most used ones of at least eight characters, in lower case and sorted; from the
/// list of Royce Williams that Django carries.
static COMMON: LazyLock<Vec<&'static str>> = LazyLock::new(|| include_str!("common.txt").lines().collect());

/// What is wrong with a password of somebody of whom this is known: address, name, host.
pub(crate) fn weakness(password: &str, about: &[&str]) -> Option<&'static str> {
    let length = password.chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Some("must have 8 to 256 characters");
    }
    let folded = password.to_lowercase();
    if COMMON.binary_search(&folded.as_str()).is_ok() {
        return Some("is one of the passwords that are tried first; choose another one");
    }
    let mut rest = folded;
    for word in about.iter().copied().chain([OURS]).flat_map(words) {
        rest = rest.replace(&word, "");
    }
    match rest.chars().count() < SHORTEST && rest.len() < password.len() {
        true => Some("must not be made of your name, your address or the name of this system"),
        false => None,
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let parts = text.split(|c: char| !c.is_alphanumeric());
    parts.filter(|part| part.chars().count() >= SHORTEST_WORD).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_what_counts() {
        for good in ["correct horse battery", "aaaa bbb", "пароль мой", &"x".repeat(256)] {
            assert_eq!(weakness(good, &[]), None, "{good}");
        }
        for bad in ["", "seven77", &"x".repeat(257)] {
            assert!(weakness(bad, &[]).is_some(), "{bad}");
        }
    }

    #[test]
    fn what_everybody_tries_is_refused_in_any_case() {
        assert!(COMMON.len() >= 3000 && COMMON.is_sorted() && COMMON.iter().all(|p| p.len() >= SHORTEST));
        for bad in ["password1", "Password1", "QWERTYUIOP", "12345678", "iloveyou"] {
            assert!(weakness(bad, &[]).is_some(), "{bad}");
        }
    }

    #[test]
    fn what_is_known_of_somebody_does_not_count() {
        let about = ["ann.miller@acme-widgets.example", "Ann Miller"];
        for bad in ["annmiller", "Miller2026!", "acmewidgets1", "dossier2026", "Dossier-Miller"] {
            assert!(weakness(bad, &about).is_some(), "{bad}");
        }
        for good in ["miller of the green dell", "Miller92xkqwp71", "annually yours"] {
            assert_eq!(weakness(good, &about), None, "{good}");
        }
    }
}
