//! The user's key: it wraps the data key and encrypts nothing else.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::data_key::{DATA_KEY_BYTES, DataKey, derive};

/// Random bytes that a wrapping takes.
pub const NONCE_BYTES: usize = 12;
/// Length of a wrapped data key as it is stored.
pub const WRAPPED_BYTES: usize = ID_BYTES + NONCE_BYTES + SEALED_BYTES;

const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 8;
const SEALED_BYTES: usize = DATA_KEY_BYTES + 16;
const PURPOSE: &[u8] = b"headwater data key, wrapped";

/// Why a text or a key is refused. No message holds key material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserKeyError {
    /// The text is neither 64 hexadecimal digits nor 32 bytes in base64.
    #[error("a key is 32 random bytes, as 64 hexadecimal digits or in base64 (44 characters)")]
    Form,
    /// Another key wrapped the data key.
    #[error("the store's key was wrapped by the key {wanted}, the given key is {given}")]
    OtherKey {
        /// Who wrapped it.
        wanted: KeyId,
        /// Who was given.
        given: KeyId,
    },
    /// The key is the right one, but what was stored has changed.
    #[error("the wrapped key is damaged: it does not open with the key {given} that wrapped it")]
    Damaged {
        /// Who was given.
        given: KeyId,
    },
}

/// Tells keys apart without giving them away; follows from the key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId([u8; ID_BYTES]);

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// The key that the user holds. Wiped from memory when it is dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct UserKey([u8; KEY_BYTES]);

impl std::fmt::Debug for UserKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UserKey({})", self.id())
    }
}

impl UserKey {
    /// The key of these bytes, which must be random.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads a key from text: 64 hexadecimal digits or base64; white space around it does not count.
    ///
    /// # Errors
    /// [`UserKeyError::Form`].
    pub fn parse(text: &str) -> Result<Self, UserKeyError> {
        let text = text.trim();
        let bytes = match text.len() {
            64 => from_hex(text),
            43 | 44 => from_base64(text),
            _ => None,
        };
        bytes.map(Self).ok_or(UserKeyError::Form)
    }

    /// The key as 64 hexadecimal digits, for a key file.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Names this key.
    pub fn id(&self) -> KeyId {
        KeyId(derive(&self.0, &[b"headwater key id"]))
    }

    /// Wraps a data key; `nonce` must be random.
    pub fn wrap(&self, data: &DataKey, nonce: [u8; NONCE_BYTES]) -> WrappedKey {
        let mut sealed = [0; SEALED_BYTES];
        let (body, tag) = sealed.split_at_mut(DATA_KEY_BYTES);
        body.copy_from_slice(data.bytes());
        let wrapped = self.cipher().and_then(|key| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            key.seal_in_place_separate_tag(nonce, self.associated(), body)
                .ok()
        });
        match wrapped {
            Some(made) => tag.copy_from_slice(made.as_ref()),
            // ring takes any 32 bytes as a key and any short text; should it ever not, nothing secret is stored.
            None => sealed.zeroize(),
        }
        WrappedKey {
            id: self.id(),
            nonce,
            sealed,
        }
    }

    /// Gives back the data key.
    ///
    /// # Errors
    /// [`UserKeyError::OtherKey`], [`UserKeyError::Damaged`].
    pub fn unwrap(&self, wrapped: &WrappedKey) -> Result<DataKey, UserKeyError> {
        let given = self.id();
        if wrapped.id != given {
            return Err(UserKeyError::OtherKey {
                wanted: wrapped.id,
                given,
            });
        }
        let mut sealed = wrapped.sealed;
        let opened = self.cipher().and_then(|key| {
            let nonce = Nonce::assume_unique_for_key(wrapped.nonce);
            let data = key.open_in_place(nonce, self.associated(), &mut sealed);
            let data: Option<[u8; DATA_KEY_BYTES]> = (*data.ok()?).try_into().ok();
            data.map(DataKey::new)
        });
        sealed.zeroize();
        opened.ok_or(UserKeyError::Damaged { given })
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        let mut key: [u8; 32] = derive(&self.0, &[b"headwater wrapping"]);
        let unbound = UnboundKey::new(&AES_256_GCM, &key);
        key.zeroize();
        unbound.ok().map(LessSafeKey::new)
    }

    fn associated(&self) -> Aad<[u8; PURPOSE.len() + ID_BYTES]> {
        let mut bytes = [0; PURPOSE.len() + ID_BYTES];
        bytes[..PURPOSE.len()].copy_from_slice(PURPOSE);
        bytes[PURPOSE.len()..].copy_from_slice(&self.id().0);
        Aad::from(bytes)
    }
}

/// A data key as it may be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    id: KeyId,
    nonce: [u8; NONCE_BYTES],
    sealed: [u8; SEALED_BYTES],
}

impl WrappedKey {
    /// Who wrapped it.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Its stored form.
    pub fn encode(&self) -> [u8; WRAPPED_BYTES] {
        let mut out = [0; WRAPPED_BYTES];
        out[..ID_BYTES].copy_from_slice(&self.id.0);
        out[ID_BYTES..ID_BYTES + NONCE_BYTES].copy_from_slice(&self.nonce);
        out[ID_BYTES + NONCE_BYTES..].copy_from_slice(&self.sealed);
        out
    }

    /// Reads the stored form; whether it is whole shows when it is unwrapped.
    pub fn decode(bytes: &[u8; WRAPPED_BYTES]) -> Self {
        let (mut id, mut nonce, mut sealed) = ([0; ID_BYTES], [0; NONCE_BYTES], [0; SEALED_BYTES]);
        id.copy_from_slice(&bytes[..ID_BYTES]);
        nonce.copy_from_slice(&bytes[ID_BYTES..ID_BYTES + NONCE_BYTES]);
        sealed.copy_from_slice(&bytes[ID_BYTES + NONCE_BYTES..]);
        Self {
            id: KeyId(id),
            nonce,
            sealed,
        }
    }
}

fn from_hex(text: &str) -> Option<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? << 4 | digit(1)?) as u8;
    }
    Some(key)
}

/// The standard alphabet or the one for URLs, with or without the `=` at the end.
fn from_base64(text: &str) -> Option<[u8; KEY_BYTES]> {
    let digits = text.strip_suffix('=').unwrap_or(text);
    let decoded = STANDARD_NO_PAD
        .decode(digits)
        .or_else(|_| URL_SAFE_NO_PAD.decode(digits));
    let mut decoded = decoded.ok()?;
    let key = <[u8; KEY_BYTES]>::try_from(decoded.as_slice()).ok();
    decoded.zeroize();
    key
}

#[cfg(test)]
mod tests;
