//! What is in a body that is compressed with gzip, as SDKs send it when they are told to.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;

/// Most memory that decompressing takes, beside what comes of it: state, names in headers, a piece.
pub(super) const WORK_BYTES: usize = 256 * 1024;
const PIECE_BYTES: usize = 16 * 1024;
/// Others get the processor after so many bytes.
const TURN_BYTES: usize = 256 * 1024;
/// Most members of a body. Each costs more than its few bytes, and nobody sends more than one or two.
const MEMBERS_MAX: usize = 64;
/// What a member begins with.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why there is nothing to be had of a body.
#[derive(Debug)]
pub(super) enum Failure {
    /// It holds more than it may.
    TooLarge,
    Broken(io::Error),
}

/// Hands out what is in a body, piece by piece, and no more than `bytes_max` bytes of it. What stands behind the last
/// member means nothing, as on AWS (Alternator's tests).
pub(super) async fn pieces(
    body: &[u8],
    bytes_max: usize,
    mut take: impl FnMut(&[u8]),
) -> Result<(), Failure> {
    let mut piece = vec![0; PIECE_BYTES];
    let (mut total, mut of_turn) = (0, 0);
    let mut rest = body;
    for _ in 0..MEMBERS_MAX {
        let mut member = GzDecoder::new(rest);
        loop {
            let length = member.read(&mut piece).map_err(Failure::Broken)?;
            if length == 0 {
                break;
            }
            total += length;
            if total > bytes_max {
                return Err(Failure::TooLarge);
            }
            take(&piece[..length]);
            of_turn += length;
            if of_turn >= TURN_BYTES {
                of_turn = 0;
                tokio::task::yield_now().await;
            }
        }
        rest = member.into_inner();
        if !rest.starts_with(&MAGIC) {
            return Ok(());
        }
    }
    let many = "more members than a body may have";
    Err(Failure::Broken(io::Error::other(many)))
}

#[cfg(test)]
mod tests;
