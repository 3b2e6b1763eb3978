//! Commands: what every writer turns its request into before it knocks at the one door.

use std::sync::Arc;

use headwater_changelog::Identity;
use headwater_expression::{Condition, Update, UpdateError};
use headwater_model::{EncodedItem, Item, StorageKey};

use crate::index::{IndexKeyError, IndexWrite};
use crate::table::Table;

/// What is to happen to one item.
#[derive(Clone, Debug)]
pub enum Action {
    /// Put this item in place of what is there.
    Put(EncodedItem),
    /// The same of an item that a table had already: an index that it does not fit leaves it out, as it does with items
    /// from before the index.
    Copy(EncodedItem),
    /// Change what is there, or the bare key if nothing is.
    Update {
        /// The parsed update expression; one without actions changes nothing but creates a missing item.
        update: Update,
        /// The key attributes, from which a missing item is made.
        key: Item,
    },
    /// Remove what is there.
    Delete,
    /// Remove what is there if its time to live is over.
    Expire {
        /// The attribute that holds the time.
        attribute: String,
        /// The time now, in seconds since the epoch.
        now_s: u64,
        /// The number of the table's time to live (see [`crate::TimeToLive`]); if it has another one by now, or none,
        /// nothing is removed.
        index: u32,
    },
    /// Only check the condition.
    Check,
}

/// Which attributes the reply holds (the API's ReturnValues).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReturnValues {
    /// Nothing.
    #[default]
    None,
    /// The whole item before the change.
    AllOld,
    /// The whole item after the change.
    AllNew,
    /// What the update touched, before.
    UpdatedOld,
    /// What the update touched, after.
    UpdatedNew,
}

/// A command on one item.
#[derive(Clone)]
pub struct ItemCommand {
    /// The table.
    pub table: Arc<Table>,
    /// The item's key.
    pub key: StorageKey,
    /// Must hold for the item that is there (or for no item), or nothing happens.
    pub condition: Option<Condition>,
    /// What is to happen.
    pub action: Action,
    /// What the reply shows.
    pub returns: ReturnValues,
    /// Whether a failed condition reports the item that failed it.
    pub return_item_on_failure: bool,
}

/// One or many item commands that happen together or not at all.
#[derive(Clone)]
pub struct Command {
    /// The item commands; no two on one item.
    pub items: Vec<ItemCommand>,
    /// Who makes the change, as the stream records name it.
    pub identity: Identity,
}

impl Command {
    /// A command on one item by an ordinary caller.
    pub fn single(item: ItemCommand) -> Self {
        Command {
            items: vec![item],
            identity: Identity::None,
        }
    }
}

/// What became of one item command.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What [`ReturnValues`] asked for, if there is any.
    pub attributes: Option<EncodedItem>,
    /// Size of the item before, 0 if there was none.
    pub old_size_bytes: usize,
    /// Size of the item after, 0 if there is none.
    pub new_size_bytes: usize,
    /// Whether anything changed, that is, whether the log has an entry for it.
    pub changed: bool,
    /// What it cost in each index that it changed.
    pub index_writes: Vec<IndexWrite>,
}

/// What became of a transaction.
#[derive(Clone, Debug)]
pub struct Transacted {
    /// One for each item command, in order. If it is a repetition, nothing but the sizes after it is known.
    pub outcomes: Vec<Outcome>,
    /// Whether its token was used already, so that nothing was done.
    pub repeated: bool,
}

/// Why an item command was refused; nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// The condition does not hold.
    #[error("The conditional request failed")]
    ConditionFailed {
        /// The item that failed it, if the command asked for it and there is one.
        item: Option<EncodedItem>,
        /// Its size, for the capacity that the attempt used.
        size_bytes: usize,
    },
    /// The item would be larger than an item may be; source: conformance suite.
    #[error("{}", if *.by_update { "Item size to update has exceeded the maximum allowed size" } else { "Item size has exceeded the maximum allowed size" })]
    ItemTooLarge {
        /// Whether an update would have made it so.
        by_update: bool,
    },
    /// The item's collection would be larger than the setting has it.
    #[error("the item collection would be too large")]
    CollectionTooLarge,
    /// An attribute of the item would not fit the key of an index.
    #[error("{error}")]
    IndexKey {
        /// Which index, and why.
        error: IndexKeyError,
        /// Whether an update would have made it so.
        by_update: bool,
    },
    /// The update does not fit the item that is there.
    #[error(transparent)]
    Update(#[from] UpdateError),
}
