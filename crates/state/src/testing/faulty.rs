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
    /// How many of them a failed sync was to make safe.
    failed_sync: usize,
    /// Whether readers see what is not on the platter and that no sync writes any more.
    shows_lost: bool,
    /// Raised by each crash and restart; backends of an earlier one do not work any more.
    power_on: u64,
    /// Operations that still succeed before every later one fails.
    healthy_operations: Option<u64>,
    /// A write before this place is the last one that succeeds.
    fails_behind: Option<usize>,
    /// Syncs before the one that fails alone, and of what kind that failure is.
    failing_sync: Option<(u64, io::ErrorKind)>,
    /// Whether reads fail.
    fails_reads: bool,
    /// Writes, resizes and syncs that were asked for.
    operations: u64,
    /// Operations that take their time, by number, with how often others run before they are done.
    delays: BTreeMap<u64, u32>,
    /// Pages that have a place, and how many there can be.
    placed: BTreeSet<usize>,
    pages_max: Option<usize>,
    /// Whether what is written over takes room as well.
    copies_on_write: bool,
    /// Pages that can't be read until they are written.
    bad_pages: BTreeSet<usize>,
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

    /// A disk that has these bytes for sure.
    pub fn with_content(bytes: &[u8]) -> Self {
        let disk = Self::default();
        {
            let mut platter = disk.platter.lock();
            platter.current = bytes.to_vec();
            platter.synced = bytes.to_vec();
            platter.placed = (0..bytes.len().div_ceil(PAGE_BYTES)).collect();
        }
        disk
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
        platter.failed_sync = 0;
        platter.shows_lost = false;
        platter.start_again();
    }

    /// Ends the process and not the power: backends given out so far fail from now on. What a failed sync was to make
    /// safe is still seen, as the system takes it for written; no later sync writes it, and a crash loses it.
    pub fn restart(&self) {
        let mut platter = self.platter.lock();
        let lost = std::mem::take(&mut platter.failed_sync);
        platter.lose(lost);
        platter.start_again();
    }

    /// Lets `operations` more writes, resizes and syncs succeed, and fails those after them until
    /// the next crash.
    pub fn fail_after(&self, operations: u64) {
        self.platter.lock().healthy_operations = Some(operations);
    }

    /// Fails the sync that is `after` others away, and nothing else. What it was to make safe is seen until the power goes,
    /// and no later sync, which succeeds, writes it.
    pub fn fail_one_sync(&self, after: u64, kind: io::ErrorKind) {
        self.platter.lock().failing_sync = Some((after, kind));
    }

    /// Takes back what was to fail and has not yet.
    pub fn fail_no_more(&self) {
        self.platter.lock().fail_no_more();
    }

    /// Fails everything behind the next write to what lies before `end`, until the next crash.
    pub fn fail_after_write_below(&self, end: usize) {
        self.platter.lock().fails_behind = Some(end);
    }

    /// Whether reads fail from now on, until the next crash.
    pub fn fail_reads(&self, fails: bool) {
        self.platter.lock().fails_reads = fails;
    }

    /// Makes the page around a byte unreadable, until all of it is written.
    pub fn break_page(&self, offset: usize) {
        self.platter.lock().bad_pages.insert(offset / PAGE_BYTES);
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

    /// Whether what is written over takes room as well, as on file systems that copy on write.
    pub fn set_copies_on_write(&self, copies: bool) {
        self.platter.lock().copies_on_write = copies;
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
    fn start_again(&mut self) {
        self.power_on += 1;
        self.fail_no_more();
        self.fails_reads = false;
    }

    fn fail_no_more(&mut self) {
        self.healthy_operations = None;
        self.fails_behind = None;
        self.failing_sync = None;
    }

    /// Of the first of what is not synced, nothing reaches the disk any more.
    fn lose(&mut self, changes: usize) {
        let mut index = 0;
        self.unsynced.retain(|change| {
            index += 1;
            // What files are called and how long they are is in a journal.
            index > changes || matches!(change, Change::Length(_))
        });
        self.shows_lost |= changes > 0;
    }

    /// Counts a sync; the kind of its failure if it is the one to fail.
    fn meet_failing_sync(&mut self) -> Option<io::ErrorKind> {
        let (left, kind) = self.failing_sync.take()?;
        let Some(left) = left.checked_sub(1) else {
            return Some(kind);
        };
        self.failing_sync = Some((left, kind));
        None
    }

    fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            match change {
                Change::Length(length) => self.synced.resize(length, 0),
                Change::Sectors { offset, data } => put(&mut self.synced, offset, &data),
            }
        }
        debug_assert!(
            self.shows_lost || self.current == self.synced,
            "a synced disk holds what readers see"
        );
    }

    fn is_bad(&self, offset: usize, length: usize) -> bool {
        let pages = offset / PAGE_BYTES..(offset + length).div_ceil(PAGE_BYTES);
        self.bad_pages.range(pages).next().is_some()
    }

    /// A page that is written whole gets another place.
    fn heal(&mut self, offset: usize, length: usize) {
        let pages = offset.div_ceil(PAGE_BYTES)..(offset + length) / PAGE_BYTES;
        self.bad_pages.retain(|page| !pages.contains(page));
    }

    /// How much of a write has a place or finds one.
    fn place(&mut self, offset: usize, length: usize) -> usize {
        let end = offset + length;
        let mut at = offset;
        while at < end {
            let page = at / PAGE_BYTES;
            let full = self.pages_max.is_some_and(|max| self.placed.len() >= max);
            if full && (self.copies_on_write || !self.placed.contains(&page)) {
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
            if platter.fails_reads || platter.is_bad(start, out.len()) {
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
        let failing = self.with(|platter| Ok(platter.meet_failing_sync()))?;
        let synced = self.change(|platter| match failing {
            None => {
                platter.sync();
                Ok(())
            }
            Some(kind) => {
                platter.lose(platter.unsynced.len());
                Err(io::Error::new(kind, "injected failure of a sync"))
            }
        });
        if synced.is_err() {
            self.with(|platter| {
                platter.failed_sync = platter.unsynced.len();
                Ok(())
            })?;
        }
        synced
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = position_of(offset)?;
        self.change(|platter| {
            let fitting = platter.place(start, data.len());
            let target = platter.current.get_mut(start..start + fitting);
            target
                .ok_or_else(out_of_range)?
                .copy_from_slice(&data[..fitting]);
            platter.heal(start, fitting);
            if platter.fails_behind.is_some_and(|end| start < end) {
                platter.healthy_operations = Some(0);
            }
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
