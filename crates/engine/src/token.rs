//! Tokens: a transaction that carries one happens once, however often it is sent.
//!
//! A token is one more change of the transaction's own entry, under a table number that no table gets, so that it is
//! durable exactly when the transaction is, and belongs to no stream. Its value says what was asked for, and how large
//! the items were afterwards. It counts for [`TRANSACTION_TOKEN_AGE_MS_MAX`] by the time of the log, which never goes
//! back; older ones are collected by the applier, which finds them by a second key that begins with their age. Whether
//! an old one was collected already makes no difference to anybody.

use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use headwater_changelog::{Change, ChangeKind, Identity};
use headwater_model::Sequence;
use headwater_model::limits::TRANSACTION_TOKEN_AGE_MS_MAX;
use headwater_state::{Batch, Direction, Snapshot, StateError};
use xxhash_rust::xxh3::xxh3_64;

use crate::command::Outcome;
use crate::error::EngineError;
use crate::record::{CATALOG_TABLE, state_key};

/// Tokens by their text.
pub(crate) const TOKEN_TABLE: u32 = u32::MAX - 1;
/// Tokens by their age; kept by the applier only, never in the log.
pub(crate) const TOKEN_AGE_TABLE: u32 = u32::MAX - 2;

/// Old tokens that are collected with a batch, beside [`COLLECTED_PER_NEW_TOKEN`] for each new one.
const COLLECTED_MIN: usize = 500;
/// More than one, so that a pile of old ones gets smaller while new ones come.
const COLLECTED_PER_NEW_TOKEN: usize = 2;

const TIME_BYTES: usize = 8;
const PAYLOAD_BYTES: usize = 16;
const SIZE_BYTES: usize = 4;
const SEQUENCE_BYTES: usize = 8;
/// Of every key of the state: the table number.
pub(crate) const NUMBER_BYTES: usize = 4;

/// Whether the keys under a table number are items of a table.
pub(crate) fn holds_items(table: u32) -> bool {
    !matches!(table, CATALOG_TABLE | TOKEN_TABLE | TOKEN_AGE_TABLE)
}

/// A client's token and what it sent it with.
#[derive(Clone, Debug)]
pub struct RequestToken {
    key: Vec<u8>,
    payload: u128,
}

impl RequestToken {
    /// The token `token` of whom `namespace` belongs to. `payload` is a digest of the request: another one under the
    /// same token is a mistake.
    pub fn new(namespace: &str, token: &str, payload: u128) -> Self {
        let mut text = Vec::with_capacity(NUMBER_BYTES + namespace.len() + token.len());
        text.extend_from_slice(&(namespace.len() as u32).to_be_bytes());
        text.extend_from_slice(namespace.as_bytes());
        text.extend_from_slice(token.as_bytes());
        // In front, so that tokens spread over the overlay; behind it the text, so that no two share a key.
        let mut key = Vec::with_capacity(SEQUENCE_BYTES + text.len());
        key.extend_from_slice(&xxh3_64(&text).to_be_bytes());
        key.extend_from_slice(&text);
        RequestToken { key, payload }
    }

    pub(crate) fn state_key(&self) -> Vec<u8> {
        state_key(TOKEN_TABLE, &self.key)
    }

    /// What the state holds of the token, against what is asked for now: the sizes of the items if it was carried out.
    ///
    /// # Errors
    /// [`EngineError::TokenMismatch`]; [`EngineError::Token`] for damage.
    pub(crate) fn repeats(
        &self,
        stored: Option<&[u8]>,
        now_ms: u64,
    ) -> Result<Option<Vec<usize>>, EngineError> {
        let Some(stored) = stored else {
            return Ok(None);
        };
        let stored = Stored::decode(stored).ok_or(EngineError::Token)?;
        if is_old(stored.time_ms, now_ms) {
            return Ok(None);
        }
        match stored.payload == self.payload {
            true => Ok(Some(stored.sizes)),
            false => Err(EngineError::TokenMismatch),
        }
    }

    /// The change that keeps the token of a transaction with these outcomes.
    pub(crate) fn change(&self, outcomes: &[Outcome], now_ms: u64) -> Change {
        let sizes = outcomes.iter().map(|outcome| outcome.new_size_bytes);
        Change {
            table: TOKEN_TABLE,
            shard: 0,
            kind: ChangeKind::Modify,
            identity: Identity::None,
            key: Bytes::copy_from_slice(&self.key),
            new: Some(encode(now_ms, self.payload, sizes)),
            old: None,
            old_size_bytes: 0,
        }
    }
}

