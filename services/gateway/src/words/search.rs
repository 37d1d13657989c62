use super::words;

words! {
    search = "Search" / "Suchen";
    search_label = "Search your documents" / "Dokumente durchsuchen";
    search_hint = "words, \"an exact phrase\", -without" / "Wörter, \"genauer Wortlaut\", -ohne";
    results = "Results" / "Treffer";
    documents_found(n) = one "One document." / "Ein Dokument.", other "About {n} documents." / "Etwa {n} Dokumente.";
    search_degraded = "The search engine does not answer just now; the database does." / "Die Suchmaschine antwortet gerade nicht; dafür tut es die Datenbank.";
    search_recent_instead = "Nothing can be searched just now; these are the newest documents instead." / "Gerade lässt sich nichts durchsuchen; stattdessen stehen hier die neuesten Dokumente.";
    page_of(number, of) = "page {number} of {of}" / "Seite {number} von {of}";
    page_of_heading(number, of) = "Page {number} of {of}" / "Seite {number} von {of}";
    more_pages_match(n) = one "one more page matches" / "eine weitere Seite passt", other "{n} more pages match" / "{n} weitere Seiten passen";

    // Narrowing down.
    narrow = "Narrow down" / "Eingrenzen";
    facet_collection = "Collection" / "Sammlung";
    facet_language = "Language" / "Sprache";
    facet_type = "Type" / "Art";
    facet_tag = "Tag" / "Schlagwort";
    added_from = "Added from" / "Hinzugefügt ab";
    added_to = "Added until" / "Hinzugefügt bis";
    best_first = "Best match first" / "Beste Treffer zuerst";
    apply = "Apply" / "Anwenden";
    only_these = "Only these:" / "Nur diese:";
    without_filter(what) = "Do without {what}" / "Ohne {what}";

    // When nothing is found.
    nothing_found = "Nothing found." / "Nichts gefunden.";
    nothing_found_for(q) = "Nothing found for “{q}”." / "Nichts gefunden für „{q}“.";
    what_to_try = "What you can try" / "Was Sie versuchen können";
    try_near = "Did you mean:" / "Meinten Sie:";
    try_without_word(word) = "Search without “{word}”" / "Ohne „{word}“ suchen";
    try_without_quotes = "Search without quotation marks" / "Ohne Anführungszeichen suchen";
    try_everywhere = "Search everywhere, without narrowing down" / "Überall suchen, ohne einzugrenzen";
    try_other_words = "Use other words, or fewer letters: the beginning of the last word is enough." / "Nehmen Sie andere Wörter oder weniger Buchstaben: Vom letzten Wort genügt der Anfang.";
    try_synonym = "Teach the search that two words mean the same" / "Der Suche beibringen, dass zwei Wörter dasselbe bedeuten";

    // Before anything is asked.
    newest_documents = "Newest documents" / "Neueste Dokumente";
    recent_searches = "Your last searches" / "Ihre letzten Suchen";
    forget_recent = "Forget them" / "Vergessen";
    saved_searches = "Saved searches" / "Gespeicherte Suchen";
    save_search = "Save this search" / "Diese Suche speichern";
    save_search_as = "Name" / "Name";
    remove_search(name) = "Remove {name}" / "{name} entfernen";
    recent_kept_here = "Kept in this browser only." / "Nur in diesem Browser aufbewahrt.";

    // Keys.
    keys_help = "Keyboard" / "Tastatur";
    keys_heading = "Searching with the keyboard" / "Suchen mit der Tastatur";
    key_search = "to the search field" / "zum Suchfeld";
    key_move = "through the results" / "durch die Treffer";
    key_open = "opens the result, at its page" / "öffnet den Treffer auf seiner Seite";
    key_back = "back to the search field, or clears it" / "zurück zum Suchfeld, oder leert es";
    key_help = "this help" / "diese Hilfe";
    keys_on = "Single keys do this" / "Einzelne Tasten tun das";
    key_enter = "Enter" / "Eingabe";
    close = "Close" / "Schließen";

    // Kinds of files.
    type_pdf = "PDF" / "PDF";
    type_text = "Text" / "Text";
    type_word = "Text document" / "Textdokument";
    type_sheet = "Spreadsheet" / "Tabelle";
    type_slides = "Presentation" / "Präsentation";
    type_mail = "E-mail" / "E-Mail";
    type_picture = "Picture" / "Bild";
    type_page = "Web page" / "Webseite";
    type_other = "File" / "Datei";
    languages = "de German,en English,fr French,es Spanish,it Italian,nl Dutch,pt Portuguese,pl Polish,cs Czech,da Danish,sv Swedish,nb Norwegian,fi Finnish,ru Russian,uk Ukrainian,tr Turkish,la Latin,hu Hungarian,ro Romanian,el Greek,und unknown" / "de Deutsch,en Englisch,fr Französisch,es Spanisch,it Italienisch,nl Niederländisch,pt Portugiesisch,pl Polnisch,cs Tschechisch,da Dänisch,sv Schwedisch,nb Norwegisch,fi Finnisch,ru Russisch,uk Ukrainisch,tr Türkisch,la Latein,hu Ungarisch,ro Rumänisch,el Griechisch,und unbekannt";
}

impl super::Words {
    /// What people call a kind of file.
    pub(crate) fn media_type(self, media_type: &str) -> &'static str {
        let (group, kind) = media_type.split_once('/').unwrap_or((media_type, ""));
        match (group, kind) {
            ("image", _) => self.type_picture(),
            ("message", _) => self.type_mail(),
            ("text", "html") => self.type_page(),
            ("text", "csv") => self.type_sheet(),
            ("text", "rtf") => self.type_word(),
            ("text", _) => self.type_text(),
            (_, "pdf") => self.type_pdf(),
            (_, kind) if kind.contains("spreadsheet") || kind.contains("excel") => self.type_sheet(),
            (_, kind) if kind.contains("presentation") || kind.contains("powerpoint") => self.type_slides(),
            (_, kind) if kind.contains("outlook") => self.type_mail(),
            (_, kind) if kind.contains("word") || kind.contains("document.text") || kind.contains("rtf") => {
                self.type_word()
            }
            _ => self.type_other(),
        }
    }

    /// The name of a language, by its code; the code where it is not known.
    pub(crate) fn language_name(self, code: &str) -> String {
        let mut names = self.languages().split(',').filter_map(|pair| pair.split_once(' '));
        names.find(|(known, _)| *known == code).map_or(code, |(_, name)| name).to_owned()
    }
}
