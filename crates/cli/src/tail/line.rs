//! A stream record as one line for people: when, what, which item, what changed.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::time;

/// Longest value that is shown whole, in characters.
const VALUE_CHARS_MAX: usize = 40;
/// Most attributes that a line shows.
const ATTRIBUTES_MAX: usize = 12;

const DIM: &str = "2";
const BOLD: &str = "1";

/// Writes lines, coloured or plain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines {
    /// Whether colours are used.
    pub(crate) colour: bool,
}

impl Lines {
    /// The line of a record, without its end.
    pub(crate) fn line(self, record: &Value) -> String {
        let change = &record["dynamodb"];
        let created_s = change["ApproximateCreationDateTime"]
            .as_f64()
            .unwrap_or(0.0);
        let event = record["eventName"].as_str().unwrap_or("?");
        let mut line = self.paint(DIM, &time::text(created_s as i64));
        let _ = write!(
            line,
            "  {}  ",
            self.paint(hue(event), &format!("{event:<6}"))
        );
        line.push_str(&self.paint(BOLD, &key(&change["Keys"])));
        if record["userIdentity"]["PrincipalId"].as_str() == Some("dynamodb.amazonaws.com") {
            line.push_str("  (expired)");
        }
        let changes = self.changes(change);
        for shown in changes.iter().take(ATTRIBUTES_MAX) {
            let _ = write!(line, "  {shown}");
        }
        if changes.len() > ATTRIBUTES_MAX {
            let _ = write!(line, "  and {} more", changes.len() - ATTRIBUTES_MAX);
        }
        line
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// The attributes that differ between the images, or all of the only image.
    fn changes(self, change: &Value) -> Vec<String> {
        let keys = &change["Keys"];
        let image = |name: &str| change[name].as_object();
        match (image("OldImage"), image("NewImage")) {
            (Some(old), Some(new)) => self.differences(old, new),
            (Some(only), None) | (None, Some(only)) => only
                .iter()
                .filter(|(name, _)| keys.get(name).is_none())
                .map(|(name, value)| format!("{}={}", word(name), plain(value)))
                .collect(),
            (None, None) => Vec::new(),
        }
    }

    fn differences(self, old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<String> {
        let arrow = self.paint(DIM, "->");
        let changed = new.iter().filter_map(|(name, value)| match old.get(name) {
            Some(before) if before == value => None,
            Some(before) => Some(format!(
                "{}: {} {arrow} {}",
                word(name),
                plain(before),
                plain(value)
            )),
            None => Some(format!("+{}={}", word(name), plain(value))),
        });
        let gone = old
            .iter()
            .filter(|(name, _)| !new.contains_key(*name))
            .map(|(name, value)| format!("-{}={}", word(name), plain(value)));
        changed.chain(gone).collect()
    }
}

fn hue(event: &str) -> &'static str {
    match event {
        "INSERT" => "32",
        "MODIFY" => "33",
        _ => "31",
    }
}

/// `pk=a sk=7`.
pub(crate) fn key(keys: &Value) -> String {
    let parts = keys.as_object().into_iter().flatten();
    let parts: Vec<String> = parts
        .map(|(name, value)| {
            format!(
                "{}={}",
                word(name),
                scalar(value).map_or_else(|| plain(value), word)
            )
        })
        .collect();
    parts.join(" ")
}

/// The text of a string, number or binary value.
pub(super) fn scalar(value: &Value) -> Option<&str> {
    ["S", "N", "B"]
        .iter()
        .find_map(|kind| value.get(kind)?.as_str())
}

/// A word as it is, anything else quoted. Nothing of an item may reach a terminal as a control sequence.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_.:/@#+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '\'' => quoted.push(c),
            _ => quoted.extend(c.escape_debug()),
        }
    }
    quoted.push('"');
    quoted
}

/// A value in short, plain form, without its types.
pub(super) fn plain(value: &Value) -> String {
    let whole = whole(value);
    match whole.char_indices().nth(VALUE_CHARS_MAX) {
        None => whole,
        Some((end, _)) => format!("{}...", &whole[..end]),
    }
}

