//! Paths in statements.

use std::sync::Arc;

use super::error::PartiqlError;
use super::syntax::{RawPath, StepKind};
use crate::ast::{Path, Segment};
use crate::limits::{LIST_INDEX_MAX, PATH_SEGMENTS_MAX};

/// The document path that is written.
pub(super) fn path(raw: &RawPath) -> Result<Path, PartiqlError> {
    if raw.root.is_empty() {
        return Err(PartiqlError::EmptyName);
    }
    let mut rest = Vec::with_capacity(raw.steps.len());
    for step in &raw.steps {
        rest.push(match &step.kind {
            StepKind::Name(name) if name.is_empty() => return Err(PartiqlError::EmptyName),
            StepKind::Name(name) => Segment::Name(Arc::from(name.as_str())),
            StepKind::Index(text) => {
                let index = text.parse().ok().filter(|index| *index <= LIST_INDEX_MAX);
                Segment::Index(index.ok_or_else(|| PartiqlError::IndexOutOfRange {
                    index: text.clone(),
                    at: step.at,
                })?)
            }
            StepKind::EveryMember => return Err(PartiqlError::EveryMember { at: step.at }),
            StepKind::EveryElement => return Err(PartiqlError::EveryElement { at: step.at }),
            StepKind::Fraction | StepKind::Other => {
                return Err(PartiqlError::UnexpectedPathComponent { at: step.at });
            }
        });
    }
    if rest.len() + 1 > PATH_SEGMENTS_MAX {
        return Err(PartiqlError::PathTooDeep {
            levels: rest.len() + 1,
        });
    }
    Ok(Path {
        attribute: Arc::from(raw.root.as_str()),
        rest,
    })
}
