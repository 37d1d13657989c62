use super::words;

words! {
    now = "Now" / "Jetzt";
    no_new_messages = "No new messages in the inbox." / "Keine neuen Nachrichten im Posteingang.";
    new_messages(n) = one "1 new message in the inbox." / "1 neue Nachricht im Posteingang.", other "{n} new messages in the inbox." / "{n} neue Nachrichten im Posteingang.";
    nothing_being_read = "No documents are being read." / "Gerade wird kein Dokument gelesen.";
    being_read_count(n) = one "1 document is being read." / "1 Dokument wird gelesen.", other "{n} documents are being read." / "{n} Dokumente werden gelesen.";
    nothing_failed = "Every document could be read." / "Jedes Dokument konnte gelesen werden.";
    failed_count(n) = one "1 document could not be read." / "1 Dokument konnte nicht gelesen werden.", other "{n} documents could not be read." / "{n} Dokumente konnten nicht gelesen werden.";
    unknown_count = "How many there are cannot be said just now." / "Wie viele es sind, lässt sich gerade nicht sagen.";
    every_part_answers = "Every part of the system answers." / "Jeder Teil des Systems antwortet.";
    database_away = "The database cannot be reached: nothing can be changed until it is back." / "Die Datenbank ist nicht erreichbar: Bis sie wieder da ist, lässt sich nichts ändern.";
    search_away = "Search cannot be reached." / "Die Suche ist nicht erreichbar.";
    documents_away = "Documents cannot be reached." / "Dokumente sind nicht erreichbar.";
    contacts_away = "Contacts and messages cannot be reached." / "Kontakte und Nachrichten sind nicht erreichbar.";
    indexer_away = "New documents wait to be read." / "Neue Dokumente warten darauf, gelesen zu werden.";
    part_away(name) = "{name} cannot be reached." / "{name} ist nicht erreichbar.";

    the_numbers = "The numbers" / "Die Zahlen";
    day_heading = "Day" / "Tag";



    // What happened, over time.
    range_label = "Time" / "Zeitraum";
    last_days(n) = one "1 day" / "1 Tag", other "{n} days" / "{n} Tage";
    plot_visits = "Visits of your website" / "Besuche Ihrer Website";
    plot_submissions = "Messages" / "Nachrichten";
    plot_uploads = "Documents added" / "Hinzugefügte Dokumente";
    plot_processing = "Documents that could not be read" / "Nicht lesbare Dokumente";
    plot_searches = "Searches" / "Suchen";
    plot_zero = "Searches that found nothing" / "Suchen ohne Treffer";
    plot_label(what, most) = "{what} by day, at most {most}; the table below has the numbers" / "{what} je Tag, höchstens {most}; die Tabelle darunter nennt die Zahlen";
    in_all(n) = "{n} in all" / "insgesamt {n}";
    until_found(time) = "Half of the new documents were found within {time}." / "Die Hälfte der neuen Dokumente war nach {time} zu finden.";
    only_editors = "The rest is for those who may edit." / "Das Übrige ist für alle, die bearbeiten dürfen.";
    zero_heading = "What people looked for and did not find" / "Was gesucht und nicht gefunden wurde";
    zero_none = "Everything that was looked for was found." / "Alles Gesuchte wurde gefunden.";
    zero_lead = "If your documents say it in another word, teach the search that both mean the same." / "Wenn Ihre Dokumente ein anderes Wort dafür haben, bringen Sie der Suche bei, dass beide dasselbe bedeuten.";
    searched(n) = one "once" / "einmal", other "{n} times" / "{n}-mal";
    same_as = "means the same as" / "bedeutet dasselbe wie";
    same_as_word(word) = "What “{word}” means the same as" / "Was dasselbe bedeutet wie „{word}“";
    teach = "Teach it" / "Beibringen";
    same_as_this(word) = "the same as “{word}”" / "dasselbe wie „{word}“";
    taught(word) = "From now on “{word}” finds the other word as well." / "Ab jetzt findet „{word}“ auch das andere Wort.";
    health = "How the parts are" / "Wie es den Teilen geht";
    part_postgresql = "Database" / "Datenbank";
    part_search = "Search" / "Suche";
    part_documents = "Documents" / "Dokumente";
    part_contacts = "Contacts and messages" / "Kontakte und Nachrichten";
    part_indexer = "Reading of documents" / "Lesen der Dokumente";
    part_first_owner = "First account" / "Erstes Konto";
    part_sealed_secrets = "Stored secrets" / "Gespeicherte Geheimnisse";
    part_prober = "Self-test" / "Selbsttest";
    owner_there = "made" / "angelegt";
    owner_missing = "not made yet" / "noch nicht angelegt";
    first_owner_missing = "There is no account yet that may do everything." / "Noch gibt es kein Konto, das alles darf.";
    secrets_open = "can be read" / "lesbar";
    secrets_locked = "cannot be read" / "nicht lesbar";
    sealed_secrets_locked = "Authenticator apps and webhooks do not work: the key to their secrets is missing." / "Authenticator-Apps und Webhooks gehen nicht: Der Schlüssel zu ihren Geheimnissen fehlt.";
    part_well = "answers" / "antwortet";
    part_ill = "does not answer" / "antwortet nicht";
}
