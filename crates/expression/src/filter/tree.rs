//! Patterns and events as JSON trees that borrow from their text.
//!
//! A tree can leave out members that no pattern names, so that a large item costs a pass over its text and no memory.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::NESTING_MAX;

/// A JSON value.
#[derive(Clone, Debug)]
pub(super) enum Tree<'a> {
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'a, str>),
    Array(Vec<Tree<'a>>),
    Object(Members<'a>),
}

/// The members of an object in the order of the text. Of one name the last counts; the others stay in the list.
#[derive(Clone, Debug, Default)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, Tree<'a>)>);

impl<'a> Members<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&Tree<'a>> {
        let member = self.0.iter().rev().find(|(member, _)| member == name);
        member.map(|(_, value)| value)
    }

    /// Each name once, with the value that counts.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Tree<'a>)> {
        let is_last =
            |at: usize, name: &str| self.0[at + 1..].iter().all(|(later, _)| later != name);
        let members = self.0.iter().enumerate();
        members.filter_map(move |(at, (name, value))| {
            is_last(at, name).then_some((name.as_ref(), value))
        })
    }

    /// The names, of which some may be there twice.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are, those of one name counted each.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'a> Tree<'a> {
    /// Reads a whole text.
    pub(super) fn parse(text: &'a [u8]) -> Result<Tree<'a>, serde_json::Error> {
        Self::read(text, None)
    }

    /// Reads a whole text without the members, at any depth, that are not in the sorted `names`.
    pub(super) fn parse_only(
        text: &'a [u8],
        names: &[String],
    ) -> Result<Tree<'a>, serde_json::Error> {
        Self::read(text, Some(names))
    }

    fn read(text: &'a [u8], names: Option<&[String]>) -> Result<Tree<'a>, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let tree = Seed { names, depth: 0 }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(tree)
    }

    /// What kind of value this is, with its article.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Tree::Null => "null",
            Tree::Bool(_) => "a boolean",
            Tree::Number(_) => "a number",
            Tree::String(_) => "a string",
            Tree::Array(_) => "an array",
            Tree::Object(_) => "an object",
        }
    }
}

/// JSON text without spaces.
impl fmt::Display for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tree::Null => f.write_str("null"),
            Tree::Bool(value) => write!(f, "{value}"),
            Tree::Number(value) => write!(f, "{value}"),
            Tree::String(text) => write_string(f, text),
            Tree::Array(elements) => {
                f.write_str("[")?;
                for (at, element) in elements.iter().enumerate() {
                    let comma = if at > 0 { "," } else { "" };
                    write!(f, "{comma}{element}")?;
                }
                f.write_str("]")
            }
            Tree::Object(members) => {
                f.write_str("{")?;
                for (at, (name, value)) in members.iter().enumerate() {
                    f.write_str(if at > 0 { "," } else { "" })?;
                    write_string(f, name)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn write_string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let quoted = serde_json::to_string(text).map_err(|_| fmt::Error)?;
    f.write_str(&quoted)
}

#[derive(Clone, Copy)]
struct Seed<'n> {
    names: Option<&'n [String]>,
    depth: usize,
}

impl Seed<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == NESTING_MAX {
            let problem = format_args!("nested deeper than {NESTING_MAX} levels");
            return Err(E::custom(problem));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }

    fn keeps(self, name: &str) -> bool {
        self.names.is_none_or(|names| {
            let found = names.binary_search_by(|kept| kept.as_str().cmp(name));
            found.is_ok()
        })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Tree<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Tree<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Tree<'de>, E> {
        let number = Number::from_f64(value);
        number
            .map(Tree::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::String(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree<'de>, E> {
        Ok(Tree::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree<'de>, A::Error> {
        let inner = self.deeper()?;
        let mut elements = Vec::new();
        while let Some(element) = access.next_element_seed(inner)? {
            elements.push(element);
        }
        Ok(Tree::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree<'de>, A::Error> {
        let inner = self.deeper()?;
        let mut members = Vec::new();
        while let Some(name) = access.next_key_seed(Name)? {
            if self.keeps(&name) {
                members.push((name, access.next_value_seed(inner)?));
            } else {
                access.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Tree::Object(Members(members)))
    }
}

/// Reads the name of a member.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_name_counts() {
        let tree = Tree::parse(br#"{"a":1,"b":[true,null],"a":"\u0041"}"#).expect("json");
        assert_eq!(tree.to_string(), r#"{"b":[true,null],"a":"A"}"#);
        let Tree::Object(members) = &tree else {
            panic!("an object")
        };
        assert_eq!(members.get("a").map(Tree::to_string), Some("\"A\"".into()));
    }

    #[test]
    fn members_without_a_name_of_the_list_are_left_out() {
        let names = ["a".to_owned(), "c".to_owned()];
        let tree = Tree::parse_only(br#"{"a":{"b":1,"c":[{"b":2,"a":3}]},"b":4}"#, &names);
        let tree = tree.expect("json");
        assert_eq!(tree.to_string(), r#"{"a":{"c":[{"a":3}]}}"#);
    }

    #[test]
    fn nesting_ends_at_the_bound() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(Tree::parse(nested(NESTING_MAX).as_bytes()).is_ok());
        let error = Tree::parse(nested(NESTING_MAX + 1).as_bytes()).expect_err("too deep");
        assert!(error.to_string().contains("100 levels"), "{error}");
        // What is left out is passed over without recursion, however deep it is.
        let hidden = format!(r#"{{"x":{}}}"#, nested(1_000_000));
        assert!(Tree::parse_only(hidden.as_bytes(), &[]).is_ok());
    }
}
