use super::words;

words! {
    find_contact = "Find by name, address or company" / "Nach Name, Adresse oder Firma suchen";
    find = "Find" / "Suchen";
    contacts(n) = one "One contact." / "Ein Kontakt.", other "{n} contacts." / "{n} Kontakte.";
    with_tag(tag) = "With the tag “{tag}”." / "Mit dem Schlagwort „{tag}“.";
    all = "All" / "Alle";
    name = "Name" / "Name";
    email = "E-mail" / "E-Mail";
    company = "Company" / "Firma";
    tags = "Tags" / "Schlagwörter";
    more_tags = "More tags" / "Weitere Schlagwörter";
    phone = "Phone" / "Telefon";
    tags_by_commas = "Tags, separated by commas" / "Schlagwörter, durch Kommas getrennt";
    add_contact = "Add a contact" / "Kontakt hinzufügen";
    add = "Add" / "Hinzufügen";
    all_contacts = "All contacts" / "Alle Kontakte";
    known_since = "Known since" / "Bekannt seit";
    change = "Change" / "Ändern";
    remove_contact = "Remove this contact" / "Diesen Kontakt löschen";
    remove_contact_warning = "Its messages are removed with it, and so are contacts that were merged into it. This cannot be undone." / "Die Nachrichten werden mit gelöscht, ebenso Kontakte, die mit ihm zusammengeführt wurden. Das lässt sich nicht rückgängig machen.";
    no_contact_yet = "No contacts yet. Whoever writes by your website's contact form becomes one; you can add people, or bring in an address book." / "Noch keine Kontakte. Wer über das Kontaktformular Ihrer Website schreibt, wird einer; Sie können Leute hinzufügen oder ein Adressbuch einlesen.";
    no_contact_found = "Nobody is called that. Part of a name is enough, and a typo is forgiven." / "So heißt niemand. Ein Teil des Namens genügt, und ein Tippfehler stört nicht.";

    // Into a file, and from one.
    export = "Export" / "Ausgeben";
    contacts_as_csv = "CSV, for spreadsheets" / "CSV, für Tabellen";
    contacts_as_vcard = "vCard, for address books" / "vCard, für Adressbücher";
    contacts_as_ndjson = "NDJSON, for programs" / "NDJSON, für Programme";
    import_contacts = "Import contacts" / "Kontakte einlesen";
    import_file = "A file: CSV of a spreadsheet, or vCard of an address book" / "Eine Datei: CSV einer Tabelle oder vCard eines Adressbuchs";
    import_hint = "A table's first line says what its columns are: name, email, phone, company, tags; others are kept as further details. You see what each row would do before anything happens. Whoever is known by their address is brought up to date; the same file again changes nothing." / "Die erste Zeile einer Tabelle sagt, was in den Spalten steht: name, email, phone, company, tags; andere werden als weitere Angaben aufgehoben. Sie sehen, was jede Zeile bewirkt, bevor etwas geschieht. Wer an der Adresse zu erkennen ist, wird auf den neuesten Stand gebracht; dieselbe Datei noch einmal ändert nichts.";
    import_text = "Or paste it here" / "Oder hier einfügen";
    import_preview = "Show what would happen" / "Zeigen, was geschehen würde";
    import_would = "What would happen" / "Was geschehen würde";
    import_rows(n) = one "Import one row" / "Eine Zeile einlesen", other "Import {n} rows" / "{n} Zeilen einlesen";
    import_nothing_to_do = "There is nothing to do: everything is as the file has it." / "Es gibt nichts zu tun: Alles ist so wie in der Datei.";
    import_nothing_sent = "Choose a file, or paste something." / "Wählen Sie eine Datei, oder fügen Sie etwas ein.";
    import_other_file = "Another file" / "Andere Datei";
    imported = "Imported" / "Eingelesen";
    row = "Row" / "Zeile";
    what = "What" / "Was";
    row_created = "new" / "neu";
    row_updated = "updated" / "aktualisiert";
    row_unchanged = "unchanged" / "unverändert";
    row_refused = "refused" / "abgelehnt";
    rows_created(n) = one "One is new." / "Einer ist neu.", other "{n} are new." / "{n} sind neu.";
    rows_updated(n) = one "One is updated." / "Einer wird aktualisiert.", other "{n} are updated." / "{n} werden aktualisiert.";
    rows_unchanged(n) = one "One stays as it is." / "Einer bleibt, wie er ist.", other "{n} stay as they are." / "{n} bleiben, wie sie sind.";
    rows_refused(n) = one "One is refused." / "Einer wird abgelehnt.", other "{n} are refused." / "{n} werden abgelehnt.";

    // Two that are one person.
    merge = "Merge with another contact" / "Mit einem anderen Kontakt zusammenführen";
    merge_title(name) = "Merge {name}" / "{name} zusammenführen";
    merge_choose = "Which contact is the same person? It stays, and takes what it does not have." / "Welcher Kontakt ist dieselbe Person? Er bleibt und übernimmt, was ihm fehlt.";
    merge_none = "No other contact is called so. Look for another name or an address." / "Kein anderer Kontakt heißt so. Suchen Sie nach einem anderen Namen oder einer Adresse.";
    merge_into(source, target) = "{source} becomes part of {target}." / "{source} geht in {target} auf.";
    merge_result = "The contact after that" / "Der Kontakt danach";
    merge_stays = "stays" / "bleibt";
    merge_taken(name) = "from {name}" / "von {name}";
    merge_messages(n) = one "One message moves with it." / "Eine Nachricht geht mit.", other "{n} messages move with it." / "{n} Nachrichten gehen mit.";
    merge_links(n) = one "One decision on a document moves with it." / "Eine Entscheidung zu einem Dokument geht mit.", other "{n} decisions on documents move with it." / "{n} Entscheidungen zu Dokumenten gehen mit.";
    merge_address(address) = "What comes from {address} will be this contact's as well." / "Was von {address} kommt, gehört dann auch zu diesem Kontakt.";
    merge_undoable = "It can be undone." / "Das lässt sich rückgängig machen.";
    merge_do = "Merge" / "Zusammenführen";
    merge_swap = "The other way round" / "Andersherum";
    merge_other = "Another contact" / "Anderer Kontakt";
    merge_done = "They are one contact now." / "Das ist jetzt ein Kontakt.";
    merge_undo = "Undo" / "Rückgängig machen";
    merge_undone = "They are two contacts again." / "Das sind wieder zwei Kontakte.";
    merge_restored = "To the other one" / "Zum anderen";

    // What happened.
    timeline = "What happened" / "Verlauf";
    timeline_partly = "Documents cannot be looked up at present." / "Dokumente lassen sich gerade nicht nachsehen.";
    happened_message = "Wrote" / "Schrieb";
    happened_document = "Is named in" / "Wird genannt in";
    happened_create = "Was added" / "Wurde hinzugefügt";
    happened_update = "Was changed" / "Wurde geändert";
    happened_update_of(fields) = "Was changed: {fields}" / "Wurde geändert: {fields}";
    happened_import = "Was imported" / "Wurde eingelesen";
    happened_import_of(fields) = "An import changed: {fields}" / "Beim Einlesen geändert: {fields}";
    happened_link = "A document was confirmed" / "Ein Dokument wurde bestätigt";
    happened_unlink = "A document was refused" / "Ein Dokument wurde abgelehnt";
    happened_merge(name) = "{name} was merged into this contact" / "{name} wurde mit diesem Kontakt zusammengeführt";
    happened_merged = "Was merged into another contact" / "Wurde mit einem anderen Kontakt zusammengeführt";
    happened_undo = "A merge was undone" / "Eine Zusammenführung wurde rückgängig gemacht";
    happened_status(status) = "A message was moved to “{status}”" / "Eine Nachricht wurde nach „{status}“ verschoben";
    happened_else = "Something was done" / "Etwas wurde getan";

    // Contacts and documents that name them.
    no_document_names_contact = "No document names this contact." / "Kein Dokument nennt diesen Kontakt.";
    document_names_no_contact = "It names no contact." / "Es nennt keinen Kontakt.";
    links_unavailable = "They cannot be looked up at present." / "Das lässt sich gerade nicht nachsehen.";
    evidence_email(page) = "Page {page}, its address:" / "Seite {page}, die Adresse:";
    evidence_phone(page) = "Page {page}, its number:" / "Seite {page}, die Nummer:";
    evidence_name(page) = "Page {page}, its name:" / "Seite {page}, der Name:";
    link_confirmed = "confirmed" / "bestätigt";
    link_likely(percent) = "likely ({percent})" / "wahrscheinlich ({percent})";
    link_confirm = "Yes, it is" / "Ja, stimmt";
    link_refuse = "No, it is not" / "Nein, stimmt nicht";
}
