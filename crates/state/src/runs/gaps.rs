//! Ranges in which every key is gone, so that whoever reads a range need not pass all of them each time, as a queue does
//! whose front is deleted, or a stack whose top is.
//!
//! A gap is noted by a scan, of either direction, that met many deleted keys one after the other. A key that is put again
//! parts it in two.

use super::memory::Memory;
use parking_lot::Mutex;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Fewer deleted keys are not worth noting.
pub(super) const GONE_MIN: usize = 1024;
/// After so many deleted keys a scan looks whether they are in a gap.
pub(super) const GONE_LOOK: usize = 64;
/// Keys of later batches that are looked at before a gap is noted.
const LOOKED_MAX: usize = 20_000;
/// Gaps that are known at once.
const GAPS_MAX: usize = 64;

/// See the module. All views share it.
pub(super) struct Gaps {
    state: Mutex<State>,
    /// Whether there is any; a look at it costs nothing.
    any: AtomicBool,
}

struct State {
    gaps: Vec<Gap>,
    /// What the latest view shows.
    batch: u64,
    memory: Arc<Memory>,
}

struct Gap {
    /// The first key of the gap, and the first behind it.
    from: Vec<u8>,
    to: Vec<u8>,
    /// Views of earlier batches may see keys in it.
    since: u64,
}

impl State {
    /// The end of the gap around a key that reaches furthest.
    fn farthest(&self, at: &[u8], batch: u64) -> Option<&[u8]> {
        let holds =
            |gap: &&Gap| gap.since <= batch && gap.from.as_slice() <= at && at < gap.to.as_slice();
        let around = self.gaps.iter().filter(holds);
        around.map(|gap| gap.to.as_slice()).max()
    }

    /// The beginning of the gap just before a key, which may be its end, that reaches furthest.
    fn farthest_before(&self, at: &[u8], batch: u64) -> Option<&[u8]> {
        let holds =
            |gap: &&Gap| gap.since <= batch && gap.from.as_slice() < at && at <= gap.to.as_slice();
        let before = self.gaps.iter().filter(holds);
        before.map(|gap| gap.from.as_slice()).min()
    }

    /// Takes a key out of the gaps.
    fn part(&mut self, key: &[u8]) {
        let holds = |gap: &Gap| gap.from.as_slice() <= key && key < gap.to.as_slice();
        while let Some(at) = self.gaps.iter().position(holds) {
            let gap = self.gaps.remove(at);
            let behind = [key, &[0]].concat();
            for (from, to) in [(gap.from, key.to_vec()), (behind, gap.to)] {
                if from < to {
                    let since = gap.since;
                    self.gaps.push(Gap { from, to, since });
                }
            }
        }
        let surplus = self.gaps.len().saturating_sub(GAPS_MAX);
        self.gaps.drain(..surplus);
    }
}

impl Gaps {
    pub(super) fn new(memory: Arc<Memory>) -> Self {
        let state = State {
            gaps: Vec::new(),
            batch: 0,
            memory,
        };
        Self {
            state: Mutex::new(state),
            any: AtomicBool::new(false),
        }
    }

    /// The first key behind the gaps in which a range begins, for a view of this batch.
    pub(super) fn behind(&self, from: &[u8], batch: u64) -> Option<Vec<u8>> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let state = self.state.lock();
        let mut at = from;
        // One may lead into the next; each leads further.
        while let Some(to) = state.farthest(at, batch) {
            at = to;
        }
        (at > from).then(|| at.to_vec())
    }

    /// Where the gaps begin in which a key that is gone stands, for a view of this batch: no key is there from that on.
    pub(super) fn before(&self, gone: &[u8], batch: u64) -> Option<Vec<u8>> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let state = self.state.lock();
        let mut at = gone;
        while let Some(from) = state.farthest_before(at, batch) {
            at = from;
        }
        (at < gone).then(|| at.to_vec())
    }

    /// Notes that a view of `memory` and `batch` shows no key from `from` up to before `to`.
    pub(super) fn note(&self, from: Vec<u8>, mut to: Vec<u8>, batch: u64, memory: &Arc<Memory>) {
        let mut state = self.state.lock();
        // What came since is in the same memory, unless that was written meanwhile.
        if !Arc::ptr_eq(&state.memory, memory) {
            return;
        }
        if state.batch != batch {
            let range = (
                Bound::Included(from.as_slice()),
                Bound::Excluded(to.as_slice()),
            );
            let mut cursor = memory.cursor(range.0, range.1, false, state.batch);
            let mut looked = 0;
            while let Some(key) = cursor.key().filter(|key| *key < to.as_slice()) {
                // Others wait meanwhile.
                looked += 1;
                if looked > LOOKED_MAX {
                    return;
                }
                if cursor.value().is_some() {
                    to = key.to_vec();
                    break;
                }
                cursor.advance();
            }
        }
        let is_known = |gap: &Gap| gap.from <= from && to <= gap.to;
        if from >= to || state.gaps.iter().any(is_known) {
            return;
        }
        state.gaps.retain(|gap| gap.from < from || to < gap.to);
        if state.gaps.len() == GAPS_MAX {
            state.gaps.remove(0);
        }
        let since = state.batch;
        state.gaps.push(Gap {
            from,
            to,
            // Views in between may have seen keys that came and went.
            since,
        });
        self.any.store(true, Ordering::Release);
    }

    /// Shows a batch by `show` once the keys that it puts are in no gap.
    pub(super) fn show<'a>(
        &self,
        batch: u64,
        put: impl Iterator<Item = &'a [u8]>,
        show: impl FnOnce(),
    ) {
        let mut state = self.state.lock();
        if !state.gaps.is_empty() {
            for key in put {
                state.part(key);
            }
            self.any.store(!state.gaps.is_empty(), Ordering::Release);
        }
        state.batch = batch;
        show();
    }

    /// Later batches come into another memory. What is gone stays so.
    pub(super) fn go_on_in(&self, memory: Arc<Memory>) {
        self.state.lock().memory = memory;
    }
}

