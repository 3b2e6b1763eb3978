//! The data key: one for each store, never stored but wrapped.

use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::sector::SectorCipher;
use crate::segment::LogKey;

/// Length of a data key.
pub const DATA_KEY_BYTES: usize = 32;

/// The secret that all keys of a store's files follow from. Wiped from memory when it is dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct DataKey([u8; DATA_KEY_BYTES]);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(..)")
    }
}

impl DataKey {
    /// The data key of these bytes, which must be random.
    pub fn new(bytes: [u8; DATA_KEY_BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; DATA_KEY_BYTES] {
        &self.0
    }

    /// The key of the log.
    pub fn log(&self) -> LogKey {
        LogKey::new(derive(&self.0, &[b"headwater log"]))
    }

    /// The cipher of the state's file.
    pub fn state(&self) -> SectorCipher {
        let mut both: [u8; 64] = derive(&self.0, &[b"headwater state"]);
        let cipher = SectorCipher::new(&both);
        both.zeroize();
        cipher
    }
}

/// Length of a derived key, for ring.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA256 (RFC 5869) without a salt: the secret is random already.
pub(crate) fn derive<const N: usize>(secret: &[u8], info: &[&[u8]]) -> [u8; N] {
    const { assert!(N <= 255 * 32, "HKDF gives no more") };
    let mut out = [0; N];
    let pseudo_random = Salt::new(HKDF_SHA256, &[]).extract(secret);
    let filled = pseudo_random
        .expand(info, Length(N))
        .and_then(|okm| okm.fill(&mut out));
    debug_assert!(filled.is_ok(), "the length was checked when this was built");
    out
}

#[cfg(test)]
mod tests {
    use super::derive;

    #[test]
    fn derivation_is_hkdf() {
        let secret = [7; 32];
        let ours: [u8; 64] = derive(&secret, &[b"head", b"water"]);
        let mut theirs = [0; 64];
        hkdf::Hkdf::<sha2::Sha256>::new(None, &secret)
            .expand(b"headwater", &mut theirs)
            .unwrap();
        assert_eq!(ours, theirs);
        let other: [u8; 64] = derive(&secret, &[b"other"]);
        assert_ne!(ours, other);
    }

    /// RFC 5869, test case 3: no salt, no info.
    #[test]
    fn derivation_gives_the_published_key() {
        let okm: [u8; 42] = derive(&[0x0b; 22], &[]);
        let start = [0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63, 0xc1, 0x8f];
        let end = [0x9d, 0x20, 0x13, 0x95, 0xfa, 0xa4, 0xb6, 0x1a, 0x96, 0xc8];
        assert_eq!((&okm[..8], &okm[32..]), (&start[..], &end[..]));
    }
}
