//! What a contact takes from one that goes into it, and gives back when that is undone.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Metadata, Parsed, Tags};

/// What of a contact can be added to. Its name and its address are its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Details {
    pub(crate) phone: String,
    pub(crate) company: String,
    pub(crate) tags: Vec<String>,
    pub(crate) metadata: Map<String, Value>,
}

/// What was added: names and ids; the values are those of the contact that it came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Taken {
    /// `phone` and `company`.
    pub(crate) fields: Vec<String>,
    pub(crate) tags: Vec<String>,
    /// Keys at the top.
    pub(crate) metadata: Vec<String>,
    /// Documents of which something was said.
    pub(crate) documents: Vec<Uuid>,
}

impl Taken {
    /// Whether the contact itself is the same as before.
    pub(crate) fn is_nothing(&self) -> bool {
        self.fields.is_empty() && self.tags.is_empty() && self.metadata.is_empty()
    }
}

impl Details {
    /// Takes what it has none of. An error when both together are more than a contact may have.
    pub(crate) fn take(&mut self, source: &Details) -> Parsed<Taken> {
        let mut taken = Taken::default();
        let fields = [("phone", &mut self.phone, &source.phone), ("company", &mut self.company, &source.company)];
        for (name, own, other) in fields {
            if own.is_empty() && !other.is_empty() {
                own.clone_from(other);
                taken.fields.push(name.to_owned());
            }
        }
        for tag in &source.tags {
            if !self.tags.contains(tag) {
                self.tags.push(tag.clone());
                taken.tags.push(tag.clone());
            }
        }
        for (key, value) in &source.metadata {
            if !self.metadata.contains_key(key) {
                self.metadata.insert(key.clone(), value.clone());
                taken.metadata.push(key.clone());
            }
        }
        Tags::parse(&self.tags).map_err(|detail| format!("tags of both {detail}"))?;
        Metadata(self.metadata.clone()).checked().map_err(|detail| format!("metadata of both {detail}"))?;
        Ok(taken)
    }

    /// Gives back what was taken and is still as it was taken, but for what it has from `others` as well.
    pub(crate) fn give_back(&mut self, taken: &Taken, source: &Details, others: &[Details]) {
        let was_taken = |name: &str| taken.fields.iter().any(|field| field == name);
        if was_taken("phone") && self.phone == source.phone && others.iter().all(|o| o.phone != source.phone) {
            self.phone.clear();
        }
        if was_taken("company") && self.company == source.company && others.iter().all(|o| o.company != source.company)
        {
            self.company.clear();
        }
        self.tags.retain(|tag| !taken.tags.contains(tag) || others.iter().any(|other| other.tags.contains(tag)));
        for key in &taken.metadata {
            let value = source.metadata.get(key);
            if self.metadata.get(key) == value && others.iter().all(|other| other.metadata.get(key) != value) {
                self.metadata.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn details(phone: &str, company: &str, tags: &[&str], metadata: Value) -> Details {
        let Value::Object(metadata) = metadata else { panic!("an object") };
        let tags = tags.iter().map(ToString::to_string).collect();
        Details { phone: phone.into(), company: company.into(), tags, metadata }
    }

    #[test]
    fn what_is_there_stays_and_gaps_are_filled() {
        let mut target = details("", "Own", &["a"], json!({"x": 1}));
        let source = details("+1", "Other", &["b", "a"], json!({"x": 2, "y": {"z": null}}));
        let taken = target.take(&source).unwrap();
        assert_eq!(target, details("+1", "Own", &["a", "b"], json!({"x": 1, "y": {"z": null}})));
        assert_eq!(
            (taken.fields.join(""), taken.tags.join(""), taken.metadata.join("")),
            ("phone".into(), "b".into(), "y".into())
        );
        assert!(target.take(&source).unwrap().is_nothing());
    }

    #[test]
    fn giving_back_restores_what_was_before() {
        let before = details("", "", &["a"], json!({"x": 1}));
        let source = details("+1", "Other", &["b"], json!({"y": 2}));
        let mut target = before.clone();
        let taken = target.take(&source).unwrap();
        target.give_back(&taken, &source, &[]);
        assert_eq!(target, before);
    }

    #[test]
    fn what_was_changed_meanwhile_or_comes_from_others_too_stays() {
        let source = details("+1", "Firm", &["b", "c"], json!({"y": 2, "z": 3}));
        let mut target = Details::default();
        let taken = target.take(&source).unwrap();
        target.phone = "+2".into();
        target.metadata.insert("y".into(), json!(5));
        target.give_back(&taken, &source, &[details("", "Firm", &["c"], json!({}))]);
        assert_eq!(target, details("+2", "Firm", &["c"], json!({"y": 5})));
    }

    #[test]
    fn two_that_are_too_much_together_are_refused() {
        let many = |name: &str| (0..30).map(|n| format!("{name}{n}")).collect();
        let mut target = Details { tags: many("a"), ..Default::default() };
        assert!(target.take(&Details { tags: many("b"), ..Default::default() }).is_err());
        let large = |key: &str| details("", "", &[], json!({key: "x".repeat(9_000)}));
        assert!(large("a").take(&large("b")).is_err());
        assert!(large("a").take(&large("a")).is_ok());
    }
}
