//! Pretended blocks, out of order or in thousands, and a real one among them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::block::Content;
use crate::files::LogFile;

const SEGMENT: u64 = 3;
const SEED: u32 = 7;
const MIB: usize = 1 << 20;

/// Bytes that count how many of them are read.
struct Counted {
    bytes: Vec<u8>,
    read: AtomicU64,
}

impl LogFile for Counted {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.bytes.get(offset as usize..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn set_size_bytes(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn window(bytes: Vec<u8>) -> (Window, Arc<Counted>) {
    let limit = bytes.len() as u64;
    let file = Arc::new(Counted {
        bytes,
        read: AtomicU64::new(0),
    });
    (Window::new("file", file.clone(), None, SEED, limit), file)
}

/// A block as a log writes it, of `length` bytes that do not shrink, for the place `at`.
fn block(at: usize, length: usize, first: u64, synced_to: usize) -> Vec<u8> {
    let place = Place {
        segment: SEGMENT,
        offset: at as u64,
        seed: SEED,
    };
    let mut state = at as u64 | 1;
    let raw: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005) + 1;
        (state >> 40) as u8
    })
    .take(length)
    .collect();
    let content = Content {
        raw: &raw,
        first: Sequence(first),
        entries: 1,
    };
    let mut out = Vec::new();
    content
        .put(place, synced_to as u32, None, &mut out)
        .expect("plain");
    out
}

/// The header of a block with a long body, as a client may write it into an item, for the place `at`.
fn pretended(at: usize, length: usize) -> Vec<u8> {
    let mut header = block(at, 8, 1_000, at)[..HEADER_BYTES].to_vec();
    header[4..8].copy_from_slice(&(length as u32).to_le_bytes());
    header[8..12].copy_from_slice(&(length as u32).to_le_bytes());
    header
}

/// Each was checksummed by itself, which took up to an hour for a file that a client had made so.
#[test]
fn headers_that_a_client_wrote_cost_a_few_passes() {
    let mut bytes = vec![1; 4 * MIB];
    for at in (64..MIB).step_by(HEADER_BYTES) {
        bytes[at..at + HEADER_BYTES].copy_from_slice(&pretended(at, 2 * MIB));
    }
    let (mut window, file) = window(bytes);
    let found = was_synced(&mut window, SEGMENT, 64, Sequence(9)).expect("read");
    assert!(!found);
    let passes = file.read.load(Ordering::Relaxed) / (4 * MIB) as u64;
    // There are 32767 of them, in ever larger batches.
    assert!(passes < 40, "{passes}");
}

#[test]
fn a_block_among_them_is_found() {
    let mut bytes = vec![1; MIB];
    for at in (64..MIB / 2).step_by(HEADER_BYTES) {
        bytes[at..at + HEADER_BYTES].copy_from_slice(&pretended(at, MIB / 2));
    }
    for (at, length) in [
        (8_000, 777),
        (100_000, 200_000),
        (500_000, 1),
        (600_000, MIB - 600_000 - HEADER_BYTES),
    ] {
        let mut bytes = bytes.clone();
        let block = block(at, length, 1_000, 64 + 8);
        bytes[at..at + block.len()].copy_from_slice(&block);
        let (mut window, _) = window(bytes);
        assert!(window.is_whole(SEGMENT, at as u64).expect("read"));
        let mut find =
            |segment, from| find_block(&mut window, segment, from, Sequence(9), |_| true);
        assert_eq!(find(SEGMENT, 64).expect("read"), Some(at as u64));
        assert_eq!(find(SEGMENT, at as u64).expect("read"), Some(at as u64));
        assert_eq!(find(SEGMENT, at as u64 + 1).expect("read"), None);
        assert_eq!(find(SEGMENT + 1, 64).expect("read"), None);
        assert!(was_synced(&mut window, SEGMENT, 64, Sequence(9)).expect("read"));
        assert!(!was_synced(&mut window, SEGMENT, 72, Sequence(9)).expect("read"));
    }
}

/// What no log writes proves nothing, though its checksum is right.
#[test]
fn a_block_that_is_out_of_order_or_knows_the_future_is_none() {
    for (first, synced_to, is_one) in [
        (1_000, 4_096, true),
        (1_000, 4_097, false),
        (10, 4_096, true),
        (9, 4_096, false),
    ] {
        let mut bytes = vec![1; 8_192];
        let block = block(4_096, 500, first, synced_to);
        bytes[4_096..4_096 + block.len()].copy_from_slice(&block);
        let (mut window, _) = window(bytes);
        let found = was_synced(&mut window, SEGMENT, 64, Sequence(9));
        assert_eq!(found.expect("read"), is_one, "{first} {synced_to}");
    }
}
