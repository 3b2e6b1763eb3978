//! The constraints that the API model puts on strings, numbers and lists.

use headwater_model::limits::{TABLE_ARN_CHARS_MAX, TABLE_NAME_CHARS_MAX};

use super::mismatch::Want;
use super::pattern::Pattern;
use super::violation::{Rule, StructureEcho};

/// What a string must keep.
#[derive(Clone, Copy, Default)]
pub(crate) struct Text {
    min: Option<usize>,
    max: Option<usize>,
    pattern: Option<Pattern>,
}

impl Text {
    pub(crate) const ANY: Text = Text {
        min: None,
        max: None,
        pattern: None,
    };

    pub(crate) const fn min(mut self, min: usize) -> Text {
        self.min = Some(min);
        self
    }

    pub(crate) const fn max(mut self, max: usize) -> Text {
        self.max = Some(max);
        self
    }

    pub(crate) const fn pattern(mut self, pattern: Pattern) -> Text {
        self.pattern = Some(pattern);
        self
    }

    /// The broken rules, in AWS's order: pattern, then lengths.
    pub(super) fn broken_by(self, value: &str) -> impl Iterator<Item = Rule> {
        // Length is in UTF-16 units on AWS, which counts Java's chars.
        let length = || value.encode_utf16().count();
        let pattern = self.pattern.filter(|pattern| !pattern.matches(value));
        let min = self.min.filter(|&min| value.len() < min || length() < min);
        let max = self.max.filter(|&max| value.len() > max && length() > max);
        [
            pattern.map(|pattern| Rule::Pattern(pattern.text())),
            min.map(Rule::LengthMin),
            max.map(Rule::LengthMax),
        ]
        .into_iter()
        .flatten()
    }
}

/// What AWS wants of the names of tables that are the keys of a map, all in one (conformance suite).
pub(super) const MAP_KEY_RULES: &str = "[Member must have length less than or equal to 255, Member must have length greater than or equal to 3, Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+]";
/// The least length there.
pub(super) const MAP_KEY_CHARS_MIN: usize = 3;

/// The first rule of table names that a name breaks; an ARN is only bounded in length here.
pub(super) fn table_name_rule(name: &str, length_min: usize) -> Option<Rule> {
    if name.starts_with("arn:") {
        return (name.len() > TABLE_ARN_CHARS_MAX).then_some(Rule::LengthMax(TABLE_ARN_CHARS_MAX));
    }
    if name.len() < length_min {
        Some(Rule::LengthMin(length_min))
    } else if name.chars().count() > TABLE_NAME_CHARS_MAX {
        Some(Rule::LengthMax(TABLE_NAME_CHARS_MAX))
    } else {
        let pattern = Pattern::Name;
        (!pattern.matches(name)).then_some(Rule::Pattern(pattern.text()))
    }
}

/// What a number must keep.
#[derive(Clone, Copy)]
pub(crate) struct Range {
    want: Want,
    min: Option<i64>,
    max: Option<i64>,
    label: Option<&'static str>,
}

impl Range {
    pub(crate) const INTEGER: Range = Range {
        want: Want::Integer,
        min: None,
        max: None,
        label: None,
    };
    pub(crate) const LONG: Range = Range {
        want: Want::Long,
        min: None,
        max: None,
        label: None,
    };

    pub(crate) const fn min(mut self, min: i64) -> Range {
        self.min = Some(min);
        self
    }

    pub(crate) const fn max(mut self, max: i64) -> Range {
        self.max = Some(max);
        self
    }

    /// Violations name this instead of the path, and don't show the value.
    pub(crate) const fn labelled(mut self, label: &'static str) -> Range {
        self.label = Some(label);
        self
    }

    pub(super) fn want(self) -> Want {
        self.want
    }

    pub(super) fn label(self) -> Option<&'static str> {
        self.label
    }

    pub(super) fn broken_by(self, value: i64) -> Option<Rule> {
        let min = self.min.filter(|&min| value < min).map(Rule::ValueMin);
        min.or_else(|| self.max.filter(|&max| value > max).map(Rule::ValueMax))
    }
}

/// What a list must keep.
#[derive(Clone, Copy)]
pub(crate) struct Length {
    min: Option<usize>,
    max: Option<usize>,
    echo: Option<StructureEcho>,
    hidden: bool,
}

impl Length {
    pub(crate) const ANY: Length = Length {
        min: None,
        max: None,
        echo: None,
        hidden: false,
    };

    pub(crate) const fn min(mut self, min: usize) -> Length {
        self.min = Some(min);
        self
    }

    pub(crate) const fn max(mut self, max: usize) -> Length {
        self.max = Some(max);
        self
    }

    /// How the elements are shown in violations.
    pub(crate) const fn of(mut self, echo: StructureEcho) -> Length {
        self.echo = Some(echo);
        self
    }

    /// Violations name the member as it is written in the request, and don't show the value.
    pub(crate) const fn hidden(mut self) -> Length {
        self.hidden = true;
        self
    }

    pub(super) fn is_hidden(self) -> bool {
        self.hidden
    }

    pub(super) fn echo(self) -> Option<StructureEcho> {
        self.echo
    }

    pub(super) fn broken_by(self, length: usize) -> Option<Rule> {
        let min = self.min.filter(|&min| length < min).map(Rule::LengthMin);
        min.or_else(|| self.max.filter(|&max| length > max).map(Rule::LengthMax))
    }
}
