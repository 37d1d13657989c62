use super::words;

words! {
    // Adding.
    add_document = "Add a document" / "Dokument hinzufügen";
    choose_file = "Choose a file, or drop it here" / "Datei wählen oder hierher ziehen";
    upload = "Upload" / "Hochladen";
    not_uploaded = "Not uploaded" / "Nicht hochgeladen";

    // The list.
    trash = "Trash" / "Papierkorb";
    filter_all = "All" / "Alle";
    filter_reading = "Being read" / "Werden gelesen";
    filter_failed = "Not readable" / "Nicht lesbar";
    order = "Order" / "Reihenfolge";
    newest_first = "Newest first" / "Neueste zuerst";
    oldest_first = "Oldest first" / "Älteste zuerst";
    by_title = "By title" / "Nach Titel";
    largest_first = "Largest first" / "Größte zuerst";
    tag = "Tag" / "Schlagwort";
    documents(n) = one "One document" / "Ein Dokument", other "{n} documents" / "{n} Dokumente";
    title = "Title" / "Titel";
    added = "Added" / "Hinzugefügt";
    pages = "Pages" / "Seiten";
    size_heading = "Size" / "Größe";
    state = "State" / "Zustand";
    state_ready = "Ready" / "Fertig";
    state_failed = "Not readable" / "Nicht lesbar";
    state_reading = "Being read" / "Wird gelesen";

    // One document.
    download = "Download" / "Herunterladen";
    by_author(name) = "By {name}" / "Von {name}";
    words_count(n) = one "one word" / "ein Wort", other "{n} words" / "{n} Wörter";
    minutes_to_read(n) = one "one minute to read" / "eine Minute Lesezeit", other "{n} minutes to read" / "{n} Minuten Lesezeit";
    language_is(code) = "language: {code}" / "Sprache: {code}";
    page_language(page, code) = "page {page}: {code}" / "Seite {page}: {code}";
    what_it_names = "What it names" / "Was darin vorkommt";
    entity_email = "Addresses" / "Adressen";
    entity_phone = "Phone numbers" / "Telefonnummern";
    entity_url = "Links" / "Links";
    entity_date = "Dates" / "Daten";
    entity_amount = "Amounts" / "Beträge";
    entity_iban = "Accounts" / "Konten";
    page_number(page) = "page {page}" / "Seite {page}";
    previous = "Previous" / "Zurück";
    next = "Next" / "Weiter";
    in_trash_since = "In the trash since" / "Im Papierkorb seit";
    restore = "Restore" / "Zurückholen";
    remove_for_good = "Remove for good" / "Endgültig löschen";
    read_again = "Read it again" / "Noch einmal lesen";
    to_trash = "To the trash" / "In den Papierkorb";
    ready_pages(n) = one "Ready, one page." / "Fertig, eine Seite.", other "Ready, {n} pages." / "Fertig, {n} Seiten.";
    being_read = "Being read…" / "Wird gelesen…";
    not_readable = "It could not be read." / "Es konnte nicht gelesen werden.";
    not_readable_because(why) = "It could not be read: {why}" / "Es konnte nicht gelesen werden: {why}";
}
