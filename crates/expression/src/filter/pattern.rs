//! A pattern as a tree.

use std::collections::BTreeSet;

use super::compile;
use super::error::FilterError;
use super::values::Values;

/// One pattern of a `FilterCriteria`, checked and ready to be matched.
#[derive(Clone, Debug)]
pub struct FilterPattern {
    text: String,
    pub(super) root: Fields,
}

impl FilterPattern {
    /// Reads the text of a pattern: JSON of at most [`super::PATTERN_CHARS_MAX`] characters, an object whose leaves
    /// are arrays of values and rules.
    pub fn parse(text: &str) -> Result<FilterPattern, FilterError> {
        let root = compile::pattern(text)?;
        Ok(FilterPattern {
            text: text.to_owned(),
            root,
        })
    }

    /// The text that it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many arrays of rules it has.
    pub fn rules(&self) -> usize {
        self.root.rules()
    }

    /// Adds every name that can be looked up in an event.
    pub(super) fn add_names(&self, names: &mut BTreeSet<String>) {
        self.root.add_names(names);
    }
}

/// What is asked of one object of the event: all of it must hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    pub(super) fields: Vec<Field>,
    /// `$or`: one of these must hold as well, of the same object. Empty if there is none.
    pub(super) alternatives: Vec<Fields>,
    /// Whether an alternative names a field that is named beside it.
    pub(super) is_entangled: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) wanted: Wanted,
}

#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// Of the object below.
    Fields(Fields),
    /// Of the value.
    Leaf(Leaf),
}

/// The array at the end of a path: one of its rules must hold.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) rules: Values,
    /// Whether `{"exists": false}` is among them.
    pub(super) may_be_absent: bool,
    /// The array as JSON.
    pub(super) text: String,
}

impl Fields {
    pub(super) fn new(fields: Vec<Field>, alternatives: Vec<Fields>) -> Fields {
        let names_again = |alternative: &Fields| {
            alternative
                .own_names()
                .any(|name| fields.iter().any(|field| field.name == name))
        };
        Fields {
            is_entangled: alternatives.iter().any(names_again),
            fields,
            alternatives,
        }
    }

    /// The alternatives, if there are any.
    pub(super) fn open(&self) -> Option<&[Fields]> {
        (!self.alternatives.is_empty()).then_some(&self.alternatives)
    }

    /// The names that are looked up in the object itself, within `$or` too.
    fn own_names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        let fields = self.fields.iter().map(|field| field.name.as_str());
        Box::new(fields.chain(self.alternatives.iter().flat_map(Fields::own_names)))
    }

    fn rules(&self) -> usize {
        let of_field = |field: &Field| match &field.wanted {
            Wanted::Fields(fields) => fields.rules(),
            Wanted::Leaf(_) => 1,
        };
        let fields: usize = self.fields.iter().map(of_field).sum();
        let alternatives: usize = self.alternatives.iter().map(Fields::rules).sum();
        fields + alternatives
    }

    fn add_names(&self, names: &mut BTreeSet<String>) {
        for field in &self.fields {
            names.insert(field.name.clone());
            if let Wanted::Fields(fields) = &field.wanted {
                fields.add_names(names);
            }
        }
        for alternative in &self.alternatives {
            alternative.add_names(names);
        }
    }
}
