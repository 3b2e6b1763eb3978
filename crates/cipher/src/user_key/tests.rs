//! Forms of keys, and who unwraps what.

use super::{UserKey, UserKeyError, WrappedKey};
use crate::DataKey;

const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn key(first: u8) -> UserKey {
    UserKey::new([first; 32])
}

#[test]
fn keys_are_read_from_hex_and_base64() {
    let wanted = UserKey::parse(HEX).unwrap();
    for text in [
        "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\n",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        " AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
    ] {
        assert_eq!(UserKey::parse(text).unwrap().0, wanted.0, "{text}");
    }
    assert_eq!(wanted.to_hex(), HEX);
    assert_ne!(
        UserKey::parse("_-----------------------------------------8=")
            .unwrap()
            .0,
        wanted.0
    );
}

#[test]
fn other_texts_are_no_keys() {
    let spoiled = HEX.replace('f', "g");
    for text in [
        "",
        "secret",
        &HEX[2..],
        &spoiled,
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=",
    ] {
        assert_eq!(
            UserKey::parse(text).err(),
            Some(UserKeyError::Form),
            "{text}"
        );
    }
}

#[test]
fn a_wrapped_key_is_opened_by_its_own_key_alone() {
    let data = DataKey::new([9; 32]);
    let wrapped = key(1).wrap(&data, [3; 12]);
    let stored = wrapped.encode();
    assert!(!stored.windows(32).any(|window| window == [9; 32]));
    let read = WrappedKey::decode(&stored);
    assert_eq!(key(1).unwrap(&read).unwrap().bytes(), data.bytes());
    let refused = key(2).unwrap(&read).unwrap_err();
    assert_eq!(
        refused,
        UserKeyError::OtherKey {
            wanted: key(1).id(),
            given: key(2).id()
        }
    );
    for place in 8..stored.len() {
        let mut damaged = stored;
        damaged[place] ^= 0x10;
        let refused = key(1).unwrap(&WrappedKey::decode(&damaged)).unwrap_err();
        assert_eq!(
            refused,
            UserKeyError::Damaged { given: key(1).id() },
            "{place}"
        );
    }
}

#[test]
fn nothing_that_is_printed_holds_a_key() {
    let shown = format!(
        "{:?} {:?} {}",
        key(0xab),
        DataKey::new([0xcd; 32]),
        key(0xab).id()
    );
    assert!(
        !shown.contains("abab") && !shown.contains("cdcd"),
        "{shown}"
    );
}
