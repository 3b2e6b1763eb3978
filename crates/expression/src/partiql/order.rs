//! ORDER BY: the order of partitions, and of the items within them.

use super::error::PartiqlError;
use super::printed::printed;
use super::syntax::{Node, RawOrder};

/// The ORDER BY clause: attributes, and whether each descends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    terms: Vec<(String, bool)>,
}

impl Order {
    /// The order that is written; none without a clause.
    pub(super) fn new(raw: &[RawOrder]) -> Result<Option<Self>, PartiqlError> {
        let terms = raw.iter().map(|term| match &term.by.node {
            Node::Path(path) if path.steps.is_empty() => Ok((path.root.clone(), term.descending)),
            node => Err(PartiqlError::OrderByValue {
                found: printed(node),
            }),
        });
        let terms = terms.collect::<Result<Vec<_>, _>>()?;
        Ok((!terms.is_empty()).then_some(Order { terms }))
    }

    /// Refuses attributes that are not in `keys`, the key of what is read.
    pub(super) fn check(&self, keys: &[&str]) -> Result<(), PartiqlError> {
        match self
            .terms
            .iter()
            .find(|(name, _)| !keys.contains(&name.as_str()))
        {
            Some((name, _)) => Err(PartiqlError::OrderByOther { name: name.clone() }),
            None => Ok(()),
        }
    }

    /// Whether an attribute descends, if it is ordered by.
    pub(super) fn descends(&self, name: &str) -> Option<bool> {
        let term = self.terms.iter().find(|(term, _)| term == name);
        term.map(|(_, descending)| *descending)
    }
}
