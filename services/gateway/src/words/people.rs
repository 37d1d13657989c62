use super::words;

words! {
    // Coming in.
    sign_in_with(name) = "Sign in with {name}" / "Anmelden mit {name}";
    forgotten_password = "Forgotten password" / "Passwort vergessen";
    mail_me_a_link = "Mail me a link" / "Link per E-Mail schicken";
    link_is_on_its_way = "If there is an account with this address, a link is on its way to it. It is good for an hour." / "Gibt es ein Konto mit dieser Adresse, dann ist ein Link dorthin unterwegs. Er gilt eine Stunde.";
    back_to_start = "Back to the start" / "Zurück zum Anfang";
    new_password = "A new password" / "Ein neues Passwort";
    your_account(email) = "Your account: {email}" / "Ihr Konto: {email}";
    your_name = "Your name" / "Ihr Name";
    choose_password = "Your password, at least 8 characters" / "Ihr Passwort, mindestens 8 Zeichen";
    set_password = "Set the password" / "Passwort festlegen";

    // Mail.
    mail_submission = "New message by the contact form" / "Neue Nachricht über das Kontaktformular";
    mail_submission_text(name, email, about, link) = "A message has arrived by the contact form.\n\nFrom: {name} ({email})\n{about}\nRead and answer it:\n{link}\n\n-- \nYou can turn these notifications off in the settings.\n" / "Über das Kontaktformular ist eine Nachricht eingegangen.\n\nVon: {name} ({email})\n{about}\nLesen und antworten:\n{link}\n\n-- \nDiese Benachrichtigungen lassen sich in den Einstellungen abschalten.\n";
    mail_about(subject) = "Subject: {subject}\n" / "Betreff: {subject}\n";
    mail_invitation(host) = "Invitation to Dossier ({host})" / "Einladung zu Dossier ({host})";
    mail_invitation_text(host, link) = "You were invited to Dossier at {host}.\n\nChoose your name and password (the link is good for seven days, and once):\n{link}\n" / "Sie wurden zu Dossier auf {host} eingeladen.\n\nNamen und Passwort festlegen (der Link gilt sieben Tage und nur einmal):\n{link}\n";
    mail_password(host) = "New password for Dossier ({host})" / "Neues Passwort für Dossier ({host})";
    mail_password_text(host, link) = "This link lets you choose a new password for Dossier at {host}. It is good for seven days, and once:\n{link}\n" / "Mit diesem Link legen Sie ein neues Passwort für Dossier auf {host} fest. Er gilt sieben Tage und nur einmal:\n{link}\n";
    mail_forgotten_text(host, link) = "Somebody, probably you, wants to choose a new password for Dossier at {host}. The link is good for an hour, and once:\n{link}\n\nIf it was not you, ignore this message.\n" / "Jemand – vermutlich Sie – möchte ein neues Passwort für Dossier auf {host} festlegen. Der Link gilt eine Stunde und nur einmal:\n{link}\n\nWaren Sie es nicht, dann ignorieren Sie diese Nachricht.\n";
}
