use super::words;

words! {
    search = "Search" / "Suchen";
    search_hint = "words, \"an exact phrase\", -without" / "Wörter, \"genauer Wortlaut\", -ohne";
    nothing_found = "Nothing found." / "Nichts gefunden.";
    documents_found(n) = one "One document." / "Ein Dokument.", other "About {n} documents." / "Etwa {n} Dokumente.";
    search_degraded = "The search engine is away; these come from the database." / "Die Suchmaschine ist gerade weg; diese Treffer kommen aus der Datenbank.";
    page_of(number, of) = "page {number} of {of}" / "Seite {number} von {of}";
    page_of_heading(number, of) = "Page {number} of {of}" / "Seite {number} von {of}";
}
