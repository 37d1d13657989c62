use super::words;

words! {
    // Adding.
    add_document = "Add a document" / "Dokument hinzufügen";
    choose_file = "Choose a file, or drop it here" / "Datei wählen oder hierher ziehen";
    upload = "Upload" / "Hochladen";
    choose_folder = "Choose a folder" / "Ordner wählen";
    into_collection = "Into the collection" / "In die Sammlung";
    uploads = "Uploads" / "Hochladen";
    pause = "Pause" / "Pause";
    retry_failed = "Retry what failed" / "Gescheiterte wiederholen";
    clear_done = "Clear what is done" / "Fertige ausblenden";
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
    changed_last = "Changed last" / "Zuletzt geändert";
    tag = "Tag" / "Schlagwort";
    as_grid = "As a grid" / "Als Kacheln";
    as_list = "As a list" / "Als Liste";
    show_all = "Show all" / "Alle zeigen";
    no_documents_yet = "There are no documents yet." / "Noch gibt es keine Dokumente.";
    no_documents_like_that = "There are no documents like that." / "Solche Dokumente gibt es nicht.";
    trash_empty = "The trash is empty." / "Der Papierkorb ist leer.";
    trash_how = "What you put here goes away for good after 30 days." / "Was Sie hierher legen, ist nach 30 Tagen endgültig weg.";

    // Many at once.
    with_chosen = "With the chosen documents" / "Mit den gewählten Dokumenten";
    choose = "Choose" / "Wählen";
    choose_all = "Choose all" / "Alle wählen";
    choose_document(title) = "Choose {title}" / "{title} wählen";
    add_tag = "Add the tag" / "Schlagwort geben";
    move_there = "Move there" / "Dorthin verschieben";
    nothing_chosen = "You have chosen no document." / "Sie haben kein Dokument gewählt.";
    no_tag_given = "Say which tag." / "Nennen Sie das Schlagwort.";
    too_many_chosen(most) = "At most {most} documents at once." / "Höchstens {most} Dokumente auf einmal.";
    done_with(n) = one "Done with one document." / "Mit einem Dokument erledigt.", other "Done with {n} documents." / "Mit {n} Dokumenten erledigt.";
    done_of(done, all) = "Done with {done} of {all} documents." / "Mit {done} von {all} Dokumenten erledigt.";
    back = "Back" / "Zurück";
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
    attachments = "Attachments" / "Anhänge";
    attached_to = "Attached to" / "Angehängt an";
    its_password = "Password" / "Passwort";
    open_and_read = "Open and read" / "Öffnen und lesen";
    password_is_forgotten = "It is used once and kept nowhere." / "Es wird einmal benutzt und nirgends aufbewahrt.";
    note_pictures = "Text in pictures was not read: the program for it is not installed." / "Text in Bildern wurde nicht gelesen: Das Programm dafür ist nicht installiert.";
    note_locked = "A part of it is protected with a password and was not read." / "Ein Teil davon ist mit einem Passwort geschützt und wurde nicht gelesen.";
    note_longer = "It is longer than is read of one document; the rest was left out." / "Es ist länger, als von einem Dokument gelesen wird; der Rest fehlt.";
    note_slow = "Reading all of it would have taken too long; the rest was left out." / "Alles zu lesen hätte zu lange gedauert; der Rest fehlt.";
    note_damaged = "A part of the file could not be read." / "Ein Teil der Datei konnte nicht gelesen werden.";
    note_kept = "It was read again with less success; the text of the earlier reading was kept." / "Es wurde mit weniger Erfolg noch einmal gelesen; der frühere Text wurde behalten.";
    being_read = "Being read…" / "Wird gelesen…";
    being_read_long = "Still being read: long or scanned documents take a few minutes." / "Wird noch gelesen: Lange oder gescannte Dokumente dauern ein paar Minuten.";
    not_readable = "It could not be read." / "Es konnte nicht gelesen werden.";
    not_readable_because(why) = "It could not be read: {why}" / "Es konnte nicht gelesen werden: {why}";
    about = "What it is about" / "Worum es geht";
    picture_of_page(number) = "Picture of page {number}" / "Bild von Seite {number}";
    text_of_page = "Text" / "Text";
    change_document = "Change title, tags or collection" / "Titel, Schlagwörter oder Sammlung ändern";
    versions = "Versions" / "Fassungen";
    version(number) = "Version {number}" / "Fassung {number}";
    version_current = "current" / "aktuell";
    add_version = "Add a new version" / "Neue Fassung hinzufügen";
    file = "File" / "Datei";
    history = "History" / "Verlauf";
    after(time) = "after {time}" / "nach {time}";
    stage_received = "Received" / "Angekommen";
    stage_started = "Reading began" / "Lesen begann";
    stage_extracted = "Read" / "Gelesen";
    stage_indexed = "In the search index" / "Im Suchindex";
    stage_ready = "Ready" / "Fertig";
    stage_retrying = "Tried again" / "Noch einmal versucht";
    stage_kept = "Read again, the text was kept" / "Noch einmal gelesen, der Text wurde behalten";
    stage_failed = "Not readable" / "Nicht lesbar";

    // Why a document could not be read.
    failed_encrypted = "it is locked with a password" / "sie ist mit einem Passwort gesperrt";
    failed_unsupported = "its type is not known" / "ihre Art ist nicht bekannt";
    failed_corrupt = "it is damaged" / "sie ist beschädigt";
    failed_large = "it is too large" / "sie ist zu groß";
    failed_time = "it took too long" / "es dauerte zu lange";
    failed_crashed = "reading it failed again and again" / "das Lesen ist immer wieder gescheitert";
    failed_otherwise = "reading it failed" / "das Lesen ist gescheitert";
}

impl super::Words {
    /// What happened to a document, by its name in the API.
    pub(crate) fn stage(self, stage: &str) -> &'static str {
        match stage {
            "received" => self.stage_received(),
            "started" => self.stage_started(),
            "extracted" => self.stage_extracted(),
            "indexed" => self.stage_indexed(),
            "ready" => self.stage_ready(),
            "retrying" => self.stage_retrying(),
            "kept" => self.stage_kept(),
            _ => self.stage_failed(),
        }
    }

    /// Why a document could not be read, by its stable code; in English as the reader said it.
    pub(crate) fn failure(self, code: &str, detail: &str) -> String {
        if self.0 == super::Language::English && !detail.is_empty() {
            return detail.to_owned();
        }
        let words = match code {
            "encrypted" => self.failed_encrypted(),
            "unsupported_type" => self.failed_unsupported(),
            "corrupt" => self.failed_corrupt(),
            "too_large" | "limit_exceeded" => self.failed_large(),
            "timeout" => self.failed_time(),
            "crashed" => self.failed_crashed(),
            _ => self.failed_otherwise(),
        };
        words.to_owned()
    }
}
