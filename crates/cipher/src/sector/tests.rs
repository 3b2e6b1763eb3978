//! The published vector, a second implementation, and runs of units.

use aes::Aes256;
use aes::cipher::KeyInit;
use proptest::prelude::{any, prop_assert_eq, proptest};
use xts_mode::{Xts128, get_tweak_default};

use super::{SECTOR_BYTES, SectorCipher, UNIT_BYTES};

fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// IEEE 1619-2007, vector 10: XTS-AES-256, data unit 255, 512 bytes counting up twice.
#[test]
fn gives_the_published_text() {
    let keys: [u8; 64] = hex(
        "2718281828459045235360287471352662497757247093699959574966967627
         3141592653589793238462643383279502884197169399375105820974944592",
    )
    .try_into()
    .unwrap();
    let mut text: Vec<u8> = (0..512).map(|at| at as u8).collect();
    let cipher = SectorCipher::new(&keys);
    let offset = 255 * SECTOR_BYTES as u64;
    cipher.encrypt(offset, &mut text);
    assert_eq!(
        text[..32],
        hex("1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b")
    );
    cipher.decrypt(offset, &mut text);
    assert!((0..512).all(|at| text[at] == at as u8));
}

#[test]
fn what_was_never_written_reads_as_zeros() {
    let cipher = SectorCipher::new(&[3; 64]);
    let mut text = [0xAA; 3 * UNIT_BYTES];
    cipher.encrypt(0, &mut text);
    text[UNIT_BYTES..2 * UNIT_BYTES].fill(0);
    cipher.decrypt(0, &mut text);
    assert_eq!(text[..UNIT_BYTES], [0xAA; UNIT_BYTES]);
    assert_eq!(text[UNIT_BYTES..2 * UNIT_BYTES], [0; UNIT_BYTES]);
    assert_eq!(text[2 * UNIT_BYTES..], [0xAA; UNIT_BYTES]);
    let mut zeros = [0; UNIT_BYTES];
    cipher.encrypt(0, &mut zeros);
    assert_ne!(
        zeros, [0; UNIT_BYTES],
        "zeros that were written are encrypted"
    );
}

proptest! {
    #[test]
    fn is_xts_of_a_second_implementation(
        keys in any::<[u8; 32]>(),
        tweak_keys in any::<[u8; 32]>(),
        sector in 0u64..1 << 40,
        sectors in 1usize..4,
        seed in any::<u8>(),
    ) {
        let both: [u8; 64] = [keys, tweak_keys].concat().try_into().unwrap();
        let plain: Vec<u8> = (0..sectors * SECTOR_BYTES).map(|at| (at as u8).wrapping_mul(seed)).collect();
        let (mut ours, mut theirs) = (plain.clone(), plain);
        SectorCipher::new(&both).encrypt(sector * SECTOR_BYTES as u64, &mut ours);
        Xts128::new(Aes256::new(&keys.into()), Aes256::new(&tweak_keys.into()))
            .encrypt_area(&mut theirs, SECTOR_BYTES, u128::from(sector), get_tweak_default);
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn any_run_of_units_can_be_handled_alone(
        start in 0usize..600,
        units in 1usize..600,
        bytes in any::<[u8; 32]>(),
    ) {
        let cipher = SectorCipher::new(&[bytes, [9; 32]].concat().try_into().unwrap());
        let length = 1200 * UNIT_BYTES;
        let plain: Vec<u8> = (0..length).map(|at| at as u8 ^ bytes[at % 32]).collect();
        let mut whole = plain.clone();
        cipher.encrypt(0, &mut whole);
        let range = start * UNIT_BYTES..(start + units) * UNIT_BYTES;
        let mut part = plain[range.clone()].to_vec();
        cipher.encrypt(range.start as u64, &mut part);
        prop_assert_eq!(&part, &whole[range.clone()]);
        cipher.decrypt(range.start as u64, &mut part);
        prop_assert_eq!(&part, &plain[range]);
    }
}
