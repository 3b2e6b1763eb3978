//! Items on their way into a table, some at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use headwater_engine::{
    Action, Command, EngineError, Identity, ItemCommand, LogError, ReturnValues, Table,
};
use headwater_model::{EncodedItem, StorageKey, limits};

use crate::failure::Ended;
use crate::run::Run;

/// Items of one entry of the log, and their bytes, about.
const ITEMS_MAX: usize = 200;
const BYTES_MAX: usize = 256 << 10;
/// Time until a write is tried again that was refused for now.
pub(crate) const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Items that wait to be written together. Of those with one key only the last is written.
#[derive(Default)]
pub(crate) struct PutBatch {
    items: Vec<(StorageKey, EncodedItem)>,
    places: HashMap<StorageKey, usize>,
    bytes: usize,
    /// Whether the table is one that nobody else may use yet.
    is_to_new_table: bool,
}

/// What a batch comes to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Amounts {
    pub(crate) items: u64,
    pub(crate) bytes: u64,
    pub(crate) units: u64,
}

impl PutBatch {
    pub(crate) fn to_new_table() -> Self {
        PutBatch {
            is_to_new_table: true,
            ..PutBatch::default()
        }
    }

    pub(crate) fn add(&mut self, key: StorageKey, item: EncodedItem) {
        self.bytes += item.size_bytes();
        match self.places.get(&key) {
            Some(place) => self.items[*place].1 = item,
            None => {
                self.places.insert(key.clone(), self.items.len());
                self.items.push((key, item));
            }
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.items.len() >= ITEMS_MAX || self.bytes >= BYTES_MAX
    }

    pub(crate) fn amounts(&self) -> Amounts {
        let sizes = self.items.iter().map(|(_, item)| item.size_bytes());
        sizes.fold(Amounts::default(), |sum, bytes| Amounts {
            items: sum.items + 1,
            bytes: sum.bytes + bytes as u64,
            units: sum.units + write_units(bytes),
        })
    }

    /// Writes what is there, and waits for room on the disk and throughput as long as it takes. Gives how many items the
    /// table does not take: an index was added to it, or their item collection would be too large.
    pub(crate) fn write(&mut self, table: &Arc<Table>, run: &Run) -> Result<u64, Ended> {
        let next = PutBatch {
            is_to_new_table: self.is_to_new_table,
            ..PutBatch::default()
        };
        let taken = std::mem::replace(self, next);
        let item = |(key, item)| ItemCommand {
            table: table.clone(),
            key,
            condition: None,
            action: Action::Put(item),
            returns: ReturnValues::None,
            return_item_on_failure: false,
        };
        let mut command = Command {
            items: taken.items.into_iter().map(item).collect(),
            identity: Identity::None,
        };
        let mut refused = 0;
        while !command.items.is_empty() {
            run.check()?;
            let again = command.clone();
            let written = run.handle.block_on(async {
                match taken.is_to_new_table {
                    true => run.database().fill(again).await,
                    false => run.database().write(again).await.map(|_| ()),
                }
            });
            match written {
                Ok(()) => break,
                Err(EngineError::Refused(refusals)) => {
                    let before = command.items.len();
                    let mut refusals = refusals.into_iter();
                    let is_taken = |_: &ItemCommand| refusals.next().flatten().is_none();
                    command.items.retain(is_taken);
                    refused += (before - command.items.len()) as u64;
                }
                Err(error) if is_for_now(&error) => {
                    run.handle.block_on(tokio::time::sleep(RETRY_INTERVAL));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(refused)
    }
}

/// Whether the same write may be taken a little later.
pub(crate) fn is_for_now(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::Log(LogError::NoRoom { .. } | LogError::Overloaded { .. })
            | EngineError::Throttled(_)
    )
}

/// Write units of an item of so many bytes.
pub(crate) fn write_units(bytes: usize) -> u64 {
    bytes.div_ceil(limits::WRITE_UNIT_BYTES).max(1) as u64
}
