//! The fields of a query or of a form, taken one by one; what is left over is refused.

use actix_web::web;
use chassis::{Fault, FieldFault};

/// Names and values in the order they came.
#[derive(Debug)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    faults: Vec<FieldFault>,
}

impl Query {
    /// Of `application/x-www-form-urlencoded` text.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        if text.is_empty() {
            return Ok(Self { pairs: Vec::new(), faults: Vec::new() });
        }
        let pairs = web::Query::<Vec<(String, String)>>::from_query(text);
        let pairs = pairs.map_err(|_| Fault::field("query", "is not well-formed"))?.into_inner();
        Ok(Self { pairs, faults: Vec::new() })
    }

    /// The fields of a form that was sent.
    pub(crate) fn form(body: &[u8]) -> Result<Self, Fault> {
        Self::parse(std::str::from_utf8(body).map_err(|_| Fault::field("body", "is not UTF-8"))?)
    }

    fn blame(&mut self, field: &str, detail: &str) {
        self.faults.push(FieldFault { field: field.to_owned(), detail: detail.to_owned() });
    }

    /// Every value of a field that may be repeated.
    pub(crate) fn all(&mut self, name: &str) -> Vec<String> {
        self.pairs.extract_if(.., |(n, _)| n == name).map(|(_, value)| value).collect()
    }

    /// A field, or `None`.
    pub(crate) fn get(&mut self, name: &str) -> Option<String> {
        if self.pairs.is_empty() {
            return None;
        }
        let mut values = self.all(name).into_iter();
        let first = values.next();
        if values.next().is_some() {
            self.blame(name, "is there twice");
        }
        if first.as_ref().is_some_and(|text| text.contains('\0')) {
            self.blame(name, "must not contain NUL");
        }
        first
    }

    /// A field that says something, or "" when it is not there: for ids and days, of which an empty
    /// one would otherwise pass for none.
    pub(crate) fn value(&mut self, name: &str) -> String {
        let value = self.get(name);
        if value.as_deref() == Some("") {
            self.blame(name, "must not be empty; leave it out instead");
        }
        value.unwrap_or_default()
    }

    /// A field, or "".
    pub(crate) fn text(&mut self, name: &str) -> String {
        self.get(name).unwrap_or_default()
    }

    /// A whole number within bounds, or 0 when it is not there.
    pub(crate) fn number(&mut self, name: &str, min: i32, max: i32) -> i32 {
        let Some(text) = self.get(name) else { return 0 };
        match text.parse() {
            Ok(number) if (min..=max).contains(&number) => number,
            _ => {
                self.blame(name, &format!("must be a whole number from {min} to {max}"));
                0
            }
        }
    }

    /// `true` or `false`; `false` when it is not there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        match self.get(name).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                self.blame(name, "must be true or false");
                false
            }
        }
    }

    /// One of a few words, as the number beside it; 0 when it is not there.
    pub(crate) fn word(&mut self, name: &str, words: &[(&str, i32)]) -> i32 {
        let Some(text) = self.get(name) else { return 0 };
        if let Some((_, number)) = words.iter().find(|(word, _)| *word == text) {
            return *number;
        }
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        self.blame(name, &format!("must be one of {}", known.join(", ")));
        0
    }

    /// `prefix.key=value` fields as pairs of key and value.
    pub(crate) fn under(&mut self, prefix: &str) -> Vec<(String, String)> {
        let of = |name: &str| name.strip_prefix(prefix).and_then(|n| n.strip_prefix('.')).map(str::to_owned);
        let taken = self.pairs.extract_if(.., |(name, _)| of(name).is_some());
        taken.filter_map(|(name, value)| Some((of(&name)?, value))).collect()
    }

    /// Refuses what was wrong and what nobody took.
    pub(crate) fn done(mut self) -> Result<(), Fault> {
        let left: Vec<String> = self.pairs.drain(..).map(|(name, _)| name).collect();
        for name in left {
            self.blame(&name, "is not a parameter of this call");
        }
        match self.faults.is_empty() {
            true => Ok(()),
            false => Err(Fault::fields(self.faults)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_takes_is_refused_by_name() {
        let mut query = Query::parse("limit=5&metadata.a=1&count=true&colour=red&tag=x&tag=y").unwrap();
        assert_eq!(query.number("limit", 1, 200), 5);
        assert!(query.flag("count"));
        assert_eq!(query.under("metadata"), [("a".to_owned(), "1".to_owned())]);
        assert_eq!(query.all("tag"), ["x", "y"]);
        let fault = query.done().unwrap_err();
        assert_eq!(fault.fields.len(), 1);
        assert_eq!(fault.fields[0].field, "colour");
    }

    #[test]
    fn numbers_flags_and_repeats_are_checked() {
        let mut query = Query::parse("limit=0&count=yes&q=a&q=b&sort=%00").unwrap();
        query.number("limit", 1, 200);
        query.flag("count");
        query.text("q");
        query.text("sort");
        let fields: Vec<_> = query.done().unwrap_err().fields.into_iter().map(|f| f.field).collect();
        assert_eq!(fields, ["limit", "count", "q", "sort"]);
    }
}
