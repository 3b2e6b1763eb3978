//! Doors for fuzz targets: the formats of the log's files, read from any bytes.
//!
//! Bytes that are made up rarely have a right checksum, and behind a wrong one nothing is read. So each door
//! can `mend` the checksums first: what it then meets is what a bug of the writer would leave. The doors panic
//! when a promise is broken, and else say whether the bytes were read.

use std::sync::Arc;

use bytes::Bytes;
use headwater_model::{ManualClock, Sequence};

use crate::block::{self, BlockBuilder, DecodedBlock, HEADER_BYTES, Header, Place};
use crate::entry::{EntryDraft, EntryWalk};
use crate::files::{Files, LogFile, MemoryFiles};
use crate::footer::{self, TRAILER_BYTES, Trailer};
use crate::log::Log;
use crate::options::{Durability, LogOptions};
use crate::segment::{self, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::shard::ReadLimit;

/// Where the blocks of these doors stand.
const PLACE: Place = Place {
    segment: 1,
    offset: SEGMENT_HEADER_BYTES as u64,
    seed: 0,
};

/// Reads a block with all that is in it. One that is read comes back the same when it is written anew.
pub fn block(bytes: &[u8], mend: bool) -> bool {
    let mut bytes = bytes.to_vec();
    if mend {
        mend_block(PLACE, &mut bytes);
    }
    let Some(Ok(header)) = bytes.first_chunk::<HEADER_BYTES>().map(Header::parse) else {
        return false;
    };
    let Ok(decoded) = DecodedBlock::decode(PLACE, &header, None, &bytes) else {
        return false;
    };
    for (shard, first, last) in decoded.shards() {
        assert!(first <= last);
        assert!(!decoded.shard_records(shard, first).is_empty());
    }
    written_anew(&decoded, header.synced_to);
    true
}

fn written_anew(decoded: &DecodedBlock, synced_to: u32) {
    let mut builder = BlockBuilder::with_capacity(decoded.raw.len());
    for entry in EntryWalk::new(&decoded.raw, decoded.first).map_while(Result::ok) {
        let Ok(entry) = entry.decode(&decoded.raw) else {
            return;
        };
        match EntryDraft::new(&entry.changes) {
            // Sequences at the end of all numbers are never given out.
            Ok(draft) if entry.first.0 < u64::MAX - entry.changes.len() as u64 => {
                builder.push(entry.first, &draft)
            }
            _ => return,
        }
    }
    let mut out = Vec::new();
    let Ok(written) = builder.finish(PLACE, synced_to, None, &mut out) else {
        panic!("a block that is not encrypted is always written");
    };
    let header = out.first_chunk::<HEADER_BYTES>().map(Header::parse);
    let Some(Ok(header)) = header else {
        panic!("a written block has no header");
    };
    let read = DecodedBlock::decode(PLACE, &header, None, &out);
    assert_eq!(read.as_ref(), Ok(&written));
    assert_eq!(
        (written.first, written.last, written.changes),
        (decoded.first, decoded.last, decoded.changes)
    );
}

/// Reads the entries of a block's body.
pub fn entries(raw: &[u8]) -> bool {
    let raw = Bytes::copy_from_slice(raw);
    let mut last = None;
    for entry in EntryWalk::new(&raw, Sequence::first_at_ms(1)) {
        let Ok(entry) = entry else { return false };
        assert!(last.is_none_or(|last| last < entry.first));
        last = Some(entry.last());
        let Ok(decoded) = entry.decode(&raw) else {
            return false;
        };
        assert_eq!(decoded.changes.len(), entry.changes as usize);
    }
    true
}

/// Reads a footer with its trailer. One that is read comes back the same when it is written anew.
pub fn footer(bytes: &[u8], mend: bool) -> bool {
    let mut bytes = bytes.to_vec();
    if mend {
        mend_footer(&mut bytes);
    }
    let Some(trailer) = bytes.last_chunk::<TRAILER_BYTES>() else {
        return false;
    };
    let Some(trailer) = Trailer::parse(trailer, bytes.len() as u64) else {
        return false;
    };
    let body = &bytes[trailer.offset as usize..][..trailer.length as usize];
    footer::decode(trailer, None, body).is_some()
}

/// Reads the header of a segment. One that is read comes back the same when it is written anew.
pub fn segment_header(bytes: &[u8], mend: bool) -> bool {
    let mut bytes = bytes.to_vec();
    if mend {
        mend_segment_header(&mut bytes);
    }
    let Ok(Some(header)) = SegmentHeader::decode("segment", &bytes) else {
        return false;
    };
    let again = SegmentHeader::decode("segment", &header.encode());
    assert!(again.is_ok_and(|again| again == Some(header)));
    true
}

/// Checks, opens and reads a log whose only segment has these bytes. What opens reads to its end.
pub fn log(bytes: &[u8], mend: bool) -> bool {
    let mut bytes = bytes.to_vec();
    if mend {
        mend_segment(&mut bytes);
    }
    let files = Arc::new(MemoryFiles::new());
    if write(files.as_ref(), &bytes).is_err() {
        return false;
    }
    let verified = crate::verify::verify(files.as_ref(), None);
    let options = LogOptions {
        durability: Durability::Memory,
        ..LogOptions::default()
    };
    let Ok((log, _)) = Log::open(files, options, Arc::new(ManualClock::new(1))) else {
        return false;
    };
    let clean = verified.is_ok_and(|report| report.is_clean());
    let mut shards = std::collections::BTreeSet::new();
    let before_oldest = Sequence(log.oldest().0.saturating_sub(1));
    for entry in log.read_from(before_oldest) {
        match entry {
            Ok(entry) => shards.extend(entry.changes.iter().map(|change| change.shard)),
            Err(error) => {
                assert!(!clean, "verified as clean, but: {error}");
                return false;
            }
        }
    }
    for shard in shards {
        let limit = ReadLimit {
            records: 1_000,
            bytes: 1 << 20,
        };
        let page = log.read_shard(shard, log.oldest(), limit);
        assert!(page.is_ok() || !clean, "verified as clean");
    }
    log.close().is_ok()
}

fn write(files: &MemoryFiles, bytes: &[u8]) -> std::io::Result<()> {
    let file: Arc<dyn LogFile> = files.create(&segment::name(PLACE.segment))?;
    file.write_at(bytes, 0)
}

fn mend_block(place: Place, bytes: &mut [u8]) -> Option<Header> {
    let header = Header::parse(bytes.first_chunk::<HEADER_BYTES>()?).ok()?;
    block::mend(place, bytes.get_mut(..header.unpadded_len())?);
    Some(header)
}

fn mend_footer(bytes: &mut [u8]) {
    let Some(at) = bytes.len().checked_sub(TRAILER_BYTES) else {
        return;
    };
    let (body, trailer) = bytes.split_at_mut(at);
    let length = trailer[16..20].iter().rev();
    let length = length.fold(0usize, |value, byte| value << 8 | usize::from(*byte)) % (at + 1);
    let body = &body[at - length..];
    trailer[8..16].copy_from_slice(&((at - length) as u64).to_le_bytes());
    trailer[16..20].copy_from_slice(&(length as u32).to_le_bytes());
    trailer[20..24].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
    let crc = crc32fast::hash(&trailer[..28]);
    trailer[28..].copy_from_slice(&crc.to_le_bytes());
}

fn mend_segment_header(bytes: &mut [u8]) {
    if let Some(header) = bytes.first_chunk_mut::<SEGMENT_HEADER_BYTES>() {
        let crc = crc32fast::hash(&header[..60]);
        header[60..].copy_from_slice(&crc.to_le_bytes());
    }
}

fn mend_segment(bytes: &mut [u8]) {
    mend_segment_header(bytes);
    if bytes.len() > SEGMENT_HEADER_BYTES + TRAILER_BYTES {
        mend_footer(&mut bytes[SEGMENT_HEADER_BYTES..]);
    }
    let header = SegmentHeader::decode("", bytes);
    let seed = header.ok().flatten().map_or(0, |header| header.seed());
    let mut offset = SEGMENT_HEADER_BYTES as u64;
    while let Some(rest) = bytes.get_mut(offset as usize..) {
        let place = Place {
            offset,
            seed,
            ..PLACE
        };
        let Some(header) = mend_block(place, rest) else {
            return;
        };
        offset = header.end(offset);
    }
}
