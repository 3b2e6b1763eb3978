//! Files with faults, for tests and simulation: writes that fail, are cut short or take their time, fsyncs that fail,
//! power losses, flipped bits, a full disk.
//!
//! [`FaultyFiles`] keeps two states of everything: as programs see it, and as the disk holds it. An fsync carries a
//! file over, a directory sync the names. [`FaultyFiles::power_loss`] gives the folder that the next boot finds; the
//! old handles fail from then on. All choices come from the seed.

mod parts;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::files::{Files, FilesLock, LogFile};

pub use parts::{Part, part};

/// What a disk writes at once, or not.
const SECTOR_BYTES: usize = 512;

/// A fault of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing happens, and the caller is told. A failed fsync drops what it should have made safe: the next one
    /// succeeds, and does not bring it back.
    Fail,
    /// A part of the bytes is written, and the caller is told of a failure. Another operation just fails.
    Short,
    /// As [`Fault::Fail`], for lack of room.
    NoRoom,
    /// The power goes: this operation and all later ones fail. A write may have reached memory in part.
    PowerLoss,
    /// The calling thread panics.
    Panic,
    /// Nothing goes wrong, but others run as often before it is done.
    Delay(u32),
    /// As [`Fault::Fail`], but others run as often before the caller is told. An fsync of theirs is told of nothing.
    FailLate(u32),
    /// Nothing goes wrong, but others run as often before an fsync is done, and what they write meanwhile it does not
    /// cover. Another operation is done as ever.
    SlowSync(u32),
}

/// What a power loss leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survives {
    /// Nothing.
    Synced,
    /// Some sectors, chosen by the seed, in any order; so writes are torn.
    SomeSectors,
    /// Everything, for only the process died. What was not synced still is not, and may go with the next loss.
    All,
}

/// A folder with faults. Clones share it.
#[derive(Clone)]
pub struct FaultyFiles {
    disk: Arc<Mutex<Disk>>,
}

struct Disk {
    random: u64,
    names: BTreeMap<String, u64>,
    names_on_disk: BTreeMap<String, u64>,
    files: BTreeMap<u64, Contents>,
    next_file: u64,
    /// Operations that change something, counted from 0.
    operations: u64,
    faults: VecDeque<(u64, Fault)>,
    power: bool,
    locked: bool,
    /// Files and bytes of them that can't be read.
    unreadable: Vec<(u64, usize)>,
    /// Bytes that all files together may have; none if there is no end.
    size_bytes: Option<u64>,
    /// Files of which it was said that nobody is about to read them.
    left_page_cache: Vec<u64>,
}

#[derive(Clone, Default)]
struct Contents {
    seen: Vec<u8>,
    on_disk: Vec<u8>,
    /// Written since the last sync.
    dirty: Vec<(usize, usize)>,
    /// The shortest it has been since the last sync.
    cut_to: Option<usize>,
    /// An fsync has failed.
    dropped: bool,
}

impl FaultyFiles {
    /// An empty folder.
    pub fn new(seed: u64) -> Self {
        let disk = Disk {
            random: seed,
            names: BTreeMap::new(),
            names_on_disk: BTreeMap::new(),
            files: BTreeMap::new(),
            next_file: 0,
            operations: 0,
            faults: VecDeque::new(),
            power: true,
            locked: false,
            size_bytes: None,
            left_page_cache: Vec::new(),
            unreadable: Vec::new(),
        };
        Self {
            disk: Arc::new(Mutex::new(disk)),
        }
    }

    /// How many operations that change something were asked for: creations, writes, syncs, cuts, renames, removals,
    /// directory syncs.
    pub fn operations(&self) -> u64 {
        self.disk.lock().operations
    }

    /// Makes the operation that is `after` others away go wrong; 0 is the next one.
    pub fn inject(&self, after: u64, fault: Fault) {
        let mut disk = self.disk.lock();
        let at = disk.operations + after;
        disk.faults.push_back((at, fault));
    }

