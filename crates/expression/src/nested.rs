//! Which attributes the paths of an expression lead into. Key attributes have no parts: paths into them are refused
//! whatever the item is, and only the caller knows the keys.

use std::collections::BTreeSet;

use crate::ast::{Path, SetValue, UpdateOperand};
use crate::condition::{Condition, visit_paths};
use crate::projection::Projection;
use crate::update::Update;

/// An expression that has paths.
pub trait NestedPaths {
    /// The top-level attributes that paths of the expression lead into.
    fn nested_attributes(&self) -> BTreeSet<&str>;
}

impl NestedPaths for Condition {
    fn nested_attributes(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        visit_paths(self.root(), &mut |path| add(path, &mut names));
        names
    }
}

impl NestedPaths for Projection {
    fn nested_attributes(&self) -> BTreeSet<&str> {
        self.partial_attributes().collect()
    }
}

impl NestedPaths for Update {
    /// Those that are read count as those that are written do.
    fn nested_attributes(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        for action in self.actions() {
            add(action.path(), &mut names);
            if let Some(value) = action.set_value() {
                add_of_value(value, &mut names);
            }
        }
        names
    }
}

fn add<'p>(path: &'p Path, names: &mut BTreeSet<&'p str>) {
    if !path.is_top_level() {
        names.insert(&path.attribute);
    }
}

fn add_of_value<'v>(value: &'v SetValue, names: &mut BTreeSet<&'v str>) {
    match value {
        SetValue::Operand(operand) => add_of_operand(operand, names),
        SetValue::Sum(left, right) | SetValue::Difference(left, right) => {
            add_of_operand(left, names);
            add_of_operand(right, names);
        }
    }
}

fn add_of_operand<'o>(operand: &'o UpdateOperand, names: &mut BTreeSet<&'o str>) {
    match operand {
        UpdateOperand::Path(path) => add(path, names),
        UpdateOperand::Value(_) => {}
        UpdateOperand::IfNotExists { path, default } => {
            add(path, names);
            add_of_operand(default, names);
        }
        UpdateOperand::ListAppend { first, second } => {
            add_of_operand(first, names);
            add_of_operand(second, names);
        }
        UpdateOperand::Computed(value) => add_of_value(value, names),
    }
}
