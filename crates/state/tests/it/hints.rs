//! What the system is told of the use of the file, and what the store tells of itself.

use crate::support::{content, small};
use bytes::Bytes;
use headwater_state::testing::FaultyDisk;
use headwater_state::{Batch, Room, RunStore, Space, StateStore};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const CHUNK_BYTES: u64 = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(30);

/// A disk with room for everything, which notes what it is told.
#[derive(Default)]
struct Told {
    left: Mutex<Vec<(u64, u64)>>,
    random: Mutex<usize>,
}

impl Space for Told {
    fn look(&self) -> std::io::Result<Room> {
        Ok(Room {
            free_bytes: 1 << 40,
            unplaced_bytes: 0,
        })
    }

    fn leave_page_cache(&self, offset: u64, length: u64) {
        self.left.lock().unwrap().push((offset, length));
    }

    fn expect_random_reads(&self) {
        *self.random.lock().unwrap() += 1;
    }
}

#[test]
fn what_was_merged_may_leave_the_page_cache() {
    let told = Arc::new(Told::default());
    let disk = FaultyDisk::new();
    let open = || RunStore::open_with_space(disk.backend(), Some(told.clone()), small()).unwrap();
    let store = open();
    let mut model = BTreeMap::new();
    for position in 1..=12_u64 {
        let mut batch = Batch::new();
        for number in 0..1_500_u32 {
            let key = (number * 7 + position as u32 % 5).to_be_bytes();
            let value = vec![position as u8; 1_000];
            batch.put(Bytes::copy_from_slice(&key), Bytes::from(value.clone()));
            model.insert(key.to_vec(), value);
        }
        store.apply(batch, position).unwrap();
        store.checkpoint().unwrap();
    }
    let begun = Instant::now();
    while told.left.lock().unwrap().is_empty() || store.stats().runs > 4 {
        assert!(begun.elapsed() < PATIENCE, "{:?}", store.stats());
        std::thread::yield_now();
    }
    let stats = store.stats();
    assert!(
        stats.merges > 0 && stats.merged_bytes > 3_000_000,
        "{stats:?}"
    );
    assert!(stats.runs > 0 && stats.memory_bytes == 0, "{stats:?}");
    assert!(stats.free_bytes < stats.file_bytes, "{stats:?}");
    for (offset, length) in told.left.lock().unwrap().iter() {
        assert!(*offset >= CHUNK_BYTES, "the heads are read at every start");
        assert!(offset.is_multiple_of(CHUNK_BYTES) && length.is_multiple_of(CHUNK_BYTES));
        assert!(offset + length <= stats.file_bytes, "beyond the file");
    }
    assert_eq!(content(&store), model);
    drop(store);
    assert_eq!(content(&open()), model);
    assert_eq!(*told.random.lock().unwrap(), 2, "at every opening");
}