    /// The files of which was said that nobody is about to read them, in that order, by their names now.
    pub fn left_page_cache(&self) -> Vec<String> {
        let disk = self.disk.lock();
        let name_of = |wanted| disk.names.iter().find(|(_, id)| **id == wanted);
        let left = disk.left_page_cache.iter();
        left.filter_map(|id| name_of(*id))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Gives the disk a size: what would make the files longer than that together fails for lack of room, a write
    /// after the part that fits. `None` takes the end away.
    pub fn set_disk_size_bytes(&self, size_bytes: Option<u64>) {
        self.disk.lock().size_bytes = size_bytes;
    }

    /// Bytes that all files have together.
    pub fn used_bytes(&self) -> u64 {
        self.disk.lock().used_bytes()
    }

    /// Ends the power, or with [`Survives::All`] the process, and gives what the next one finds.
    pub fn power_loss(&self, survives: Survives) -> Self {
        let mut disk = self.disk.lock();
        disk.power = false;
        let seed = disk.next_random();
        let next = Self::new(seed);
        {
            let mut rebooted = next.disk.lock();
            rebooted.next_file = disk.next_file;
            rebooted.size_bytes = disk.size_bytes;
            if survives == Survives::All {
                rebooted.names = disk.names.clone();
                rebooted.names_on_disk = disk.names_on_disk.clone();
                rebooted.files = disk.files.clone();
            } else {
                // The names are a journal: synced, or all of them.
                let all_names = survives == Survives::SomeSectors && seed & 1 == 0;
                rebooted.names = if all_names {
                    disk.names.clone()
                } else {
                    disk.names_on_disk.clone()
                };
                rebooted.names_on_disk = rebooted.names.clone();
                let used: Vec<u64> = rebooted.names.values().copied().collect();
                for id in used {
                    let contents = disk.files.get(&id).cloned().unwrap_or_default();
                    let torn = survives == Survives::SomeSectors;
                    let left = contents.after_power_loss(torn, || disk.next_random() & 1 == 0);
                    rebooted.files.insert(
                        id,
                        Contents {
                            seen: left.clone(),
                            on_disk: left,
                            ..Contents::default()
                        },
                    );
                }
            }
        }
        next
    }

    /// Names and lengths of all files.
    pub fn sizes(&self) -> BTreeMap<String, usize> {
        let disk = self.disk.lock();
        disk.names
            .iter()
            .map(|(name, id)| (name.clone(), disk.files[id].seen.len()))
            .collect()
    }

    /// The bytes of a file, as programs see them.
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let disk = self.disk.lock();
        disk.names.get(name).map(|id| disk.files[id].seen.clone())
    }

    /// Changes a byte of a file behind everybody's back; says whether the byte exists.
    pub fn flip(&self, name: &str, offset: usize, mask: u8) -> bool {
        let mut disk = self.disk.lock();
        let Some(id) = disk.names.get(name).copied() else {
            return false;
        };
        let Some(contents) = disk.files.get_mut(&id) else {
            return false;
        };
        let Some(byte) = contents.seen.get_mut(offset) else {
            return false;
        };
        *byte ^= mask;
        if let Some(byte) = contents.on_disk.get_mut(offset) {
            *byte ^= mask;
        }
        true
    }

    /// Lets all reads fail that would show a byte of a file.
    pub fn make_unreadable(&self, name: &str, offset: usize) {
        let mut disk = self.disk.lock();
        if let Some(id) = disk.names.get(name).copied() {
            disk.unreadable.push((id, offset));
        }
    }

    /// Removes a file behind everybody's back, from the disk too.
    pub fn remove_behind_everybody(&self, name: &str) {
        let mut disk = self.disk.lock();
        disk.names.remove(name);
        disk.names_on_disk.remove(name);
    }

    /// Replaces a file's bytes behind everybody's back.
    pub fn replace(&self, name: &str, bytes: Vec<u8>) {
        let mut disk = self.disk.lock();
        let id = match disk.names.get(name) {
            Some(id) => *id,
            None => disk.add_name(name),
        };
        disk.names_on_disk.insert(name.to_owned(), id);
        disk.files.insert(
            id,
            Contents {
                seen: bytes.clone(),
                on_disk: bytes,
                ..Contents::default()
            },
        );
    }
}

fn failure(what: &str) -> io::Error {
    io::Error::other(format!("injected: {what}"))
}

fn no_room() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "injected: no room")
}

fn not_found(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no file {name}"))
}