/// Whether the state holds tokens, of whatever age.
pub(crate) fn any(snapshot: &dyn Snapshot) -> Result<bool, StateError> {
    let (from, to) = (state_key(TOKEN_TABLE, b""), state_key(TOKEN_TABLE + 1, b""));
    let mut found = false;
    snapshot.scan(
        Bound::Included(&from),
        Bound::Excluded(&to),
        Direction::Forward,
        &mut |_, _| {
            found = true;
            ControlFlow::Break(())
        },
    )?;
    Ok(found)
}

/// Whether a token from `time_ms` counts no more.
fn is_old(time_ms: u64, now_ms: u64) -> bool {
    time_ms.saturating_add(TRANSACTION_TOKEN_AGE_MS_MAX) <= now_ms
}

/// The value of a token.
struct Stored {
    time_ms: u64,
    payload: u128,
    /// Of the items of the transaction after it, in order.
    sizes: Vec<usize>,
}

impl Stored {
    fn decode(value: &[u8]) -> Option<Stored> {
        let (time, rest) = value.split_first_chunk::<TIME_BYTES>()?;
        let (payload, rest) = rest.split_first_chunk::<PAYLOAD_BYTES>()?;
        let (sizes, rest) = rest.as_chunks::<SIZE_BYTES>();
        rest.is_empty().then(|| Stored {
            time_ms: u64::from_be_bytes(*time),
            payload: u128::from_be_bytes(*payload),
            sizes: sizes
                .iter()
                .map(|size| u32::from_be_bytes(*size) as usize)
                .collect(),
        })
    }
}

fn encode(time_ms: u64, payload: u128, sizes: impl ExactSizeIterator<Item = usize>) -> Bytes {
    let mut value = Vec::with_capacity(TIME_BYTES + PAYLOAD_BYTES + SIZE_BYTES * sizes.len());
    value.extend_from_slice(&time_ms.to_be_bytes());
    value.extend_from_slice(&payload.to_be_bytes());
    for size in sizes {
        // An item's size fits by far.
        value.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
    }
    Bytes::from(value)
}

/// The second key of a token, which was kept by the change `sequence`.
pub(crate) fn age_key(sequence: Sequence, token_key: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(SEQUENCE_BYTES + token_key.len());
    key.extend_from_slice(&sequence.0.to_be_bytes());
    key.extend_from_slice(token_key);
    state_key(TOKEN_AGE_TABLE, &key)
}

/// Adds to a batch what finds a token by its age, for the change `sequence` of it.
pub(crate) fn put_age(change: &Change, sequence: Sequence, batch: &mut Batch) {
    let value = change.new.clone().unwrap_or_default();
    let time = value.slice(..TIME_BYTES.min(value.len()));
    batch.put(Bytes::from(age_key(sequence, &change.key)), time);
}

/// Adds to a batch the removal of tokens that are old at `now`, the position that the batch brings the state to: a few
/// more than the `new_tokens` that it puts, in the order of their age. It has to be the first that is added: a token
/// that the batch puts may be one that was used before.
pub(crate) fn collect_old(
    snapshot: &dyn Snapshot,
    now: Sequence,
    new_tokens: usize,
    batch: &mut Batch,
) -> Result<(), StateError> {
    let most = COLLECTED_MIN + COLLECTED_PER_NEW_TOKEN * new_tokens;
    let old = old_tokens(snapshot, now, most)?;
    for (age_key, time) in old {
        let token_key = state_key(TOKEN_TABLE, token_of(&age_key));
        // It may have been used again after it was old: then its value is of another time.
        let value = snapshot.get(&token_key)?;
        if value.is_some_and(|value| value.starts_with(&time)) {
            batch.delete(Bytes::from(token_key));
        }
        batch.delete(age_key);
    }
    Ok(())
}

/// The oldest tokens that are old at `now`, by their second keys, with what stands there.
fn old_tokens(
    snapshot: &dyn Snapshot,
    now: Sequence,
    most: usize,
) -> Result<Vec<(Bytes, Bytes)>, StateError> {
    let mut old = Vec::new();
    let from = state_key(TOKEN_AGE_TABLE, b"");
    let to = state_key(TOKEN_AGE_TABLE + 1, b"");
    snapshot.scan(
        Bound::Included(&from),
        Bound::Excluded(&to),
        Direction::Forward,
        &mut |key, time| {
            if old.len() == most || !was_collected(sequence_of(key), now) {
                return ControlFlow::Break(());
            }
            old.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(time)));
            ControlFlow::Continue(())
        },
    )?;
    Ok(old)
}

