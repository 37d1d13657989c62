//! What mails say, in the recipient's language. What visitors wrote stands in the text only, never in a
//! header field.

use crate::{
    store::Recipient,
    words::{Language, Words},
};

/// Subject and text.
pub(crate) type Said = (String, String);

fn words(to: &Recipient) -> Words {
    Words::in_language(Language::of_tag(&to.language).unwrap_or_default())
}

/// Somebody has written by the contact form.
pub(super) fn submission(to: &Recipient, name: &str, email: &str, subject: &str, link: &str) -> Said {
    let (w, subject) = (words(to), one_line(subject));
    let about = if subject.is_empty() { String::new() } else { w.mail_about(subject) };
    (w.mail_submission().to_owned(), w.mail_submission_text(one_line(name), one_line(email), about, link))
}

/// A link that an owner wants somebody to have.
pub(super) fn invitation(to: &Recipient, host: &str, link: &str) -> Said {
    let w = words(to);
    match to.invited {
        true => (w.mail_invitation(host), w.mail_invitation_text(host, link)),
        false => (w.mail_password(host), w.mail_password_text(host, link)),
    }
}

/// A link for somebody who forgot their password.
pub(super) fn forgotten(to: &Recipient, host: &str, link: &str) -> Said {
    let w = words(to);
    (w.mail_password(host), w.mail_forgotten_text(host, link))
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
