//! Why an event matches or not, rule by rule, for people.

use std::fmt::Write;

use serde::Serialize;

use super::matching;
use super::pattern::{Fields, FilterPattern, Leaf, Wanted};
use super::steps::Steps;
use super::tree::Tree;
use super::{FOUND_CHARS_MAX, FOUND_VALUES_MAX};

/// What came of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether the event matches one of the patterns, or there is none.
    pub matches: bool,
    /// What came of each pattern, in the order in which they were given.
    pub patterns: Vec<PatternOutcome>,
}

/// What came of one pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PatternOutcome {
    /// Whether the event matches the pattern.
    pub matches: bool,
    /// Its rules, one for each array of the pattern, in the order of the pattern, those of a `$or` last.
    pub rules: Vec<RuleOutcome>,
    /// What the rules alone don't tell: that each of them holds, but not in one element of an array.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
}

/// What came of the array at the end of one path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleOutcome {
    /// The names down to the array, joined by dots; alternative n of a `$or` has the step `$or[n]`, counted from 0.
    pub path: String,
    /// The array: the values and rules of which one must hold, as JSON.
    pub rule: String,
    /// What the event has there, in at most [`FOUND_CHARS_MAX`] characters and [`FOUND_VALUES_MAX`] values.
    pub found: String,
    /// Whether the rule holds.
    pub matches: bool,
}

const CUT_SHORT: &str = "the event takes too long to look at, so it counts as one that matches";

const OTHER_ELEMENTS: &str =
    "each rule holds, but not all of them in the same element of an array of the event";

/// Names that tell the type of an attribute's value.
const TYPE_TAGS: &[&str] = &["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"];

/// Explains one pattern.
pub(super) fn explain(pattern: &FilterPattern, event: &Tree<'_>, steps: &Steps) -> PatternOutcome {
    let matches = matching::matches(pattern, event, steps);
    let is_cut_short = steps.are_used_up();
    let mut rules = Vec::new();
    let mut walk = Walk {
        event,
        steps: Steps::new(),
        names: Vec::new(),
        rules: &mut rules,
    };
    let each_holds = walk.fields(&pattern.root, "", matches && !is_cut_short);
    let note = match (is_cut_short, each_holds && !matches) {
        (true, _) => Some(CUT_SHORT),
        (false, true) => Some(OTHER_ELEMENTS),
        (false, false) => None,
    };
    PatternOutcome {
        matches,
        rules,
        note,
    }
}

struct Walk<'e, 'p> {
    event: &'e Tree<'e>,
    /// Its own, so that what it tells does not depend on the patterns before.
    steps: Steps,
    /// The names of fields down to here, without any `$or`.
    names: Vec<&'p str>,
    rules: &'e mut Vec<RuleOutcome>,
}

impl<'p> Walk<'_, 'p> {
    /// Adds the rules below; true if each of them holds, of alternatives those of one.
    fn fields(&mut self, wanted: &'p Fields, path: &str, must_hold: bool) -> bool {
        let mut each_holds = true;
        for field in &wanted.fields {
            let mut path = path.to_owned();
            push_name(&mut path, &field.name);
            self.names.push(&field.name);
            each_holds &= match &field.wanted {
                Wanted::Fields(fields) => self.fields(fields, &path, must_hold),
                Wanted::Leaf(leaf) => self.leaf(leaf, path, must_hold),
            };
            self.names.pop();
        }
        let mut one_holds = wanted.alternatives.is_empty();
        for (at, alternative) in wanted.alternatives.iter().enumerate() {
            let mut path = path.to_owned();
            push_step(&mut path, &format!("$or[{at}]"));
            one_holds |= self.fields(alternative, &path, false);
        }
        each_holds && one_holds
    }

    /// In a pattern that matches, what is outside of any `$or` holds; alone it may not seem so, if it asks for an
    /// absent value in that element of an array which another rule has found.
    fn leaf(&mut self, leaf: &Leaf, path: String, must_hold: bool) -> bool {
        let there = There::at(self.event, &self.names);
        let values = there.values.iter();
        let matches = must_hold
            || values
                .clone()
                .any(|value| leaf.rules.hold(value, &self.steps))
            || leaf.may_be_absent && there.values.is_empty();
        self.rules.push(RuleOutcome {
            path,
            rule: leaf.text.clone(),
            found: bounded(&found(leaf, &there, matches)),
            matches,
        });
        matches
    }
}