/// Whether a token that was kept by the change `sequence` may be gone from a state at `position`.
pub(crate) fn was_collected(sequence: Sequence, position: Sequence) -> bool {
    is_old(sequence.ms(), position.ms())
}

fn sequence_of(age_key: &[u8]) -> Sequence {
    let sequence = age_key
        .get(NUMBER_BYTES..)
        .and_then(|rest| rest.first_chunk::<SEQUENCE_BYTES>());
    Sequence(sequence.map_or(0, |bytes| u64::from_be_bytes(*bytes)))
}

fn token_of(age_key: &[u8]) -> &[u8] {
    age_key
        .get(NUMBER_BYTES + SEQUENCE_BYTES..)
        .unwrap_or_default()
}

/// What is wrong with a key and value under one of the two numbers, for verification.
pub(crate) fn fault(table: u32, key: &[u8], value: &[u8]) -> Option<&'static str> {
    let is_whole = match table {
        TOKEN_TABLE => key.len() > NUMBER_BYTES && Stored::decode(value).is_some(),
        _ => !token_of(key).is_empty() && value.len() == TIME_BYTES,
    };
    (!is_whole).then_some("the token of a transaction is damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(new_size_bytes: usize) -> Outcome {
        Outcome {
            new_size_bytes,
            ..Outcome::default()
        }
    }

    #[test]
    fn a_token_tells_its_own_request_from_others_until_it_is_old() {
        let token = RequestToken::new("space", "t", 7);
        let outcomes = [outcome(0), outcome(400 << 10)];
        let value = token.change(&outcomes, 1_000).new;
        let value = value.as_deref();
        let last_ms = 1_000 + TRANSACTION_TOKEN_AGE_MS_MAX - 1;
        for now_ms in [0, 1_000, last_ms] {
            let repeated = token.repeats(value, now_ms);
            assert!(matches!(repeated, Ok(Some(sizes)) if sizes == [0, 400 << 10]));
            let other = RequestToken::new("space", "t", 8);
            assert!(matches!(
                other.repeats(value, now_ms),
                Err(EngineError::TokenMismatch)
            ));
        }
        assert!(matches!(token.repeats(value, last_ms + 1), Ok(None)));
        assert!(matches!(token.repeats(None, 1_000), Ok(None)));
    }

    #[test]
    fn tokens_of_different_callers_never_share_a_key() {
        let key = |namespace, token| RequestToken::new(namespace, token, 0).state_key();
        assert_eq!(key("a", "b"), key("a", "b"));
        for (namespace, token) in [("", "ab"), ("ab", ""), ("a", "c"), ("b", "a"), ("a\0", "b")] {
            assert_ne!(key("a", "b"), key(namespace, token), "{namespace} {token}");
        }
    }

    #[test]
    fn values_that_are_no_tokens_are_noticed() {
        let token = RequestToken::new("", "t", 7);
        let key = token.state_key();
        let whole = token.change(&[outcome(1)], 5).new.unwrap_or_default();
        assert_eq!(fault(TOKEN_TABLE, &key, &whole), None);
        for len in 0..whole.len() {
            let is_shorter = len == TIME_BYTES + PAYLOAD_BYTES;
            assert_eq!(
                fault(TOKEN_TABLE, &key, &whole[..len]).is_none(),
                is_shorter
            );
            let repeated = token.repeats(Some(&whole[..len]), 5);
            assert_eq!(repeated.is_ok(), is_shorter, "{len}");
        }
        let age = age_key(Sequence(9), &key[NUMBER_BYTES..]);
        assert_eq!(fault(TOKEN_AGE_TABLE, &age, &[0; TIME_BYTES]), None);
        assert!(fault(TOKEN_AGE_TABLE, &age, b"").is_some());
        assert!(fault(TOKEN_AGE_TABLE, &age[..8], &[0; TIME_BYTES]).is_some());
        assert_eq!(sequence_of(&age), Sequence(9));
        assert_eq!(state_key(TOKEN_TABLE, token_of(&age)), key);
    }
}
