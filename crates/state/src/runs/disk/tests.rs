//! Cutting the file, beside those who take chunks and give them back.

use super::*;
use crate::testing::FaultyDisk;
use redb::backends::InMemoryBackend;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// How long a cut waits to be told to go on.
const PATIENCE: Duration = Duration::from_secs(20);

/// A file that tells when it is about to be made shorter, and waits until it hears whether that is to succeed.
#[derive(Debug)]
struct SlowCuts {
    inner: Arc<InMemoryBackend>,
    begun: Mutex<Sender<()>>,
    goes_on: Mutex<Receiver<bool>>,
}

impl StorageBackend for SlowCuts {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        if length < self.inner.len()? {
            self.begun.lock().send(()).map_err(io::Error::other)?;
            let succeeds = self.goes_on.lock().recv_timeout(PATIENCE);
            if !succeeds.expect("whoever gives chunks back waits for the cut") {
                return Err(io::Error::other("injected failure"));
            }
        }
        self.inner.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)
    }
}

fn disk_over(backend: impl StorageBackend) -> Arc<Disk> {
    Arc::new(Disk::new(Box::new(backend), None, Arc::default()).unwrap())
}

fn taken(disk: &Arc<Disk>, count: u32) -> Owned {
    let mut owned = disk.owner();
    let end = u64::from(count) * CHUNK_BYTES as u64;
    owned.reach(end, &mut ChunkMap::default()).unwrap();
    owned
}

/// While the file is cut, chunks are given back and taken at once, and whoever needs a longer file waits.
#[test]
fn nobody_who_gives_chunks_back_waits_for_a_cut() {
    for succeeds in [true, false] {
        let inner = Arc::new(InMemoryBackend::new());
        let (begun, has_begun) = channel();
        let (go_on, goes_on) = channel();
        let disk = disk_over(SlowCuts {
            inner: inner.clone(),
            begun: Mutex::new(begun),
            goes_on: Mutex::new(goes_on),
        });
        let (front, kept, back) = (taken(&disk, 3), taken(&disk, 2), taken(&disk, 400));
        drop(back);
        let length = inner.len().unwrap();
        std::thread::scope(|scope| {
            let cut = scope.spawn(|| disk.cut());
            has_begun.recv_timeout(PATIENCE).unwrap();
            drop(front);
            let again = taken(&disk, 2);
            assert_eq!(again.ranges(), [(1, 2)]);
            let grown = scope.spawn(|| taken(&disk, 100));
            go_on.send(succeeds).unwrap();
            assert_eq!(cut.join().unwrap().is_ok(), succeeds);
            // One chunk before those that are kept, the others behind them.
            let grown = grown.join().unwrap();
            assert_eq!(grown.ranges(), [(3, 1), (6, 99)]);
            assert!(inner.len().unwrap() >= offset_of(105));
        });
        assert_eq!(kept.ranges(), [(4, 2)]);
        drop(kept);
        // All are free again, each once.
        let chunks = disk.chunks.lock();
        assert_eq!(chunks.free, BTreeMap::from([(1, chunks.end - 1)]));
        assert_eq!(chunks.free_count, chunks.end - 1);
        assert_eq!(inner.len().unwrap(), offset_of(chunks.end));
        assert_eq!(inner.len().unwrap() == length, !succeeds);
        assert_eq!(disk.free_bytes(), offset_of(chunks.free_count));
    }
}

/// A quarter of the file is kept for what is written next, unless others need the room.
#[test]
fn what_others_need_is_cut_however_little_it_is() {
    let inner = FaultyDisk::new();
    let disk = disk_over(inner.backend());
    let (kept, back) = (taken(&disk, 90), taken(&disk, 20));
    drop(back);
    disk.cut().unwrap();
    assert!(inner.len_bytes() >= offset_of(111));
    disk.cut_all().unwrap();
    assert_eq!(inner.len_bytes(), offset_of(91));
    disk.cut_all().unwrap();
    drop(kept);
    let again = taken(&disk, 95);
    assert_eq!(again.ranges(), [(1, 95)]);
}

/// A crash while a file is made may leave it shorter than the chunk with the heads.
#[test]
fn the_chunk_of_the_heads_is_nobodys_in_a_short_file() {
    for length in [0, 8_192, 16_384, CHUNK_BYTES as u64] {
        let inner = FaultyDisk::new();
        inner.backend().set_len(length).unwrap();
        let disk = disk_over(inner.backend());
        assert_eq!(taken(&disk, 2).ranges(), [(1, 2)]);
        assert!(inner.len_bytes() >= offset_of(3));
    }
}

/// The system tells of what it could not write once. A later sync would succeed without it.
#[test]
fn after_one_sync_that_failed_none_succeeds() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        let faulty = FaultyDisk::new();
        let disk = disk_over(faulty.backend());
        disk.sync().unwrap();
        faulty.fail_one_sync(0, kind);
        for _ in 0..2 {
            let error = disk.sync().unwrap_err();
            assert!(!crate::space::is_no_room(&error), "{error}");
        }
    }
}
