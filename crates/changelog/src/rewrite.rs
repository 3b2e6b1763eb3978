//! Writing a whole log anew into another folder, with another encryption or none: the same segments, the same
//! entries, the same sequences.
//!
//! A torn tail is left behind, as opening would cut it; damage is an error. Every segment of the copy is sealed, one
//! without entries too, because it may be what carries the sequence on.

use headwater_cipher::LogKey;
use headwater_model::Sequence;

use crate::block::{Content, DecodedBlock, Place};
use crate::error::LogError;
use crate::files::{Files, LogFile};
use crate::found::{self, Found};
use crate::index::SegmentIndex;
use crate::log::take_lock;
use crate::open;
use crate::options::LogEncryption;
use crate::seal;
use crate::segment::{self, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::trim_point::TrimPoint;

/// Blocks are written in pieces of this size.
const PIECE_BYTES: usize = 4 << 20;

/// What was written anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Segments.
    pub segments: usize,
    /// Entries in them.
    pub entries: u64,
    /// Bytes of the new files.
    pub bytes: u64,
}

/// Copies the log in `from`, which nobody has open and which `key` opens, into the empty folder `to`. When it returns,
/// the copy is on disk, names and all. `progress` is told of the bytes that were read.
///
/// # Errors
/// Damage in `from`, a wrong key, failures of the file system. What `to` holds then is not a log.
pub fn rewrite(
    from: &dyn Files,
    key: Option<&LogKey>,
    to: &dyn Files,
    encryption: Option<&LogEncryption>,
    progress: &mut dyn FnMut(u64),
) -> Result<Rewritten, LogError> {
    let _lock = take_lock(from)?;
    let mut rewritten = Rewritten::default();
    let mut before: Option<(SegmentHeader, Sequence)> = None;
    let mut all = found::find_segments(from, key)?;
    let point = TrimPoint::read(from, &all)?;
    let mut lost = None;
    if let Some(point) = &point {
        point.split_trimmed(&mut all)?;
        lost = point.lost_beginning(&all);
    }
    if let Some(first) = all.iter().find_map(|found| found.header) {
        let mut copy = TrimPoint::create(to, first.store_id, first.base, true)?;
        if let Some(point) = point {
            copy.move_ceiling(point.ceiling(), true)?;
        }
    }
    for found in all {
        match found.header {
            Some(header) => {
                check_joins_on(&found, &header, before)?;
                let index = copy(&found, &header, to, encryption)?;
                before = Some((header, index.last.max(header.base)));
                rewritten.segments += 1;
                rewritten.entries += index.entries;
                rewritten.bytes += index.end;
            }
            None => open::check_unborn(&found, lost.take())?,
        }
        progress(found.size_bytes);
    }
    to.sync_dir()
        .map_err(|error| LogError::io("sync", &to.location(), error))?;
    Ok(rewritten)
}

/// Whether a segment goes on where the one before ends: none is missing, and none has lost its end.
fn check_joins_on(
    found: &Found<'_>,
    header: &SegmentHeader,
    before: Option<(SegmentHeader, Sequence)>,
) -> Result<(), LogError> {
    let Some((before, last)) = before else {
        return Ok(());
    };
    if header.store_id != before.store_id {
        let detail = "the segment belongs to another store";
        return Err(LogError::damaged(&found.name, 0, detail));
    }
    if header.base != last {
        let detail = format!(
            "it joins on to {}, but the entries before end at {last}",
            header.base
        );
        return Err(LogError::damaged(&found.name, 0, detail));
    }
    Ok(())
}

/// The segment that is being written.
struct Copy<'a> {
    name: &'a str,
    file: &'a dyn LogFile,
    /// Not written yet.
    out: Vec<u8>,
    /// Where `out` goes.
    offset: u64,
}

impl Copy<'_> {
    fn write(&mut self) -> Result<(), LogError> {
        self.file
            .write_at(&self.out, self.offset)
            .map_err(|error| LogError::io("write", self.name, error))?;
        self.offset += self.out.len() as u64;
        self.out.clear();
        Ok(())
    }
}

fn copy(
    found: &Found<'_>,
    header: &SegmentHeader,
    to: &dyn Files,
    encryption: Option<&LogEncryption>,
) -> Result<SegmentIndex, LogError> {
    let new = SegmentHeader::new(header.store_id, header.id, header.base, encryption)?;
    let cipher = new.cipher(encryption.map(|encryption| &encryption.key))?;
    let name = segment::name(new.id);
    let file = to
        .create(&name)
        .map_err(|error| LogError::io("create", &name, error))?;
    let mut copy = Copy {
        name: &name,
        file: &*file,
        out: new.encode().to_vec(),
        offset: 0,
    };
    let mut index = SegmentIndex::new(new.base, SEGMENT_HEADER_BYTES as u64);
    each_block(found, header, |block| {
        let offset = copy.offset + copy.out.len() as u64;
        let content = Content {
            raw: &block.raw,
            first: block.first,
            entries: block.entries,
        };
        let place = Place {
            segment: new.id,
            offset,
            seed: new.seed(),
        };
        // All that stands before it will be on disk before anybody opens the copy.
        let end = content
            .put(place, offset as u32, cipher.as_deref(), &mut copy.out)
            .map_err(|fault| LogError::damaged(&name, offset, fault))?;
        index.add(offset, &block.ending_at(end));
        if copy.out.len() >= PIECE_BYTES {
            copy.write()?;
        }
        Ok(())
    })?;
    copy.write()?;
    file.sync_data()
        .map_err(|error| LogError::io("sync", &name, error))?;
    seal::write_footer(new.id, &name, &*file, &index, cipher.as_deref(), true)?;
    Ok(index)
}

/// Visits the blocks of a segment, sealed or not.
fn each_block(
    found: &Found<'_>,
    header: &SegmentHeader,
    mut visit: impl FnMut(DecodedBlock) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let end = match found.footer()? {
        Some(index) => index.end,
        None => open::scan_segment(found, header.base)?.0.end,
    };
    let mut window = found.window(end)?;
    let mut offset = SEGMENT_HEADER_BYTES as u64;
    while offset < end {
        let block = window.block(found.id, offset)?;
        let (_, block) = block.map_err(|fault| LogError::damaged(&found.name, offset, fault))?;
        offset = block.end;
        visit(block)?;
    }
    Ok(())
}
