//! What each kind of problem means: the stable name, the title, and a sentence that explains it, for
//! `/problems/{slug}`. The API says the title in English.

use super::{Language, Words};

/// Something in English and in German.
type Both = [&'static str; 2];

const MEANINGS: &[(&str, Both, Both)] = &[
    (
        "invalid",
        ["The request is not valid", "Die Eingabe ist nicht gültig"],
        [
            "A field or parameter is missing, unknown or not what it must be. `errors` names each.",
            "Ein Feld fehlt, ist unbekannt oder enthält nicht, was es enthalten muss. `errors` nennt jedes.",
        ],
    ),
    (
        "unauthenticated",
        ["Nobody is signed in", "Niemand ist angemeldet"],
        [
            "Sign in, or send an API token as `Authorization: Bearer dsr_…`.",
            "Melden Sie sich an; Programme senden einen Schlüssel als `Authorization: Bearer dsr_…`.",
        ],
    ),
    (
        "sign-in-failed",
        ["Sign-in failed", "Die Anmeldung ist fehlgeschlagen"],
        [
            "The e-mail address or the password is wrong, or the account is disabled.",
            "Die E-Mail-Adresse oder das Passwort ist falsch, oder das Konto ist gesperrt.",
        ],
    ),
    (
        "totp-required",
        ["A code is needed as well", "Es fehlt noch ein Code"],
        [
            "The password is right. Sign in again with it and with `totp`: a code of the authenticator app, or a recovery code.",
            "Das Passwort stimmt. Geben Sie dazu einen Code Ihrer Authenticator-App oder einen Wiederherstellungscode ein.",
        ],
    ),
    (
        "totp-wrong",
        ["The code is wrong", "Der Code ist falsch"],
        [
            "Each code is good once, and for about a minute. A recovery code does as well. After five wrong ones there is a pause.",
            "Jeder Code gilt einmal und etwa eine Minute lang. Ein Wiederherstellungscode geht auch. Nach fünf falschen folgt eine Pause.",
        ],
    ),
    (
        "totp-enabled",
        ["There is a second factor", "Es gibt schon einen zweiten Faktor"],
        ["Disable it before you set up another one.", "Schalten Sie ihn ab, bevor Sie einen neuen einrichten."],
    ),
    (
        "secrets-locked",
        ["A key is missing", "Ein Schlüssel fehlt"],
        [
            "Second factors and the secrets of webhooks are encrypted with a key that the gateway does not have. Whoever runs the system must give it back (`SEALING_KEY`). Until then a recovery code still signs in, an owner can remove somebody's second factor, and everything else works.",
            "Zweite Faktoren und die Geheimnisse von Webhooks sind mit einem Schlüssel verschlüsselt, der dem System fehlt. Wer es betreibt, muss ihn wieder hinterlegen (`SEALING_KEY`). Bis dahin kommen Sie mit einem Wiederherstellungscode herein, oder jemand, dem das System gehört, entfernt den zweiten Faktor; alles andere geht wie immer.",
        ],
    ),
    (
        "wrong-password",
        ["The password is wrong", "Das Passwort ist falsch"],
        [
            "What protects your account is changed only with your password.",
            "Was Ihr Konto schützt, lässt sich nur mit Ihrem Passwort ändern.",
        ],
    ),
    (
        "oidc-failed",
        ["The sign-in did not work", "Die Anmeldung hat nicht geklappt"],
        [
            "What came back from the identity provider was not accepted: it was begun elsewhere or too long ago, or it is not proven. Begin again.",
            "Was vom Anmeldedienst zurückkam, wurde nicht angenommen: Es wurde anderswo oder vor zu langer Zeit begonnen, oder es ist nicht bewiesen. Fangen Sie noch einmal an.",
        ],
    ),
    (
        "oidc-unavailable",
        ["The identity provider is out of reach", "Der Anmeldedienst ist nicht erreichbar"],
        [
            "It does not answer just now. Try again later, or sign in with your password.",
            "Er antwortet gerade nicht. Versuchen Sie es später, oder melden Sie sich mit Ihrem Passwort an.",
        ],
    ),
    (
        "oidc-email-unverified",
        ["The e-mail address is not verified", "Die E-Mail-Adresse ist nicht bestätigt"],
        [
            "The identity provider does not vouch for your address, so it cannot be matched with an account here.",
            "Der Anmeldedienst bürgt nicht für Ihre Adresse; sie lässt sich keinem Konto zuordnen.",
        ],
    ),
    (
        "oidc-not-invited",
        ["You were not invited", "Sie sind nicht eingeladen"],
        [
            "You are who you say, and there is no account here that you may use. Ask an owner to invite you.",
            "Wer Sie sind, steht fest; ein Konto, das Sie benutzen dürfen, gibt es hier nicht. Bitten Sie einen Inhaber um eine Einladung.",
        ],
    ),
    (
        "invitation-over",
        ["The link is not good any more", "Der Link gilt nicht mehr"],
        [
            "It was used already, has expired, or another one took its place. Ask for a new one.",
            "Er wurde schon benutzt, ist abgelaufen oder durch einen anderen ersetzt. Bitten Sie um einen neuen.",
        ],
    ),
    (
        "user-disabled",
        ["The account is disabled", "Das Konto ist gesperrt"],
        ["Enable it first.", "Entsperren Sie es zuerst."],
    ),
    (
        "invalid-token",
        ["The token is not valid", "Der Schlüssel ist nicht gültig"],
        ["It was never made, has expired, or was revoked.", "Es gab ihn nie, er ist abgelaufen oder wurde widerrufen."],
    ),
    (
        "forbidden",
        ["Not allowed", "Nicht erlaubt"],
        [
            "You are signed in, and your role, or the scopes of your token, do not allow this.",
            "Sie sind angemeldet, aber Ihre Rolle oder die Rechte Ihres Schlüssels erlauben das nicht.",
        ],
    ),
    (
        "cross-site-request",
        ["Refused as cross-site", "Als fremde Anfrage abgelehnt"],
        [
            "A change that is authenticated by a cookie must come from this site: the request needs `Sec-Fetch-Site: same-origin` or `none`, or an `Origin` that is ours. Programs should use an API token.",
            "Eine Änderung, für die ein Cookie bürgt, muss von einer Seite dieser Website kommen: mit `Sec-Fetch-Site: same-origin` oder `none`, oder mit unserem `Origin`. Programme nehmen einen Schlüssel.",
        ],
    ),
    (
        "not-found",
        ["Not found", "Nicht gefunden"],
        [
            "There is no such thing, or you may not see it; which of the two is not said.",
            "Das gibt es nicht, oder Sie dürfen es nicht sehen; welches von beiden, wird nicht gesagt.",
        ],
    ),
    (
        "no-picture",
        ["There is no picture", "Es gibt kein Bild"],
        [
            "Pages of documents of this type have no looks: show its text instead.",
            "Seiten von Dokumenten dieser Art haben kein Aussehen: Zeigen Sie stattdessen den Text.",
        ],
    ),
    (
        "picture-locked",
        ["The document is locked", "Das Dokument ist verschlossen"],
        [
            "It opens with a password only, so its pages cannot be drawn.",
            "Es öffnet sich nur mit einem Kennwort, daher lassen sich seine Seiten nicht zeichnen.",
        ],
    ),
    (
        "picture-failed",
        ["The page cannot be drawn", "Die Seite lässt sich nicht zeichnen"],
        [
            "The document is damaged, or drawing it takes more than is allowed. Its bytes are as they were.",
            "Das Dokument ist beschädigt, oder es zu zeichnen kostet mehr, als erlaubt ist. Die Datei ist, wie sie war.",
        ],
    ),
    (
        "method-not-allowed",
        ["The method does not exist here", "Diese Methode gibt es hier nicht"],
        ["`Allow` lists the methods that do.", "`Allow` nennt die Methoden, die es gibt."],
    ),
    (
        "conflict",
        ["It contradicts what is there", "Es widerspricht dem, was da ist"],
        [
            "The request is valid and cannot be done in the present state.",
            "Die Eingabe ist gültig, aber im jetzigen Zustand nicht möglich.",
        ],
    ),
    (
        "email-taken",
        ["The e-mail address is taken", "Die E-Mail-Adresse ist vergeben"],
        ["Another record has this address already.", "Ein anderer Eintrag hat diese Adresse schon."],
    ),
    (
        "already-merged",
        ["It is part of another contact", "Er gehört schon zu einem anderen Kontakt"],
        [
            "Undo that merge first; the timeline of the other contact shows it.",
            "Machen Sie diese Zusammenführung zuerst rückgängig; sie steht im Verlauf des anderen Kontakts.",
        ],
    ),
    (
        "merge-gone",
        ["The merge cannot be undone", "Das lässt sich nicht mehr trennen"],
        [
            "One of the two contacts has been removed since, and everything that was its own with it.",
            "Einer der beiden Kontakte wurde inzwischen gelöscht und mit ihm alles, was seines war.",
        ],
    ),
    (
        "merge-nested",
        ["Another merge has to be undone first", "Zuerst ist eine spätere Zusammenführung zu trennen"],
        [
            "The contact that it went into has itself gone into another one since. Undo that, and then this.",
            "Der Kontakt, zu dem er kam, ist seither selbst in einem anderen aufgegangen. Trennen Sie zuerst diese beiden.",
        ],
    ),
    (
        "last-owner",
        ["The last owner", "Der letzte Inhaber"],
        [
            "Somebody must be able to let others in: make another owner first.",
            "Jemand muss andere hereinlassen können: Ernennen Sie zuerst einen weiteren Inhaber.",
        ],
    ),
    (
        "search-name-taken",
        ["The name is taken", "Der Name ist vergeben"],
        [
            "You have saved another search under this name: choose another one, or remove that.",
            "Unter diesem Namen haben Sie schon eine Suche gespeichert: Wählen Sie einen anderen, oder entfernen Sie jene.",
        ],
    ),
    (
        "too-many-searches",
        ["Too many saved searches", "Zu viele gespeicherte Suchen"],
        ["Remove one of them first.", "Entfernen Sie zuerst eine davon."],
    ),
    (
        "collection-not-empty",
        ["The collection is not empty", "Die Sammlung ist nicht leer"],
        ["Move or purge its documents first.", "Verschieben oder löschen Sie zuerst ihre Dokumente."],
    ),
    (
        "first-collection",
        ["The first collection stays", "Die erste Sammlung bleibt"],
        ["It takes the documents that name no collection.", "Sie nimmt die Dokumente auf, die keine Sammlung nennen."],
    ),
    (
        "in-trash",
        ["It is in the trash", "Es liegt im Papierkorb"],
        ["Restore the document first.", "Holen Sie das Dokument zuerst zurück."],
    ),
    (
        "not-in-trash",
        ["It is not in the trash", "Es liegt nicht im Papierkorb"],
        [
            "Only what is in the trash can be restored or purged.",
            "Nur was im Papierkorb liegt, lässt sich zurückholen oder endgültig löschen.",
        ],
    ),
    (
        "no-more-files",
        ["All files have been handed in", "Alle Dateien sind eingereicht"],
        [
            "The upload link takes no more. Whoever sent it can make another one.",
            "Dieser Link nimmt keine weiteren an. Wer ihn geschickt hat, kann einen neuen machen.",
        ],
    ),
    (
        "bundle-format",
        ["The bundle is of a later release", "Der Export stammt aus einer neueren Version"],
        [
            "Bring it into the release that wrote it, or a later one.",
            "Lesen Sie ihn in die Version ein, die ihn geschrieben hat, oder in eine neuere.",
        ],
    ),
    (
        "bundle-truncated",
        ["The bundle is not whole", "Der Export ist unvollständig"],
        [
            "It was cut off on its way. What had been brought in by then stays; a good copy brings in the rest.",
            "Er wurde unterwegs abgeschnitten. Was bis dahin eingelesen war, bleibt; eine gute Kopie liest den Rest ein.",
        ],
    ),
    (
        "bundle-damaged",
        ["The bundle is damaged", "Der Export ist beschädigt"],
        [
            "An entry is not what was written. What had been brought in by then stays; a good copy brings in the rest.",
            "Ein Eintrag ist nicht mehr, was er war. Was bis dahin eingelesen war, bleibt; eine gute Kopie liest den Rest ein.",
        ],
    ),
    (
        "import-running",
        ["An import is under way", "Es wird gerade ein Export eingelesen"],
        [
            "One bundle is brought in at a time. `GET /import` says how far it is.",
            "Einer nach dem anderen. `GET /import` sagt, wie weit er ist.",
        ],
    ),
    (
        "not-locked",
        ["It waits for no password", "Es wartet auf kein Passwort"],
        [
            "Only a document that could not be read without its password takes one.",
            "Nur ein Dokument, das sich ohne Passwort nicht lesen ließ, nimmt eines an.",
        ],
    ),
    (
        "password-does-not-open",
        ["The password does not open the document", "Das Passwort öffnet das Dokument nicht"],
        [
            "It was tried and forgotten. Nothing was changed; try another one.",
            "Das Passwort öffnet das Dokument nicht. Es wurde vergessen; versuchen Sie ein anderes.",
        ],
    ),
    (
        "not-completed",
        ["It has not been read yet", "Es ist noch nicht gelesen"],
        ["Wait until the document has been read.", "Warten Sie, bis das Dokument gelesen ist."],
    ),
    (
        "no-engine",
        ["There is no search engine", "Es gibt keine Suchmaschine"],
        [
            "PostgreSQL answers searches; there is no index to administer.",
            "Die Datenbank beantwortet Suchen; es gibt keinen Index zu verwalten.",
        ],
    ),
    (
        "idempotency-in-flight",
        ["Still in progress", "Noch in Arbeit"],
        [
            "The first request with this idempotency key is still being worked on. Try again in a moment.",
            "Die erste Anfrage mit diesem Wiederholungsschlüssel ist noch in Arbeit. Versuchen Sie es gleich noch einmal.",
        ],
    ),
    (
        "idempotency-mismatch",
        ["The idempotency key was used for something else", "Der Wiederholungsschlüssel gehört zu etwas anderem"],
        [
            "A key belongs to one request. Use a new one for another.",
            "Ein Schlüssel gehört zu einer Anfrage. Nehmen Sie für eine andere einen neuen.",
        ],
    ),
    (
        "precondition-failed",
        ["It has changed", "Es hat sich geändert"],
        [
            "It is not in the state that `If-Match` names. Read it again and decide anew.",
            "Es ist nicht mehr in dem Zustand, den Sie gesehen haben. Lesen Sie es noch einmal und entscheiden Sie neu.",
        ],
    ),
    (
        "too-large",
        ["Too large", "Zu groß"],
        ["The body, or a part of it, is larger than the limit.", "Was gesendet wurde, ist größer als erlaubt."],
    ),
    (
        "unsupported-media-type",
        ["The type is not accepted", "Dieser Typ wird nicht angenommen"],
        ["This call does not take content of this type.", "Inhalt von diesem Typ wird hier nicht angenommen."],
    ),
    (
        "unsupported-type",
        ["The type of document is not accepted", "Diese Art von Dokument wird nicht angenommen"],
        [
            "The content, whatever its name, is of a type that is not taken.",
            "Der Inhalt, wie auch immer die Datei heißt, ist von einer Art, die nicht angenommen wird.",
        ],
    ),
    (
        "range-not-satisfiable",
        ["The range lies outside the content", "Der Bereich liegt außerhalb des Inhalts"],
        ["`Content-Range` says how long the content is.", "`Content-Range` sagt, wie lang der Inhalt ist."],
    ),
    (
        "unprocessable",
        ["It cannot be processed", "Es lässt sich nicht verarbeiten"],
        [
            "The request is well-formed, and not what it claims to be.",
            "Die Eingabe ist wohlgeformt, aber nicht das, was sie zu sein vorgibt.",
        ],
    ),
    (
        "checksum-mismatch",
        ["The checksum does not match", "Die Prüfsumme stimmt nicht"],
        [
            "The bytes that arrived are not those that `X-Checksum-Sha256` describes. Nothing was kept.",
            "Angekommen ist etwas anderes, als `X-Checksum-Sha256` beschreibt. Nichts wurde behalten.",
        ],
    ),
    (
        "empty-file",
        ["The file is empty", "Die Datei ist leer"],
        ["There is nothing in it. Nothing was kept.", "Es steht nichts darin. Nichts wurde behalten."],
    ),
    (
        "cut-off",
        ["The upload was cut off", "Die Übertragung brach ab"],
        ["The body ended too early. Nothing was kept.", "Die Datei kam nicht ganz an. Nichts wurde behalten."],
    ),
    (
        "incomplete",
        ["The upload was cut off", "Die Übertragung brach ab"],
        ["The body ended too early. Nothing was kept.", "Die Datei kam nicht ganz an. Nichts wurde behalten."],
    ),
    (
        "rate-limited",
        ["Too often", "Zu oft"],
        ["Wait as long as `Retry-After` says.", "Warten Sie ein wenig und versuchen Sie es dann noch einmal."],
    ),
    (
        "unavailable",
        ["Out of reach just now", "Gerade nicht erreichbar"],
        [
            "A part of the system cannot be reached. Nothing was changed; try again after `Retry-After` seconds.",
            "Ein Teil des Systems ist nicht erreichbar. Nichts wurde geändert; versuchen Sie es gleich noch einmal.",
        ],
    ),
    (
        "overloaded",
        ["Too much at once", "Zu viel auf einmal"],
        [
            "More is being asked than can be answered just now. Nothing was done; try again after `Retry-After` seconds.",
            "Gerade wird mehr verlangt, als beantwortet werden kann. Nichts wurde getan; versuchen Sie es gleich noch einmal.",
        ],
    ),
    (
        "storage-unavailable",
        ["The storage is out of reach just now", "Der Speicher ist gerade nicht erreichbar"],
        [
            "Files cannot be stored or read. Nothing was changed; try again later.",
            "Dateien lassen sich weder ablegen noch lesen. Nichts wurde geändert; versuchen Sie es später noch einmal.",
        ],
    ),
    (
        "storage-full",
        ["The storage is full", "Der Speicher ist voll"],
        ["There is no room for the file. Nothing was kept.", "Für die Datei ist kein Platz. Nichts wurde behalten."],
    ),
    (
        "timeout",
        ["It took too long", "Es hat zu lange gedauert"],
        [
            "The deadline passed. A change may or may not have been made: repeat it with the same `Idempotency-Key`.",
            "Die Zeit ist um. Vielleicht wurde etwas geändert, vielleicht nicht: Sehen Sie nach, bevor Sie es wiederholen.",
        ],
    ),
    (
        "request-timeout",
        ["The request took too long to arrive", "Die Anfrage brauchte zu lange"],
        ["The body did not arrive in time.", "Sie kam nicht rechtzeitig an."],
    ),
    (
        "internal",
        ["A mistake of ours", "Ein Fehler von uns"],
        ["It is in our log under the request id.", "Er steht unter der Nummer der Anfrage in unserem Protokoll."],
    ),
];

impl Words {
    /// Title and explanation of a problem, by its stable name.
    pub(crate) fn meaning(self, slug: &str) -> Option<(&'static str, &'static str)> {
        let which = usize::from(self.0 == Language::German);
        MEANINGS.iter().find(|(known, ..)| *known == slug).map(|(_, title, text)| (title[which], text[which]))
    }
}

/// The same for programs, in English.
pub(crate) fn meaning(slug: &str) -> Option<(&'static str, &'static str)> {
    Words::in_language(Language::English).meaning(slug)
}
