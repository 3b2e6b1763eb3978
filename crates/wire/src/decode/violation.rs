//! Values that break a constraint of the API model, in AWS's words.

use std::fmt;

use crate::json::Json;

/// One broken constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which member, as AWS prints it.
    pub path: String,
    /// What the request holds there.
    pub value: Echo,
    /// What it should keep.
    pub rule: Rule,
}

/// How a violation shows the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Echo {
    /// There is none.
    Null,
    /// In quotes.
    Value(String),
    /// Not at all.
    Hidden,
    /// Not at all, and the member isn't named either.
    Unnamed,
}

/// A constraint of the API model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Required.
    NotNull,
    /// Shortest length, in characters or elements.
    LengthMin(usize),
    /// Longest length.
    LengthMax(usize),
    /// Least value.
    ValueMin(i64),
    /// Greatest value.
    ValueMax(i64),
    /// A regular expression, given as its text.
    Pattern(&'static str),
    /// One of these words, in AWS's order.
    OneOf(&'static [&'static str]),
    /// What each key of a map should keep, as AWS lists it.
    MapKeys(&'static str),
    /// How many elements each value of a map may have: most, and least.
    MapValues(usize, usize),
}

/// Longest value that is shown, so that a large request does not come back as a large answer.
const ECHO_BYTES_MAX: usize = 64 << 10;

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Echo::Null => write!(f, "Value null at ")?,
            Echo::Value(value) => write!(f, "Value '{value}' at ")?,
            Echo::Hidden => write!(f, "Value at ")?,
            Echo::Unnamed => return write!(f, "Failed to satisfy constraint: {}", self.rule),
        }
        write!(
            f,
            "'{}' failed to satisfy constraint: {}",
            self.path, self.rule
        )
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::NotNull => f.write_str("Member must not be null"),
            Rule::LengthMin(min) => {
                write!(f, "Member must have length greater than or equal to {min}")
            }
            Rule::LengthMax(max) => {
                write!(f, "Member must have length less than or equal to {max}")
            }
            Rule::ValueMin(min) => {
                write!(f, "Member must have value greater than or equal to {min}")
            }
            Rule::ValueMax(max) => write!(f, "Member must have value less than or equal to {max}"),
            Rule::Pattern(text) => {
                write!(f, "Member must satisfy regular expression pattern: {text}")
            }
            Rule::OneOf(words) => write!(
                f,
                "Member must satisfy enum value set: [{}]",
                words.join(", ")
            ),
            Rule::MapKeys(rules) => write!(f, "Map keys must satisfy constraint: {rules}"),
            Rule::MapValues(max, min) => write!(
                f,
                "Map value must satisfy constraint: [{}, {}]",
                Rule::LengthMax(*max),
                Rule::LengthMin(*min)
            ),
        }
    }
}

/// A structure's name and its members in the order of the model, for echoing it as AWS's Java does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StructureEcho {
    pub(crate) name: &'static str,
    pub(crate) members: &'static [&'static str],
}

/// A value as Java's `toString` prints it: `[KeySchemaElement(attributeName=a, keyType=HASH)]`
/// (dynamodb-api.md section 7, "table KeySchema with > 2 elements").
pub(super) fn echo(json: &Json<'_>, elements: Option<StructureEcho>) -> String {
    match (json, elements) {
        (Json::Null, _) => "null".to_owned(),
        (Json::Bool(value), _) => value.to_string(),
        (Json::Number(text), _) => (*text).to_owned(),
        (Json::String(text), _) => text.to_string(),
        (Json::Array(list), _) => format!(
            "[{}]",
            joined(list.iter().map(|element| echo(element, elements)))
        ),
        (Json::Object(_), Some(shape)) => format!(
            "{}({})",
            shape.name,
            joined(shape.members.iter().map(|name| {
                let value = json.get(name).unwrap_or(&Json::Null);
                let mut text = String::new();
                super::told::push_lower_first(&mut text, name);
                format!("{text}={}", echo(value, None))
            }))
        ),
        (Json::Object(members), None) => format!(
            "{{{}}}",
            joined(
                members
                    .iter()
                    .map(|(name, value)| format!("{name}={}", echo(value, None)))
            )
        ),
    }
}

/// The value, cut off where it becomes too long to be shown.
pub(super) fn shortened(mut echo: String) -> String {
    if echo.len() > ECHO_BYTES_MAX {
        echo.truncate(echo.floor_char_boundary(ECHO_BYTES_MAX));
        echo.push_str("...");
    }
    echo
}

pub(super) fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}
