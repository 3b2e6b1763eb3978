//! Encryption at rest: the keys of a store, and the two ciphers that its files are written with.
//!
//! - A [`UserKey`] is what the user holds. It wraps the [`DataKey`], of which a store has one; only the wrapped form
//!   ([`WrappedKey`]) is stored. Wrapping anew is enough to change the user's key.
//! - From the data key follow, by HKDF-SHA256, the [`LogKey`] and the [`SectorCipher`] of the state.
//! - The log is sealed block by block with AES-256-GCM, by a [`SegmentCipher`] with a key of its own for each
//!   segment, so that a nonce (the place in the segment) is never used twice with one key: not after a torn tail, not
//!   in two copies of a folder that go on apart.
//! - The state is encrypted with AES-256-XTS, 16 bytes by 16 bytes in sectors of 4 KiB, below the keys of its tree: an
//!   encrypted file is torn by a power loss just as a plain one is.
//!
//! AES-GCM and HKDF are ring's. XTS is our own over the AES of the `aes` crate, for its speed, and is checked against
//! the standard's vectors and a second implementation.
//!
//! **What this room does not know**: files, randomness, settings. Salts and nonces are arguments.

mod data_key;
mod sector;
mod segment;
mod user_key;

pub use data_key::{DATA_KEY_BYTES, DataKey};
pub use sector::{SECTOR_BYTES, SectorCipher, UNIT_BYTES};
pub use segment::{LogKey, Part, SALT_BYTES, SegmentCipher, TAG_BYTES, Tampered};
pub use user_key::{KeyId, NONCE_BYTES, UserKey, UserKeyError, WRAPPED_BYTES, WrappedKey};
