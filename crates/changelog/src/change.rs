//! What the log holds: changes of single keys, bundled into atomic entries.

use bytes::{Bytes, BytesMut};
use headwater_model::Sequence;

use crate::feed::Held;

/// What happened to the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// There was nothing before.
    Insert,
    /// An item was replaced by another.
    Modify,
    /// The item is gone.
    Remove,
}

/// Who made the change, where a stream record has to say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A client.
    None,
    /// The expirer of items past their time to live.
    TtlService,
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Table number; 0 is the catalog.
    pub table: u32,
    /// Shard of the table's stream; 0 when it has none. Changes of shard 0 are replayed, never read by shard.
    pub shard: u32,
    /// Insert, modify or remove.
    pub kind: ChangeKind,
    /// Client or service.
    pub identity: Identity,
    /// Storage key.
    pub key: Bytes,
    /// Encoded item after the change; absent exactly when the item was removed.
    pub new: Option<Bytes>,
    /// Encoded item before the change, where a stream view or an index needs it.
    pub old: Option<Bytes>,
    /// Size of the item before, 0 if there was none; kept even when the image is not.
    pub old_size_bytes: u32,
}

impl Change {
    /// Bytes of key and images, as [`crate::ReadLimit`] counts them.
    pub fn size_bytes(&self) -> usize {
        let image = |image: &Option<Bytes>| image.as_ref().map_or(0, Bytes::len);
        self.key.len() + image(&self.new) + image(&self.old)
    }

    /// The same with bytes of its own: as it is read it keeps the whole block that it lies in.
    pub fn detached(self) -> Self {
        let mut bytes = BytesMut::with_capacity(self.size_bytes());
        let mut own = |part: &Bytes| {
            bytes.extend_from_slice(part);
            bytes.split().freeze()
        };
        Change {
            key: own(&self.key),
            new: self.new.as_ref().map(&mut own),
            old: self.old.as_ref().map(&mut own),
            ..self
        }
    }
}

/// An atomic bundle of changes: whole in the log or absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Sequence of the first change; change `i` has `first.offset(i)`.
    pub first: Sequence,
    /// At least one.
    pub changes: Vec<Change>,
}

impl Entry {
    /// Sequence of the last change.
    pub fn last(&self) -> Sequence {
        self.first
            .offset((self.changes.len() as u64).saturating_sub(1))
    }
}

/// The entries that one fsync made durable, in order; their bytes share the blocks' buffers.
#[derive(Debug)]
pub struct Group {
    /// At least one.
    pub entries: Vec<Entry>,
    /// Sequence of the last change of the last entry.
    pub last: Sequence,
    /// What its buffers take of the feed's room.
    pub(crate) held: Held,
}

/// A change as a shard's reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the log.
    pub sequence: Sequence,
    /// The change.
    pub change: Change,
}
