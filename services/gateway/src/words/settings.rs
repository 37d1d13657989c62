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
    add_person = "Add somebody" / "Jemanden hinzufügen";
    first_password = "First password, at least 8 characters" / "Erstes Passwort, mindestens 8 Zeichen";

    // Keys for programs.
    your_keys = "Your keys for programs" / "Ihre Schlüssel für Programme";
    key_used = "used" / "benutzt";
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
    for_programs = "For programs" / "Für Programme";
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
}
