//! Segments as they lie in their folder: which there are, what their headers say, and whether what looks like a footer is one.

use std::sync::Arc;

use headwater_cipher::{LogKey, SegmentCipher};
use headwater_model::Sequence;

use crate::block::BlockFault;
use crate::error::LogError;
use crate::files::{Files, LogFile};
use crate::footer::{self, TRAILER_BYTES, Trailer};
use crate::index::SegmentIndex;
use crate::scan::{self, Window};
use crate::segment::{self, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::trim_point::TrimPoint;

/// A segment's file as it was found. One of many is opened anew by whoever reads it: a log may have more files than a process
/// may have open.
pub(crate) struct Found<'f> {
    files: &'f dyn Files,
    pub(crate) id: u64,
    pub(crate) name: String,
    /// Of one that was looked for by itself, so that it stays readable when it is trimmed.
    file: Option<Arc<dyn LogFile>>,
    pub(crate) size_bytes: u64,
    /// Absent if the file does not begin with one.
    pub(crate) header: Option<SegmentHeader>,
    /// Absent in a plain segment.
    pub(crate) cipher: Option<Arc<SegmentCipher>>,
    /// What the checksums of its blocks begin with; without a header, each that they may begin with.
    seeds: Vec<u32>,
    /// Whether what looks like a footer at its end is one.
    pub(crate) believes_footer: bool,
    /// Why nothing of it is known but its name.
    pub(crate) unread: Option<LogError>,
}

impl<'f> Found<'f> {
    fn unread(files: &'f dyn Files, id: u64, error: LogError) -> Self {
        Self {
            files,
            id,
            name: segment::name(id),
            file: None,
            size_bytes: 0,
            header: None,
            cipher: None,
            seeds: Vec::new(),
            believes_footer: false,
            unread: Some(error),
        }
    }

    fn closed(self) -> Self {
        Self { file: None, ..self }
    }

    /// The open file.
    pub(crate) fn file(&self) -> Result<Arc<dyn LogFile>, LogError> {
        match &self.file {
            Some(file) => Ok(file.clone()),
            None => open(self.files, &self.name),
        }
    }

    /// Its content, up to `limit`.
    pub(crate) fn window(&self, limit: u64) -> Result<Window, LogError> {
        let seed = self.seeds.first().copied().unwrap_or_default();
        self.window_with(seed, limit)
    }

    /// Its content, once for each that its checksums may begin with.
    pub(crate) fn windows(&self) -> impl Iterator<Item = Result<Window, LogError>> {
        let seeds = self.seeds.iter();
        seeds.map(|seed| self.window_with(*seed, self.size_bytes))
    }

    fn window_with(&self, seed: u32, limit: u64) -> Result<Window, LogError> {
        let cipher = self.cipher.clone();
        Ok(Window::new(&self.name, self.file()?, cipher, seed, limit))
    }

    /// The index in its footer; `None` if there is no valid one.
    pub(crate) fn footer(&self) -> Result<Option<SegmentIndex>, LogError> {
        if !self.believes_footer {
            return Ok(None);
        }
        read_footer(
            &self.name,
            &*self.file()?,
            self.cipher.as_deref(),
            self.size_bytes,
        )
    }

    /// Whether the log itself wrote what looks like a footer. A plain segment that was not sealed may end in the bytes
    /// of an item, which a client chose, so the blocks before are asked: they end where the trailer says. If they end
    /// elsewhere, or its version is not known, what stands there must not be what a crash left of a block; then it is
    /// damage, or a newer footer.
    fn has_footer_behind_blocks(&self) -> Result<bool, LogError> {
        let mut window = self.window(self.size_bytes)?;
        let at = self.size_bytes.saturating_sub(TRAILER_BYTES as u64);
        let trailer = window.bytes(at, TRAILER_BYTES)?.first_chunk().copied();
        let Some(trailer) = trailer.filter(footer::is_trailer) else {
            return Ok(false);
        };
        if self.cipher.is_some() {
            return Ok(true);
        }
        let end = match scan::end_of_headers(&mut window, SEGMENT_HEADER_BYTES as u64) {
            Ok(end) => end,
            // Whoever needs what can't be read is told.
            Err(LogError::Io { .. }) => return Ok(true),
            Err(error) => return Err(error),
        };
        let says_so = |trailer: Trailer| trailer.offset == end;
        Ok(
            Trailer::parse(&trailer, self.size_bytes).is_some_and(says_so)
                || !scan::may_be_torn(&mut window, end)?,
        )
    }
}

