//! What stays in the cache, and what a late reader may not bring back.

use super::*;

fn value(len: usize) -> Option<Bytes> {
    Some(Bytes::from(vec![7; len]))
}

fn cache(entries: usize) -> ItemCache {
    ItemCache::new(entries * (ENTRY_OVERHEAD_BYTES + 1 + 100), Sequence(10))
}

#[test]
fn what_was_put_is_found_until_it_has_to_go() {
    let mut cache = cache(4);
    for key in 0..6_u8 {
        cache.put(&[key], Sequence(11 + u64::from(key)), value(100));
    }
    assert_eq!(cache.get(&[0]), None);
    assert_eq!(cache.get(&[1]), None);
    for key in 2..6_u8 {
        let found = cache.get(&[key]);
        assert_eq!(found, Some((Sequence(11 + u64::from(key)), value(100))));
    }
}

#[test]
fn what_is_used_outlasts_what_is_not() {
    let mut cache = cache(4);
    for key in 0..40_u8 {
        cache.put(&[key], Sequence(11 + u64::from(key)), value(100));
        assert!(cache.get(&[0]).is_some());
    }
}

#[test]
fn absence_is_kept_as_well() {
    let mut cache = cache(4);
    cache.put(b"k", Sequence(11), value(1));
    cache.put(b"k", Sequence(12), None);
    assert_eq!(cache.get(b"k"), Some((Sequence(12), None)));
}

#[test]
fn a_snapshot_from_before_a_forgotten_change_fills_nothing() {
    let mut cache = cache(4);
    for key in 0..5_u8 {
        cache.put(&[key], Sequence(11 + u64::from(key)), value(100));
    }
    // Key 0 went with change 11: a reader who saw the state at 10 has an older value of it.
    cache.fill(&[0], Sequence(10), value(1));
    assert_eq!(cache.get(&[0]), None);
    cache.fill(&[0], Sequence(11), value(2));
    assert_eq!(cache.get(&[0]), Some((Sequence(11), value(2))));
}

#[test]
fn a_snapshot_does_not_replace_what_is_there() {
    let mut cache = cache(4);
    cache.put(b"k", Sequence(20), value(2));
    cache.fill(b"k", Sequence(15), value(1));
    assert_eq!(cache.get(b"k"), Some((Sequence(20), value(2))));
}

#[test]
fn a_value_that_is_too_large_leaves_no_older_one_behind() {
    let mut cache = cache(4);
    cache.put(b"k", Sequence(11), value(1));
    cache.put(b"k", Sequence(12), value(1000));
    assert_eq!(cache.get(b"k"), None);
    cache.fill(b"k", Sequence(11), value(1));
    assert_eq!(cache.get(b"k"), None);
    assert_eq!(cache.bytes(), 0);
}

#[test]
fn a_cache_without_room_keeps_nothing() {
    let mut cache = ItemCache::new(0, Sequence(10));
    cache.put(b"k", Sequence(11), value(1));
    cache.fill(b"l", Sequence(12), None);
    assert_eq!((cache.get(b"k"), cache.get(b"l")), (None, None));
}

#[test]
fn it_stays_within_its_bound_and_counts_right() {
    let mut cache = ItemCache::new(20_000, Sequence(0));
    for step in 0..20_000_u64 {
        let key = (step * 7919 % 311).to_be_bytes();
        let len = (step * 31 % 900) as usize;
        match step % 5 {
            0 => drop(cache.get(&key)),
            1 => cache.fill(&key, Sequence(step), value(len)),
            2 => cache.forget(&key, Sequence(step)),
            _ => cache.put(&key, Sequence(step), value(len)),
        }
        assert!(cache.bytes <= 20_000);
        assert_eq!(cache.items.len(), cache.ring.len());
    }
    let counted: usize = cache
        .items
        .iter()
        .map(|(key, cached)| cost(key, &cached.value))
        .sum();
    assert_eq!(cache.bytes, counted);
}
