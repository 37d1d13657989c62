//! What the scripts say. They get it as a module of the reader's language, `words.js`, that exports
//! one object; `{n}` and the like are filled in by `say` of `page.js`.

use super::Language;

const SCRIPTS: &[(&str, [&str; 2])] = &[
    ("failed", ["The server answered {status}.", "Der Server hat mit {status} geantwortet."]),
    ("sending", ["sending…", "wird gesendet…"]),
    ("duplicate", ["it was here already", "war schon da"]),
    ("received", ["received", "angekommen"]),
    ("started", ["being read…", "wird gelesen…"]),
    ("extracted", ["read; found by words already", "gelesen; schon zu finden"]),
    ("indexed", ["indexed", "im Index"]),
    ("ready", ["ready", "fertig"]),
    ("retrying", ["trying again…", "neuer Versuch…"]),
    ("unreadable", ["could not be read", "konnte nicht gelesen werden"]),
    ("nothing", ["Nothing found.", "Nichts gefunden."]),
    ("found_one", ["One document.", "Ein Dokument."]),
    ("found_other", ["About {n} documents.", "Etwa {n} Dokumente."]),
    (
        "degraded",
        [
            "The search engine is away; these come from the database.",
            "Die Suchmaschine ist gerade weg; diese Treffer kommen aus der Datenbank.",
        ],
    ),
    ("page_of", ["page {page} of {of}", "Seite {page} von {of}"]),
];

/// The module of a language.
pub(crate) fn of_scripts(language: Language) -> String {
    let which = usize::from(language == Language::German);
    let words: serde_json::Map<_, _> =
        SCRIPTS.iter().map(|(name, both)| ((*name).to_owned(), both[which].into())).collect();
    format!("export const words = {};\n", serde_json::Value::Object(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_that_a_script_says_is_there_and_every_word_is_said() {
        let scripts: String = crate::pages::scripts().collect();
        for (name, _) in SCRIPTS {
            let stem = name.strip_suffix("_one").or_else(|| name.strip_suffix("_other")).unwrap_or(name);
            assert!(
                scripts.contains(&format!("words.{name}")) || scripts.contains(&format!("\"{stem}\"")),
                "{name} is never said"
            );
        }
        for said in scripts.split("words.").skip(1) {
            let name: String = said.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            assert!(SCRIPTS.iter().any(|(known, _)| *known == name), "words.{name} is not in the catalogue");
        }
    }
}
