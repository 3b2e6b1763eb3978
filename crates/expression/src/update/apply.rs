//! Applying actions to an item.
//!
//! First all new values are computed from the old item; then they are written in one walk over a
//! tree of changes, so that list indexes mean the old positions whatever else is removed or
//! appended (Alternator's tests).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_model::limits::{ITEM_SIZE_BYTES_MAX, NESTING_DEPTH_MAX};
use headwater_model::{AttributeValue, Item};

use crate::ast::{Path, Segment, SetValue, UpdateAction, UpdateOperand};
use crate::error::UpdateError;

type Changes = BTreeMap<Segment, Change>;

enum Change {
    Put(AttributeValue),
    Remove,
    Within(Changes),
}

pub(super) fn apply(
    actions: &[UpdateAction],
    old: &Item,
    item: &mut Item,
) -> Result<(), UpdateError> {
    let mut changes = Changes::new();
    let mut put_bytes = 0;
    for action in actions {
        let change = change(action, old, &mut put_bytes)?;
        insert(&mut changes, action.path(), change);
    }
    apply_to_map(item, changes)
}

/// Adds a change to the tree. Paths are apart from each other, so nothing is there already.
fn insert(changes: &mut Changes, path: &Path, change: Change) {
    let head = Segment::Name(path.attribute.clone());
    let Some((leaf, parents)) = path.rest.split_last() else {
        changes.insert(head, change);
        return;
    };
    let mut level = changes;
    for parent in std::iter::once(&head).chain(parents) {
        let next = level
            .entry(parent.clone())
            .or_insert_with(|| Change::Within(Changes::new()));
        match next {
            Change::Within(inner) => level = inner,
            Change::Put(_) | Change::Remove => return,
        }
    }
    level.insert(leaf.clone(), change);
}

fn change(action: &UpdateAction, old: &Item, put_bytes: &mut usize) -> Result<Change, UpdateError> {
    let new = match action {
        UpdateAction::Remove { .. } => None,
        UpdateAction::Set { value, .. } => Some(set_value(value, old)?),
        UpdateAction::Add { path, value } => Some(added(path.find(old), value)?),
        UpdateAction::Delete { path, value } => deleted(path.find(old), value)?,
    };
    let Some(new) = new else {
        return Ok(Change::Remove);
    };
    // The attribute itself is level 1. An update could otherwise put an attribute into itself, deeper each
    // time, until reading it takes more stack than there is.
    if action.path().rest.len() + new.depth() > NESTING_DEPTH_MAX {
        return Err(UpdateError::NestingTooDeep);
    }
    // One value may be written many times; an item that cannot be is not built.
    *put_bytes += new.size_bytes();
    if *put_bytes > ITEM_SIZE_BYTES_MAX {
        return Err(UpdateError::ItemTooLarge);
    }
    Ok(Change::Put(new.into_owned()))
}

fn set_value<'a>(
    value: &'a SetValue,
    old: &'a Item,
) -> Result<Cow<'a, AttributeValue>, UpdateError> {
    let number = |operand| match *read(operand, old)? {
        AttributeValue::N(number) => Ok(number),
        _ => Err(UpdateError::OperandType),
    };
    match value {
        SetValue::Operand(operand) => read(operand, old),
        SetValue::Sum(left, right) => Ok(Cow::Owned(AttributeValue::N(
            number(left)?.checked_add(number(right)?)?,
        ))),
        SetValue::Difference(left, right) => Ok(Cow::Owned(AttributeValue::N(
            number(left)?.checked_sub(number(right)?)?,
        ))),
    }
}

fn read<'a>(
    operand: &'a UpdateOperand,
    old: &'a Item,
) -> Result<Cow<'a, AttributeValue>, UpdateError> {
    match operand {
        UpdateOperand::Path(path) => path
            .find(old)
            .map(Cow::Borrowed)
            .ok_or(UpdateError::MissingAttribute),
        UpdateOperand::Value(value) => Ok(Cow::Borrowed(Arc::as_ref(value))),
        UpdateOperand::IfNotExists { path, default } => match path.find(old) {
            Some(value) => Ok(Cow::Borrowed(value)),
            None => read(default, old),
        },
        UpdateOperand::Computed(value) => set_value(value, old),
        UpdateOperand::ListAppend { first, second } => {
            appended(read(first, old)?, read(second, old)?).map(Cow::Owned)
        }
    }
}

/// PartiQL nests calls, so that a short statement names a list hundreds of times: what no item could hold is not built,
/// and what was built for an inner call is moved, not copied.
fn appended(
    first: Cow<'_, AttributeValue>,
    second: Cow<'_, AttributeValue>,
) -> Result<AttributeValue, UpdateError> {
    if !matches!(
        (&*first, &*second),
        (AttributeValue::L(_), AttributeValue::L(_))
    ) {
        return Err(UpdateError::OperandType);
    }
    if first.size_bytes() + second.size_bytes() > ITEM_SIZE_BYTES_MAX {
        return Err(UpdateError::ItemTooLarge);
    }
    match (first.into_owned(), second.into_owned()) {
        (AttributeValue::L(mut list), AttributeValue::L(more)) => {
            list.extend(more);
            Ok(AttributeValue::L(list))
        }
        _ => Err(UpdateError::OperandType),
    }
}

