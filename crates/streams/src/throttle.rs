//! The optional limit on how often a shard may be read. Off by default: it exists so that a reader's
//! handling of throttling can be tested.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Counts the reads of each shard in the running second.
#[derive(Debug)]
pub(crate) struct Throttle {
    reads_per_second_max: u32,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    second: u64,
    reads: HashMap<u32, u32>,
}

impl Throttle {
    pub(crate) fn new(reads_per_second_max: u32) -> Self {
        Throttle {
            reads_per_second_max,
            window: Mutex::default(),
        }
    }

    /// Counts a read of the shard; `false` if it is one too many in this second.
    pub(crate) fn admit(&self, shard: u32, now_ms: u64) -> bool {
        let mut window = self.window.lock();
        let second = now_ms / 1000;
        if window.second != second {
            window.second = second;
            window.reads.clear();
        }
        let reads = window.reads.entry(shard).or_default();
        *reads = reads.saturating_add(1);
        *reads <= self.reads_per_second_max
    }
}

#[cfg(test)]
mod tests {
    use super::Throttle;

    #[test]
    fn counts_by_shard_and_second() {
        let throttle = Throttle::new(2);
        let admitted: Vec<bool> = [(1, 0), (1, 1), (1, 999), (2, 999), (1, 1000)]
            .into_iter()
            .map(|(shard, now_ms)| throttle.admit(shard, now_ms))
            .collect();
        assert_eq!(admitted, [true, true, false, true, true]);
    }
}
