//! Items on their way into a table, some at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use headwater_engine::{
    Action, Command, EngineError, Identity, ItemCommand, LogError, ReturnValues, Table,
};
use headwater_model::{EncodedItem, StorageKey, limits};
use headwater_operations::put_refusal;
use headwater_wire::ApiError;

use crate::failure::Ended;
use crate::run::Run;
use crate::source::Origin;

/// Items of one entry of the log, and their bytes, about.
const ITEMS_MAX: usize = 200;
const BYTES_MAX: usize = 256 << 10;
/// Time until a write is tried again that was refused for now.
pub(crate) const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Items that wait to be written together. Of those with one key only the last is written.
#[derive(Default)]
pub(crate) struct PutBatch {
    items: Vec<Waiting>,
    places: HashMap<StorageKey, usize>,
    bytes: usize,
    /// Whether the table is one that nobody else may use yet.
    is_to_new_table: bool,
}

struct Waiting {
    key: StorageKey,
    item: EncodedItem,
    origin: Origin,
}

/// What became of a batch.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) amounts: Amounts,
    /// What the table did not take: an index was added to it since the item was looked at, or the item's collection would be
    /// too large.
    pub(crate) refused: Vec<(Origin, ApiError)>,
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

    pub(crate) fn add(&mut self, key: StorageKey, item: EncodedItem, origin: Origin) {
        self.bytes += item.size_bytes();
        let waiting = Waiting {
            key: key.clone(),
            item,
            origin,
        };
        match self.places.get(&key) {
            Some(place) => self.items[*place] = waiting,
            None => {
                self.places.insert(key, self.items.len());
                self.items.push(waiting);
            }
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.items.len() >= ITEMS_MAX || self.bytes >= BYTES_MAX
    }

    /// Writes what is there, and waits for room on the disk and throughput as long as it takes. What became of it is in
    /// `written`, also of a part of it when the job ends in between.
    pub(crate) fn write(
        &mut self,
        table: &Arc<Table>,
        run: &Run,
        written: &mut Written,
    ) -> Result<(), Ended> {
        let next = PutBatch {
            is_to_new_table: self.is_to_new_table,
            ..PutBatch::default()
        };
        let taken = std::mem::replace(self, next);
        let mut items = taken.items;
        let mut at_once = items.len();
        while !items.is_empty() {
            run.check()?;
            at_once = at_once.min(items.len());
            let command = Command {
                items: items[..at_once]
                    .iter()
                    .map(|waiting| waiting.command(table))
                    .collect(),
                identity: Identity::None,
            };
            let put = run.handle.block_on(async {
                match taken.is_to_new_table {
                    true => run.database().fill(command).await,
                    false => run.database().write(command).await.map(|_| ()),
                }
            });
            match put {
                Ok(()) => items
                    .drain(..at_once)
                    .for_each(|waiting| written.amounts.add(&waiting)),
                Err(EngineError::Refused(refusals)) => {
                    let rest = items.split_off(at_once);
                    let decided = std::mem::take(&mut items).into_iter().zip(refusals);
                    for (waiting, refusal) in decided {
                        match refusal {
                            None => items.push(waiting),
                            Some(refusal) => {
                                let told = (waiting.origin, put_refusal(refusal));
                                written.refused.push(told);
                            }
                        }
                    }
                    items.extend(rest);
                }
                // The items that were there before stand in the entry too, and may be far larger.
                Err(EngineError::Log(LogError::TooLarge { .. })) if at_once > 1 => {
                    at_once = at_once.div_ceil(2);
                }
                Err(error) if is_for_now(&error) => {
                    run.handle.block_on(tokio::time::sleep(RETRY_INTERVAL));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Waiting {
    fn command(&self, table: &Arc<Table>) -> ItemCommand {
        ItemCommand {
            table: table.clone(),
            key: self.key.clone(),
            condition: None,
            action: Action::Put(self.item.clone()),
            returns: ReturnValues::None,
            return_item_on_failure: false,
        }
    }
}

impl Amounts {
    fn add(&mut self, written: &Waiting) {
        let bytes = written.item.size_bytes();
        self.items += 1;
        self.bytes += bytes as u64;
        self.units += write_units(bytes);
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
