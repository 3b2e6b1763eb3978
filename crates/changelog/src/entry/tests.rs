//! Entries come back as they were; bytes that are not an entry are refused, never a panic.

use proptest::prelude::*;

use super::*;

fn bytes() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn change() -> impl Strategy<Value = Change> {
    let numbers = (any::<u32>(), 0u32..4, any::<u32>(), any::<bool>());
    (
        numbers,
        0u8..3,
        bytes(),
        bytes(),
        proptest::option::of(bytes()),
    )
        .prop_map(
            |((table, shard, old_size_bytes, ttl), kind, key, new, old)| {
                let kind =
                    [ChangeKind::Insert, ChangeKind::Modify, ChangeKind::Remove][usize::from(kind)];
                Change {
                    table,
                    shard,
                    kind,
                    identity: if ttl {
                        Identity::TtlService
                    } else {
                        Identity::None
                    },
                    key,
                    new: (kind != ChangeKind::Remove).then_some(new),
                    old: old.filter(|_| kind != ChangeKind::Insert),
                    old_size_bytes,
                }
            },
        )
}

fn encode(entries: &[Vec<Change>]) -> (Bytes, Vec<Entry>, Vec<RecordAt>) {
    let (mut raw, mut records, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    let mut first = Sequence(77);
    for changes in entries {
        let draft = EntryDraft::new(changes).unwrap();
        draft.put(Sequence(77), first, &mut raw, &mut records);
        expected.push(Entry {
            first,
            changes: changes.clone(),
        });
        first = first.offset(changes.len() as u64 + 3);
    }
    (Bytes::from(raw), expected, records)
}

proptest! {
    #[test]
    fn entries_come_back(entries in proptest::collection::vec(proptest::collection::vec(change(), 1..4), 1..5)) {
        let (raw, expected, records) = encode(&entries);
        let places: Vec<EntryAt> = EntryWalk::new(&raw, Sequence(77)).collect::<Result<_, _>>().unwrap();
        let decoded: Vec<Entry> = places.iter().map(|place| place.decode(&raw).unwrap()).collect();
        prop_assert_eq!(decoded, expected);
        let mut found = Vec::new();
        for place in &places {
            place.records(&raw, &mut found).unwrap();
        }
        prop_assert_eq!(&found, &records);
        for record in records {
            prop_assert_eq!(decode_change(&raw, record.offset).unwrap().shard, record.shard);
        }
    }

    #[test]
    fn noise_is_refused_without_a_panic(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let raw = Bytes::from(noise);
        for place in EntryWalk::new(&raw, Sequence(1)) {
            let Ok(place) = place else { break };
            let decoded = place.decode(&raw);
            prop_assert_eq!(decoded.is_ok(), place.records(&raw, &mut Vec::new()).is_ok());
        }
    }
}

#[test]
fn contradictions_are_refused() {
    let insert = Change {
        table: 1,
        shard: 1,
        kind: ChangeKind::Insert,
        identity: Identity::None,
        key: Bytes::from_static(b"k"),
        new: None,
        old: None,
        old_size_bytes: 0,
    };
    let refused = |change: Change| {
        matches!(
            EntryDraft::new(&[change]),
            Err(LogError::InvalidEntry { .. })
        )
    };
    assert!(refused(insert.clone()));
    assert!(refused(Change {
        kind: ChangeKind::Remove,
        new: Some(Bytes::new()),
        ..insert.clone()
    }));
    assert!(refused(Change {
        new: Some(Bytes::new()),
        old: Some(Bytes::new()),
        ..insert.clone()
    }));
    assert!(matches!(
        EntryDraft::new(&[]),
        Err(LogError::InvalidEntry { .. })
    ));
    let huge = Change {
        new: Some(Bytes::from(vec![0; ENTRY_BYTES_MAX])),
        ..insert
    };
    assert!(matches!(
        EntryDraft::new(&[huge]),
        Err(LogError::TooLarge { .. })
    ));
}