/// Everything that an event has at one path, through all arrays.
struct There<'e> {
    values: Vec<&'e Tree<'e>>,
    objects: Vec<&'e Tree<'e>>,
    /// How many of the names led to something.
    depth: usize,
    names: Vec<String>,
}

impl<'e> There<'e> {
    fn at(event: &'e Tree<'e>, names: &[&str]) -> There<'e> {
        let mut there = There {
            values: Vec::new(),
            objects: Vec::new(),
            depth: 0,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        there.add(event, names, 0);
        there
    }

    fn add(&mut self, value: &'e Tree<'e>, names: &[&str], depth: usize) {
        self.depth = self.depth.max(depth);
        match value {
            Tree::Array(elements) => {
                for element in elements {
                    self.add(element, names, depth);
                }
            }
            value => match names.split_first() {
                None if matches!(value, Tree::Object(_)) => self.objects.push(value),
                None => self.values.push(value),
                Some((name, rest)) => {
                    if let Some(below) = matching::member(Some(value), name) {
                        self.add(below, rest, depth + 1);
                    }
                }
            },
        }
    }
}

fn found(leaf: &Leaf, there: &There<'_>, matches: bool) -> String {
    if there.values.is_empty() {
        return match there.objects.first() {
            Some(object) => object_found(object),
            None => nothing_found(there),
        };
    }
    let mut found = String::new();
    for value in there.values.iter().take(FOUND_VALUES_MAX) {
        let comma = if found.is_empty() { "" } else { ", " };
        // Writing to a string can't fail.
        let _ = write!(found, "{comma}{}", bounded(&value.to_string()));
    }
    if there.values.len() > FOUND_VALUES_MAX {
        let _ = write!(found, " and {} more", there.values.len() - FOUND_VALUES_MAX);
    }
    let is_text = |value: &&Tree<'_>| matches!(value, Tree::String(_));
    if !matches && leaf.rules.has_numeric() && there.values.iter().all(is_text) {
        found.push_str(" (a string; N attributes are JSON strings, which numbers never match)");
    }
    found
}

fn object_found(object: &Tree<'_>) -> String {
    let Tree::Object(members) = object else {
        return object.to_string();
    };
    let names: Vec<&str> = members.names().take(FOUND_VALUES_MAX).collect();
    let mut found = match names.is_empty() {
        true => "an empty object".to_owned(),
        false => format!("an object with {}", names.join(", ")),
    };
    if let [tag] = names.as_slice()
        && TYPE_TAGS.contains(tag)
    {
        let _ = write!(
            found,
            " (the path must go on to {tag}, the type of the attribute)"
        );
    }
    found
}

fn nothing_found(there: &There<'_>) -> String {
    match there.names.get(there.depth) {
        Some(missing) if there.depth + 1 < there.names.len() => {
            format!("nothing; the event has no {missing} there")
        }
        _ => "nothing".to_owned(),
    }
}

/// The beginning of a text, with dots if something was cut off.
pub(super) fn bounded(text: &str) -> String {
    match text.char_indices().nth(FOUND_CHARS_MAX) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(FOUND_CHARS_MAX - 3).collect();
            kept + "..."
        }
    }
}

/// Adds the name of a field to a path, in quotes if it could be misread.
pub(super) fn push_name(path: &mut String, name: &str) {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | ':' | '#');
    if !name.is_empty() && name.chars().all(is_plain) {
        push_step(path, name);
    } else {
        push_step(path, &format!("{name:?}"));
    }
}

fn push_step(path: &mut String, step: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(step);
}
