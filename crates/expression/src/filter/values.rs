//! Rules of which one must hold for a value.

use super::rule::Rule;
use super::steps::Steps;
use super::tree::Tree;

/// The rules, those for plain values so that they can be looked up: a pattern may have a thousand of them, and an event a
/// hundred thousand values to be found among them.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    has_null: bool,
    has_false: bool,
    has_true: bool,
    /// Sorted.
    texts: Vec<String>,
    /// Tried one after the other.
    others: Vec<Rule>,
}

impl Values {
    pub(super) fn new(rules: Vec<Rule>) -> Values {
        let mut values = Values::default();
        for rule in rules {
            match rule {
                Rule::Null => values.has_null = true,
                Rule::Bool(false) => values.has_false = true,
                Rule::Bool(true) => values.has_true = true,
                Rule::Text(text) => values.texts.push(text),
                other => values.others.push(other),
            }
        }
        values.texts.sort_unstable();
        values
    }

    /// Whether one of them holds. Once the steps are used up the answer says nothing.
    pub(super) fn hold(&self, value: &Tree<'_>, steps: &Steps) -> bool {
        let (is_known, length) = match value {
            Tree::Null => (self.has_null, 0),
            Tree::Bool(false) => (self.has_false, 0),
            Tree::Bool(true) => (self.has_true, 0),
            Tree::String(text) => {
                let found = self
                    .texts
                    .binary_search_by(|known| known.as_str().cmp(text));
                (found.is_ok(), text.len())
            }
            Tree::Number(_) | Tree::Array(_) | Tree::Object(_) => (false, 0),
        };
        let holds = |rule: &Rule| steps.take_for(length) && rule.holds(value, steps);
        is_known || self.others.iter().any(holds)
    }

    /// Whether one of them holds for numbers only.
    pub(super) fn has_numeric(&self) -> bool {
        self.others.iter().any(Rule::is_numeric)
    }
}
