//! The plainest store: a map in memory. Its checkpoint keeps nothing.

use crate::store::excludes_everything;
use crate::{Batch, Direction, Snapshot, StateError, StateStats, StateStore, VisitChecked};
use bytes::Bytes;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// A [`StateStore`] over a `BTreeMap`; snapshots share it, and the next batch changes a copy if one
/// is still held.
#[derive(Default)]
pub struct ModelStore {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    content: Arc<Content>,
    durable: u64,
    owner: Option<[u8; 16]>,
}

#[derive(Clone, Default)]
struct Content {
    map: BTreeMap<Bytes, Bytes>,
    position: u64,
}

impl ModelStore {
    /// An empty store at position 0.
    pub fn new() -> Self {
        Self::default()
    }
}

impl StateStore for ModelStore {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.state.read().content.clone()
    }

    fn apply(&self, batch: Batch, position: u64) -> Result<(), StateError> {
        let mut state = self.state.write();
        let applied = state.content.position;
        if position < applied {
            return Err(StateError::OutOfOrder { position, applied });
        }
        let content = Arc::make_mut(&mut state.content);
        content.position = position;
        for (key, value) in batch.into_sorted() {
            match value {
                Some(value) => content.map.insert(key, value),
                None => content.map.remove(&key),
            };
        }
        Ok(())
    }

    fn checkpoint(&self) -> Result<u64, StateError> {
        let mut state = self.state.write();
        state.durable = state.content.position;
        Ok(state.durable)
    }

    fn position(&self) -> u64 {
        self.state.read().content.position
    }

    fn durable_position(&self) -> u64 {
        self.state.read().durable
    }

    fn stats(&self) -> StateStats {
        StateStats::default()
    }

    fn format(&self) -> u64 {
        0
    }

    fn claim(&self, store_id: [u8; 16]) -> Result<(), StateError> {
        let mut state = self.state.write();
        match *state.owner.get_or_insert(store_id) == store_id {
            true => Ok(()),
            false => Err(StateError::OtherStore),
        }
    }

    fn check_owner(&self, store_id: [u8; 16]) -> Result<(), StateError> {
        match self.state.read().owner {
            Some(owner) if owner != store_id => Err(StateError::OtherStore),
            _ => Ok(()),
        }
    }
}

impl Snapshot for Content {
    fn position(&self) -> u64 {
        self.position
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        Ok(self.map.get(key).cloned())
    }

    fn scan_checked(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
        visit: &mut VisitChecked<'_>,
    ) -> Result<(), StateError> {
        if excludes_everything(from, to) {
            return Ok(());
        }
        let mut range = self.map.range::<[u8], _>((from, to));
        loop {
            let next = match direction {
                Direction::Forward => range.next(),
                Direction::Backward => range.next_back(),
            };
            let Some((key, value)) = next else {
                return Ok(());
            };
            if visit(key, Ok(value)).is_break() {
                return Ok(());
            }
        }
    }
}
