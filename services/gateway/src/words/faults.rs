//! What services say of a refusal, in the reader's language. They say it in English: sentences that
//! are known are translated by their shape, all others by what kind of problem it is.

use chassis::FieldFault;

use super::{Language, Words, words};
use crate::problem::Problem;

words! {
    field_is_not_valid = "is not valid" / "ist nicht gültig";
    something_failed = "It did not work." / "Es hat nicht geklappt.";
}

/// How people call a field, by its name in the API.
const FIELDS: &[(&str, [&str; 2])] = &[
    ("name", ["Name", "Name"]),
    ("title", ["Title", "Titel"]),
    ("email", ["E-mail address", "E-Mail-Adresse"]),
    ("password", ["Password", "Passwort"]),
    ("new_password", ["New password", "Neues Passwort"]),
    ("language", ["Language", "Sprache"]),
    ("phone", ["Phone", "Telefon"]),
    ("company", ["Company", "Firma"]),
    ("tags", ["Tags", "Schlagwörter"]),
    ("tag", ["Tag", "Schlagwort"]),
    ("message", ["Message", "Nachricht"]),
    ("subject", ["Subject", "Betreff"]),
    ("metadata", ["Further details", "Weitere Angaben"]),
    ("role", ["Role", "Rolle"]),
    ("totp", ["Code", "Code"]),
    ("file", ["File", "Datei"]),
    ("body", ["Input", "Eingabe"]),
    ("into", ["Other contact", "Anderer Kontakt"]),
    ("q", ["Search", "Suche"]),
    ("sort", ["Order", "Reihenfolge"]),
    ("status", ["State", "Zustand"]),
    ("cursor", ["Place in the list", "Stelle in der Liste"]),
    ("from", ["From", "Von"]),
    ("to", ["To", "Bis"]),
    ("word", ["Word", "Wort"]),
    ("others", ["Other words", "Andere Wörter"]),
    ("collection_id", ["Collection", "Sammlung"]),
    ("visibility", ["Who may see it", "Wer es sehen darf"]),
    ("scopes", ["What it may do", "Was er darf"]),
    ("expires_at", ["Expires", "Läuft ab"]),
    ("page", ["Page", "Seite"]),
    ("limit", ["Number", "Anzahl"]),
    ("query", ["Search", "Suche"]),
    ("time_zone", ["Time zone", "Zeitzone"]),
];

/// What is wrong with a field; `{}` stands for whatever is there.
const DETAILS: &[(&str, &str)] = &[
    ("must have {} to {} characters", "muss {} bis {} Zeichen haben"),
    ("must have at most {} characters", "darf höchstens {} Zeichen haben"),
    (
        "is one of the passwords that are tried first; choose another one",
        "ist eines der Passwörter, die zuerst probiert werden; wählen Sie ein anderes",
    ),
    (
        "must not be made of your name, your address or the name of this system",
        "darf nicht aus Ihrem Namen, Ihrer Adresse oder dem Namen dieses Systems bestehen",
    ),
    (
        "was stolen somewhere and is being tried; choose another one",
        "wurde irgendwo gestohlen und wird ausprobiert; wählen Sie ein anderes",
    ),
    ("must not be empty", "darf nicht leer sein"),
    ("must not be empty; leave it out instead", "darf nicht leer sein"),
    ("is missing", "fehlt"),
    ("is required", "fehlt"),
    ("must be one line without control characters", "muss eine Zeile ohne Steuerzeichen sein"),
    ("must have a digit", "muss eine Ziffer enthalten"),
    ("each must have at most {} characters", "jedes darf höchstens {} Zeichen haben"),
    ("must look for something", "muss nach etwas suchen"),
    ("must be empty or a time zone such as {}", "muss eine Zeitzone sein wie {}"),
    ("must be another contact", "muss ein anderer Kontakt sein"),
    ("there is no such contact", "diesen Kontakt gibt es nicht"),
    ("tags of both must be at most {}", "beide zusammen haben mehr als {} Schlagwörter"),
    ("metadata of both must have at most {} bytes", "die Angaben beider sind zusammen größer als {} Bytes"),
    ("is not well-formed vCard: it {}", "ist keine richtige vCard"),
    ("is there twice", "kommt zweimal vor"),
    ("is not an e-mail address", "ist keine E-Mail-Adresse"),
    ("must not contain control characters", "darf keine Steuerzeichen enthalten"),
    ("must not contain NUL", "darf keine Steuerzeichen enthalten"),
    ("must be one of {}", "muss eines davon sein: {}"),
    ("must be a whole number from {} to {}", "muss eine ganze Zahl von {} bis {} sein"),
    ("must be between {} and {}", "muss zwischen {} und {} liegen"),
    ("must be true or false", "muss true oder false sein"),
    ("must be a day such as {}", "muss ein Tag sein wie {}"),
    ("must be a day, as in {}", "muss ein Tag sein wie {}"),
    ("must lie in the future", "muss in der Zukunft liegen"),
    ("must be at most {}", "darf höchstens {} sein"),
    ("is not an id", "ist keine Kennung"),
    ("is not a cursor of this list", "ist keine Stelle dieser Liste"),
    ("is not well-formed CSV: {}", "ist keine richtige Tabelle (CSV)"),
    ("has no column “email” in its first line", "hat in der ersten Zeile keine Spalte „email“"),
    ("is not UTF-8", "ist kein lesbarer Text"),
    ("is not well-formed", "ist nicht lesbar"),
    ("is not a collection that you can see", "ist keine Sammlung, die Sie sehen können"),
    ("is not the code that the app shows now", "ist nicht der Code, den die App gerade zeigt"),
    ("is not a parameter of this call", "gibt es hier nicht"),
    ("is not a field of this request", "gibt es hier nicht"),
    ("is not a field of this form", "gibt es hier nicht"),
];

