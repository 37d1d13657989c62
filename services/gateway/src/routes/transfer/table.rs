//! CSV, as spreadsheets write and read it.

use std::collections::BTreeMap;

use chassis::Fault;
use proto::contacts::{Contact, CreateContactRequest};

const COLUMNS: [&str; 9] = ["id", "name", "email", "phone", "company", "tags", "metadata", "created_at", "updated_at"];
/// What spreadsheets take for the beginning of a formula (OWASP, CSV injection).
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The line that says what the columns are.
pub(super) fn headings() -> Vec<u8> {
    line(COLUMNS)
}

/// One line.
pub(super) fn write(bytes: &mut Vec<u8>, contact: &Contact) {
    let time = |micros| jiff::Timestamp::from_microsecond(micros).map(|t| t.to_string()).unwrap_or_default();
    let fields = [
        contact.id.clone(),
        harmless(&contact.name),
        harmless(&contact.email),
        harmless(&contact.phone),
        harmless(&contact.company),
        harmless(&contact.tags.join(", ")),
        contact.metadata.clone(),
        time(contact.created_at),
        time(contact.updated_at),
    ];
    bytes.extend(line(fields));
}

fn line<S: AsRef<[u8]>>(fields: impl IntoIterator<Item = S>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(fields);
    writer.into_inner().unwrap_or_default()
}

/// A text that a spreadsheet does not run; [`plain`] takes the sign away again.
fn harmless(text: &str) -> String {
    if text.starts_with(FORMULA) { format!("'{text}") } else { text.to_owned() }
}

fn plain(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULA)).unwrap_or(text)
}

/// Rows of CSV with a line of headings. Columns that are no field of a contact become metadata.
pub(super) fn read(text: &str) -> Result<Vec<CreateContactRequest>, Fault> {
    let headings = text.lines().next().unwrap_or_default();
    let delimiter = [b';', b'\t', b','].into_iter().max_by_key(|d| headings.bytes().filter(|b| b == d).count());
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let wrong = |error: csv::Error| Fault::unprocessable("body", format!("is not well-formed CSV: {error}"));
    let headings: Vec<String> = reader.headers().map_err(wrong)?.iter().map(str::to_owned).collect();
    if !headings.iter().any(|heading| field(heading) == Some("email")) {
        return Err(Fault::unprocessable("body", "has no column “email” in its first line"));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        rows.push(contact(&headings, &record.map_err(wrong)?)?);
    }
    Ok(rows)
}

/// The field of a contact that a heading names, in English or German.
fn field(heading: &str) -> Option<&'static str> {
    Some(match heading.to_lowercase().as_str() {
        "name" => "name",
        "email" | "e-mail" | "mail" | "email address" | "e-mail address" | "e-mail-adresse" => "email",
        "phone" | "telephone" | "tel" | "telefon" => "phone",
        "company" | "organisation" | "organization" | "firma" => "company",
        "tags" | "schlagwörter" => "tags",
        "metadata" => "metadata",
        "id" | "created_at" | "updated_at" => "ignored",
        _ => return None,
    })
}

fn contact(headings: &[String], record: &csv::StringRecord) -> Result<CreateContactRequest, Fault> {
    let mut row = CreateContactRequest::default();
    let mut more: BTreeMap<&str, serde_json::Value> = BTreeMap::new();
    for (heading, value) in headings.iter().zip(record) {
        let value = plain(value).to_owned();
        match field(heading) {
            Some("name") => row.name = value,
            Some("email") => row.email = value,
            Some("phone") => row.phone = value,
            Some("company") => row.company = value,
            Some("tags") => {
                row.tags = value.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
            }
            Some("metadata") => row.metadata = value,
            Some(_) => {}
            None if value.is_empty() => {}
            None => drop(more.insert(heading, value.into())),
        }
    }
    if row.name.is_empty() {
        row.name.clone_from(&row.email);
    }
    if row.metadata.is_empty() && !more.is_empty() {
        row.metadata = serde_json::to_string(&more).map_err(Fault::internal)?;
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_spreadsheet_is_read_whatever_its_separator() {
        let rows = read("Name;E-Mail;Telefon;Tags;Ort\r\n\"Weber; Söhne\";w@x.ch;'+41 1;a, b;Bern\r\n").unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].name.as_str(), rows[0].phone.as_str()), ("Weber; Söhne", "+41 1"));
        assert_eq!((rows[0].tags.join("|"), rows[0].metadata.as_str()), ("a|b".to_owned(), r#"{"Ort":"Bern"}"#));
        assert!(read("name,phone\nA,1\n").is_err());
        assert!(read("name,email\nA\n").is_err());
    }

    #[test]
    fn what_is_exported_is_no_formula_and_comes_back_the_same() {
        let contact_out =
            Contact { name: "=1+1".into(), email: "a@b.ch".into(), metadata: "{}".into(), ..Default::default() };
        let mut bytes = headings();
        write(&mut bytes, &contact_out);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(",'=1+1,") && !text.contains(",=1+1"), "{text}");
        assert_eq!(read(&text).unwrap()[0].name, "=1+1");
    }
}
