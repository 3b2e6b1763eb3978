//! A disk in memory that can crash and fail.
//!
//! It behaves as badly as a real one may: what was written since the last sync survives a crash in
//! any subset of its sectors, so that later writes can be there and earlier ones missing. A sector
//! itself is never torn.

use crate::{Room, Space};
use parking_lot::Mutex;
use redb::StorageBackend;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

const SECTOR_BYTES: usize = 512;
/// What takes room on the disk at once.
const PAGE_BYTES: usize = 4096;

/// The disk. Clones are the same disk; each power-on gets its own [`FaultyBackend`].
#[derive(Clone, Debug, Default)]
pub struct FaultyDisk {
    platter: Arc<Mutex<Platter>>,
}

#[derive(Debug, Default)]
struct Platter {
    /// What a reader sees.
    current: Vec<u8>,
    /// What is sure to survive.
    synced: Vec<u8>,
    /// What happened since the last sync, in order.
    unsynced: Vec<Change>,
    /// Raised by each crash; backends of an earlier power-on do not work any more.
    power_on: u64,
    /// Operations that still succeed before every later one fails.
    healthy_operations: Option<u64>,
    /// Whether reads fail.
    fails_reads: bool,
    /// Writes, resizes and syncs that were asked for.
    operations: u64,
    /// Operations that take their time, by number, with how often others run before they are done.
    delays: BTreeMap<u64, u32>,
    /// Pages that have a place, and how many there can be.
    placed: BTreeSet<usize>,
    pages_max: Option<usize>,
}

#[derive(Debug)]
enum Change {
    Length(usize),
    Sectors { offset: usize, data: Vec<u8> },
}

impl FaultyDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// A backend over the disk as it is powered now.
    pub fn backend(&self) -> FaultyBackend {
        FaultyBackend {
            power_on: self.platter.lock().power_on,
            disk: self.clone(),
        }
    }

    /// Cuts the power: backends given out so far fail from now on, and each sector written since
    /// the last sync is kept or lost by a coin whose tosses follow from `seed`.
    pub fn crash(&self, seed: u64) {
        let mut platter = self.platter.lock();
        let mut coin = Coin(seed);
        let mut image = std::mem::take(&mut platter.synced);
        for change in std::mem::take(&mut platter.unsynced) {
            change.keep_some(&mut image, &mut coin);
        }
        platter.synced = image.clone();
        platter.current = image;
        platter.power_on += 1;
        platter.healthy_operations = None;
        platter.fails_reads = false;
    }

    /// Lets `operations` more writes, resizes and syncs succeed, and fails those after them until
    /// the next crash.
    pub fn fail_after(&self, operations: u64) {
        self.platter.lock().healthy_operations = Some(operations);
    }

    /// Whether reads fail from now on, until the next crash.
    pub fn fail_reads(&self, fails: bool) {
        self.platter.lock().fails_reads = fails;
    }

    /// Lets others run `turns` times before the write, resize or sync is done that is `after` others away.
    pub fn delay(&self, after: u64, turns: u32) {
        let mut platter = self.platter.lock();
        let at = platter.operations + after;
        platter.delays.insert(at, turns);
    }

    /// Gives the disk a size: what was never written to takes no room, and a write that needs more than there is
    /// fails after the part that fits. `None` takes the end away.
    pub fn set_size_bytes(&self, size_bytes: Option<u64>) {
        let pages =
            |size_bytes| usize::try_from(size_bytes / PAGE_BYTES as u64).unwrap_or(usize::MAX);
        self.platter.lock().pages_max = size_bytes.map(pages);
    }

    /// Bytes that have a place on the disk.
    pub fn placed_bytes(&self) -> u64 {
        (self.platter.lock().placed.len() * PAGE_BYTES) as u64
    }

    /// Flips bits of a byte behind everybody's back; says whether there is such a byte.
    pub fn flip(&self, offset: usize, mask: u8) -> bool {
        let mut platter = self.platter.lock();
        if let Some(byte) = platter.synced.get_mut(offset) {
            *byte ^= mask;
        }
        match platter.current.get_mut(offset) {
            Some(byte) => {
                *byte ^= mask;
                true
            }
            None => false,
        }
    }

    /// Length of the disk's content.
    pub fn len_bytes(&self) -> u64 {
        self.platter.lock().current.len() as u64
    }
}

