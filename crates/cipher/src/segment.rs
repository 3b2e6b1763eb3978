//! The cipher of the log: AES-256-GCM, with a key for each segment.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::data_key::derive;

/// Bytes by which sealing lengthens.
pub const TAG_BYTES: usize = 16;
/// Random bytes of a segment that its key depends on.
pub const SALT_BYTES: usize = 12;

const NONCE_BYTES: usize = 12;

/// What was opened is not what was sealed in this place with this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it does not open with the store's key")]
pub struct Tampered;

/// What a sealed text is; two of different kinds may stand at one offset, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A block of entries.
    Block,
    /// A segment's footer.
    Footer,
}

/// The key that the keys of a log's segments follow from.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LogKey([u8; 32]);

impl std::fmt::Debug for LogKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogKey(..)")
    }
}

impl LogKey {
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The cipher of a segment: its number, and the random salt that it was begun with.
    pub fn segment(&self, id: u64, salt: &[u8; SALT_BYTES]) -> SegmentCipher {
        let mut key: [u8; 32] = derive(&self.0, &[b"segment", &id.to_le_bytes(), salt]);
        let cipher = SegmentCipher::new(&key);
        key.zeroize();
        cipher
    }
}

/// Seals and opens the parts of one segment.
#[derive(Debug)]
pub struct SegmentCipher {
    /// Absent only if ring refused 32 bytes as a key, which it does not.
    key: Option<LessSafeKey>,
}

impl SegmentCipher {
    fn new(key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key);
        Self {
            key: key.ok().map(LessSafeKey::new),
        }
    }

    /// Encrypts `body` in place. A place is never sealed twice with different bodies.
    ///
    /// # Errors
    /// [`Tampered`] only for a body of more than 64 GiB.
    pub fn seal(
        &self,
        part: Part,
        offset: u64,
        associated: &[u8],
        body: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], Tampered> {
        let key = self.key.as_ref().ok_or(Tampered)?;
        let nonce = nonce(part, offset);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(associated), body);
        let mut out = [0; TAG_BYTES];
        out.copy_from_slice(tag.map_err(|_| Tampered)?.as_ref());
        Ok(out)
    }

    /// Decrypts `body` in place; after an error its content means nothing.
    ///
    /// # Errors
    /// [`Tampered`] if body, tag, place, associated bytes or key are not those of the sealing.
    pub fn open(
        &self,
        part: Part,
        offset: u64,
        associated: &[u8],
        body: &mut [u8],
        tag: [u8; TAG_BYTES],
    ) -> Result<(), Tampered> {
        let key = self.key.as_ref().ok_or(Tampered)?;
        let nonce = nonce(part, offset);
        key.open_in_place_separate_tag(nonce, Aad::from(associated), Tag::from(tag), body, 0..)
            .map_err(|_| Tampered)?;
        Ok(())
    }
}

fn nonce(part: Part, offset: u64) -> Nonce {
    let mut bytes = [0; NONCE_BYTES];
    bytes[0] = match part {
        Part::Block => 1,
        Part::Footer => 2,
    };
    bytes[4..].copy_from_slice(&offset.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests;
