//! The whole content at one position: what is in memory, and the runs behind it.

use super::cursor::{Cursor, Merged, RunCursor, Told};
use super::gaps::{GONE_MIN, Gaps};
use super::memory::Memory;
use super::run::Run;
use super::stop::Stop;
use crate::cold::without_waiting;
use crate::store::excludes_everything;
use crate::{Direction, Snapshot, Sought, StateError, VisitChecked};
use bytes::Bytes;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// See the module. It is also the snapshot that readers get.
#[derive(Clone)]
pub(super) struct View {
    pub(super) position: u64,
    /// Number of the last batch that it shows.
    pub(super) batch: u64,
    pub(super) memory: Arc<Memory>,
    /// The newest first.
    pub(super) runs: Arc<[Arc<Run>]>,
    pub(super) stop: Arc<Stop>,
    pub(super) gaps: Arc<Gaps>,
}

impl View {
    /// Puts `merged` in the place of neighbouring runs; `None` if they are not all there.
    pub(super) fn replaced(
        runs: &[Arc<Run>],
        replaced: &[Arc<Run>],
        merged: Option<&Arc<Run>>,
    ) -> Option<Arc<[Arc<Run>]>> {
        let first = replaced.first()?.id();
        let start = runs.iter().position(|run| run.id() == first)?;
        let end = start + replaced.len();
        let ids = |runs: &[Arc<Run>]| runs.iter().map(|run| run.id()).collect::<Vec<_>>();
        if ids(runs.get(start..end)?) != ids(replaced) {
            return None;
        }
        let kept = [
            &runs[..start],
            merged.map_or(&[], std::slice::from_ref),
            &runs[end..],
        ];
        Some(kept.concat().into())
    }

    /// Whether an entry that says that a key is gone has something to say to these older runs.
    pub(super) fn is_needed(older: &[Arc<Run>], key: &[u8]) -> bool {
        let hash = xxh3_64(key);
        older.iter().any(|run| run.may_have(key, hash))
    }

    fn find(&self, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        let hash = xxh3_64(key);
        if let Some(found) = self.memory.get(key, hash, self.batch) {
            return Ok(found);
        }
        for run in self.runs.iter() {
            if let Some(found) = run.get(key, hash)? {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn visit(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        backward: bool,
        visit: &mut VisitChecked<'_>,
    ) -> Result<(), StateError> {
        if backward {
            return self.visit_all(from, to, true, &mut |key, told| match told {
                Ok(Some(value)) => visit(key, Ok(value)),
                Ok(None) => ControlFlow::Continue(()),
                Err(error) => visit(key, Err(error)),
            });
        }
        let first = match from {
            Bound::Unbounded => Vec::new(),
            Bound::Included(key) => key.to_vec(),
            Bound::Excluded(key) => [key, &[0]].concat(),
        };
        let behind = self.gaps.behind(&first, self.batch);
        let from = behind.as_deref().map_or(from, Bound::Included);
        // Keys that are gone, before the first that is there; and that one, or the last of them.
        let (mut gone, mut gone_to, mut is_first) = (0, None, true);
        self.visit_all(from, to, false, &mut |key, told| {
            if is_first && matches!(told, Ok(None)) {
                gone += 1;
                if gone % GONE_MIN == 0 {
                    gone_to = Some(key.to_vec());
                }
                return ControlFlow::Continue(());
            }
            if is_first && gone >= GONE_MIN && told.is_ok() {
                gone_to = Some(key.to_vec());
            }
            is_first = false;
            match told {
                Ok(Some(value)) => visit(key, Ok(value)),
                Ok(None) => ControlFlow::Continue(()),
                Err(error) => visit(key, Err(error)),
            }
        })?;
        if let Some(to) = gone_to {
            self.gaps.note(first, to, self.batch, &self.memory);
        }
        Ok(())
    }

    fn visit_all(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        backward: bool,
        visit: &mut dyn FnMut(&[u8], Told<'_>) -> ControlFlow<()>,
    ) -> Result<(), StateError> {
        if excludes_everything(from, to) {
            return Ok(());
        }
        let mut sources = Vec::with_capacity(self.runs.len() + 1);
        if !self.memory.is_empty() {
            let cursor = self.memory.cursor(from, to, backward, self.batch);
            sources.push(Cursor::Memory(cursor));
        }
        for run in self.runs.iter() {
            let cursor = RunCursor::new(run, from, to, backward)?;
            sources.push(Cursor::Run(Box::new(cursor)));
        }
        Merged::new(sources, backward).visit(&mut |key, told| {
            let is_past = match &told {
                Ok(_) => is_past(key, from, to, backward),
                Err(_) => is_damage_past(key, from, to, backward),
            };
            match is_past {
                true => ControlFlow::Break(()),
                false => visit(key, told),
            }
        })
    }
}

/// Whether a key lies behind the end of the range.
fn is_past(key: &[u8], from: Bound<&[u8]>, to: Bound<&[u8]>, backward: bool) -> bool {
    match (backward, from, to) {
        (false, _, Bound::Unbounded) | (true, Bound::Unbounded, _) => false,
        (false, _, Bound::Included(to)) => key > to,
        (false, _, Bound::Excluded(to)) => key >= to,
        (true, Bound::Included(from), _) => key < from,
        (true, Bound::Excluded(from), _) => key <= from,
    }
}

/// As [`is_past`], for something that can't be read: going forward, all of it lies at the key or behind it; going backward,
/// all of it lies before the key.
fn is_damage_past(key: &[u8], from: Bound<&[u8]>, to: Bound<&[u8]>, backward: bool) -> bool {
    match (backward, from) {
        (false, _) => is_past(key, from, to, false),
        (true, Bound::Included(from) | Bound::Excluded(from)) => key <= from,
        (true, Bound::Unbounded) => false,
    }
}

impl Snapshot for View {
    fn position(&self) -> u64 {
        self.position
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        self.stop.note_read(self.find(key))
    }

    fn seek(&self, key: &[u8]) -> Result<Sought, StateError> {
        match without_waiting(|| self.find(key)) {
            (_, Some(begun)) => Ok(Sought::Waits(begun)),
            (found, None) => self.stop.note_read(found).map(Sought::Value),
        }
    }

    fn scan_checked(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
        visit: &mut VisitChecked<'_>,
    ) -> Result<(), StateError> {
        let backward = direction == Direction::Backward;
        let visited = self.visit(from, to, backward, &mut |key, value| {
            visit(key, self.stop.note_read(value))
        });
        self.stop.note_read(visited)
    }
}