#[cfg(test)]
mod tests {
    use super::{GAPS_MAX, Gaps};
    use crate::runs::memory::Memory;
    use std::sync::Arc;

    /// Notes of a view of batch 0.
    fn gaps(noted: &[(&str, &str)]) -> Gaps {
        let memory = Arc::new(Memory::new(0));
        let gaps = Gaps::new(memory.clone());
        for (from, to) in noted {
            gaps.note((*from).into(), (*to).into(), 0, &memory);
        }
        gaps
    }

    fn behind(gaps: &Gaps, from: &str) -> Option<String> {
        let behind = gaps.behind(from.as_bytes(), 0);
        behind.map(|key| String::from_utf8(key).unwrap())
    }

    #[test]
    fn a_range_begins_behind_all_that_is_gone() {
        let gaps = gaps(&[("b", "d"), ("a", "c"), ("a", "f"), ("e", "k"), ("m", "n")]);
        for from in ["a", "b", "c", "e", "j"] {
            assert_eq!(behind(&gaps, from).as_deref(), Some("k"), "{from}");
        }
        assert_eq!(behind(&gaps, "k"), None);
        assert_eq!(behind(&gaps, "m").as_deref(), Some("n"));
    }

    #[test]
    fn a_range_ends_before_all_that_is_gone() {
        let gaps = gaps(&[("b", "d"), ("a", "c"), ("e", "k"), ("k", "n")]);
        let before = |gone: &str| {
            let before = gaps.before(gone.as_bytes(), 0);
            before.map(|key| String::from_utf8(key).unwrap())
        };
        for gone in ["b", "c", "d"] {
            assert_eq!(before(gone).as_deref(), Some("a"), "{gone}");
        }
        for gone in ["f", "k", "l", "n"] {
            assert_eq!(before(gone).as_deref(), Some("e"), "{gone}");
        }
        assert_eq!((before("a"), before("e"), before("o")), (None, None, None));
    }

    #[test]
    fn a_key_that_is_put_parts_its_gaps() {
        let gaps = gaps(&[("a", "g"), ("f", "k")]);
        let shown = |gaps: &Gaps, from: &str| {
            let behind = gaps.behind(from.as_bytes(), 1);
            behind.map(|key| String::from_utf8(key).unwrap())
        };
        gaps.show(1, ["f".as_bytes(), b"a", b"z"].into_iter(), || {});
        assert_eq!(shown(&gaps, "a"), None);
        assert_eq!(shown(&gaps, "a\0").as_deref(), Some("f"));
        assert_eq!(shown(&gaps, "f"), None);
        assert_eq!(shown(&gaps, "f\0").as_deref(), Some("k"));
        let memory = gaps.state.lock().memory.clone();
        let below = |prefix: &[u8], number: u32| [prefix, &number.to_be_bytes()].concat();
        for number in 0..1000 {
            let batch = u64::from(number) + 1;
            gaps.note(below(b"p", number), b"q".to_vec(), batch, &memory);
            let put = below(b"p\xff", number);
            gaps.show(batch + 1, [put.as_slice()].into_iter(), || {});
            assert!(gaps.state.lock().gaps.len() <= GAPS_MAX);
        }
    }

    #[test]
    fn what_is_part_of_a_gap_takes_no_place() {
        let letters = ('b'..='y').map(|letter| letter.to_string());
        let letters: Vec<String> = letters.collect();
        let inner: Vec<(&str, &str)> = letters.iter().map(|from| (from.as_str(), "z")).collect();
        // Each is larger than those before, or smaller.
        let outwards: Vec<_> = inner.iter().rev().copied().chain([("a", "z")]).collect();
        assert_eq!(gaps(&outwards).state.lock().gaps.len(), 1);
        let inwards: Vec<_> = [("a", "z")].into_iter().chain(inner).collect();
        assert_eq!(gaps(&inwards).state.lock().gaps.len(), 1);
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let keys: Vec<String> = (0..=2 * GAPS_MAX).map(|n| format!("{n:03}")).collect();
        let apart: Vec<(&str, &str)> = keys
            .chunks_exact(2)
            .map(|pair| (pair[0].as_str(), pair[1].as_str()))
            .chain([("x", "y")])
            .collect();
        let gaps = gaps(&apart);
        assert_eq!(gaps.state.lock().gaps.len(), GAPS_MAX);
        assert_eq!(behind(&gaps, "000"), None);
        assert_eq!(behind(&gaps, "002").as_deref(), Some("003"));
        assert_eq!(behind(&gaps, "x").as_deref(), Some("y"));
    }
}