impl Platter {
    /// How much of a write has a place or finds one.
    fn place(&mut self, offset: usize, length: usize) -> usize {
        let end = offset + length;
        let mut at = offset;
        while at < end {
            let page = at / PAGE_BYTES;
            let full = self.pages_max.is_some_and(|max| self.placed.len() >= max);
            if full && !self.placed.contains(&page) {
                return at - offset;
            }
            self.placed.insert(page);
            at = end.min((page + 1) * PAGE_BYTES);
        }
        length
    }

    fn cut(&mut self, length: usize) {
        self.placed.split_off(&length.div_ceil(PAGE_BYTES));
    }

    fn room(&self) -> Room {
        let free = self
            .pages_max
            .map(|max| max.saturating_sub(self.placed.len()));
        Room {
            free_bytes: free.map_or(u64::MAX, |pages| (pages * PAGE_BYTES) as u64),
            unplaced_bytes: self
                .current
                .len()
                .saturating_sub(self.placed.len() * PAGE_BYTES) as u64,
        }
    }
}

impl Space for FaultyDisk {
    fn look(&self) -> io::Result<Room> {
        Ok(self.platter.lock().room())
    }
}

impl Change {
    fn keep_some(self, image: &mut Vec<u8>, coin: &mut Coin) {
        match self {
            Self::Length(length) => {
                if coin.toss() {
                    image.resize(length, 0);
                }
            }
            Self::Sectors { offset, data } => {
                let mut at = offset;
                let mut rest = data.as_slice();
                while !rest.is_empty() {
                    let in_sector = (SECTOR_BYTES - at % SECTOR_BYTES).min(rest.len());
                    let (sector, after) = rest.split_at(in_sector);
                    if coin.toss() {
                        put(image, at, sector);
                    }
                    at += in_sector;
                    rest = after;
                }
            }
        }
    }
}

/// Writes into an image, growing it where a lost change of length left it too short.
fn put(image: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[offset..end].copy_from_slice(data);
}

/// A generator of coin tosses (splitmix64).
struct Coin(u64);

impl Coin {
    fn toss(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) & 1 == 1
    }
}

/// A storage backend over a [`FaultyDisk`], good until the disk crashes.
#[derive(Debug)]
pub struct FaultyBackend {
    disk: FaultyDisk,
    power_on: u64,
}

impl FaultyBackend {
    fn with<T>(&self, act: impl FnOnce(&mut Platter) -> io::Result<T>) -> io::Result<T> {
        let mut platter = self.disk.platter.lock();
        if platter.power_on != self.power_on {
            return Err(io::Error::other("the disk lost power"));
        }
        act(&mut platter)
    }

    fn change<T>(&self, act: impl FnOnce(&mut Platter) -> io::Result<T>) -> io::Result<T> {
        self.with(|platter| {
            let turns = platter.delays.remove(&platter.operations);
            platter.operations += 1;
            (0..turns.unwrap_or(0)).for_each(|_| std::thread::yield_now());
            if let Some(left) = &mut platter.healthy_operations {
                *left = left
                    .checked_sub(1)
                    .ok_or_else(|| io::Error::other("injected failure"))?;
            }
            act(platter)
        })
    }
}

fn position_of(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

fn out_of_range() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "beyond the end of the disk")
}

impl StorageBackend for FaultyBackend {
    fn len(&self) -> io::Result<u64> {
        self.with(|platter| Ok(platter.current.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = position_of(offset)?;
        self.with(|platter| {
            if platter.fails_reads {
                return Err(io::Error::other("injected failure"));
            }
            let found = platter.current.get(start..start + out.len());
            out.copy_from_slice(found.ok_or_else(out_of_range)?);
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let length = position_of(length)?;
        self.change(|platter| {
            platter.cut(length);
            platter.current.resize(length, 0);
            platter.unsynced.push(Change::Length(length));
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(|platter| {
            let Platter {
                current,
                synced,
                unsynced,
                ..
            } = platter;
            for change in unsynced.drain(..) {
                match change {
                    Change::Length(length) => synced.resize(length, 0),
                    Change::Sectors { offset, data } => put(synced, offset, &data),
                }
            }
            debug_assert!(current == synced, "a synced disk holds what readers see");
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = position_of(offset)?;
        self.change(|platter| {
            let fitting = platter.place(start, data.len());
            let target = platter.current.get_mut(start..start + fitting);
            target
                .ok_or_else(out_of_range)?
                .copy_from_slice(&data[..fitting]);
            platter.unsynced.push(Change::Sectors {
                offset: start,
                data: data[..fitting].to_vec(),
            });
            if fitting < data.len() {
                let error = io::ErrorKind::StorageFull;
                return Err(io::Error::new(error, "injected: no room"));
            }
            Ok(())
        })
    }
}
