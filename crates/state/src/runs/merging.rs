//! The thread that merges runs.

use super::Shared;
use super::block::{Block, Entry};
use super::plan::plan;
use super::run::Run;
use super::view::View;
use crate::StateError;
use crate::space::is_no_room;
use parking_lot::{Condvar, Mutex};
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Whoever writes another run waits while there are so many.
pub(super) const RUNS_MAX: usize = 24;
/// Bytes that are merged between two looks for what is to be merged before them.
const LOOK_BYTES: u64 = 4 << 20;
/// Most runs that one merge takes, so that what it reads of each at once stays bounded.
const INPUTS_MAX: usize = 32;
/// Time until merging that found no room is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How much the thread stands back behind those that serve.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;
/// Least bytes that a deleted key counts for.
const DELETED_BYTES_MIN: u64 = 64;

/// What the thread is told, and what it tells.
#[derive(Default)]
pub(super) struct Control {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Runs were added since the thread looked.
    has_more: bool,
    /// It makes runs fewer.
    is_busy: bool,
    is_ending: bool,
    /// Runs that one merge, which takes long, makes fewer at its end only.
    merging: usize,
}

impl Control {
    pub(super) fn wake(&self) {
        self.state.lock().has_more = true;
        self.changed.notify_all();
    }

    pub(super) fn end(&self) {
        self.state.lock().is_ending = true;
        self.changed.notify_all();
    }

    fn wake_waiting(&self) {
        // Under the lock, so that nobody misses it between looking and waiting.
        let _state = self.state.lock();
        self.changed.notify_all();
    }

    fn is_ending(&self) -> bool {
        self.state.lock().is_ending
    }

    /// Waits while something holds and the thread is about to change it.
    /// `holds` is told how many runs are in a merge of which nobody knows how long it takes.
    pub(super) fn wait_while(&self, holds: impl Fn(usize) -> bool) {
        let mut state = self.state.lock();
        while !state.is_ending && (state.is_busy || state.has_more) && holds(state.merging) {
            self.changed.wait(&mut state);
        }
    }

    /// Waits until there is more to do; false when the thread is to end.
    fn wait(&self, timeout: Option<Duration>) -> bool {
        let mut state = self.state.lock();
        state.is_busy = false;
        self.changed.notify_all();
        while !state.has_more && !state.is_ending {
            match timeout {
                None => self.changed.wait(&mut state),
                Some(timeout) => {
                    if self.changed.wait_for(&mut state, timeout).timed_out() {
                        break;
                    }
                }
            }
        }
        state.has_more = false;
        state.is_busy = true;
        !state.is_ending
    }

    fn note_merging(&self, runs: usize) {
        // Under the lock, so that nobody misses it between looking and waiting.
        self.state.lock().merging = runs;
        self.changed.notify_all();
    }
}

/// The end of the thread, by a panic too: nobody waits for it any more.
struct End<'a>(&'a Control);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Shared {
    /// Merges what is to be merged until the store is closed.
    pub(super) fn keep_merging(&self) {
        let _end = End(&self.control);
        stand_back();
        let mut retry = None;
        while self.control.wait(retry) {
            retry = None;
            while let Some(inputs) = self.next_merge(None) {
                self.control.note_merging(inputs.len());
                let merged = self.merge(&inputs);
                self.control.note_merging(0);
                match merged {
                    Ok(()) => {
                        self.forget(inputs);
                        // Not only when nothing is left to merge: every read asks the filters of a run.
                        self.keep_filters();
                    }
                    Err(_) if self.is_over() => break,
                    Err(StateError::Io { source, .. }) if is_no_room(&source) => {
                        self.give_room_back();
                        tracing::warn!("no room to merge runs of the state; it is tried again");
                        retry = Some(RETRY);
                        break;
                    }
                    Err(error) => {
                        if !self.stays_as_it_is(&inputs, error) {
                            return;
                        }
                    }
                }
            }
            if self.stop.reason().is_some() {
                return;
            }
            self.keep_filters();
            if self.lacks_room() {
                retry = Some(RETRY);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.control.is_ending() || self.stop.reason().is_some()
    }

    /// What is damaged is told to whoever reads it, and stays unmerged. Any other failure stops the store.
    fn stays_as_it_is(&self, inputs: &[Arc<Run>], error: StateError) -> bool {
        if matches!(error, StateError::Damaged { .. }) {
            tracing::error!(%error, "a run of the state stays unmerged");
            if inputs.iter().any(|run| run.is_damaged()) {
                return true;
            }
        }
        let _noted = self.stop.note_write::<()>(Err(error));
        false
    }

    fn give_room_back(&self) {
        // What only the head before reaches is free as well: as long as that may be the one on the disk, it stays.
        if !self.is_head_safe() {
            return;
        }
        if let Err(error) = self.disk.cut_all() {
            tracing::warn!(%error, "the state's file could not be made smaller");
        }
    }

    /// The runs to merge next, of those that are newer than `before`. What is damaged stays where it is, and what is on
    /// either side of it is merged apart.
    fn next_merge(&self, before: Option<&Arc<Run>>) -> Option<Vec<Arc<Run>>> {
        if self.is_over() {
            return None;
        }
        let view = self.view.load();
        let end = match before {
            Some(before) => view.runs.iter().position(|run| run.id() == before.id())?,
            None => view.runs.len(),
        };
        let weights = weights(&view.runs);
        let mut start = 0;
        for stretch in view.runs[..end].split(|run| run.is_damaged()) {
            let is_oldest = start + stretch.len() == view.runs.len();
            let weights = &weights[start..start + stretch.len()];
            if let Some(inputs) = self.planned(stretch, weights, is_oldest) {
                return Some(inputs.to_vec());
            }
            start += stretch.len() + 1;
        }
        None
    }

    /// The neighbours to merge that there is room for.
    fn planned<'a>(
        &self,
        runs: &'a [Arc<Run>],
        weights: &[u64],
        has_oldest: bool,
    ) -> Option<&'a [Arc<Run>]> {
        let range = plan(weights, has_oldest)?;
        let range = range.start..range.end.min(range.start + INPUTS_MAX);
        if self.has_room(&runs[range.clone()]) {
            return Some(&runs[range]);
        }
        // The largest merge has to wait; smaller ones keep the runs few.
        let newer = runs.len().checked_sub(1).filter(|_| has_oldest)?;
        let range = plan(&weights[..newer], false)?;
        let range: Range<usize> = range.start..range.end.min(range.start + INPUTS_MAX);
        self.has_room(&runs[range.clone()]).then(|| &runs[range])
    }

