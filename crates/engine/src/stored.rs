//! What the state has of a key: looked up once, then kept in the cache of items.
//!
//! Most keys' blocks are in memory. Of one that is not, a read is begun, and the request waits for it without a thread.

use bytes::Bytes;
use headwater_model::{Sequence, StorageKey};
use headwater_state::{ColdRead, Snapshot, Sought};

use crate::database::Database;
use crate::error::EngineError;
use crate::overlay::Found;
use crate::record::state_key;
use crate::table::Table;

/// How often a key is asked for whose value had to be waited for: filters, an index and a block of each run may be cold.
const SEEKS_MAX: usize = 32;

impl Database {
    /// Brings items into memory, all of them at once, for reads that come next.
    ///
    /// # Errors
    /// Those of the state store.
    pub async fn read_items_ahead(
        &self,
        table: &Table,
        keys: &[StorageKey],
    ) -> Result<(), EngineError> {
        let keys = keys.iter().map(|key| state_key(table.id(), key.bytes()));
        self.read_ahead(&keys.collect::<Vec<_>>()).await
    }

    /// What the state has of a key that the overlay does not know. From now on the overlay does. Waits for the disk.
    pub(crate) fn stored(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let snapshot = self.inner.state.snapshot();
        let value = snapshot.get(key)?;
        Ok(self.remember(key, &*snapshot, value))
    }

    /// As [`Database::stored`], without a thread that waits if that can be.
    pub(crate) async fn sought(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        match self.seek(key)? {
            Sought::Value(value) => Ok(value),
            Sought::Waits(read) => self.wait_for(key, read).await,
        }
    }

    async fn wait_for(&self, key: &[u8], mut read: ColdRead) -> Result<Option<Bytes>, EngineError> {
        for _ in 0..SEEKS_MAX {
            if !read.wait().await {
                break;
            }
            match self.seek(key)? {
                Sought::Value(value) => return Ok(value),
                Sought::Waits(next) => read = next,
            }
        }
        // It can't be read, as this will tell, or memory is so short that what was read is gone again.
        self.stored(key)
    }

    fn seek(&self, key: &[u8]) -> Result<Sought, EngineError> {
        // A new one each time, so that none is held while somebody waits.
        let snapshot = self.inner.state.snapshot();
        Ok(match snapshot.seek(key)? {
            Sought::Value(value) => Sought::Value(self.remember(key, &*snapshot, value)),
            waits => waits,
        })
    }

    fn remember(&self, key: &[u8], snapshot: &dyn Snapshot, value: Option<Bytes>) -> Option<Bytes> {
        let position = Sequence(snapshot.position());
        self.inner.overlay.remember(key, position, value.clone());
        value
    }

    /// Brings into memory what is not there, all of it at once, so that nobody waits for a latch while the disk works.
    pub(crate) async fn read_ahead(&self, keys: &[Vec<u8>]) -> Result<(), EngineError> {
        let mut begun = Vec::new();
        for key in keys {
            if self.inner.overlay.newest(key) == Found::Unknown
                && let Sought::Waits(read) = self.seek(key)?
            {
                begun.push((key, read));
            }
        }
        for (key, read) in begun {
            self.wait_for(key, read).await?;
        }
        Ok(())
    }
}
