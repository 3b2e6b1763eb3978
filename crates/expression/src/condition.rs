//! Conditions and filters: a tree, where it comes from, and what it says about an item.

pub(crate) mod build;
mod check;
mod evaluate;
mod fold;
mod steps;

use std::collections::BTreeSet;

use headwater_model::Item;

use crate::ast::{ConditionNode, Operand, Path};
use crate::error::ExpressionError;
use crate::kind::ExpressionKind;
use crate::parser::parse_condition;
use crate::placeholders::Placeholders;

pub use steps::{Steps, StepsUsedUp};

/// A condition on an item, ready to be evaluated any number of times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    root: ConditionNode,
}

impl Condition {
    /// Parses a condition or filter expression; `kind` is the parameter that messages name.
    pub fn parse(
        kind: ExpressionKind,
        text: &str,
        placeholders: &mut Placeholders,
    ) -> Result<Self, ExpressionError> {
        let parsed = parse_condition(kind, text)?;
        let root = check::resolve(&parsed, placeholders).map_err(|fault| fault.of(kind))?;
        Ok(match kind {
            ExpressionKind::Condition | ExpressionKind::Filter => Self::new(root),
            // What these may say depends on how it is written.
            _ => Self { root },
        })
    }

    /// A condition that was built and not parsed.
    pub fn new(root: ConditionNode) -> Self {
        Self {
            root: fold::folded(root),
        }
    }

    /// The tree; what needs no item is evaluated in it already, unless it is one of keys.
    pub fn root(&self) -> &ConditionNode {
        &self.root
    }

    /// The tree itself.
    pub fn into_root(self) -> ConditionNode {
        self.root
    }

    /// Whether the condition holds for `item`; a missing item is an empty one.
    pub fn evaluate(&self, item: &Item) -> bool {
        evaluate::holds(&self.root, item, &mut Steps::unlimited())
    }

    /// As [`Condition::evaluate`], within these steps.
    ///
    /// # Errors
    /// [`StepsUsedUp`].
    pub fn evaluate_within(&self, item: &Item, steps: &mut Steps) -> Result<bool, StepsUsedUp> {
        let holds = evaluate::holds(&self.root, item, steps);
        match steps.are_used_up() {
            true => Err(StepsUsedUp),
            false => Ok(holds),
        }
    }

    /// How many comparisons an evaluation makes at most.
    pub fn comparisons(&self) -> usize {
        comparisons(&self.root)
    }

    /// The top-level attributes that the condition reads.
    pub fn attributes(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        visit_paths(&self.root, &mut |path| {
            names.insert(&*path.attribute);
        });
        names
    }

    /// Refuses a filter that reads one of `keys`: the key attributes of what is read.
    pub fn refuse_keys<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k str>,
    ) -> Result<(), ExpressionError> {
        let attributes = self.attributes();
        match keys.into_iter().find(|key| attributes.contains(key)) {
            Some(name) => Err(ExpressionError::FilterOnKey {
                name: name.to_owned(),
            }),
            None => Ok(()),
        }
    }
}

fn comparisons(node: &ConditionNode) -> usize {
    match node {
        ConditionNode::And(list) | ConditionNode::Or(list) => list.iter().map(comparisons).sum(),
        ConditionNode::Not(inner) => comparisons(inner),
        ConditionNode::In { list, .. } => list.len(),
        _ => 1,
    }
}

/// Visits all paths that a condition reads.
pub(crate) fn visit_paths<'c>(node: &'c ConditionNode, visit: &mut dyn FnMut(&'c Path)) {
    let mut operands: Vec<&'c Operand> = Vec::new();
    match node {
        ConditionNode::And(list) | ConditionNode::Or(list) => {
            for node in list {
                visit_paths(node, visit);
            }
        }
        ConditionNode::Not(inner) => visit_paths(inner, visit),
        ConditionNode::AttributeExists(path) | ConditionNode::AttributeNotExists(path) => {
            visit(path);
        }
        ConditionNode::Compare { left, right, .. } => operands.extend([left, right]),
        ConditionNode::Between {
            operand,
            lower,
            upper,
        } => {
            operands.extend([operand, lower, upper]);
        }
        ConditionNode::In { operand, list } => {
            operands.push(operand);
            operands.extend(list);
        }
        ConditionNode::AttributeType { operand, .. } => operands.push(operand),
        ConditionNode::BeginsWith { operand, prefix } => operands.extend([operand, prefix]),
        ConditionNode::Contains { container, sought } => operands.extend([container, sought]),
    }
    for operand in operands {
        visit_paths_of(operand, visit);
    }
}

fn visit_paths_of<'c>(operand: &'c Operand, visit: &mut dyn FnMut(&'c Path)) {
    match operand {
        Operand::Path(path) => visit(path),
        Operand::Value(_) => {}
        Operand::Size(inner) => visit_paths_of(inner, visit),
        Operand::Truth(node) => visit_paths(node, visit),
    }
}