    /// Whether a merge of these leaves half of the room to others.
    fn has_room(&self, runs: &[Arc<Run>]) -> bool {
        let needed: u64 = runs.iter().map(|run| run.root.bytes_on_disk()).sum();
        let in_file = self.disk.free_bytes();
        self.patience.free_bytes().is_none_or(|free| {
            let room = in_file.saturating_add(free);
            needed <= in_file.min(room) || needed <= room / 2
        })
    }

    /// Whether something is to be merged and nothing is, for lack of room.
    fn lacks_room(&self) -> bool {
        let view = self.view.load();
        plan(&weights(&view.runs), true).is_some() && !view.runs.iter().any(|run| run.is_damaged())
    }

    /// Merges neighbouring runs into one. What is to be merged of newer ones meanwhile comes in between: a large merge
    /// takes long, and readers look into everything that is added until then.
    fn merge(&self, inputs: &[Arc<Run>]) -> Result<(), StateError> {
        let view = self.view.load_full();
        let last = inputs.last().map_or(0, |run| run.id());
        let older = view.runs.iter().rev().take_while(|run| run.id() != last);
        let older: Vec<_> = older.cloned().collect();
        drop(view);
        self.make_head_safe()?;
        let mut writer = self.new_run();
        let mut sources = Sources::new(inputs)?;
        let mut looked = 0;
        while let Some((key, value)) = sources.current() {
            if value.is_some() || View::is_needed(&older, key) {
                writer.add(key, value)?;
            }
            sources.advance()?;
            if sources.read_bytes - looked >= LOOK_BYTES {
                let more = sources.read_bytes - looked;
                self.merged_bytes.fetch_add(more, Relaxed);
                looked = sources.read_bytes;
                self.merge_newer(inputs)?;
            }
        }
        let more = sources.read_bytes - looked;
        self.merged_bytes.fetch_add(more, Relaxed);
        let merged = writer.finish()?.map(Arc::new);
        self.stop.check()?;
        self.install(|view| {
            let runs = View::replaced(&view.runs, inputs, merged.as_ref());
            View {
                runs: runs.unwrap_or_else(|| view.runs.clone()),
                ..view.clone()
            }
        });
        self.merges.fetch_add(1, Relaxed);
        self.control.wake_waiting();
        self.publish_merged(inputs, merged.as_ref())?;
        // Beside what is read now there may be no place for what is not.
        inputs.iter().for_each(|run| run.leave_page_cache());
        Ok(())
    }

    /// Gives up the memory of runs that were merged.
    fn forget(&self, merged: Vec<Arc<Run>>) {
        let ids: Vec<u64> = merged.iter().map(|run| run.id()).collect();
        self.cache.forget(&ids);
    }

    /// Reads filters that had no place in memory beside those of runs that were being merged.
    fn keep_filters(&self) {
        let runs = self.view.load().runs.clone();
        for run in runs.iter() {
            run.keep_filters(&self.filter_room, || !self.is_over());
        }
    }

    /// Looks for what is to be merged before a merge of these goes on, and whether it is to go on.
    fn merge_newer(&self, inputs: &[Arc<Run>]) -> Result<(), StateError> {
        while let Some(newer) = self.next_merge(inputs.first()) {
            match self.merge(&newer) {
                Ok(()) => self.forget(newer),
                Err(error) if self.is_over() => return Err(error),
                // The larger merge goes on: what it leaves may be the room that this one lacks.
                Err(StateError::Io { source, .. }) if is_no_room(&source) => break,
                Err(error) => {
                    if !self.stays_as_it_is(&newer, error) {
                        break;
                    }
                }
            }
        }
        self.stop.check()?;
        match self.control.is_ending() {
            false => Ok(()),
            true => Err(StateError::Stopped {
                reason: "the store is being closed".to_owned(),
            }),
        }
    }

