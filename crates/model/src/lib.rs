//! Values, numbers, keys, sizes, schemas and limits of DynamoDB: pure, no I/O.
//!
//! This room knows what an item *is*: its attributes, how many bytes DynamoDB counts for it,
//! how it is written down ([`EncodedItem`]) and where it stands in the order of a table
//! ([`StorageKey`]). It knows nothing of tables, expressions, JSON, logs or files, and it
//! has no clock and no randomness of its own: both come in through [`Clock`] and [`Rng`].
//!
//! Two rules hold everywhere and are relied upon by every other room:
//! - equality is by value: `1` equals `1.0`, the order of map members and set elements does not
//!   matter; and equal items have equal encoded bytes;
//! - the byte order of a storage key is the order of (partition hash, partition value, sort value).

#[cfg(test)]
mod arbitrary;
pub mod capacity;
mod clock;
mod encoded;
mod item;
mod key;
pub mod limits;
mod number;
mod rng;
mod sequence;
mod utc_time;
mod value;
mod varint;
mod vector;

pub use clock::{Clock, ManualClock, Sleep};
pub use encoded::{
    Attributes, BinarySetIter, BinarySetRef, CorruptItem, EncodedItem, ItemRef, ListIter, ListRef,
    MapRef, NumberSetIter, NumberSetRef, StringSetIter, StringSetRef, ValueRef,
};
pub use item::{IntoIter, Item, Iter};
pub use key::{
    CorruptKey, IndexSchema, KeyAttribute, KeyError, KeySchema, KeyType, StorageKey, prefix_end,
};
pub use number::{CorruptNumber, Number, NumberError};
pub use rng::{Rng, SeededRng};
pub use sequence::{InvalidSequence, Sequence};
pub use utc_time::UtcTime;
pub use value::{AttributeValue, SetError};
pub use vector::{DistanceFunction, Vector, VectorError};