fn added<'a>(
    old: Option<&AttributeValue>,
    value: &'a AttributeValue,
) -> Result<Cow<'a, AttributeValue>, UpdateError> {
    let Some(old) = old else {
        return Ok(Cow::Borrowed(value));
    };
    let sum = match (old, value) {
        (AttributeValue::N(old), AttributeValue::N(more)) => {
            AttributeValue::N(old.checked_add(*more)?)
        }
        (AttributeValue::Ss(old), AttributeValue::Ss(more)) => AttributeValue::Ss(union(old, more)),
        (AttributeValue::Ns(old), AttributeValue::Ns(more)) => AttributeValue::Ns(union(old, more)),
        (AttributeValue::Bs(old), AttributeValue::Bs(more)) => AttributeValue::Bs(union(old, more)),
        // Only the legacy ADD gets here with a list; the expression's was refused before.
        (AttributeValue::L(old), AttributeValue::L(more)) => {
            AttributeValue::L([&old[..], more].concat())
        }
        _ => return Err(UpdateError::OperandType),
    };
    Ok(Cow::Owned(sum))
}

/// What is left of the set; an empty set is none.
fn deleted<'a>(
    old: Option<&'a AttributeValue>,
    value: &AttributeValue,
) -> Result<Option<Cow<'a, AttributeValue>>, UpdateError> {
    let left = match (old, value) {
        (None, _) => None,
        (Some(AttributeValue::Ss(old)), AttributeValue::Ss(less)) => {
            difference(old, less).map(AttributeValue::Ss)
        }
        (Some(AttributeValue::Ns(old)), AttributeValue::Ns(less)) => {
            difference(old, less).map(AttributeValue::Ns)
        }
        (Some(AttributeValue::Bs(old)), AttributeValue::Bs(less)) => {
            difference(old, less).map(AttributeValue::Bs)
        }
        _ => return Err(UpdateError::OperandType),
    };
    Ok(left.map(Cow::Owned))
}

/// Both inputs are sorted and without duplicates, and so is the result.
fn union<T: Ord + Clone>(one: &[T], two: &[T]) -> Vec<T> {
    let mut all = [one, two].concat();
    all.sort();
    all.dedup();
    all
}

fn difference<T: Ord + Clone>(set: &[T], less: &[T]) -> Option<Vec<T>> {
    let left: Vec<T> = set
        .iter()
        .filter(|member| less.binary_search(member).is_err())
        .cloned()
        .collect();
    (!left.is_empty()).then_some(left)
}

/// Puts and removals are gathered and done in one go: there may be a hundred thousand of them.
fn apply_to_map(map: &mut Item, changes: Changes) -> Result<(), UpdateError> {
    let mut removed: Vec<Arc<str>> = Vec::new();
    let mut added = Vec::new();
    for (segment, change) in changes {
        let Segment::Name(name) = segment else {
            return Err(UpdateError::InvalidPath);
        };
        match change {
            Change::Put(value) => match map.get_mut(&name) {
                Some(old) => *old = value,
                None => added.push((name.to_string(), value)),
            },
            // In the order of their names, as all changes come.
            Change::Remove => removed.push(name),
            Change::Within(inner) => {
                let value = map.get_mut(&name).ok_or(UpdateError::InvalidPath)?;
                apply_to_value(value, inner)?;
            }
        }
    }
    if !removed.is_empty() {
        map.retain(|name, _| {
            removed
                .binary_search_by(|other| (**other).cmp(name))
                .is_err()
        });
    }
    map.extend(added);
    Ok(())
}

fn apply_to_value(value: &mut AttributeValue, changes: Changes) -> Result<(), UpdateError> {
    match value {
        AttributeValue::M(map) => apply_to_map(map, changes),
        AttributeValue::L(list) => apply_to_list(list, changes),
        _ => Err(UpdateError::InvalidPath),
    }
}

/// Changes come in the order of their indexes: values beyond the end are appended in that order.
fn apply_to_list(list: &mut Vec<AttributeValue>, changes: Changes) -> Result<(), UpdateError> {
    let old_length = list.len();
    let mut removed = Vec::new();
    for (segment, change) in changes {
        let Segment::Index(index) = segment else {
            return Err(UpdateError::InvalidPath);
        };
        let index = index as usize;
        match change {
            Change::Put(value) if index < old_length => list[index] = value,
            Change::Put(value) => list.push(value),
            Change::Remove => removed.push(index),
            Change::Within(inner) if index < old_length => apply_to_value(&mut list[index], inner)?,
            Change::Within(_) => return Err(UpdateError::InvalidPath),
        }
    }
    let mut position = 0;
    list.retain(|_| {
        let keep = removed.binary_search(&position).is_err();
        position += 1;
        keep || position > old_length
    });
    Ok(())
}
