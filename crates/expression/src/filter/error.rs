//! Why a pattern or an event was refused.

use std::fmt;

use super::FILTERS_MAX;

/// Why a pattern is none. The API of event source mappings shows one sentence for all of them; this is the reason
/// behind it, for people: a place in the pattern and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    filter: Option<usize>,
    path: String,
    reason: String,
}

impl FilterError {
    pub(super) fn new(path: String, reason: impl Into<String>) -> Self {
        Self {
            filter: None,
            path,
            reason: reason.into(),
        }
    }

    pub(super) fn too_many() -> Self {
        Self::new(String::new(), format!("more than {FILTERS_MAX} patterns"))
    }

    /// Says which of several patterns it is.
    pub(super) fn of(mut self, filter: usize) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Which of several patterns is meant, counted from 0; `None` if there was only one, or if all are meant.
    pub fn filter(&self) -> Option<usize> {
        self.filter
    }

    /// The names of the fields down to the fault, joined by dots; empty for the pattern as a whole.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong there.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(filter) = self.filter {
            write!(f, "pattern {}: ", filter + 1)?;
        }
        if !self.path.is_empty() {
            write!(f, "at {}: ", self.path)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for FilterError {}

/// Why an event can't be matched at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is not JSON, or nests too deeply.
    #[error("the event is not JSON: {0}")]
    Json(String),
    /// It is JSON and no object.
    #[error("the event is not a JSON object")]
    NotAnObject,
}
