use super::words;

words! {
    // Months, for days that are said in words.
    months = "January February March April May June July August September October November December" / "Januar Februar März April Mai Juni Juli August September Oktober November Dezember";
    bytes(n) = one "1 byte" / "1 Byte", other "{n} bytes" / "{n} Bytes";

    // Around every page.
    to_content = "To the content" / "Zum Inhalt";
    main_navigation = "Main" / "Hauptmenü";
    place_search = "Search" / "Suche";
    place_documents = "Documents" / "Dokumente";
    place_inbox = "Inbox" / "Posteingang";
    place_contacts = "Contacts" / "Kontakte";
    place_overview = "Overview" / "Übersicht";
    place_settings = "Settings" / "Einstellungen";
    account = "Account" / "Konto";
    sign_out = "Sign out" / "Abmelden";
    choose_language = "Language" / "Sprache";

    as_of(seconds) = "Part of the system is out of reach. This is how it was {seconds} seconds ago; nothing can be changed just now." / "Ein Teil des Systems ist nicht erreichbar. So war es vor {seconds} Sekunden; gerade lässt sich nichts ändern.";

    // Signing in.
    sign_in = "Sign in" / "Anmelden";
    email_address = "E-mail address" / "E-Mail-Adresse";
    password = "Password" / "Passwort";
    sign_in_code = "Code of your authenticator app, or a recovery code" / "Code Ihrer Authenticator-App oder ein Wiederherstellungscode";

    // Problems.
    what_this_means = "What this means" / "Was das bedeutet";
    start_page = "Start page" / "Startseite";
    request_number(id) = "Request {id}" / "Anfrage {id}";

    // After the contact form of somebody's website.
    thank_you = "Thank you" / "Vielen Dank";
    message_received = "Your message has been received." / "Ihre Nachricht ist angekommen.";

    // In many places.
    more = "More" / "Mehr";
    show = "Show" / "Zeigen";
    save = "Save" / "Speichern";
    none = "None." / "Keine.";
    cannot_be_undone = "It cannot be undone." / "Das lässt sich nicht rückgängig machen.";
}
