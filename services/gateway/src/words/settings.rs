use super::words;

words! {
    // People.
    people = "People" / "Personen";
    role = "Role" / "Rolle";
    since = "Since" / "Seit";
    disabled = "disabled" / "gesperrt";
    role_viewer = "Viewer" / "Leser";
    role_editor = "Editor" / "Bearbeiter";
    role_owner = "Owner" / "Inhaber";
    role_viewer_may = "Viewer: reads" / "Leser: liest";
    role_editor_may = "Editor: reads and writes contacts and documents" / "Bearbeiter: liest und schreibt Kontakte und Dokumente";
    role_owner_may = "Owner: everything" / "Inhaber: alles";

    // Keys for programs.
    your_keys = "Your keys for programs" / "Ihre Schlüssel für Programme";
    key_never_used = "never used" / "nie benutzt";
    revoke = "Revoke" / "Widerrufen";
    make_key = "Make a key" / "Schlüssel machen";
    key_purpose = "What it is for" / "Wofür er ist";
    key_scope = "What it may do" / "Was er darf";
    key_read = "Read everything" / "Alles lesen";
    key_write = "Read and write contacts and documents" / "Kontakte und Dokumente lesen und schreiben";
    key_all = "All that you may do" / "Alles, was Sie dürfen";
    make = "Make" / "Machen";
    new_key_once = "The new key, shown this once:" / "Der neue Schlüssel, nur dieses eine Mal gezeigt:";

    // The form for one's website.
    website_form = "Your website's contact form" / "Das Kontaktformular Ihrer Website";
    website_form_paste = "Paste this into any page. What people send arrives in the inbox." / "Fügen Sie das in eine Seite ein. Was gesendet wird, kommt im Posteingang an.";
    to_inbox = "To the inbox" / "Zum Posteingang";
    form_name = "Name" / "Name";
    form_email = "E-mail" / "E-Mail";
    form_message = "Message" / "Nachricht";
    form_leave_empty = "Leave this empty" / "Bitte leer lassen";
    form_send = "Send" / "Senden";
    the_api = "The API, to read and to try" / "Die Schnittstelle (API), zum Lesen und Ausprobieren";

    // The second factor.
    second_factor = "Your second factor" / "Ihr zweiter Faktor";
    second_factor_since = "Signing in takes a code of your authenticator app, since" / "Zum Anmelden gehört ein Code Ihrer Authenticator-App, seit";
    recovery_codes_left(n) = one "One recovery code is left." / "Ein Wiederherstellungscode ist noch da.", other "{n} recovery codes are left." / "{n} Wiederherstellungscodes sind noch da.";
    second_factor_off = "Do without it" / "Darauf verzichten";
    disable = "Disable" / "Abschalten";
    password_alone = "Signing in takes your password alone." / "Zum Anmelden reicht Ihr Passwort.";
    second_factor_on = "Ask for a code of an authenticator app as well" / "Dazu nach einem Code einer Authenticator-App fragen";
    set_up = "Set up" / "Einrichten";
    your_password = "Your password" / "Ihr Passwort";
    scan_this = "Scan this with your authenticator app, or type the secret into it:" / "Scannen Sie das mit Ihrer Authenticator-App, oder tippen Sie das Geheimnis ein:";
    code_shown_now = "The code that it shows now" / "Der Code, den sie jetzt zeigt";
    confirm = "Confirm" / "Bestätigen";
    qr_code = "QR code of the secret" / "QR-Code des Geheimnisses";
    keep_recovery_codes = "From now on signing in takes a code. Keep these for the day you lose the app; each is good once, and they are shown this once:" / "Ab jetzt gehört zum Anmelden ein Code. Heben Sie diese für den Tag auf, an dem Sie die App verlieren; jeder gilt einmal, und gezeigt werden sie nur jetzt:";

    // The pages.
    settings_account = "Your account" / "Ihr Konto";
    settings_tokens = "Keys" / "Schlüssel";
    settings_website = "Website" / "Website";
    settings_search = "Words and index" / "Wörter und Index";
    settings_collections = "Collections" / "Sammlungen";
    settings_webhooks = "Webhooks" / "Webhooks";
    settings_backups = "Backups" / "Sicherungen";
    settings_audit = "Audit log" / "Protokoll";

    // One's account.
    profile = "Profile" / "Profil";
    language_of_browser = "As the browser asks" / "Wie der Browser es wünscht";
    time_zone = "Time zone" / "Zeitzone";
    zone_of_browser = "The one of this computer" / "Die dieses Computers";
    notify_me = "Mail me when somebody uses the contact form" / "Bei neuen Nachrichten über das Kontaktformular eine E-Mail schicken";
    change_password = "Change the password" / "Passwort ändern";
    old_password = "The password until now" / "Das bisherige Passwort";
    other_sessions_end = "You are signed out everywhere else." / "Überall sonst werden Sie abgemeldet.";
    your_sessions = "Where you are signed in" / "Wo Sie angemeldet sind";
    device = "Browser" / "Browser";
    unknown_device = "Unknown" / "Unbekannt";
    last_seen = "Last used" / "Zuletzt benutzt";
    this_session = "here" / "hier";
    end_session = "Sign out there" / "Dort abmelden";
    end_other_sessions = "Sign out everywhere else" / "Überall sonst abmelden";

    // More of keys.
    key_contacts_read = "Read contacts and the inbox" / "Kontakte und Posteingang lesen";
    key_contacts_write = "Read and write contacts and the inbox" / "Kontakte und Posteingang lesen und schreiben";
    key_documents_read = "Read documents" / "Dokumente lesen";
    key_documents_write = "Read and write documents" / "Dokumente lesen und schreiben";
    key_search_read = "Search" / "Suchen";
    expires = "Expires" / "Läuft ab";
    good_for = "Good for" / "Gültig";
    for_good = "until it is revoked" / "bis er widerrufen wird";
    days(n) = one "1 day" / "1 Tag", other "{n} days" / "{n} Tage";

    // More of people.
    invited = "invited" / "eingeladen";
    invite = "Invite" / "Einladen";
    invite_somebody = "Invite somebody" / "Jemanden einladen";
    invite_by_mail = "They get a link by mail, and you see it as well." / "Der Link geht per E-Mail dorthin; Sie sehen ihn auch.";
    invite_by_hand = "You get a link to hand over; they choose their own password." / "Sie bekommen einen Link zum Weitergeben; das Passwort wählt die Person selbst.";
    invite_again = "New invitation" / "Neue Einladung";
    link_for_password = "Link for a new password" / "Link für ein neues Passwort";
    link_once = "The link, shown this once; it is good for seven days, and once:" / "Der Link, nur dieses eine Mal gezeigt; er gilt sieben Tage und einmal:";
    link_mailed_too = "Another one is on its way by mail." / "Ein zweiter ist per E-Mail unterwegs.";
    may_not_sign_in = "May not sign in" / "Darf sich nicht anmelden";
    remove_second_factor = "Remove the second factor" / "Zweiten Faktor entfernen";
    remove = "Remove" / "Entfernen";

    // Collections.
    new_collection = "New collection" / "Neue Sammlung";
    description = "Description" / "Beschreibung";
    who_may_see = "Who may see it" / "Wer es sehen darf";
    visible_to_anybody = "Public: anybody" / "Öffentlich: alle";
    visible_to_signed_in = "Internal: whoever is signed in" / "Intern: alle, die angemeldet sind";
    visible_to_members = "Restricted: its members and owners" / "Beschränkt: Mitglieder und Inhaber";
    members = "Members" / "Mitglieder";
    add_member = "Add a member" / "Mitglied hinzufügen";
    remove_when_empty = "Remove (when it is empty)" / "Entfernen (wenn sie leer ist)";

    // Webhooks.
    webhooks_are = "Other systems that are told what happens, signed as Standard Webhooks has it." / "Andere Systeme, denen gesagt wird, was geschieht; unterschrieben nach Standard Webhooks.";
    new_webhook = "New webhook" / "Neuer Webhook";
    address = "Address" / "Adresse";
    events = "What is told" / "Was gesagt wird";
    active = "active" / "aktiv";
    paused = "paused" / "ruht";
    send_test = "Send a test" / "Test senden";
    remove_webhook = "Remove the webhook" / "Webhook entfernen";
    deliveries = "Deliveries of the last 30 days" / "Zustellungen der letzten 30 Tage";
    attempts = "Attempts" / "Versuche";
    last_attempt = "Last attempt" / "Letzter Versuch";
    answer = "Answer" / "Antwort";
    delivered = "delivered" / "zugestellt";
    given_up = "given up" / "aufgegeben";
    waiting = "waiting" / "wartet";
    webhook_secret_once = "The secret that deliveries are signed with, shown this once:" / "Das Geheimnis, mit dem Zustellungen unterschrieben werden, nur dieses eine Mal gezeigt:";

    // Words and index.
    the_index = "The search index" / "Der Suchindex";
    index_unknown = "The indexer does not answer just now." / "Der Indexer antwortet gerade nicht.";
    no_engine = "There is no search engine; the database answers searches." / "Es gibt keine Suchmaschine; die Datenbank beantwortet die Suche.";
    engine_answers = "the engine answers" / "die Suchmaschine antwortet";
    engine_away = "the engine does not answer" / "die Suchmaschine antwortet nicht";
    index_records(n) = one "One record." / "Ein Eintrag.", other "{n} records." / "{n} Einträge.";
    rebuild_begins = "A rebuild is about to begin." / "Ein Neuaufbau beginnt gleich.";
    rebuilt(done, total) = "Being rebuilt: {done} of {total} documents." / "Neuaufbau: {done} von {total} Dokumenten.";
    look_again = "Look again" / "Noch einmal nachsehen";
    never_compared = "It was never compared with the documents." / "Er wurde noch nie mit den Dokumenten verglichen.";
    compared_at = "Compared with the documents on" / "Mit den Dokumenten verglichen am";
    no_differences = "no differences." / "keine Abweichungen.";
    differences(missing, stale, phantom) = "{missing} missing, {stale} out of date, {phantom} too many." / "{missing} fehlen, {stale} sind veraltet, {phantom} sind zu viel.";
    being_mended = "They are being mended." / "Sie werden behoben.";
    verified(n) = "All {n} documents are in the index as they should be." / "Alle {n} Dokumente stehen im Index, wie sie sollen.";
    rebuild_index = "Rebuild the index" / "Index neu aufbauen";
    verify_index = "Compare now" / "Jetzt vergleichen";
    rebuild_is_safe = "The old index goes on answering until the new one is complete." / "Der alte Index antwortet weiter, bis der neue vollständig ist.";
    synonyms = "Words that stand for others" / "Wörter, die für andere stehen";
    synonyms_are = "Whoever searches for the word finds the others as well." / "Wer nach dem Wort sucht, findet auch die anderen.";
    word = "Word" / "Wort";
    finds_too = "Finds as well" / "Findet auch";
    finds_too_words = "Finds as well (words, separated by commas)" / "Findet auch (Wörter, durch Kommas getrennt)";

    // Backups.
    backup_unknown = "When the last backup ran is not known here." / "Wann zuletzt gesichert wurde, ist hier nicht bekannt.";
    backup_how = "The gateway reads it where BACKUP_METRICS_DIR says; the operator's guide tells how to take backups." / "Das Gateway liest es dort, wo BACKUP_METRICS_DIR hinzeigt; das Betriebshandbuch sagt, wie gesichert wird.";
    backup_fine = "as it should be" / "wie es sein soll";
    backup_late = "too long ago" / "zu lange her";
    backup_last = "The last backup was complete on" / "Die letzte Sicherung war vollständig am";
    backup_holds(rows, objects) = "It holds {rows} rows and {objects} files." / "Sie enthält {rows} Zeilen und {objects} Dateien.";
    restore_worked = "it can be restored" / "sie lässt sich einspielen";
    restore_failed = "restoring failed" / "das Einspielen ist fehlgeschlagen";
    restore_tried = "Restoring was tried on" / "Das Einspielen wurde versucht am";
    restore_never_tried = "Whether it can be restored was not tried yet." / "Ob sie sich einspielen lässt, wurde noch nicht versucht.";

    // The audit log.
    when = "When" / "Wann";
    from = "From" / "Von";
    to = "To" / "Bis";
    who = "Who" / "Wer";
    on_what = "On what" / "Woran";
    details = "Details" / "Einzelheiten";
    everybody = "Everybody" / "Alle";
    somebody_gone = "somebody who was removed" / "jemand, der entfernt wurde";
    the_system = "the system" / "das System";
}