/// Whether a folder holds an encrypted log; it is not opened, and needs no key for that.
///
/// # Errors
/// [`LogError::Io`] if it can't be read, [`LogError::Unsupported`] for a newer form.
pub fn is_encrypted(files: &dyn Files) -> Result<bool, LogError> {
    let names = files
        .list()
        .map_err(|error| LogError::io("list", &files.location(), error))?;
    for name in names.iter().filter(|name| segment::id_of(name).is_some()) {
        let file = match files.open(name) {
            Ok(file) => file,
            // A server that runs meanwhile has trimmed it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(LogError::io("open", name, error)),
        };
        let header = SegmentHeader::read(name, &*file)?;
        if header.is_some_and(|header| header.salt.is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether `key` is that of an encrypted log, as far as one block tells: the first of the oldest segment that begins with
/// a whole one. Others are asked only if it does not decrypt, so that a strange segment does not pass for a wrong key.
/// The log is not opened, and one without blocks belongs to any key.
///
/// # Errors
/// [`LogError::Io`] if the folder can't be read, [`LogError::Unsupported`] for a newer form, [`LogError::NotEncrypted`].
pub fn is_opened_by(files: &dyn Files, key: &LogKey) -> Result<bool, LogError> {
    let mut refused = false;
    for id in ids(files)? {
        let found = match find_segment(files, id, Some(key)) {
            Ok(found) => found,
            // Whoever needs what is damaged, or was trimmed meanwhile, is told.
            Err(LogError::Io { .. } | LogError::Damaged { .. }) => continue,
            Err(error) => return Err(error),
        };
        let mut window = found.window(found.size_bytes)?;
        match window.block(id, SEGMENT_HEADER_BYTES as u64) {
            Ok(Ok(_)) => return Ok(true),
            Ok(Err(BlockFault::Decryption)) => refused = true,
            _ => {}
        }
    }
    Ok(!refused)
}

/// The ids of all segments, in their order.
fn ids(files: &dyn Files) -> Result<Vec<u64>, LogError> {
    let names = files
        .list()
        .map_err(|error| LogError::io("list", &files.location(), error))?;
    let ids = names.iter().filter_map(|name| segment::id_of(name));
    let mut ids: Vec<u64> = ids.collect();
    ids.sort_unstable();
    Ok(ids)
}

/// All segments in order of their ids. With `key` they must be encrypted, without one they must not be.
pub(crate) fn find_segments<'f>(
    files: &'f dyn Files,
    key: Option<&LogKey>,
) -> Result<Vec<Found<'f>>, LogError> {
    find_each(files, key, Err)
}

/// As [`find_segments`], with those that are damaged where they begin or that the system does not give back.
pub(crate) fn find_segments_and_unread<'f>(
    files: &'f dyn Files,
    key: Option<&LogKey>,
) -> Result<Vec<Found<'f>>, LogError> {
    find_each(files, key, |error| match error {
        LogError::Io { .. } | LogError::Damaged { .. } => Ok(error),
        error => Err(error),
    })
}

/// `keep` gives back an error for which the segment is to be found as unread.
fn find_each<'f>(
    files: &'f dyn Files,
    key: Option<&LogKey>,
    keep: impl Fn(LogError) -> Result<LogError, LogError>,
) -> Result<Vec<Found<'f>>, LogError> {
    let mut all = Vec::new();
    for id in ids(files)? {
        all.push(match find_segment(files, id, key) {
            Ok(found) => found.closed(),
            Err(error) => Found::unread(files, id, keep(error)?),
        });
    }
    rule_out_footers(&mut all, keep)?;
    find_seeds(files, &mut all)?;
    Ok(all)
}

