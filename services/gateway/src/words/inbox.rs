use super::words;

words! {
    message_new = "New" / "Neu";
    message_read = "Read" / "Gelesen";
    message_archived = "Archived" / "Archiv";
    message_spam = "Spam" / "Spam";
    find_message = "Find by name, address, subject or words of the message" / "Nach Name, Adresse, Betreff oder Wörtern der Nachricht suchen";
    mark_new = "Mark as new" / "Als neu markieren";
    mark_read = "Mark as read" / "Als gelesen markieren";
    archive = "Archive" / "Archivieren";
    mark_spam = "This is spam" / "Das ist Spam";
    not_spam = "Not spam" / "Kein Spam";
    older = "Older" / "Ältere";
    newest = "To the newest" / "Zu den neuesten";
    answer_by_mail = "Answer by mail" / "Per Mail antworten";
    your_message = "Your message" / "Ihre Nachricht";
    back_to_inbox = "Back to the inbox" / "Zurück zum Posteingang";
    from_contact = "To the contact" / "Zum Kontakt";
    choose_all_messages = "All on this page" / "Alle auf dieser Seite";
    choose_message(name) = "Choose the message from {name}" / "Nachricht von {name} auswählen";
    with_chosen_messages = "What to do with the chosen messages" / "Was mit den ausgewählten Nachrichten geschieht";
    moved_to_new(n) = one "One message is new again." / "Eine Nachricht ist wieder neu.", other "{n} messages are new again." / "{n} Nachrichten sind wieder neu.";
    moved_to_read(n) = one "One message is marked as read." / "Eine Nachricht ist als gelesen markiert.", other "{n} messages are marked as read." / "{n} Nachrichten sind als gelesen markiert.";
    moved_to_archived(n) = one "One message is archived." / "Eine Nachricht ist archiviert.", other "{n} messages are archived." / "{n} Nachrichten sind archiviert.";
    moved_to_spam(n) = one "One message is in spam." / "Eine Nachricht ist im Spam.", other "{n} messages are in spam." / "{n} Nachrichten sind im Spam.";
    further_details = "Further details" / "Weitere Angaben";
    remove_message = "Remove this message" / "Diese Nachricht löschen";

    // Nothing there.
    no_message_ever = "No messages yet. What people send by your website's contact form arrives here." / "Noch keine Nachrichten. Was über das Kontaktformular Ihrer Website gesendet wird, kommt hier an.";
    get_form = "Get the form" / "Formular holen";
    nothing_new = "Nothing new. You have seen everything." / "Nichts Neues. Sie haben alles gesehen.";
    see_read_messages = "See what was read" / "Gelesenes ansehen";
    no_read_messages = "Messages that you have read and not archived are here." / "Hier liegen Nachrichten, die gelesen und noch nicht archiviert sind.";
    no_archived_messages = "Messages that you archive are kept here." / "Hier werden Nachrichten aufgehoben, die Sie archivieren.";
    no_spam_messages = "No spam. What robots fill in is kept here, in case one was none." / "Kein Spam. Was Programme ausfüllen, liegt hier, falls doch einmal ein Mensch darunter ist.";
    no_message_found = "No message with these words. Try fewer, or only part of one." / "Keine Nachricht mit diesen Wörtern. Versuchen Sie es mit weniger oder nur einem Teil davon.";
    all_messages = "All messages" / "Alle Nachrichten";
}
