use super::words;

words! {
    find_contact = "Find by name, address or company" / "Nach Name, Adresse oder Firma suchen";
    find = "Find" / "Suchen";
    no_contact = "No contact." / "Kein Kontakt.";
    contacts(n) = one "One contact." / "Ein Kontakt.", other "{n} contacts." / "{n} Kontakte.";
    with_tag(tag) = "With the tag “{tag}”." / "Mit dem Schlagwort „{tag}“.";
    all = "All" / "Alle";
    name = "Name" / "Name";
    email = "E-mail" / "E-Mail";
    company = "Company" / "Firma";
    tags = "Tags" / "Schlagwörter";
    phone = "Phone" / "Telefon";
    tags_by_commas = "Tags, separated by commas" / "Schlagwörter, durch Kommas getrennt";
    add_contact = "Add a contact" / "Kontakt hinzufügen";
    add = "Add" / "Hinzufügen";
    import_and_export = "Import and export" / "Einlesen und ausgeben";
    contacts_as_csv = "All contacts as CSV" / "Alle Kontakte als CSV";
    import_table = "A table with headings (name, email, phone, company, tags), as CSV" / "Eine Tabelle mit Überschriften (name, email, phone, company, tags) als CSV";
    import_preview = "Show what would happen" / "Zeigen, was geschehen würde";
    import = "Import" / "Einlesen";
    import_would = "What would happen" / "Was geschehen würde";
    imported = "Imported" / "Eingelesen";
    row = "Row" / "Zeile";
    what = "What" / "Was";
    why = "Why" / "Warum";
    row_created = "created" / "neu angelegt";
    row_updated = "updated" / "aktualisiert";
    row_unchanged = "unchanged" / "unverändert";
    row_refused = "refused" / "abgelehnt";
    all_contacts = "All contacts" / "Alle Kontakte";
    known_since = "Known since" / "Bekannt seit";
    messages = "Messages" / "Nachrichten";
    none_yet = "None yet." / "Noch keine.";
    change = "Change" / "Ändern";
    remove_contact = "Remove this contact" / "Diesen Kontakt löschen";
    remove_contact_warning = "Its messages are removed with it. This cannot be undone." / "Die Nachrichten werden mit gelöscht. Das lässt sich nicht rückgängig machen.";

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
