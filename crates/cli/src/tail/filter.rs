//! Which records are shown.

use serde_json::Value;

use super::line::scalar;

/// What a record must be to be shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    /// One of these events; none means any.
    pub(super) events: Vec<String>,
    /// A key that matches.
    pub(super) key: Option<KeyFilter>,
}

/// A key attribute's value, or the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyFilter {
    whole: String,
    attribute: Option<(String, String)>,
}

impl KeyFilter {
    /// `TEXT` or `ATTRIBUTE=TEXT`, with `*` at the end for a beginning.
    pub(super) fn new(text: &str) -> Self {
        let attribute = text.split_once('=');
        KeyFilter {
            whole: text.to_owned(),
            attribute: attribute.map(|(name, text)| (name.to_owned(), text.to_owned())),
        }
    }

    fn admits(&self, keys: &Value) -> bool {
        if let Some((name, text)) = &self.attribute
            && let Some(value) = keys.get(name)
        {
            return matches(text, value);
        }
        let values = keys.as_object().into_iter().flatten();
        values
            .into_iter()
            .any(|(_, value)| matches(&self.whole, value))
    }
}

fn matches(text: &str, value: &Value) -> bool {
    let value = scalar(value).unwrap_or_default();
    match text.strip_suffix('*') {
        Some(beginning) => value.starts_with(beginning),
        None => value == text,
    }
}

impl Filter {
    pub(super) fn admits(&self, record: &Value) -> bool {
        let event = record["eventName"].as_str().unwrap_or_default();
        let event_fits = self.events.is_empty() || self.events.iter().any(|wanted| wanted == event);
        let keys = &record["dynamodb"]["Keys"];
        event_fits && self.key.as_ref().is_none_or(|filter| filter.admits(keys))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Filter, KeyFilter};

    #[test]
    fn keys() {
        let record = json!({"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": "a=b"}, "sk": {"N": "17"}}}});
        for (text, expected) in [
            ("a=b", true),
            ("17", true),
            ("1", false),
            ("1*", true),
            ("pk=a=b", true),
            ("pk=a*", true),
            ("sk=17", true),
            ("pk=17", false),
            ("other=17", false),
            ("a*", true),
            ("*", true),
        ] {
            let filter = Filter {
                events: Vec::new(),
                key: Some(KeyFilter::new(text)),
            };
            assert_eq!(filter.admits(&record), expected, "{text}");
        }
    }

    #[test]
    fn events() {
        let record = json!({"eventName": "MODIFY", "dynamodb": {"Keys": {}}});
        for (events, expected) in [
            (vec![], true),
            (vec!["MODIFY"], true),
            (vec!["INSERT", "REMOVE"], false),
        ] {
            let events = events.into_iter().map(str::to_owned).collect();
            assert_eq!(Filter { events, key: None }.admits(&record), expected);
        }
    }
}
