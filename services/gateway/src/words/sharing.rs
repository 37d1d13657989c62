use super::words;

words! {
    // Links to a document.
    share = "Share" / "Weitergeben";
    share_about = "Whoever has the link reads this document, without an account, and nothing else." / "Wer den Link hat, liest dieses Dokument, ohne Konto, und sonst nichts.";
    share_ends = "The link ends" / "Der Link endet";
    in_days(n) = one "tomorrow" / "morgen", other "in {n} days" / "in {n} Tagen";
    never = "never" / "nie";
    share_password = "Password, if there is to be one (at least 8 characters)" / "Passwort, falls gewünscht (mindestens 8 Zeichen)";
    make_link = "Make a link" / "Link machen";
    new_link = "The new link" / "Der neue Link";
    new_link_once = "Copy it now: it is shown this once." / "Kopieren Sie ihn jetzt: Er wird nur dieses eine Mal gezeigt.";
    back_to_document = "Back to the document" / "Zurück zum Dokument";
    back_to_contact = "Back to the contact" / "Zurück zum Kontakt";
    made_on = "made" / "gemacht am";
    ends_on = "ends" / "endet am";
    has_ended = "has ended" / "ist abgelaufen";
    with_password = "with a password" / "mit Passwort";
    of_version(number) = "version {number}" / "Version {number}";
    opened_times(n) = one "opened once" / "einmal geöffnet", other "opened {n} times" / "{n}-mal geöffnet";
    fetched_times(n) = one "fetched once" / "einmal geladen", other "fetched {n} times" / "{n}-mal geladen";
    last_used = "last used" / "zuletzt benutzt am";
    end_link = "End this link" / "Link beenden";

    // What whoever has a link sees.
    link_gone = "This link leads nowhere" / "Dieser Link führt nirgendwohin";
    link_gone_why = "It has ended, was taken back, or was not copied whole. Whoever sent it to you can send a new one." / "Er ist abgelaufen, wurde zurückgenommen oder nicht ganz kopiert. Wer ihn Ihnen geschickt hat, kann einen neuen schicken.";
    protected_document = "A document for you" / "Ein Dokument für Sie";
    enter_password = "It is protected. Enter the password that you were given." / "Es ist geschützt. Geben Sie das Passwort ein, das man Ihnen genannt hat.";
    password_wrong = "The password is wrong." / "Das Passwort ist falsch.";
    open_document = "Open" / "Öffnen";
    link_ends_on = "This link ends on" / "Dieser Link endet am";

    // Links by which a contact hands in documents.
    ask_for_documents = "Ask for documents" / "Um Dokumente bitten";
    ask_about = "Whoever has the link hands in documents, without an account; they are linked to this contact." / "Wer den Link hat, reicht Dokumente ein, ohne Konto; sie werden mit diesem Kontakt verbunden.";
    ask_note = "What you ask for" / "Worum Sie bitten";
    ask_files = "Files at most" / "Höchstens so viele Dateien";
    ask_first_collection = "The first collection" / "Die erste Sammlung";
    ask_collection = "Where they go" / "Wohin sie kommen";
    files_of(files, most) = "{files} of {most} files" / "{files} von {most} Dateien";
    hand_in = "Hand in documents" / "Dokumente einreichen";
    asks_you(who) = "{who} asks you for documents." / "{who} bittet Sie um Dokumente.";
    open_until = "You can hand them in until" / "Sie können sie einreichen bis";
    files_left(n) = one "One more file is taken" / "Es wird noch eine Datei angenommen", other "Up to {n} files are taken" / "Es werden bis zu {n} Dateien angenommen";
    largest_file(size) = "each of at most {size}." / "jede höchstens {size} groß.";
    choose_files = "Files" / "Dateien";
    send_files = "Hand in" / "Einreichen";
    choose_one = "Choose at least one file." / "Wählen Sie mindestens eine Datei.";
    all_handed_in = "All files have been handed in. Thank you." / "Alle Dateien sind eingereicht. Vielen Dank.";
    receipt = "Your receipt" / "Ihre Quittung";
    receipt_about = "These files have arrived and are kept. The SHA-256 proves which bytes they were." / "Diese Dateien sind angekommen und gesichert. Die SHA-256-Prüfsumme belegt, welche Bytes es waren.";
    not_taken = "Not taken" / "Nicht angenommen";
    hand_in_more = "Hand in more" / "Weitere einreichen";
    file_size = "Size" / "Größe";

    // Everything out and in.
    everything = "Everything in one file" / "Alles in einer Datei";
    export_about = "Records and files, without passwords and keys. Any later release brings it in again." / "Datensätze und Dateien, ohne Passwörter und Schlüssel. Jede spätere Version liest das wieder ein.";
    export_everything = "Export everything" / "Alles ausgeben";
    bundle_file = "A file that was exported" / "Eine ausgegebene Datei";
    bundle_about = "What is missing here is added; what is here stays as it is." / "Was hier fehlt, kommt hinzu; was hier ist, bleibt, wie es ist.";
    bundle_check = "Check it and show what would happen" / "Prüfen und zeigen, was geschehen würde";
    bundle_import = "Bring it in" / "Einlesen";
    bundle_running(bytes) = "An import is under way; {bytes} have been read." / "Es wird gerade eingelesen; {bytes} sind gelesen.";
    row_kept = "kept as it is" / "bleibt, wie es ist";
    kind_users = "People" / "Personen";
    kind_submissions = "Messages" / "Nachrichten";
    kind_visits = "Days of visits" / "Besuchstage";
    kind_links = "Links of contacts and documents" / "Verbindungen von Kontakten und Dokumenten";
    kind_collections = "Collections" / "Sammlungen";
    files_checked(n) = one "One file was checked." / "Eine Datei wurde geprüft.", other "{n} files were checked." / "{n} Dateien wurden geprüft.";
}
