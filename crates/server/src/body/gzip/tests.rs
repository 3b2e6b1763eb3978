//! Bodies of one member, of several, and of what is none.

use std::io::Write;
use std::pin::pin;
use std::task::{Context, Waker};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn member(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// What comes out of a body; `Err(true)` if it is too large, `Err(false)` if it is broken.
async fn content(body: &[u8], bytes_max: usize) -> Result<Vec<u8>, bool> {
    let mut bytes = Vec::new();
    let taken = pieces(body, bytes_max, |piece| bytes.extend_from_slice(piece)).await;
    match taken {
        Ok(()) => Ok(bytes),
        Err(Failure::TooLarge) => Err(true),
        Err(Failure::Broken(_)) => Err(false),
    }
}

#[tokio::test]
async fn members_follow_each_other() {
    let long: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    assert_eq!(content(&member(&long), long.len()).await, Ok(long.clone()));
    let two = [member(b"one "), member(b"two")].concat();
    assert_eq!(content(&two, 7).await, Ok(b"one two".to_vec()));
    assert_eq!(content(&member(b""), 0).await, Ok(Vec::new()));
}

#[tokio::test]
async fn what_is_no_member_is_broken_at_the_beginning_and_nothing_at_the_end() {
    for broken in [&b""[..], b"x", b"{\"TableName\": \"t\"}", &MAGIC] {
        assert_eq!(content(broken, 100).await, Err(false), "{broken:?}");
    }
    let whole = member(b"one");
    for length in 0..whole.len() {
        assert_eq!(content(&whole[..length], 100).await, Err(false), "{length}");
    }
    let mut wrong_sum = whole.clone();
    wrong_sum[whole.len() - 8] ^= 1;
    assert_eq!(content(&wrong_sum, 100).await, Err(false));
    let junk = [whole.as_slice(), b"junk"].concat();
    assert_eq!(content(&junk, 100).await, Ok(b"one".to_vec()));
    let half = [whole.as_slice(), &whole[..whole.len() - 1]].concat();
    assert_eq!(content(&half, 100).await, Err(false));
}

#[tokio::test]
async fn no_more_comes_out_than_may() {
    let zeros = member(&vec![0; 10_000_000]);
    assert!(zeros.len() < 20_000, "{}", zeros.len());
    let mut given = 0;
    let taken = pieces(&zeros, 100_000, |piece| given += piece.len()).await;
    assert!(matches!(taken, Err(Failure::TooLarge)), "{taken:?}");
    assert!(given <= 100_000, "{given}");
    assert_eq!(content(&member(&[1; 8]), 7).await, Err(true));
}

#[tokio::test]
async fn members_are_counted() {
    assert_eq!(content(&member(b"").repeat(65), 100).await, Err(false));
    assert_eq!(content(&member(b"").repeat(64), 100).await, Ok(Vec::new()));
}

/// How often a body's reader gives the processor to others.
fn turns(body: &[u8], bytes_max: usize) -> usize {
    let mut given = 0;
    let mut taken = pin!(pieces(body, bytes_max, |piece| given += piece.len()));
    let mut context = Context::from_waker(Waker::noop());
    let mut turns = 0;
    while taken.as_mut().poll(&mut context).is_pending() {
        turns += 1;
    }
    turns
}

#[test]
fn others_get_the_processor_whether_much_comes_out_or_nothing() {
    let long = 4 << 20;
    let zeros = member(&vec![0; long]);
    assert!(turns(&zeros, long) >= long / TURN_BYTES);
    // Stored blocks of no bytes each, none of which is the last.
    let mut nothing = member(b"");
    let block = [0, 0, 0, 0xff, 0xff];
    let blocks = block.repeat(long / block.len());
    nothing.splice(10..10, blocks);
    assert!(turns(&nothing, 0) >= nothing.len() / TURN_BYTES);
}

#[tokio::test]
async fn a_turn_may_end_anywhere_in_a_member() {
    for more in 0..48 {
        let mut encoder = flate2::GzBuilder::new()
            .extra(vec![0; TURN_BYTES - 48 + more])
            .write(Vec::new(), Compression::default());
        encoder.write_all(b"content").unwrap();
        let body = encoder.finish().unwrap();
        assert_eq!(content(&body, 7).await, Ok(b"content".to_vec()), "{more}");
    }
}
