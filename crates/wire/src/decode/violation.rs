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

/// The text of a value, which grows no longer than it is shown: a part of it is not gone through any more then.
#[derive(Debug, Default)]
pub(super) struct Shown(String);

impl Shown {
    /// What `push` appends, cut off where it becomes too long.
    pub(super) fn of(push: impl FnOnce(&mut Shown)) -> String {
        let mut shown = Shown::default();
        push(&mut shown);
        let is_cut = shown.is_full();
        let Shown(mut text) = shown;
        if is_cut {
            text.truncate(text.floor_char_boundary(ECHO_BYTES_MAX));
            text.push_str("...");
        }
        text
    }

    /// Whether it is cut off already.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() > ECHO_BYTES_MAX
    }

    pub(super) fn push(&mut self, text: &str) {
        // With the first byte that is not shown.
        let room = (ECHO_BYTES_MAX + 1).saturating_sub(self.0.len());
        self.0.push_str(&text[..text.ceil_char_boundary(room)]);
    }

    /// Appends each element, with this between two of them.
    pub(super) fn joined<T>(
        &mut self,
        between: &str,
        elements: impl Iterator<Item = T>,
        push: impl Fn(&mut Shown, T),
    ) {
        for (index, element) in elements.enumerate() {
            if self.is_full() {
                return;
            }
            if index > 0 {
                self.push(between);
            }
            push(self, element);
        }
    }
}

/// Appends a value as Java's `toString` prints it: `[KeySchemaElement(attributeName=a, keyType=HASH)]`
/// (dynamodb-api.md section 7, "table KeySchema with > 2 elements").
pub(super) fn echo(out: &mut Shown, json: &Json<'_>, elements: Option<StructureEcho>) {
    match (json, elements) {
        (Json::Null, _) => out.push("null"),
        (Json::Bool(value), _) => out.push(if *value { "true" } else { "false" }),
        (Json::Number(text), _) => out.push(text),
        (Json::String(text), _) => out.push(text),
        (Json::Array(list), _) => {
            out.push("[");
            out.joined(", ", list.iter(), |out, element| {
                echo(out, element, elements)
            });
            out.push("]");
        }
        (Json::Object(_), Some(shape)) => {
            out.push(shape.name);
            out.push("(");
            out.joined(", ", shape.members.iter(), |out, name| {
                let mut lower = String::new();
                super::told::push_lower_first(&mut lower, name);
                out.push(&lower);
                out.push("=");
                echo(out, json.get(name).unwrap_or(&Json::Null), None);
            });
            out.push(")");
        }
        (Json::Object(members), None) => {
            out.push("{");
            out.joined(", ", members.iter(), |out, (name, value)| {
                out.push(name);
                out.push("=");
                echo(out, value, None);
            });
            out.push("}");
        }
    }
}
