//! The patterns of one mapping.

use std::collections::BTreeSet;

use super::error::{EventError, FilterError};
use super::explain::{self, Explanation};
use super::pattern::FilterPattern;
use super::steps::Steps;
use super::tree::Tree;
use super::{FILTERS_MAX, matching};

/// Patterns of which one must match. Without any, everything matches.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    patterns: Vec<FilterPattern>,
    /// Every name that a pattern looks up, sorted.
    names: Vec<String>,
}

/// What looking at a record came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    /// Whether it matches, or would have taken more than [`super::STEPS_MAX`] steps to look at.
    pub matches: bool,
    /// The steps that it took, each a few nanoseconds.
    pub steps: u32,
}

impl Filters {
    /// Reads at most [`FILTERS_MAX`] patterns. The error says which one is at fault.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Filters, FilterError> {
        if texts.len() > FILTERS_MAX {
            return Err(FilterError::too_many());
        }
        let mut patterns = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            let pattern = FilterPattern::parse(text.as_ref());
            patterns.push(pattern.map_err(|error| error.of(at))?);
        }
        let mut names = BTreeSet::new();
        for pattern in &patterns {
            pattern.add_names(&mut names);
        }
        Ok(Filters {
            patterns,
            names: names.into_iter().collect(),
        })
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The patterns, in the order in which they were given.
    pub fn patterns(&self) -> &[FilterPattern] {
        &self.patterns
    }

    /// Whether an event record, as functions receive it (triggers.md section 3), matches one of the patterns. Without
    /// patterns the text is not looked at.
    pub fn matches(&self, record: &[u8]) -> Result<bool, EventError> {
        self.look(record).map(|looked| looked.matches)
    }

    /// As [`Self::matches`], and what it took.
    pub fn look(&self, record: &[u8]) -> Result<Looked, EventError> {
        if self.is_empty() {
            return Ok(Looked {
                matches: true,
                steps: 0,
            });
        }
        let event = event(Tree::parse_only(record, &self.names))?;
        let steps = Steps::new();
        let mut patterns = self.patterns.iter();
        Ok(Looked {
            matches: patterns.any(|pattern| matching::matches(pattern, &event, &steps)),
            steps: steps.taken(),
        })
    }

    /// Whether it matches and why, pattern by pattern and rule by rule. Refuses what [`Self::matches`] may not look at: the
    /// whole record has to be JSON within the bounds.
    pub fn explain(&self, record: &[u8]) -> Result<Explanation, EventError> {
        let event = event(Tree::parse(record))?;
        let steps = Steps::new();
        let patterns = self.patterns.iter();
        let patterns: Vec<_> = patterns
            .map(|pattern| explain::explain(pattern, &event, &steps))
            .collect();
        Ok(Explanation {
            matches: self.is_empty() || patterns.iter().any(|pattern| pattern.matches),
            patterns,
        })
    }

    /// How many rules all patterns have, which is how many outcomes an explanation holds.
    pub fn rules(&self) -> usize {
        self.patterns.iter().map(FilterPattern::rules).sum()
    }
}

fn event(tree: Result<Tree<'_>, serde_json::Error>) -> Result<Tree<'_>, EventError> {
    match tree {
        Ok(event @ Tree::Object(_)) => Ok(event),
        Ok(_) => Err(EventError::NotAnObject),
        Err(error) => Err(EventError::Json(error.to_string())),
    }
}
