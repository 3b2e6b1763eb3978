//! What is told of a request that violates something: the violations that come first, with the paths to them.

use super::violation::{Echo, Rule, Violation};
use super::{Decoder, StepName, VIOLATIONS_MAX};

/// Characters of a map's key that an answer shows: the longest name or ARN that can be right has fewer.
const KEY_CHARACTERS_SHOWN: usize = 2048;

impl Decoder<'_> {
    pub(super) fn violate(&mut self, value: Echo, rule: Rule) {
        self.violate_with(|at| at.violation(value, rule));
    }

    /// Keeps a violation, and makes it only then: a request may have a million of them, under a key of megabytes.
    pub(super) fn violate_with(&mut self, violation: impl FnOnce(&Self) -> Violation) {
        let order: Vec<usize> = self.path.iter().map(|step| step.place).collect();
        let at = self
            .violations
            .partition_point(|(other, _)| *other <= order);
        if at < VIOLATIONS_MAX {
            self.violations.truncate(VIOLATIONS_MAX - 1);
            let violation = violation(self);
            self.violations.insert(at, (order, violation));
        }
    }

    pub(super) fn violation(&self, value: Echo, rule: Rule) -> Violation {
        Violation {
            path: self.path_text(),
            value,
            rule,
        }
    }

    /// The path as AWS prints it: `keySchema.1.member.keyType`.
    pub(super) fn path_text(&self) -> String {
        self.path_with(push_lower_first)
    }

    /// The path as newer checks of AWS print it: `RequestItems.users.member.Keys`.
    pub(super) fn path_as_sent(&self) -> String {
        self.path_with(String::push_str)
    }

    fn path_with(&self, push_member: impl Fn(&mut String, &str)) -> String {
        let mut text = String::new();
        for step in &self.path {
            if !text.is_empty() {
                text.push('.');
            }
            match step.name {
                StepName::Member(name) => push_member(&mut text, name),
                StepName::Index(index) => text.push_str(&format!("{}.member", index + 1)),
                StepName::Key(key) => {
                    text.extend(key.chars().take(KEY_CHARACTERS_SHOWN));
                    text.push_str(".member");
                }
            }
        }
        text
    }
}

pub(super) fn push_lower_first(text: &mut String, name: &str) {
    let mut letters = name.chars();
    text.extend(letters.next().map(|first| first.to_ascii_lowercase()));
    text.push_str(letters.as_str());
}