impl Disk {
    /// SplitMix64.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn add_name(&mut self, name: &str) -> u64 {
        let id = self.next_file;
        self.next_file += 1;
        self.names.insert(name.to_owned(), id);
        self.files.insert(id, Contents::default());
        id
    }

    fn powered(&self) -> io::Result<()> {
        if self.power {
            Ok(())
        } else {
            Err(failure("the power is off"))
        }
    }

    /// Counts an operation; the fault it meets, if any.
    fn operate(&mut self) -> io::Result<Option<Fault>> {
        self.powered()?;
        let now = self.operations;
        self.operations += 1;
        let at = self.faults.iter().position(|(at, _)| *at == now);
        let fault = at
            .and_then(|at| self.faults.remove(at))
            .map(|(_, fault)| fault);
        if fault == Some(Fault::PowerLoss) {
            self.power = false;
        }
        assert!(fault != Some(Fault::Panic), "injected: a panic");
        if let Some(Fault::Delay(turns)) = fault {
            (0..turns).for_each(|_| std::thread::yield_now());
            return Ok(None);
        }
        Ok(fault)
    }

    /// An operation that happens whole or not at all.
    fn operate_whole(&mut self, what: &str) -> io::Result<()> {
        match self.operate()? {
            None | Some(Fault::SlowSync(_)) => Ok(()),
            Some(Fault::NoRoom) => Err(no_room()),
            Some(_) => Err(failure(what)),
        }
    }

    fn used_bytes(&self) -> u64 {
        let named = self.names.values().filter_map(|id| self.files.get(id));
        named.map(|contents| contents.seen.len() as u64).sum()
    }

    fn free_bytes(&self) -> Option<u64> {
        Some(self.size_bytes?.saturating_sub(self.used_bytes()))
    }

    /// A new name needs room too.
    fn room_for_name(&self) -> io::Result<()> {
        match self.free_bytes() {
            Some(0) => Err(no_room()),
            _ => Ok(()),
        }
    }

    /// How much of a write fits.
    fn fitting(&self, id: u64, length: usize, offset: usize) -> usize {
        let Some(free_bytes) = self.free_bytes() else {
            return length;
        };
        let size_bytes = self.files.get(&id).map_or(0, |file| file.seen.len());
        let end_max = size_bytes.saturating_add(usize::try_from(free_bytes).unwrap_or(usize::MAX));
        length.min(end_max.saturating_sub(offset))
    }

    fn file(&mut self, id: u64) -> &mut Contents {
        self.files.entry(id).or_default()
    }
}

impl Contents {
    fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        if self.seen.len() < end {
            self.seen.resize(end, 0);
        }
        self.seen[offset..end].copy_from_slice(bytes);
        self.dirty.push((offset, end));
    }

    fn set_size(&mut self, size: usize) {
        if size < self.seen.len() {
            self.cut_to = Some(self.cut_to.map_or(size, |cut| cut.min(size)));
        }
        self.seen.resize(size, 0);
    }

    fn sync(&mut self) {
        self.on_disk = self.take_unsynced();
        debug_assert!(self.dropped || self.on_disk == self.seen);
    }

    /// What an fsync that begins now brings to the disk. What is written from now on is for the next one.
    fn take_unsynced(&mut self) -> Vec<u8> {
        let mut covered = self.shape();
        for (from, to) in std::mem::take(&mut self.dirty) {
            let to = to.min(self.seen.len());
            if from < to {
                covered[from..to].copy_from_slice(&self.seen[from..to]);
            }
        }
        self.cut_to = None;
        covered
    }

    /// What an fsync that fails leaves: the system takes for written what is not.
    fn drop_unsynced(&mut self) {
        self.dirty.clear();
        self.dropped = true;
    }

    /// What the disk holds once cuts and the length have reached it, but no data.
    fn shape(&self) -> Vec<u8> {
        let mut shape = self.on_disk.clone();
        shape.truncate(self.cut_to.unwrap_or(usize::MAX));
        shape.resize(self.seen.len(), 0);
        shape
    }

    /// What is on disk, and if it is `torn` some sectors of what was under way.
    fn after_power_loss(&self, torn: bool, mut coin: impl FnMut() -> bool) -> Vec<u8> {
        if !torn {
            return self.on_disk.clone();
        }
        let mut left = if coin() {
            self.shape()
        } else {
            self.on_disk.clone()
        };
        for (from, to) in &self.dirty {
            let to = (*to).min(self.seen.len());
            let mut at = *from;
            while at < to {
                let end = to.min((at / SECTOR_BYTES + 1) * SECTOR_BYTES);
                if coin() {
                    left.resize(left.len().max(end), 0);
                    left[at..end].copy_from_slice(&self.seen[at..end]);
                }
                at = end;
            }
        }
        left
    }
}

