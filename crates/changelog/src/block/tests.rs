//! A block comes back as it was, in its own place only, and any flipped bit is noticed.

use super::*;
use crate::change::{Change, ChangeKind, Identity};

const PLACE: Place = Place {
    segment: 3,
    offset: 64,
    seed: 7,
};

fn draft(shard: u32, key: &[u8], new: Vec<u8>) -> EntryDraft {
    let change = Change {
        table: 1,
        shard,
        kind: ChangeKind::Insert,
        identity: Identity::None,
        key: Bytes::copy_from_slice(key),
        new: Some(Bytes::from(new)),
        old: None,
        old_size_bytes: 0,
    };
    EntryDraft::new(&[change]).unwrap()
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn build(values: &[Vec<u8>]) -> (Vec<u8>, DecodedBlock) {
    let mut builder = BlockBuilder::default();
    for (i, value) in values.iter().enumerate() {
        builder.push(
            Sequence(100 + 5 * i as u64),
            &draft(1 + i as u32 % 2, b"key", value.clone()),
        );
    }
    let mut out = Vec::new();
    let block = builder.finish(PLACE, 64, None, &mut out).unwrap();
    (out, block)
}

fn decode(bytes: &[u8]) -> Result<DecodedBlock, BlockFault> {
    let header = Header::parse(bytes[..HEADER_BYTES].try_into().unwrap())?;
    DecodedBlock::decode(PLACE, &header, None, bytes)
}

#[test]
fn what_compresses_and_what_does_not_come_back() {
    for values in [
        vec![vec![7; 5000], vec![8; 10]],
        vec![noise(3000)],
        vec![vec![]],
    ] {
        let (bytes, block) = build(&values);
        assert!(bytes.len().is_multiple_of(8));
        assert_eq!(block.end, PLACE.offset + bytes.len() as u64);
        assert_eq!(decode(&bytes).unwrap(), block);
    }
    let (bytes, _) = build(&[noise(3000)]);
    assert_eq!(bytes[3], 0, "stored as it is");
    let (bytes, _) = build(&[vec![0; 3000]]);
    assert_eq!(bytes[3], FLAG_LZ4);
    assert!(bytes.len() < 200);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (bytes, _) = build(&[vec![1; 60], noise(60)]);
    let length = Header::parse(bytes[..HEADER_BYTES].try_into().unwrap())
        .unwrap()
        .unpadded_len();
    for at in 0..length {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            assert!(decode(&bytes).is_err(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn a_block_is_valid_in_its_place_only() {
    let (bytes, _) = build(&[vec![1; 60]]);
    let header = Header::parse(bytes[..HEADER_BYTES].try_into().unwrap()).unwrap();
    for place in [
        Place {
            segment: 4,
            ..PLACE
        },
        Place { seed: 0, ..PLACE },
        Place {
            offset: 72,
            ..PLACE
        },
    ] {
        assert_eq!(
            DecodedBlock::decode(place, &header, None, &bytes),
            Err(BlockFault::Checksum)
        );
    }
}

#[test]
fn records_are_found_by_shard_and_sequence() {
    let (_, block) = build(&[vec![1], vec![2], vec![3], vec![4]]);
    let sequences = |shard, from| -> Vec<u64> {
        block
            .shard_records(shard, Sequence(from))
            .iter()
            .map(|record| record.sequence.0)
            .collect()
    };
    assert_eq!(sequences(1, 0), [100, 110]);
    assert_eq!(sequences(1, 101), [110]);
    assert_eq!(sequences(2, 115), [115]);
    assert_eq!(sequences(2, 116), [0u64; 0]);
    assert_eq!(sequences(3, 0), [0u64; 0]);
    let shards: Vec<_> = block.shards().collect();
    assert_eq!(
        shards,
        [
            (1, Sequence(100), Sequence(110)),
            (2, Sequence(105), Sequence(115))
        ]
    );
}
