//! Items on their way into a table, some at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use headwater_engine::{
    Action, Command, EngineError, Identity, ItemCommand, LogError, ReturnValues, Table,
};
use headwater_model::{EncodedItem, StorageKey};

use crate::failure::Ended;
use crate::run::Run;

/// Items of one entry of the log, and their bytes, about.
const ITEMS_MAX: usize = 200;
const BYTES_MAX: usize = 256 << 10;
/// Time until a write is tried again that was refused for lack of room.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Items that wait to be written together. Of those with one key only the last is written.
#[derive(Default)]
pub(crate) struct ImportBatch {
    items: Vec<(StorageKey, EncodedItem)>,
    places: HashMap<StorageKey, usize>,
    bytes: usize,
}

impl ImportBatch {
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

    /// Writes what is there, and waits for room on the disk as long as it takes.
    pub(crate) fn write(&mut self, table: &Arc<Table>, run: &Run) -> Result<(), Ended> {
        let taken = std::mem::take(self);
        if taken.items.is_empty() {
            return Ok(());
        }
        let item = |(key, item)| ItemCommand {
            table: table.clone(),
            key,
            condition: None,
            action: Action::Put(item),
            returns: ReturnValues::None,
            return_item_on_failure: false,
        };
        let command = Command {
            items: taken.items.into_iter().map(item).collect(),
            identity: Identity::None,
        };
        loop {
            run.check()?;
            match run.handle.block_on(run.database().fill(command.clone())) {
                Ok(()) => return Ok(()),
                Err(EngineError::Log(LogError::NoRoom { .. } | LogError::Overloaded { .. })) => {
                    run.handle.block_on(tokio::time::sleep(RETRY_INTERVAL));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