fn whole(value: &Value) -> String {
    let Some((kind, inner)) = value.as_object().and_then(|typed| typed.iter().next()) else {
        return value.to_string();
    };
    let text = || inner.as_str().unwrap_or_default();
    match kind.as_str() {
        "S" => quoted(text()),
        "N" => text().to_owned(),
        "B" => format!("b{}", quoted(text())),
        "NULL" => "null".to_owned(),
        "L" => format!("[{}]", join(inner, whole)),
        "SS" => format!(
            "{{{}}}",
            join(inner, |text| quoted(text.as_str().unwrap_or_default()))
        ),
        "NS" | "BS" => format!(
            "{{{}}}",
            join(inner, |text| text.as_str().unwrap_or_default().to_owned())
        ),
        "M" => {
            let members = inner.as_object().into_iter().flatten();
            let members: Vec<String> = members
                .map(|(name, value)| format!("{}: {}", word(name), whole(value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        _ => inner.to_string(),
    }
}

fn join(list: &Value, text: impl Fn(&Value) -> String) -> String {
    let elements = list.as_array().into_iter().flatten();
    elements.map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Lines, plain};

    fn record(event: &str, images: Value) -> Value {
        let mut change =
            json!({"ApproximateCreationDateTime": 1_709_251_199, "Keys": {"id": {"S": "a"}}});
        for (name, image) in images.as_object().expect("images") {
            change[name] = image.clone();
        }
        json!({"eventName": event, "dynamodb": change})
    }

    #[test]
    fn lines_show_what_changed() {
        let plain = Lines { colour: false };
        for (event, images, expected) in [
            (
                "INSERT",
                json!({"NewImage": {"id": {"S": "a"}, "v": {"N": "1"}}}),
                "INSERT  id=a  v=1",
            ),
            (
                "REMOVE",
                json!({"OldImage": {"id": {"S": "a"}, "v": {"N": "1"}}}),
                "REMOVE  id=a  v=1",
            ),
            ("MODIFY", json!({}), "MODIFY  id=a"),
            (
                "MODIFY",
                json!({
                    "OldImage": {"id": {"S": "a"}, "v": {"N": "1"}, "gone": {"BOOL": true}, "same": {"NULL": true}},
                    "NewImage": {"id": {"S": "a"}, "v": {"N": "2"}, "more": {"S": "x y"}, "same": {"NULL": true}},
                }),
                "MODIFY  id=a  +more=\"x y\"  v: 1 -> 2  -gone=true",
            ),
        ] {
            let line = plain.line(&record(event, images));
            assert_eq!(line, format!("2024-02-29T23:59:59Z  {expected}"));
        }
    }

    #[test]
    fn colours_follow_the_event() {
        let line = Lines { colour: true }.line(&record("REMOVE", json!({})));
        assert!(line.contains("\x1b[31mREMOVE\x1b[0m"), "{line:?}");
    }

    #[test]
    fn expired_items_are_marked() {
        let mut record = record("REMOVE", json!({}));
        record["userIdentity"] =
            json!({"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"});
        assert!(
            Lines { colour: false }
                .line(&record)
                .ends_with("id=a  (expired)")
        );
    }

    #[test]
    fn values() {
        for (value, expected) in [
            (json!({"S": "a\u{1b}[2J"}), "\"a\\u{1b}[2J\""),
            (json!({"N": "-1.5"}), "-1.5"),
            (json!({"B": "AQI="}), "b\"AQI=\""),
            (json!({"BOOL": false}), "false"),
            (json!({"NULL": true}), "null"),
            (json!({"SS": ["a", "b"]}), "{\"a\", \"b\"}"),
            (json!({"NS": ["1", "2"]}), "{1, 2}"),
            (
                json!({"L": [{"N": "1"}, {"M": {"x y": {"S": "z"}}}]}),
                "[1, {\"x y\": \"z\"}]",
            ),
            (
                json!({"S": "0123456789012345678901234567890123456789"}),
                "\"012345678901234567890123456789012345678...",
            ),
        ] {
            assert_eq!(plain(&value), expected, "{value}");
        }
    }

    #[test]
    fn wide_items_are_cut() {
        let image: serde_json::Map<_, _> = (0..20)
            .map(|n| (format!("a{n:02}"), json!({"N": "1"})))
            .collect();
        let line = Lines { colour: false }.line(&record("INSERT", json!({ "NewImage": image })));
        assert!(line.ends_with("a11=1  and 8 more"), "{line}");
    }
}
