//! Shard iterators as text: `<streamArn>|2|<base64>`. They begin with the ARN because newer SDKs choose
//! their endpoint by it (streams.md section 0).
//!
//! The base64 holds, little endian: version, shard number, next sequence number to read, kind, time of
//! issue, and a checksum over the ARN and all of that. The checksum tells our iterators from garbage; it
//! is no protection against somebody who wants to make one up, who could as well ask for one.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use headwater_model::Sequence;
use xxhash_rust::xxh3::xxh3_64_with_seed;

const SEPARATOR: &str = "|2|";
const VERSION: u8 = 1;
const BODY_LEN: usize = 22;
const CHECKSUM_LEN: usize = 8;
const CHECKSUM_SEED: u64 = 0x6865_6164_7761_7465;

/// What a position means when it has fallen behind the trim point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IteratorKind {
    /// The oldest record that is left, at or after the position.
    Horizon,
    /// Exactly the records from the position on; losing some is an error.
    Exact,
}

/// A place in a shard, for the next read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardIterator {
    /// ARN of the stream.
    pub stream_arn: String,
    /// Number of the shard.
    pub shard: u32,
    /// The next sequence number to read.
    pub position: Sequence,
    /// What to do when the position is trimmed.
    pub kind: IteratorKind,
    /// When it was issued, milliseconds since the epoch.
    pub issued_ms: u64,
}

/// A text that is not one of our iterators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a shard iterator")]
pub struct InvalidIterator;

impl ShardIterator {
    /// Reads an iterator from its text.
    ///
    /// # Errors
    /// [`InvalidIterator`] for any text that [`ShardIterator`] does not write.
    pub fn parse(text: &str) -> Result<Self, InvalidIterator> {
        let (arn, encoded) = text.split_once(SEPARATOR).ok_or(InvalidIterator)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| InvalidIterator)?;
        Self::decode(arn, &bytes).ok_or(InvalidIterator)
    }

    fn decode(arn: &str, bytes: &[u8]) -> Option<Self> {
        let (body, checksum) = bytes.split_first_chunk::<BODY_LEN>()?;
        if checksum != checksum_of(arn, body).to_le_bytes() || body[0] != VERSION {
            return None;
        }
        Some(ShardIterator {
            stream_arn: arn.to_owned(),
            shard: u32::from_le_bytes(body[1..5].try_into().ok()?),
            position: Sequence(u64::from_le_bytes(body[5..13].try_into().ok()?)),
            kind: match body[13] {
                0 => IteratorKind::Horizon,
                1 => IteratorKind::Exact,
                _ => return None,
            },
            issued_ms: u64::from_le_bytes(body[14..22].try_into().ok()?),
        })
    }

    fn body(&self) -> [u8; BODY_LEN] {
        let mut body = [0; BODY_LEN];
        body[0] = VERSION;
        body[1..5].copy_from_slice(&self.shard.to_le_bytes());
        body[5..13].copy_from_slice(&self.position.0.to_le_bytes());
        body[13] = match self.kind {
            IteratorKind::Horizon => 0,
            IteratorKind::Exact => 1,
        };
        body[14..22].copy_from_slice(&self.issued_ms.to_le_bytes());
        body
    }
}

impl fmt::Display for ShardIterator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body();
        let mut bytes = [0; BODY_LEN + CHECKSUM_LEN];
        bytes[..BODY_LEN].copy_from_slice(&body);
        bytes[BODY_LEN..].copy_from_slice(&checksum_of(&self.stream_arn, &body).to_le_bytes());
        write!(
            f,
            "{}{SEPARATOR}{}",
            self.stream_arn,
            STANDARD.encode(bytes)
        )
    }
}

fn checksum_of(arn: &str, body: &[u8]) -> u64 {
    xxh3_64_with_seed(body, xxh3_64_with_seed(arn.as_bytes(), CHECKSUM_SEED))
}

#[cfg(test)]
mod tests {
    use headwater_model::Sequence;

    use super::{InvalidIterator, IteratorKind, ShardIterator};

    fn example() -> ShardIterator {
        ShardIterator {
            stream_arn: "arn:aws:dynamodb:r:000000000000:table/t/stream/l".to_owned(),
            shard: 7,
            position: Sequence::first_at_ms(1_760_000_000_000).offset(3),
            kind: IteratorKind::Exact,
            issued_ms: 1_760_000_000_500,
        }
    }

    #[test]
    fn text_and_back() {
        for kind in [IteratorKind::Exact, IteratorKind::Horizon] {
            let iterator = ShardIterator { kind, ..example() };
            let text = iterator.to_string();
            assert!(text.starts_with("arn:aws:dynamodb:r:000000000000:table/t/stream/l|2|"));
            assert_eq!(ShardIterator::parse(&text), Ok(iterator));
        }
    }

    #[test]
    fn refuses_garbage() {
        let text = example().to_string();
        let other_stream = text.replace("table/t/", "table/u/");
        let cut = &text[..text.len() - 4];
        for garbage in ["", "x", "a|2|b", "a|2|AAAA", "a|2|", &other_stream, cut] {
            assert_eq!(
                ShardIterator::parse(garbage),
                Err(InvalidIterator),
                "{garbage}"
            );
        }
    }
}
