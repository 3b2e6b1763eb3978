//! The real rows that the demo plays (demo/README.md names their source).

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

const CSV: &str = include_str!("../../demo/airports.csv");

/// The columns, each with its type as an attribute; the first one is the key.
const COLUMNS: [(&str, &str); 7] = [
    ("iata", "S"),
    ("name", "S"),
    ("city", "S"),
    ("state", "S"),
    ("country", "S"),
    ("latitude", "N"),
    ("longitude", "N"),
];

/// Name of the key attribute.
pub(super) const KEY: &str = COLUMNS[0].0;

/// An item in the interface's JSON.
pub(super) type Item = Map<String, Value>;

/// All rows as items; what a row does not know is left out.
pub(super) fn items() -> anyhow::Result<Vec<Item>> {
    let mut lines = CSV.lines();
    let head = lines.next().context("airports.csv is empty")?;
    if !head.split(',').eq(COLUMNS.iter().map(|(name, _)| *name)) {
        bail!("airports.csv has other columns than expected: {head}");
    }
    lines.map(item).collect()
}

fn item(line: &str) -> anyhow::Result<Item> {
    let fields = fields(line);
    if fields.len() != COLUMNS.len() {
        bail!("a row of airports.csv has {} fields: {line}", fields.len());
    }
    let known = COLUMNS
        .iter()
        .zip(fields)
        .filter(|(_, field)| field != "NA");
    Ok(known
        .map(|((name, kind), field)| {
            let text = if *kind == "N" {
                canonical(&field).to_owned()
            } else {
                field
            };
            ((*name).to_owned(), json!({ *kind: text }))
        })
        .collect())
}

/// A number as the service writes it: no zeros at the end of a fraction.
fn canonical(number: &str) -> &str {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    }
}

/// The fields of a line; quotes within quoted fields are doubled.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                push(&mut fields, '"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => push(&mut fields, other),
        }
    }
    fields
}

fn push(fields: &mut [String], character: char) {
    if let Some(field) = fields.last_mut() {
        field.push(character);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::json;

    use super::{KEY, fields, items};

    #[test]
    fn every_row_is_read() {
        let items = items().expect("rows");
        let keys: HashSet<_> = items.iter().map(|item| item[KEY].to_string()).collect();
        assert_eq!((items.len(), keys.len()), (3_376, 3_376));
        let first = json!({
            "iata": {"S": "00M"}, "name": {"S": "Thigpen"}, "city": {"S": "Bay Springs"}, "state": {"S": "MS"},
            "country": {"S": "USA"}, "latitude": {"N": "31.95376472"}, "longitude": {"N": "-89.23450472"},
        });
        assert_eq!(json!(items[0]), first);
        assert!(
            items.iter().any(|item| !item.contains_key("city")),
            "unknown cities are left out"
        );
    }

    #[test]
    fn quotes() {
        for (line, expected) in [
            ("a,b", vec!["a", "b"]),
            ("\"a,b\",c", vec!["a,b", "c"]),
            (
                "\"W. H. \"\"Bud\"\" Barron\",",
                vec!["W. H. \"Bud\" Barron", ""],
            ),
        ] {
            assert_eq!(fields(line), expected);
        }
    }
}
