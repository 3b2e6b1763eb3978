//! The whole content at one position: what is in memory, and the runs behind it.

use super::cursor::{Cursor, Merged, RunCursor, Told};
use super::gaps::{GONE_LOOK, GONE_MIN, Gaps};
use super::memory::Memory;
use super::run::Run;
use super::stop::Stop;
use crate::cold::without_waiting;
use crate::store::excludes_everything;
use crate::{Direction, Snapshot, Sought, StateError, Visit, VisitChecked};
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

    /// Gives the last deleted key that was passed if it ended because they were so many.
    fn visit(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        backward: bool,
        deleted_max: usize,
        visit: &mut VisitChecked<'_>,
    ) -> Result<Option<Vec<u8>>, StateError> {
        let mut deleted = Deleted::default();
        let (mut start, mut stopped) = (None, None);
        if !backward {
            let first = match from {
                Bound::Unbounded => Vec::new(),
                Bound::Included(key) => key.to_vec(),
                Bound::Excluded(key) => [key, &[0]].concat(),
            };
            start = self.gaps.behind(&first, self.batch);
            deleted.edge = first;
            deleted.has_edge = true;
        }
        loop {
            let (from, to) = match &start {
                Some(start) if backward => (from, Bound::Excluded(start.as_slice())),
                Some(start) => (Bound::Included(start.as_slice()), to),
                None => (from, to),
            };
            let mut next = None;
            self.visit_all(from, to, backward, &mut |key, told| {
                match told {
                    Ok(None) => {
                        deleted.pass(key, backward);
                        if !deleted.count.is_multiple_of(GONE_LOOK) {
                            return ControlFlow::Continue(());
                        }
                        next = match backward {
                            true => self.gaps.before(key, self.batch),
                            false => self.gaps.behind(key, self.batch),
                        };
                        if next.is_none() && deleted.all >= deleted_max {
                            stopped = Some(key.to_vec());
                        }
                        match next.is_some() || stopped.is_some() {
                            true => ControlFlow::Break(()),
                            false => ControlFlow::Continue(()),
                        }
                    }
                    Ok(Some(value)) => {
                        deleted.end(key, backward, self);
                        visit(key, Ok(value))
                    }
                    Err(error) => {
                        // What lies there is not known, nor how far it reaches.
                        deleted.meets_damage = true;
                        visit(key, Err(error))
                    }
                }
            })?;
            match next {
                Some(next) => start = Some(next),
                None => break,
            }
        }
        deleted.end_at_last(backward, self);
        Ok(stopped)
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

/// The deleted keys that a scan passes one after the other.
#[derive(Default)]
struct Deleted {
    count: usize,
    /// All of the scan.
    all: usize,
    /// The edge of the gap that they make where the scan came to them: its beginning, or its end if the scan goes backward.
    edge: Vec<u8>,
    has_edge: bool,
    /// One of the last.
    last: Vec<u8>,
    /// Something could not be read: what was passed since then may have keys between that are there.
    meets_damage: bool,
}

impl Deleted {
    fn pass(&mut self, key: &[u8], backward: bool) {
        self.count += 1;
        self.all += 1;
        if !self.has_edge {
            self.has_edge = true;
            self.edge.clear();
            self.edge.extend_from_slice(key);
            if backward {
                // Just behind it: what comes after it later is not in the gap.
                self.edge.push(0);
            }
        }
        if self.count.is_multiple_of(GONE_MIN) {
            self.last.clear();
            self.last.extend_from_slice(key);
        }
    }

    /// They end before a key that is there.
    fn end(&mut self, key: &[u8], backward: bool, view: &View) {
        if self.count >= GONE_MIN {
            let other = match backward {
                true => [key, &[0]].concat(),
                false => key.to_vec(),
            };
            self.note(other, backward, view);
        }
        self.forget();
    }

    /// They end where the scan does.
    fn end_at_last(&mut self, backward: bool, view: &View) {
        if self.count >= GONE_MIN {
            let last = std::mem::take(&mut self.last);
            self.note(last, backward, view);
        }
        self.forget();
    }

    fn note(&mut self, other: Vec<u8>, backward: bool, view: &View) {
        if self.meets_damage {
            return;
        }
        let edge = std::mem::take(&mut self.edge);
        let (from, to) = match backward {
            true => (other, edge),
            false => (edge, other),
        };
        view.gaps.note(from, to, view.batch, &view.memory);
    }

    fn forget(&mut self) {
        self.count = 0;
        self.has_edge = false;
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

    fn scan_within(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
        deleted_max: usize,
        visit: &mut Visit<'_>,
    ) -> Result<Option<Vec<u8>>, StateError> {
        let backward = direction == Direction::Backward;
        let mut failure = None;
        let visited = self.visit(
            from,
            to,
            backward,
            deleted_max,
            &mut |key, value| match value {
                Ok(value) => visit(key, value),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            },
        );
        match failure {
            Some(error) => self.stop.note_read(Err(error)),
            None => self.stop.note_read(visited),
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
        let visited = self.visit(from, to, backward, usize::MAX, &mut |key, value| {
            visit(key, self.stop.note_read(value))
        });
        self.stop.note_read(visited.map(|_| ()))
    }
}
