use serde_json::{Map, Value};

/// Whether a key or a text of the object holds a control character other than tabs and line ends:
/// `jsonb` takes no NUL, and the others have no place in what people are shown.
pub fn has_control(object: &Map<String, Value>) -> bool {
    object.iter().any(|(key, value)| text(key) || holds(value))
}

fn text(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// The parser has bounded the depth.
fn holds(value: &Value) -> bool {
    match value {
        Value::String(value) => text(value),
        Value::Array(items) => items.iter().any(holds),
        Value::Object(fields) => has_control(fields),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_found_wherever_they_stand() {
        let has = |text: &str| has_control(&serde_json::from_str(text).unwrap());
        assert!(!has(r#"{"a": ["line\nand\ttab", {"b": "\\\\u0000"}], "c": 1}"#));
        assert!(has(r#"{"a": [{"b": "\u0000"}]}"#));
        assert!(has(r#"{"\u0001": 1}"#));
        assert!(has(r#"{"a": {"\u009f": null}}"#));
    }
}