impl Words {
    /// A problem as a sentence for people.
    pub(crate) fn problem(self, problem: &Problem) -> String {
        let fault = &problem.fault;
        match fault.fields.as_slice() {
            [] => match self.0 {
                Language::English => sentence(&fault.detail),
                Language::German => {
                    let meaning = self.meaning(&problem.slug()).or_else(|| self.meaning(fault.kind.as_str()));
                    meaning.map_or_else(|| self.something_failed().to_owned(), |(_, text)| text.to_owned())
                }
            },
            fields => {
                let each = fields.iter().map(|field| sentence(&self.field_fault(field)));
                each.collect::<Vec<_>>().join(" ")
            }
        }
    }

    /// What is wrong with a field, named.
    pub(crate) fn field_fault(self, fault: &FieldFault) -> String {
        format!("{}: {}", self.field(&fault.field), self.detail(&fault.detail))
    }

    /// Why a row of an import was refused: fields and what is wrong with them, as the service says it.
    pub(crate) fn refusal(self, detail: &str) -> String {
        let each = detail.split("; ").map(|said| match said.split_once(' ') {
            Some((field, detail)) => {
                sentence(&self.field_fault(&FieldFault { field: field.to_owned(), detail: detail.to_owned() }))
            }
            None => sentence(said),
        });
        each.collect::<Vec<_>>().join(" ")
    }

    /// How people call a field.
    pub(crate) fn field(self, name: &str) -> &str {
        let which = usize::from(self.0 == Language::German);
        FIELDS.iter().find(|(known, _)| *known == name).map_or(name, |(_, words)| words[which])
    }

    fn detail(self, detail: &str) -> String {
        if self.0 == Language::English {
            return detail.to_owned();
        }
        let known = DETAILS.iter().find_map(|(english, german)| Some(filled(german, &holes(english, detail)?)));
        known.unwrap_or_else(|| self.field_is_not_valid().to_owned())
    }
}

/// What stands where `shape` has `{}`, if `text` is of that shape.
fn holes<'a>(shape: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut fixed = shape.split("{}");
    let mut rest = text.strip_prefix(fixed.next()?)?;
    let mut found = Vec::new();
    for part in fixed {
        let end = if part.is_empty() { rest.len() } else { rest.find(part)? };
        found.push(&rest[..end]);
        rest = &rest[end + part.len()..];
    }
    rest.is_empty().then_some(found)
}

fn filled(shape: &str, holes: &[&str]) -> String {
    let mut parts = shape.split("{}");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for (index, part) in parts.enumerate() {
        whole.push_str(holes.get(index).copied().unwrap_or_default());
        whole.push_str(part);
    }
    whole
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let mut whole: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    if !whole.ends_with(['.', '!', '?', '…']) {
        whole.push('.');
    }
    whole
}

#[cfg(test)]
mod tests {
    use chassis::{Fault, FaultKind};

    use super::*;

    #[test]
    fn what_a_service_says_of_a_field_is_said_in_german() {
        let de = Words::in_language(Language::German);
        let problem = Problem::from(Fault::field("name", "must have 1 to 200 characters"));
        assert_eq!(de.problem(&problem), "Name: muss 1 bis 200 Zeichen haben.");
        let problem = Problem::from(Fault::field("email", "is odd in a way that nobody foresaw"));
        assert_eq!(de.problem(&problem), "E-Mail-Adresse: ist nicht gültig.");
        assert_eq!(Words::default().problem(&problem), "E-mail address: is odd in a way that nobody foresaw.");
        let problem = Problem::from(Fault::new(FaultKind::Conflict, "taken").because("email-taken"));
        assert_eq!(de.problem(&problem), "Ein anderer Eintrag hat diese Adresse schon.");
        let unknown = Problem::from(Fault::new(FaultKind::Conflict, "no").because("something-new"));
        assert_eq!(de.problem(&unknown), "Die Eingabe ist gültig, aber im jetzigen Zustand nicht möglich.");
    }
}
