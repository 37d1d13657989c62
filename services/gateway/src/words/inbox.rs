use super::words;

words! {
    no_messages = "No messages here." / "Hier sind keine Nachrichten.";
    messages_count(n) = one "One message." / "Eine Nachricht.", other "{n} messages." / "{n} Nachrichten.";
    message_new = "New" / "Neu";
    message_read = "Read" / "Gelesen";
    message_archived = "Archived" / "Archiv";
    message_spam = "Spam" / "Spam";
    mark_new = "Mark as new" / "Als neu markieren";
    mark_read = "Mark as read" / "Als gelesen markieren";
    archive = "Archive" / "Archivieren";
    mark_spam = "This is spam" / "Das ist Spam";
    older = "Older" / "Ältere";
    answer_by_mail = "Answer by mail" / "Per Mail antworten";
    your_message = "Your message" / "Ihre Nachricht";
    contact = "Contact" / "Kontakt";
}