struct Held(Arc<Mutex<Disk>>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.lock().locked = false;
    }
}

struct FaultyFile {
    disk: Arc<Mutex<Disk>>,
    id: u64,
}

impl Files for FaultyFiles {
    fn location(&self) -> String {
        "faulty memory".to_owned()
    }

    fn lock(&self) -> io::Result<Option<FilesLock>> {
        let mut disk = self.disk.lock();
        disk.powered()?;
        if std::mem::replace(&mut disk.locked, true) {
            return Ok(None);
        }
        Ok(Some(Box::new(Held(self.disk.clone()))))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        let mut disk = self.disk.lock();
        disk.operate_whole("create failed")?;
        if disk.names.contains_key(name) {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("{name} exists"),
            ));
        }
        disk.room_for_name()?;
        let id = disk.add_name(name);
        Ok(Arc::new(FaultyFile {
            disk: self.disk.clone(),
            id,
        }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        let disk = self.disk.lock();
        disk.powered()?;
        let id = *disk.names.get(name).ok_or_else(|| not_found(name))?;
        Ok(Arc::new(FaultyFile {
            disk: self.disk.clone(),
            id,
        }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let disk = self.disk.lock();
        disk.powered()?;
        Ok(disk.names.keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut disk = self.disk.lock();
        if !disk.names.contains_key(name) {
            disk.powered()?;
            return Err(not_found(name));
        }
        disk.operate_whole("remove failed")?;
        disk.names.remove(name);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.operate_whole("rename failed")?;
        disk.room_for_name()?;
        let id = disk.names.remove(from).ok_or_else(|| not_found(from))?;
        disk.names.insert(to.to_owned(), id);
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        Ok(self.disk.lock().free_bytes())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.operate_whole("directory sync failed")?;
        disk.names_on_disk = disk.names.clone();
        Ok(())
    }
}

impl LogFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut disk = self.disk.lock();
        disk.powered()?;
        let asked = offset as usize..offset as usize + buffer.len();
        let mut unreadable = disk.unreadable.iter();
        if unreadable.any(|(id, at)| *id == self.id && asked.contains(at)) {
            return Err(failure("unreadable"));
        }
        let seen = &disk.file(self.id).seen;
        let rest = seen.get(offset as usize..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let fault = disk.operate()?;
        let fault = fault.filter(|fault| !matches!(fault, Fault::SlowSync(_)));
        let written = match fault {
            None => disk.fitting(self.id, bytes.len(), offset as usize),
            Some(Fault::NoRoom) => return Err(no_room()),
            Some(
                Fault::Fail
                | Fault::Panic
                | Fault::Delay(_)
                | Fault::FailLate(_)
                | Fault::SlowSync(_),
            ) => {
                return Err(failure("write failed"));
            }
            Some(Fault::Short | Fault::PowerLoss) => {
                (disk.next_random() % (bytes.len() as u64 + 1)) as usize
            }
        };
        disk.file(self.id).write(&bytes[..written], offset as usize);
        match fault {
            None if written == bytes.len() => Ok(()),
            None => Err(no_room()),
            Some(_) => Err(failure("write was cut short")),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let fault = disk.operate();
        if let Ok(None) = fault {
            disk.file(self.id).sync();
            return Ok(());
        }
        if let Ok(Some(Fault::SlowSync(turns))) = fault {
            let covered = disk.file(self.id).take_unsynced();
            drop(disk);
            (0..turns).for_each(|_| std::thread::yield_now());
            let mut disk = self.disk.lock();
            disk.powered()?;
            disk.file(self.id).on_disk = covered;
            return Ok(());
        }
        disk.file(self.id).drop_unsynced();
        drop(disk);
        match fault? {
            Some(Fault::FailLate(turns)) => (0..turns).for_each(|_| std::thread::yield_now()),
            Some(Fault::NoRoom) => return Err(no_room()),
            _ => {}
        }
        Err(failure("sync failed"))
    }

    fn size_bytes(&self) -> io::Result<u64> {
        let mut disk = self.disk.lock();
        disk.powered()?;
        Ok(disk.file(self.id).seen.len() as u64)
    }

    fn set_size_bytes(&self, size_bytes: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.operate_whole("cut failed")?;
        disk.file(self.id).set_size(size_bytes as usize);
        Ok(())
    }

    fn leave_page_cache(&self) {
        self.disk.lock().left_page_cache.push(self.id);
    }
}
