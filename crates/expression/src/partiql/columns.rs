//! The columns of a SELECT: which parts of an item are shown, and under which names.
//!
//! Unlike a projection, which keeps an item's structure, a column is a top-level attribute of what is returned. It has the
//! last name of its path, and the indexes behind that.

use std::collections::HashSet;

use headwater_model::Item;

use super::error::{PartiqlError, SyntaxFault};
use super::path::path;
use super::syntax::{Node, Raw, RawPath, StepKind};
use crate::ast::{Path, Segment};
use crate::path::check_distinct;
use crate::projection::Projection;

/// The columns of a SELECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    projection: Projection,
}

impl Columns {
    pub(super) fn new(columns: &[Raw]) -> Result<Self, PartiqlError> {
        let paths: Vec<Path> = columns.iter().map(column).collect::<Result<_, _>>()?;
        let mut names = HashSet::new();
        for name in paths.iter().map(name) {
            if let Some(name) = names.replace(name) {
                return Err(PartiqlError::DuplicateColumns { name });
            }
        }
        // The service names the later column first.
        check_distinct(&paths.iter().rev().collect::<Vec<_>>())?;
        Ok(Columns {
            projection: Projection::of_paths(&paths),
        })
    }

    /// The top-level attributes that the columns read.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.projection.attributes()
    }

    /// The same parts of an item in its own structure: what batches and transactions show (DynamoDB Local).
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// What the columns show of an item. What is not there leaves no trace.
    pub fn project(&self, item: &Item) -> Item {
        self.projection.flatten(item)
    }
}

fn column(raw: &Raw) -> Result<Path, PartiqlError> {
    let Node::Path(raw_path) = &raw.node else {
        return Err(PartiqlError::UnexpectedPathComponent { at: raw.at });
    };
    refuse_every(raw_path)?;
    path(raw_path)
}

/// `a.*` is known by the grammar, and no other place for `*` is.
fn refuse_every(path: &RawPath) -> Result<(), PartiqlError> {
    let is_every = |kind: &StepKind| matches!(kind, StepKind::EveryMember | StepKind::EveryElement);
    let Some(place) = path.steps.iter().position(|step| is_every(&step.kind)) else {
        return Ok(());
    };
    let is_last = place + 1 == path.steps.len();
    match path.steps[place].kind {
        StepKind::EveryMember if is_last => Err(PartiqlError::ChangesHierarchy),
        _ => Err(PartiqlError::Syntax(SyntaxFault::StarInColumns)),
    }
}

/// The name of a column.
fn name(path: &Path) -> String {
    let is_name = |segment: &Segment| matches!(segment, Segment::Name(_));
    let last = path.rest.iter().rposition(is_name);
    let mut name = match last.map(|place| &path.rest[place]) {
        Some(Segment::Name(name)) => name.to_string(),
        _ => path.attribute.to_string(),
    };
    for segment in &path.rest[last.map_or(0, |place| place + 1)..] {
        if let Segment::Index(index) = segment {
            name.push_str(&format!("[{index}]"));
        }
    }
    name
}