/// Without a header a segment may be of the form of today, or of the earlier one unless it comes behind one of today's: what a
/// client wrote must not pass for a block of an earlier form where there is none. The header of a log's first segment is on
/// disk before any client's bytes.
fn find_seeds(files: &dyn Files, found: &mut [Found<'_>]) -> Result<(), LogError> {
    if found.iter().all(|found| found.header.is_some()) {
        return Ok(());
    }
    let known = found.iter().find_map(|found| found.header);
    let store_id = match known.map(|header| header.store_id) {
        Some(store_id) => Some(store_id),
        None => match TrimPoint::read(files, &[]) {
            // Whoever needs what can't be read is told.
            Err(LogError::Io { .. }) => None,
            point => point?.map(|point| point.store_id()),
        },
    };
    let mut had_seed = false;
    for found in found {
        match found.header {
            Some(header) => had_seed = header.is_seeded,
            None => {
                let plain = (!had_seed || store_id.is_none()).then_some(0);
                let seeded = store_id.map(|store_id| segment::seed_of(&store_id));
                found.seeds = plain.into_iter().chain(seeded).collect();
            }
        }
    }
    Ok(())
}

/// Segments get their footers in their order, so those that lack one are the newest. All are looked at until one has
/// its own. The header of the one behind it may vouch for it; if there is none, all of it is read, 64 MB by default.
fn rule_out_footers<'f>(
    all: &mut [Found<'f>],
    keep: impl Fn(LogError) -> Result<LogError, LogError>,
) -> Result<(), LogError> {
    let mut base_behind = None;
    for found in all.iter_mut().rev() {
        let Some(base) = found.header.as_ref().map(|header| header.base) else {
            found.believes_footer = false;
            continue;
        };
        match is_footer_believed(found, base_behind) {
            Ok(true) => break,
            Ok(false) => {}
            Err(error) => *found = Found::unread(found.files, found.id, keep(error)?),
        }
        base_behind = Some(base);
    }
    Ok(())
}

/// Looks whether a segment has a footer of its own, which is as good as the header of the one behind it says.
fn is_footer_believed(
    found: &mut Found<'_>,
    base_behind: Option<Sequence>,
) -> Result<bool, LogError> {
    // One of a version that is not known is looked at below.
    let last = found.footer().ok().flatten().map(|index| index.last);
    let is_witnessed = last.is_some() && last == base_behind;
    found.believes_footer = is_witnessed || found.has_footer_behind_blocks()?;
    Ok(is_witnessed || found.footer()?.is_some())
}

/// A segment of which is known whether it is sealed, or that is asked for nothing of that kind.
pub(crate) fn find_segment<'f>(
    files: &'f dyn Files,
    id: u64,
    key: Option<&LogKey>,
) -> Result<Found<'f>, LogError> {
    let name = segment::name(id);
    let file = open(files, &name)?;
    let size_bytes = file
        .size_bytes()
        .map_err(|error| LogError::io("look at", &name, error))?;
    let header = SegmentHeader::read(&name, &*file)?;
    if header.is_some_and(|header| header.id != id) {
        return Err(LogError::damaged(
            &name,
            0,
            "the header names another segment",
        ));
    }
    let cipher = match &header {
        Some(header) => header.cipher(key)?,
        None => None,
    };
    Ok(Found {
        files,
        id,
        name,
        file: Some(file),
        size_bytes,
        header,
        cipher,
        seeds: header.map(|header| header.seed()).into_iter().collect(),
        believes_footer: true,
        unread: None,
    })
}

fn open(files: &dyn Files, name: &str) -> Result<Arc<dyn LogFile>, LogError> {
    files
        .open(name)
        .map_err(|error| LogError::io("open", name, error))
}

/// The index in the footer of a segment that is known to be sealed; `None` if there is no valid one.
pub(crate) fn read_footer(
    name: &str,
    file: &dyn LogFile,
    cipher: Option<&SegmentCipher>,
    size_bytes: u64,
) -> Result<Option<SegmentIndex>, LogError> {
    let read = |buffer: &mut [u8], offset| file.read_full_at(buffer, offset);
    let error = |error| LogError::io("read", name, error);
    let mut bytes = [0; TRAILER_BYTES];
    let Some(at) = size_bytes.checked_sub(TRAILER_BYTES as u64) else {
        return Ok(None);
    };
    if read(&mut bytes, at).map_err(error)? < TRAILER_BYTES {
        return Ok(None);
    }
    if let Some(detail) = Trailer::unsupported(&bytes) {
        let file = name.to_owned();
        return Err(LogError::Unsupported { file, detail });
    }
    let Some(trailer) = Trailer::parse(&bytes, size_bytes) else {
        return Ok(None);
    };
    let mut bytes = vec![0; trailer.length as usize];
    let length = read(&mut bytes, trailer.offset).map_err(error)?;
    Ok(footer::decode(trailer, cipher, &bytes[..length]))
}
