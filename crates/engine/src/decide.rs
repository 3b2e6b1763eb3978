//! The decision: what a command does to the item that is there. Pure; everything that the write
//! operations mean is here, without I/O, clock or locks.

use std::sync::Arc;

use headwater_changelog::ChangeKind;
use headwater_expression::{Steps, Update, Updated};
use headwater_model::{CorruptItem, EncodedItem, Item, limits};

use crate::command::{Action, ItemCommand, Outcome, Refusal, ReturnValues};
use crate::error::EngineError;
use crate::index::{self, EntryChange, Index, IndexWrite};
use crate::index_record::IndexKind;
use crate::time_to_live::is_expired;

/// A decided change of one item.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) kind: ChangeKind,
    pub(crate) new: Option<EncodedItem>,
    /// What it does to the table's indexes.
    pub(crate) entries: Vec<EntryChange>,
}

/// What [`decide`] answers when nothing is wrong with the store itself.
pub(crate) type Decision = Result<(Option<Decided>, Outcome), Refusal>;

/// Decides one item command against the item that is there, but for what it does to the table's indexes, which
/// [`decide_entries`] says. Its condition is evaluated within `steps`.
///
/// An outcome without a change means that the command leaves the item as it is: no log entry, no record.
pub(crate) fn decide(
    command: &ItemCommand,
    seen: Option<&EncodedItem>,
    steps: &mut Steps,
) -> Result<Decision, EngineError> {
    let old_size_bytes = seen.map_or(0, EncodedItem::size_bytes);
    let mut decoded = None;
    if let Some(condition) = &command.condition {
        let item = decode_once(&mut decoded, seen)?;
        if !condition.evaluate_within(item, steps)? {
            let item = seen.filter(|_| command.return_item_on_failure).cloned();
            return Ok(Err(Refusal::ConditionFailed {
                item,
                size_bytes: old_size_bytes,
            }));
        }
    }
    let (new, updated) = match &command.action {
        Action::Check => (seen.cloned(), None),
        Action::Delete => (None, None),
        // What was changed meanwhile, so that it is not expired any more, stays.
        Action::Expire {
            attribute, now_s, ..
        } => match seen {
            Some(item) if !is_expired(item.get(attribute)?.as_ref(), *now_s) => {
                (Some(item.clone()), None)
            }
            _ => (None, None),
        },
        Action::Put(item) | Action::Copy(item) => (Some(item.clone()), None),
        Action::Update { update, key } => {
            decode_once(&mut decoded, seen)?;
            let old = seen.and(decoded.as_ref());
            match updated_item(update, key, old) {
                Ok(Some(updated)) => (Some(EncodedItem::encode(&updated.item)), Some(updated)),
                Ok(None) => (None, None),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
    };
    let new_size_bytes = new.as_ref().map_or(0, EncodedItem::size_bytes);
    if new_size_bytes > limits::ITEM_SIZE_BYTES_MAX {
        return Ok(Err(too_large(command)));
    }
    let kind = match (seen, &new) {
        (None, None) => None,
        (None, Some(_)) => Some(ChangeKind::Insert),
        (Some(_), None) => Some(ChangeKind::Remove),
        // The encoding is canonical: equal bytes are equal values.
        (Some(old), Some(new)) if old == new => None,
        (Some(_), Some(_)) => Some(ChangeKind::Modify),
    };
    let outcome = Outcome {
        attributes: returned(
            command.returns,
            seen,
            new.as_ref(),
            updated.as_ref(),
            decoded.as_ref(),
        ),
        old_size_bytes,
        new_size_bytes,
        changed: kind.is_some(),
        index_writes: Vec::new(),
    };
    let entries = Vec::new();
    let decided = kind.map(|kind| Decided { kind, new, entries });
    Ok(Ok((decided, outcome)))
}

/// Adds to a decision what it does to the table's indexes, unless one of them refuses it.
pub(crate) fn decide_entries(
    command: &ItemCommand,
    seen: Option<&EncodedItem>,
    indexes: &[Arc<Index>],
    decision: &mut Decision,
) -> Result<(), CorruptItem> {
    let Ok((Some(decided), outcome)) = decision else {
        return Ok(());
    };
    if indexes.is_empty() {
        return Ok(());
    }
    let (key, new) = (command.key.bytes(), decided.new.as_ref());
    let is_copy = matches!(command.action, Action::Copy(_));
    let changes = match is_copy {
        true => Ok(index::changes(indexes, key, seen, new)?),
        false => index::decided_changes(indexes, key, seen, new)?,
    };
    match changes {
        Ok(_) if !is_copy && exceeds_with_entries(indexes, key, new)? => {
            *decision = Err(too_large(command));
        }
        Ok(entries) => {
            outcome.index_writes = index_writes(indexes, &entries);
            decided.entries = entries;
        }
        Err(error) => {
            let by_update = matches!(command.action, Action::Update { .. });
            *decision = Err(Refusal::IndexKey { error, by_update });
        }
    }
    Ok(())
}

fn too_large(command: &ItemCommand) -> Refusal {
    let by_update = matches!(command.action, Action::Update { .. });
    Refusal::ItemTooLarge { by_update }
}

fn index_writes(indexes: &[Arc<Index>], entries: &[EntryChange]) -> Vec<IndexWrite> {
    let write = |entry: &EntryChange| {
        let index = indexes.iter().find(|index| index.id() == entry.index)?;
        Some(IndexWrite {
            index: index.record().name.clone(),
            kind: index.record().kind,
            units: match index.vector() {
                Some(_) => entry.vector_write_bytes(),
                None => entry.write_units(),
            },
        })
    };
    entries.iter().filter_map(write).collect()
}

/// Whether an item and its entries in local indexes are larger together than an item may be (guide, local secondary
/// indexes).
fn exceeds_with_entries(
    indexes: &[Arc<Index>],
    key: &[u8],
    new: Option<&EncodedItem>,
) -> Result<bool, CorruptItem> {
    let Some(new) = new else { return Ok(false) };
    let local = || {
        let kind = |index: &&Arc<Index>| index.record().kind == IndexKind::Local;
        indexes.iter().filter(kind)
    };
    let mut size_bytes = new.size_bytes();
    // No entry is larger than its item.
    if size_bytes * (1 + local().count()) <= limits::ITEM_SIZE_BYTES_MAX {
        return Ok(false);
    }
    for index in local() {
        let entry = index.entry_if_fit(key, new)?;
        size_bytes += entry.map_or(0, |entry| entry.item.size_bytes());
    }
    Ok(size_bytes > limits::ITEM_SIZE_BYTES_MAX)
}

/// The item as a tree; an empty one when there is none, which is what conditions see then.
fn decode_once<'a>(
    decoded: &'a mut Option<Item>,
    seen: Option<&EncodedItem>,
) -> Result<&'a Item, CorruptItem> {
    if decoded.is_none() {
        *decoded = Some(match seen {
            Some(item) => item.decode()?,
            None => Item::new(),
        });
    }
    Ok(decoded.get_or_insert_with(Item::new))
}

/// The item after an update; `None` when there is none: only removing from a missing item makes no item.
fn updated_item(
    update: &Update,
    key: &Item,
    old: Option<&Item>,
) -> Result<Option<Updated>, Refusal> {
    if old.is_none() && !update.creates_item() {
        return Ok(None);
    }
    Ok(Some(update.apply(old, key)?))
}

fn returned(
    returns: ReturnValues,
    seen: Option<&EncodedItem>,
    new: Option<&EncodedItem>,
    updated: Option<&Updated>,
    old: Option<&Item>,
) -> Option<EncodedItem> {
    match returns {
        ReturnValues::None => None,
        ReturnValues::AllOld => seen.cloned(),
        ReturnValues::AllNew => new.cloned(),
        ReturnValues::UpdatedOld => {
            seen?;
            non_empty(updated?.updated_old(old))
        }
        ReturnValues::UpdatedNew => non_empty(updated?.updated_new()),
    }
}

fn non_empty(item: Item) -> Option<EncodedItem> {
    (!item.is_empty()).then(|| EncodedItem::encode(&item))
}
