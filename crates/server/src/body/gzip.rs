//! What is in a body that is compressed with gzip, as SDKs send it when they are told to.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Most memory that decompressing takes, beside what comes of it: state, names in headers, a piece.
pub(super) const WORK_BYTES: usize = 256 * 1024;
const PIECE_BYTES: usize = 16 * 1024;
/// Others get the processor after so many bytes, in and out: a body can be long and hold nothing.
const TURN_BYTES: usize = 64 * 1024;
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
    let mut total = 0;
    let mut rest = Turns {
        rest: body,
        left: TURN_BYTES,
    };
    for _ in 0..MEMBERS_MAX {
        let mut member = GzDecoder::new(rest);
        loop {
            let length = match member.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::task::yield_now().await;
                    member.get_mut().left = TURN_BYTES;
                    continue;
                }
                Err(error) => return Err(Failure::Broken(error)),
            };
            total += length;
            if total > bytes_max {
                return Err(Failure::TooLarge);
            }
            take(&piece[..length]);
            member.get_mut().spend(length);
        }
        rest = member.into_inner();
        if !rest.rest.starts_with(&MAGIC) {
            return Ok(());
        }
    }
    let many = "more members than a body may have";
    Err(Failure::Broken(io::Error::other(many)))
}

/// A body that is read until the turn is over, and then would block.
struct Turns<'b> {
    rest: &'b [u8],
    /// Of the turn, in bytes.
    left: usize,
}

impl Turns<'_> {
    fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }
}

impl BufRead for Turns<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 && !self.rest.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(&self.rest[..self.rest.len().min(self.left)])
    }

    fn consume(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
        self.spend(bytes);
    }
}

impl Read for Turns<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
