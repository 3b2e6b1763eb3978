//! The ARN of a stream has the time at which it was enabled in it, so that it is known only when the table is there.
//! Until then a mark stands for it in texts: the table's logical id between two NUL characters, which no template
//! can hold itself ([`super::template`]).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What marks begin and end with.
pub(super) const EDGE: char = '\0';

/// ARNs of streams by the logical ids of their tables.
pub(super) type Streams = BTreeMap<String, String>;

/// What stands for the ARN of a table's stream.
pub(super) fn mark(table: &str) -> String {
    format!("{EDGE}{table}{EDGE}")
}

/// A text with the ARNs that are known; marks of others stay.
pub(super) fn filled(text: &str, streams: &Streams) -> String {
    replaced(text, |table| {
        streams.get(table).cloned().unwrap_or_else(|| mark(table))
    })
}

/// All texts of a value with the ARNs that are known.
pub(super) fn fill(value: &mut Value, streams: &Streams) {
    match value {
        Value::String(text) if text.contains(EDGE) => *text = filled(text, streams),
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, streams)),
        Value::Object(members) => fill_members(members, streams),
        _ => {}
    }
}

/// As [`fill`], for the members of an object.
pub(super) fn fill_members(members: &mut Map<String, Value>, streams: &Streams) {
    members
        .values_mut()
        .for_each(|member| fill(member, streams));
}

/// The tables whose stream a text waits for.
pub(super) fn tables(text: &str) -> impl Iterator<Item = &str> {
    text.split(EDGE).skip(1).step_by(2)
}

/// A text for people.
pub(super) fn shown(text: &str) -> String {
    replaced(text, |table| format!("(stream of {table})"))
}

fn replaced(text: &str, put: impl Fn(&str) -> String) -> String {
    let parts = text.split(EDGE).enumerate();
    parts
        .map(|(place, part)| match place % 2 {
            0 => part.to_owned(),
            _ => put(part),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Streams, fill, filled, mark, shown, tables};
    use serde_json::json;

    #[test]
    fn marks_are_filled_when_the_stream_is_known() {
        let streams = Streams::from([("Users".to_owned(), "arn:users".to_owned())]);
        let text = format!("a {} b {}", mark("Users"), mark("Orders"));
        let half = filled(&text, &streams);
        assert_eq!(half, format!("a arn:users b {}", mark("Orders")));
        assert_eq!(tables(&half).collect::<Vec<_>>(), ["Orders"]);
        assert_eq!(shown(&half), "a arn:users b (stream of Orders)");
        let mut value = json!({"x": [mark("Users")], "y": 1});
        fill(&mut value, &streams);
        assert_eq!(value, json!({"x": ["arn:users"], "y": 1}));
    }
}
