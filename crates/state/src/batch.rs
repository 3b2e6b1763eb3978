//! A batch: the changes that become visible together.

use bytes::Bytes;

/// One change of a batch: the key, and its new value or `None` to delete it.
pub type Operation = (Bytes, Option<Bytes>);

/// An atomic set of changes. Operations may come in any order; of several on one key the last wins.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    operations: Vec<Operation>,
    bytes: usize,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value`.
    pub fn put(&mut self, key: Bytes, value: Bytes) {
        self.bytes += key.len() + value.len();
        self.operations.push((key, Some(value)));
    }

    /// Removes `key`; nothing happens if it is absent.
    pub fn delete(&mut self, key: Bytes) {
        self.bytes += key.len();
        self.operations.push((key, None));
    }

    /// How many operations were given, repeated keys counted each time.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Bytes of all keys and values given, for bounding a batch while it is filled.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of the largest key and value given.
    pub(crate) fn largest_bytes(&self) -> Option<usize> {
        let bytes = |(key, value): &Operation| key.len() + value.as_ref().map_or(0, Bytes::len);
        self.operations.iter().map(bytes).max()
    }

    /// The operations in key order, one per key: the order in which a B-tree is cheapest to change.
    pub fn into_sorted(self) -> Vec<Operation> {
        let mut operations = self.operations;
        // Stable, so that the last operation on a key is the last of its run.
        operations.sort_by(|a, b| a.0.cmp(&b.0));
        operations.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 = later.1.take();
            }
            same
        });
        operations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn b(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn later_operations_on_one_key_win_and_keys_come_out_in_order() {
        let mut batch = Batch::new();
        batch.put(b("b"), b("1"));
        batch.put(b("a"), b("2"));
        batch.delete(b("b"));
        batch.delete(b("c"));
        batch.put(b("c"), b("3"));
        batch.put(b("c"), b("4"));
        assert_eq!(batch.len(), 6);
        assert_eq!(batch.bytes(), 10);
        assert_eq!(
            batch.into_sorted(),
            vec![
                (b("a"), Some(b("2"))),
                (b("b"), None),
                (b("c"), Some(b("4")))
            ]
        );
    }
}
