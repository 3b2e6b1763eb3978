//! The published vector, a second implementation, and what must not open.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use super::{LogKey, Part, SegmentCipher, Tampered};
use crate::data_key::derive;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// The GCM specification (McGrew and Viega), test case 14: AES-256 with a nonce of zeros is what our nonces can't
/// be, so the cipher below them is asked directly.
#[test]
fn the_cipher_is_the_published_one() {
    let key = ring::aead::UnboundKey::new(&ring::aead::AES_256_GCM, &[0; 32]).unwrap();
    let key = ring::aead::LessSafeKey::new(key);
    let nonce = ring::aead::Nonce::assume_unique_for_key([0; 12]);
    let mut body = [0; 16];
    let tag = key
        .seal_in_place_separate_tag(nonce, ring::aead::Aad::empty(), &mut body)
        .unwrap();
    assert_eq!(body[..], hex("cea7403d4d606b6e074ec5d3baf39d18")[..]);
    assert_eq!(tag.as_ref(), hex("d0d1c8a799996bf0265b98b5d48ab919"));
}

#[test]
fn each_segment_and_salt_has_its_own_key() {
    let log = LogKey::new([5; 32]);
    let seal = |id, salt: u8, part, offset| {
        let mut body = *b"the same text....";
        let cipher = log.segment(id, &[salt; 12]);
        cipher.seal(part, offset, b"", &mut body).unwrap();
        body
    };
    let one = seal(1, 1, Part::Block, 64);
    assert_eq!(one, seal(1, 1, Part::Block, 64));
    for other in [
        seal(2, 1, Part::Block, 64),
        seal(1, 2, Part::Block, 64),
        seal(1, 1, Part::Footer, 64),
        seal(1, 1, Part::Block, 72),
    ] {
        assert_ne!(one, other);
    }
}

proptest! {
    #[test]
    fn sealing_is_aes_gcm_of_a_second_implementation(
        secret in any::<[u8; 32]>(),
        salt in any::<[u8; 12]>(),
        id in any::<u64>(),
        offset in any::<u64>(),
        associated in any::<Vec<u8>>(),
        body in any::<Vec<u8>>(),
    ) {
        let key: [u8; 32] = derive(&secret, &[b"segment", &id.to_le_bytes(), &salt]);
        let mut nonce = [0; 12];
        nonce[0] = 1;
        nonce[4..].copy_from_slice(&offset.to_le_bytes());
        let theirs = Aes256Gcm::new(&key.into())
            .encrypt(&nonce.into(), Payload { msg: &body, aad: &associated })
            .unwrap();
        let cipher = LogKey::new(secret).segment(id, &salt);
        let mut ours = body.clone();
        let tag = cipher.seal(Part::Block, offset, &associated, &mut ours).unwrap();
        prop_assert_eq!([&ours[..], &tag[..]].concat(), theirs);
        cipher.open(Part::Block, offset, &associated, &mut ours, tag).unwrap();
        prop_assert_eq!(ours, body);
    }

    #[test]
    fn what_was_changed_does_not_open(
        body in proptest::collection::vec(any::<u8>(), 1..64),
        place in any::<usize>(),
        bit in 0u8..8,
    ) {
        let cipher = SegmentCipher::new(&[7; 32]);
        let mut sealed = body.clone();
        let mut tag = cipher.seal(Part::Block, 64, b"head", &mut sealed).unwrap();
        let open = |mut body: Vec<u8>, tag, head: &[u8], offset| {
            cipher.open(Part::Block, offset, head, &mut body, tag)
        };
        prop_assert_eq!(open(sealed.clone(), tag, b"head", 64), Ok(()));
        prop_assert_eq!(open(sealed.clone(), tag, b"heat", 64), Err(Tampered));
        prop_assert_eq!(open(sealed.clone(), tag, b"head", 72), Err(Tampered));
        let place = place % (sealed.len() + tag.len());
        match sealed.get_mut(place) {
            Some(byte) => *byte ^= 1 << bit,
            None => tag[place - sealed.len()] ^= 1 << bit,
        }
        prop_assert!(open(sealed, tag, b"head", 64).is_err());
    }
}
