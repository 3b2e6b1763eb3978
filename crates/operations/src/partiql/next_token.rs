//! `NextToken` of a SELECT: where its pages go on. Opaque to clients; it holds the place, and a digest of what was asked.
//!
//! Little endian in base64: version, digest of the statement with its parameters and table, number of the partition read,
//! the last key evaluated, and a checksum over all of it. The checksum tells our tokens from garbage; it is no
//! protection against somebody who wants to make one up, who could as well ask for one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use headwater_wire::ApiError;
use headwater_wire::messages::statements;
use xxhash_rust::xxh3::xxh3_64_with_seed;

const VERSION: u8 = 1;
const DIGEST_LEN: usize = 16;
const READ_LEN: usize = 4;
const HEAD_LEN: usize = 1 + DIGEST_LEN + READ_LEN;
const CHECKSUM_LEN: usize = 8;
const CHECKSUM_SEED: u64 = 0x7061_7274_6971_6c31;

/// Where a SELECT goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Which of the partition reads; 0 of a scan.
    pub(super) read: u32,
    /// The last key that was evaluated, as it is stored.
    pub(super) key: Vec<u8>,
}

/// The digest of a statement together with what it reads, by its number: a table that was deleted and made anew is
/// another.
fn of_read(digest: u128, number: u32) -> [u8; DIGEST_LEN] {
    (digest ^ u128::from(number)).to_le_bytes()
}

/// The token for a place.
pub(super) fn write(place: &Place, digest: u128, number: u32) -> String {
    let mut bytes = Vec::with_capacity(HEAD_LEN + place.key.len() + CHECKSUM_LEN);
    bytes.push(VERSION);
    bytes.extend_from_slice(&of_read(digest, number));
    bytes.extend_from_slice(&place.read.to_le_bytes());
    bytes.extend_from_slice(&place.key);
    bytes.extend_from_slice(&checksum(&bytes));
    STANDARD.encode(bytes)
}

/// The place that a token names.
///
/// # Errors
/// `ValidationException` for what is no token, and for that of another request.
pub(super) fn read(token: &str, digest: u128, number: u32) -> Result<Place, ApiError> {
    let (of, place) = decode(token).ok_or_else(statements::invalid_next_token)?;
    match of == of_read(digest, number) {
        true => Ok(place),
        false => Err(statements::next_token_of_another_request()),
    }
}

fn decode(token: &str) -> Option<([u8; DIGEST_LEN], Place)> {
    let bytes = STANDARD.decode(token).ok()?;
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_LEN)?)?;
    if sum != checksum(body) {
        return None;
    }
    let (version, rest) = body.split_first()?;
    let (digest, rest) = rest.split_first_chunk::<DIGEST_LEN>()?;
    let (read, key) = rest.split_first_chunk::<READ_LEN>()?;
    (*version == VERSION).then(|| {
        let place = Place {
            read: u32::from_le_bytes(*read),
            key: key.to_vec(),
        };
        (*digest, place)
    })
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_LEN] {
    xxh3_64_with_seed(bytes, CHECKSUM_SEED).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use headwater_model::AttributeValue;

    use super::{Place, read, write};
    use crate::partiql::digest;
    use crate::request_digest::RequestDigest;

    fn digest_of(text: &str, parameters: Option<&[AttributeValue]>) -> u128 {
        let mut sum = RequestDigest::default();
        digest(&mut sum, text, parameters);
        sum.finish()
    }

    #[test]
    fn only_its_own_request_reads_a_token() {
        let place = Place {
            read: 3,
            key: vec![0, 1, 255],
        };
        let one = [AttributeValue::Null];
        let digest = digest_of("SELECT 1", Some(&one));
        let token = write(&place, digest, 7);
        assert_eq!(read(&token, digest, 7), Ok(place));
        let other = "NextToken does not match request";
        let said = |digest, number| read(&token, digest, number).unwrap_err().message;
        assert_eq!(said(digest, 8), other);
        assert_eq!(said(digest_of("SELECT 1", None), 7), other);
        assert_eq!(said(digest_of("SELECT 2", Some(&one)), 7), other);
        for broken in ["", "x", "AAAA", &token[4..], &token[..token.len() - 4]] {
            let said = read(broken, digest, 7).unwrap_err().message;
            assert_eq!(said, "Invalid NextToken", "{broken}");
        }
    }
}
