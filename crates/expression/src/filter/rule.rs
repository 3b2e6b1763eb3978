//! What one value must be.

use serde_json::Number;

use super::address::Block;
use super::ignoring_case;
use super::numeric::{self, Range};
use super::steps::Steps;
use super::tree::Tree;
use super::values::Values;
use super::wildcard::Wildcard;

/// One element of a leaf. All but [`Rule::Absent`] hold for a value that is there and no object.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    Prefix(String),
    Suffix(String),
    EqualsIgnoringCase(String),
    PrefixIgnoringCase(String),
    SuffixIgnoringCase(String),
    Wildcard(Wildcard),
    Numeric(Range),
    Block(Block),
    /// None of these; true of values of any other kind, too.
    AnythingBut(Values),
    /// `{"exists": true}`
    Present,
    /// `{"exists": false}`: no value is there, but there may be an object.
    Absent,
}

impl Rule {
    /// Whether it holds for a value; objects and arrays have no value of their own.
    pub(super) fn holds(&self, value: &Tree<'_>, steps: &Steps) -> bool {
        match (self, value) {
            (Rule::Absent, _) | (_, Tree::Array(_) | Tree::Object(_)) => false,
            (Rule::Present, _) => true,
            (Rule::AnythingBut(values), value) => !values.hold(value, steps),
            (Rule::Null, Tree::Null) => true,
            (Rule::Bool(wanted), Tree::Bool(found)) => wanted == found,
            (Rule::Number(wanted), Tree::Number(found)) => numeric::equal(wanted, found),
            (Rule::Numeric(range), Tree::Number(found)) => range.contains(found),
            (rule, Tree::String(text)) => rule.holds_for_text(text),
            _ => false,
        }
    }

    fn holds_for_text(&self, text: &str) -> bool {
        match self {
            Rule::Text(wanted) => text == wanted,
            Rule::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Rule::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Rule::EqualsIgnoringCase(wanted) => ignoring_case::equals(text, wanted),
            Rule::PrefixIgnoringCase(prefix) => ignoring_case::starts_with(text, prefix),
            Rule::SuffixIgnoringCase(suffix) => ignoring_case::ends_with(text, suffix),
            Rule::Wildcard(wildcard) => wildcard.matches(text),
            Rule::Block(block) => block.contains(text),
            _ => false,
        }
    }

    /// Whether it can hold for numbers only, itself or as the number of an `anything-but`.
    pub(super) fn is_numeric(&self) -> bool {
        matches!(self, Rule::Number(_) | Rule::Numeric(_))
    }
}
