use super::words;

words! {
    welcome = "Welcome to Dossier" / "Willkommen bei Dossier";
    welcome_lead = "Two steps, and it works for you." / "Zwei Schritte, und es arbeitet für Sie.";
    step_done = "done" / "erledigt";
    step_document = "Add your first document" / "Fügen Sie Ihr erstes Dokument hinzu";
    step_document_how = "Drop a file anywhere on this page, or choose one. It is read, and found by its words a moment later." / "Ziehen Sie eine Datei auf diese Seite, oder wählen Sie eine aus. Sie wird gelesen und ist gleich darauf mit ihren Wörtern zu finden.";
    step_form = "Put the contact form on your website" / "Setzen Sie das Kontaktformular auf Ihre Website";
    step_form_how = "Copy this into any page. What people send arrives in your inbox." / "Kopieren Sie das in eine Seite. Was gesendet wird, kommt in Ihrem Posteingang an.";
    copy = "Copy" / "Kopieren";
    step_form_try = "Or try it here: send yourself a message." / "Oder probieren Sie es hier: Schicken Sie sich eine Nachricht.";
    trial_message = "This is a trial of my contact form." / "Das ist ein Test meines Kontaktformulars.";
    send_message = "Send the message" / "Nachricht schicken";
}
