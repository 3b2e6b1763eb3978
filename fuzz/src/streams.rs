//! Texts that name places in streams: iterators, ARNs, shard ids, sequence numbers.

use headwater_model::Sequence;
use headwater_streams::{IteratorKind, ShardIterator, StreamArn, is_shard_id};

/// What is read says the same when it is written; an iterator made of any parts comes back.
pub(crate) fn names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(iterator) = ShardIterator::parse(&text) {
        assert_eq!(
            ShardIterator::parse(&iterator.to_string()).as_ref(),
            Ok(&iterator)
        );
    }
    if let Ok(arn) = StreamArn::parse(&text) {
        assert_eq!(arn.to_string(), text);
    }
    is_shard_id(&text);
    if let Ok(sequence) = Sequence::parse(&text) {
        let again = Sequence::parse(&sequence.to_string());
        assert_eq!(again, Ok(sequence));
    }
    made_up_iterator(data);
}

fn made_up_iterator(data: &[u8]) {
    let Some((numbers, arn)) = data.split_first_chunk::<21>() else {
        return;
    };
    let (shard, rest) = numbers.split_at(4);
    let (position, rest) = rest.split_at(8);
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |all, byte| all << 8 | u64::from(*byte))
    };
    let iterator = ShardIterator {
        stream_arn: String::from_utf8_lossy(arn).into_owned(),
        shard: number(shard) as u32,
        position: Sequence(number(position)),
        kind: match rest[0] & 1 {
            0 => IteratorKind::Horizon,
            _ => IteratorKind::Exact,
        },
        issued_ms: number(&rest[1..]),
    };
    let text = iterator.to_string();
    // Only a text that is no ARN can hold the separator, or its beginning at the end.
    if text.find("|2|") == Some(iterator.stream_arn.len()) {
        assert_eq!(ShardIterator::parse(&text), Ok(iterator));
    }
}
