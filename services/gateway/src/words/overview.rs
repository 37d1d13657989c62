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
    search_away = "Search is away." / "Die Suche ist gerade weg.";
    documents_away = "Documents cannot be reached." / "Dokumente sind nicht erreichbar.";
    contacts_away = "Contacts and messages cannot be reached." / "Kontakte und Nachrichten sind nicht erreichbar.";
    indexer_away = "New documents wait to be read." / "Neue Dokumente warten darauf, gelesen zu werden.";
    part_away(name) = "{name} cannot be reached." / "{name} ist nicht erreichbar.";
    visits_of_website = "Visits of your website, the last 30 days" / "Besuche Ihrer Website in den letzten 30 Tagen";
    visits_by_people(people, programs) = "{people} visits by people, {programs} by programs." / "{people} Besuche von Menschen, {programs} von Programmen.";
    visits_by_day = "Visits by day; the table below has the numbers" / "Besuche je Tag; die Tabelle darunter nennt die Zahlen";
    the_numbers = "The numbers" / "Die Zahlen";
    day_heading = "Day" / "Tag";
    visits = "Visits" / "Besuche";
    programs = "Programs" / "Programme";
}