    /// Has the head name the merged run, if it names all those that it came from. If not, the next checkpoint does.
    fn publish_merged(
        &self,
        inputs: &[Arc<Run>],
        merged: Option<&Arc<Run>>,
    ) -> Result<(), StateError> {
        let mut durable = self.durable.lock();
        self.stop.check()?;
        match View::replaced(&durable.runs, inputs, merged) {
            Some(runs) => {
                let position = durable.head.position;
                self.publish(&mut durable, position, runs)
            }
            None => Ok(()),
        }
    }
}

/// Sizes of runs for planning. A key that is gone counts for a value that can go, somewhere below.
fn weights(runs: &[Arc<Run>]) -> Vec<u64> {
    let oldest = runs.last().map(|run| run.totals()).unwrap_or_default();
    let deleted_bytes = oldest.bytes.checked_div(oldest.entries).unwrap_or(0);
    let deleted_bytes = deleted_bytes.max(DELETED_BYTES_MIN);
    let weight = |run: &Arc<Run>| {
        let totals = run.totals();
        let deleted_bytes = totals.deleted.saturating_mul(deleted_bytes);
        totals.bytes.saturating_add(deleted_bytes)
    };
    runs.iter().map(weight).collect()
}

/// The entries of several runs, in the order of keys, each key once.
struct Sources {
    /// Those that have an entry left, the one whose turn it is first.
    sources: Vec<Source>,
    /// Bytes of the entries that were gone past.
    read_bytes: u64,
}

impl Sources {
    fn new(runs: &[Arc<Run>]) -> Result<Self, StateError> {
        let mut sources = Vec::with_capacity(runs.len());
        for (rank, run) in runs.iter().enumerate() {
            let mut source = Source::new(rank, run.clone());
            if source.advance()? {
                sources.push(source);
            }
        }
        sources.sort_by(Source::order);
        Ok(Self {
            sources,
            read_bytes: 0,
        })
    }

    fn current(&self) -> Option<(&[u8], Option<&[u8]>)> {
        let first = self.sources.first()?;
        Some((first.key(), first.value()))
    }

    /// Goes past the current key in all of them.
    fn advance(&mut self) -> Result<(), StateError> {
        let Some((first, others)) = self.sources.split_first() else {
            return Ok(());
        };
        let equal = others.iter().take_while(|other| other.key() == first.key());
        for index in (0..=equal.count()).rev() {
            self.read_bytes += self.sources[index].entry_bytes();
            if !self.sources[index].advance()? {
                self.sources.remove(index);
                continue;
            }
            let mut at = index;
            while at + 1 < self.sources.len()
                && self.sources[at].order(&self.sources[at + 1]) == Ordering::Greater
            {
                self.sources.swap(at, at + 1);
                at += 1;
            }
        }
        Ok(())
    }
}

/// One run, read from its beginning, a section at a time and past the cache.
struct Source {
    rank: usize,
    run: Arc<Run>,
    next_section: usize,
    blocks: std::vec::IntoIter<Block>,
    block: Option<Block>,
    next: usize,
    entry: Entry,
}

impl Source {
    fn new(rank: usize, run: Arc<Run>) -> Self {
        Self {
            rank,
            run,
            next_section: 0,
            blocks: Vec::new().into_iter(),
            block: None,
            next: 0,
            entry: Entry::default(),
        }
    }

    /// Goes to the next entry; false at the end.
    fn advance(&mut self) -> Result<bool, StateError> {
        loop {
            if let Some(block) = self
                .block
                .as_ref()
                .filter(|block| self.next < block.count())
            {
                let entry = block.entry(self.next);
                self.entry = entry.ok_or_else(|| self.run.wrong())?;
                self.next += 1;
                return Ok(true);
            }
            self.next = 0;
            self.block = self.blocks.next();
            if self.block.is_some() {
                continue;
            }
            if self.next_section == self.run.root.sections() {
                return Ok(false);
            }
            let blocks = self.run.blocks_of(self.next_section);
            let blocks = blocks.map_err(|error| self.run.unreadable(error))?;
            self.blocks = blocks.into_iter();
            self.next_section += 1;
        }
    }

    fn key(&self) -> &[u8] {
        self.block
            .as_ref()
            .map_or(&[], |block| self.entry.key(block))
    }

    fn value(&self) -> Option<&[u8]> {
        self.entry.value(self.block.as_ref()?)
    }

    fn entry_bytes(&self) -> u64 {
        (self.key().len() + self.value().map_or(0, <[u8]>::len) + 1) as u64
    }

    fn order(&self, other: &Self) -> Ordering {
        let keys = self.key().cmp(other.key());
        keys.then_with(|| self.rank.cmp(&other.rank))
    }
}

/// Lets those that serve go first.
#[cfg(target_os = "linux")]
fn stand_back() {
    // On Linux this is of the calling thread alone. Without it, merging is as urgent as serving.
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "the thread that merges runs keeps its priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn stand_back() {}
