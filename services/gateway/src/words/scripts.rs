//! What the scripts say. They get it as a module of the reader's language, `words.js`, that exports
//! one object; `{n}` and the like are filled in by `say` of `page.js`.

use super::Language;

const SCRIPTS: &[(&str, [&str; 2])] = &[
    ("failed", ["The server answered {status}.", "Der Server hat mit {status} geantwortet."]),
    (
        "line_broke",
        ["The server cannot be reached. Try again.", "Der Server ist nicht erreichbar. Versuchen Sie es noch einmal."],
    ),
    // Uploads.
    ("waiting", ["waiting", "wartet"]),
    ("paused", ["paused", "angehalten"]),
    ("pause", ["Pause", "Pause"]),
    ("go_on", ["Go on", "Weiter"]),
    ("sending", ["sending…", "wird gesendet…"]),
    ("sending_part", ["sending, {percent}%", "wird gesendet, {percent}\u{a0}%"]),
    ("cancel", ["Cancel", "Abbrechen"]),
    ("cancelled", ["cancelled", "abgebrochen"]),
    ("retry", ["Retry", "Wiederholen"]),
    ("duplicate", ["it was here already", "war schon da"]),
    ("nothing_added", ["nothing added", "nichts hinzugefügt"]),
    ("left_one", ["One file is left to send.", "Eine Datei ist noch zu senden."]),
    ("left_other", ["{n} files are left to send.", "{n} Dateien sind noch zu senden."]),
    (
        "all_sent",
        ["Everything is sent; you may leave this page.", "Alles ist gesendet; Sie können die Seite verlassen."],
    ),
    ("all_done", ["Everything is done.", "Alles ist fertig."]),
    // What happens to a document.
    ("received", ["received", "angekommen"]),
    ("started", ["being read…", "wird gelesen…"]),
    (
        "long_received",
        [
            "waits for its turn, which will come; you may leave this page",
            "wartet, bis es an der Reihe ist; Sie können die Seite verlassen",
        ],
    ),
    (
        "long_started",
        [
            "still being read: long or scanned documents take a few minutes; you may leave this page",
            "wird noch gelesen: Lange oder gescannte Dokumente dauern ein paar Minuten; Sie können die Seite verlassen",
        ],
    ),
    ("extracted", ["read; found by words already", "gelesen; schon zu finden"]),
    ("indexed", ["indexed", "im Index"]),
    ("ready", ["ready", "fertig"]),
    ("retrying", ["trying again…", "neuer Versuch…"]),
    ("unreadable", ["could not be read", "konnte nicht gelesen werden"]),
    ("copied", ["Copied", "Kopiert"]),
    ("rebuilt", ["Being rebuilt: {done} of {total} documents.", "Neuaufbau: {done} von {total} Dokumenten."]),
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
        // Not the module's own name.
        let scripts = scripts.replace("words.js", "");
        for said in scripts.split("words.").skip(1) {
            let name: String = said.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            assert!(SCRIPTS.iter().any(|(known, _)| *known == name), "words.{name} is not in the catalogue");
        }
    }
}
