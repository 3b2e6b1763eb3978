//! Numbers against recorded facts and against the `bigdecimal` crate.

use std::cmp::Ordering;
use std::str::FromStr;

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use super::{Number, NumberError};
use crate::arbitrary::{number, number_text};

fn parsed(text: &str) -> Number {
    Number::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What the rules say about an exact decimal: its canonical text, or why it cannot be stored.
fn expected(exact: &BigDecimal) -> Result<String, NumberError> {
    let exact = exact.normalized();
    let (digits, scale) = exact.as_bigint_and_exponent();
    let count = digits.to_string().trim_start_matches('-').len() as i64;
    let magnitude = count - 1 - scale;
    if digits == BigInt::from(0) {
        Ok("0".to_owned())
    } else if magnitude > 125 {
        Err(NumberError::Overflow)
    } else if magnitude < -130 {
        Err(NumberError::Underflow)
    } else if count > 38 {
        Err(NumberError::TooManyDigits)
    } else {
        Ok(exact.to_plain_string())
    }
}

/// The same of a text. A zero that is written with an exponent is refused as its last digit's place
/// would be (recorded 2026: tests/cases/recorded_2026.txt); without one it is zero at any length.
fn expected_of_text(text: &str) -> Result<String, NumberError> {
    let written = BigDecimal::from_str(text).unwrap();
    let (digits, scale) = written.as_bigint_and_exponent();
    if digits == BigInt::from(0) && text.contains('e') && !text.ends_with("e0") {
        return match -scale {
            126.. => Err(NumberError::Overflow),
            ..-130 => Err(NumberError::Underflow),
            -130..126 => Ok("0".to_owned()),
        };
    }
    expected(&written)
}

fn exact(number: Number) -> BigDecimal {
    BigDecimal::from_str(&number.to_string()).unwrap()
}

fn ordered(number: Number) -> Vec<u8> {
    let mut out = Vec::new();
    number.encode_ordered(&mut out);
    out
}

fn compact(number: Number) -> Vec<u8> {
    let mut out = Vec::new();
    number.encode_compact(&mut out);
    out
}

#[test]
fn canonical_texts() {
    // dynamodb-api.md section 6, and forms that Alternator's tests checked on AWS.
    let tiny = format!("0.{}1", "0".repeat(129));
    let huge = format!("1{}", "0".repeat(125));
    let widest = format!("-0.{}{}", "0".repeat(129), "9".repeat(38));
    for (text, canonical) in [
        ("00042", "42"),
        ("1.0", "1"),
        ("3.1400", "3.14"),
        ("1.5E2", "150"),
        ("100", "100"),
        ("1E2", "100"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0e5", "0"),
        ("0.0e126", "0"),
        ("+3", "3"),
        ("001.23", "1.23"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("5.", "5"),
        ("1e-3", "0.001"),
        ("123e-2", "1.23"),
        ("1.23e-1", "0.123"),
        ("-273.15", "-273.15"),
        ("9.9e10", "99000000000"),
        ("1e-130", &tiny),
        ("1E+125", &huge),
        ("0.1e126", &huge),
        (&widest.clone(), &widest),
    ] {
        assert_eq!(parsed(text).to_string(), canonical, "{text}");
    }
}

#[test]
fn refusals() {
    for text in [
        "",
        " ",
        " 1",
        "1 ",
        "NaN",
        "Infinity",
        "-",
        "+",
        ".",
        "-.",
        "1.2.3",
        "0x10",
        "1e",
        "1e+",
        "e5",
        "--1",
        "1-",
        "1e5.0",
        "1_000",
        "1,5",
        "\u{661}",
        "1e99999999999999999999",
    ] {
        let error = NumberError::NotANumber(text.to_owned());
        assert_eq!(Number::parse(text), Err(error), "{text}");
    }
    let nines = "9".repeat(38);
    for (text, error) in [
        ("1e126", NumberError::Overflow),
        ("-11e125", NumberError::Overflow),
        ("1e2147483648", NumberError::Overflow),
        ("-1e99999999999", NumberError::Overflow),
        ("1e-131", NumberError::Underflow),
        ("0e126", NumberError::Overflow),
        ("0e-131", NumberError::Underflow),
        ("0.9e-130", NumberError::Underflow),
        ("1e-99999999999", NumberError::Underflow),
        (&format!("{nines}9"), NumberError::TooManyDigits),
        (&format!("{nines}.1"), NumberError::TooManyDigits),
        (&format!("1{}1", "0".repeat(37)), NumberError::TooManyDigits),
        (&format!("{nines}9e100"), NumberError::Overflow),
    ] {
        assert_eq!(Number::parse(text), Err(error), "{text}");
    }
    assert_eq!(parsed(&format!("{nines}e88")).digits(), 38);
    assert_eq!(parsed(&format!("000{nines}.000")).to_string(), nines);
}

#[test]
fn messages_are_those_of_aws() {
    for (text, message) in [
        (
            "x",
            "The parameter cannot be converted to a numeric value: x",
        ),
        (
            "1e126",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        (
            "1e-131",
            "Number underflow. Attempting to store a number with magnitude smaller than supported range",
        ),
        (
            "123456789012345678901234567890123456789",
            "Attempting to store more than 38 significant digits in a Number",
        ),
    ] {
        assert_eq!(Number::parse(text).unwrap_err().to_string(), message);
    }
}

#[test]
fn sizes() {
    for (text, size_bytes) in [
        ("0", 1),
        ("1", 2),
        ("42", 2),
        ("101", 3),
        ("100", 2),
        ("10", 2),
        ("-42", 3),
        ("4.2", 3),
        ("0.42", 2),
        ("0.042", 3),
        ("1234", 3),
        ("123.4", 4),
        (&"9".repeat(38), 20),
        (&format!("-0.0{}", "9".repeat(38)), 22),
    ] {
        assert_eq!(parsed(text).size_bytes(), size_bytes, "{text}");
    }
}

#[test]
fn sums_at_the_edges() {
    for (left, right, sum) in [
        ("1", "10000000000000000000000", "10000000000000000000001"),
        ("1e38", "-1", &"9".repeat(38)),
        ("-1e38", "1", &format!("-{}", "9".repeat(38))),
        ("1e-130", "-1e-130", "0"),
        ("0", "-5", "-5"),
        ("-5", "0", "-5"),
        ("5", "-5", "0"),
    ] {
        assert_eq!(parsed(left).checked_add(parsed(right)), Ok(parsed(sum)));
    }
    for (left, right, error) in [
        ("9e125", "9e125", NumberError::Overflow),
        ("1e50", "1", NumberError::Overflow),
        ("1e125", "1e-130", NumberError::Overflow),
        ("9e38", "-1", NumberError::Overflow),
        ("1.1e-130", "-1e-130", NumberError::Underflow),
    ] {
        assert_eq!(parsed(left).checked_add(parsed(right)), Err(error));
    }
    let sum = parsed("9e125").checked_add(parsed("9e124"));
    assert_eq!(sum, Ok(parsed("9.9e125")));
}

#[test]
fn integers() {
    for value in [0, 1, -1, 10, 1_000_000, i64::MAX, i64::MIN] {
        assert_eq!(Number::from(value).to_i64(), Some(value));
        assert_eq!(Number::from(value).to_string(), value.to_string());
    }
    assert_eq!(Number::from(u64::MAX).to_string(), u64::MAX.to_string());
    assert_eq!(Number::from(u64::MAX).to_i64(), None);
    for text in [
        "0.5",
        "9223372036854775808",
        "-9223372036854775809",
        "1e125",
    ] {
        assert_eq!(parsed(text).to_i64(), None, "{text}");
    }
    assert_eq!(parsed("-9223372036854775808").to_i64(), Some(i64::MIN));
}

#[test]
fn broken_ordered_bytes_are_refused() {
    for bytes in [
        &[][..],
        &[0x00],
        &[0xC0],
        &[0xC0, 130],
        // A leading digit of zero, a trailing pair of zero, a pair above 99, no end.
        &[0xC0, 130, 9 * 2],
        &[0xC0, 130, 10 * 2 + 1, 0],
        &[0xC0, 130, 200],
        &[0xC0, 130, 21, 21],
        &[[0xC0, 130].as_slice(), &[21; 18], &[23, 20]].concat(),
    ] {
        assert!(Number::decode_ordered(bytes).is_err(), "{bytes:?}");
    }
}

/// The size by the rule itself: base-100 digits aligned at the point, zeros at both ends left out.
fn size_by_pairs(number: Number) -> usize {
    let text = number.to_string();
    let text = text.trim_start_matches('-');
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut digits = "0".repeat(whole.len() % 2) + whole + fraction;
    digits += &"0".repeat(fraction.len() % 2);
    let pairs: Vec<_> = digits.as_bytes().chunks(2).collect();
    let zero = |pair: &&&[u8]| **pair == b"00";
    let leading = pairs.iter().take_while(zero).count();
    let trailing = pairs[leading..].iter().rev().take_while(zero).count();
    1 + pairs.len() - leading - trailing + usize::from(number.is_negative())
}

proptest! {
    #[test]
    fn parse_and_format_agree_with_bigdecimal(text in number_text()) {
        let got = Number::parse(&text).map(|number| number.to_string());
        prop_assert_eq!(got, expected_of_text(&text));
    }

    #[test]
    fn zeros_with_an_exponent_agree_with_bigdecimal(
        sign in "[-+]?", digits in "0{1,40}", fraction in "(\\.0{0,4})?", exponent in -140i32..140,
    ) {
        let text = format!("{sign}{digits}{fraction}e{exponent}");
        let got = Number::parse(&text).map(|number| number.to_string());
        prop_assert_eq!(got, expected_of_text(&text));
    }

    #[test]
    fn any_text_is_parsed_without_panic(text in any::<String>(), odd in "[-+.eE0-9]{0,12}") {
        let _ = Number::parse(&text);
        if let Ok(number) = Number::parse(&odd) {
            prop_assert_eq!(Number::parse(&number.to_string()), Ok(number));
        }
    }

    #[test]
    fn sum_and_difference_agree_with_bigdecimal(left in number(), right in number()) {
        let rule = |exact: &BigDecimal| expected(exact).map_err(|error| match error {
            NumberError::TooManyDigits => NumberError::Overflow,
            other => other,
        });
        let text = |number: Number| number.to_string();
        let (exact_left, exact_right) = (exact(left), exact(right));
        prop_assert_eq!(left.checked_add(right).map(text), rule(&(&exact_left + &exact_right)));
        prop_assert_eq!(left.checked_sub(right).map(text), rule(&(&exact_left - &exact_right)));
    }

    #[test]
    fn order_agrees_with_bigdecimal_and_with_ordered_bytes(left in number(), right in number()) {
        let order = exact(left).cmp(&exact(right));
        prop_assert_eq!(left.cmp(&right), order);
        prop_assert_eq!(ordered(left).cmp(&ordered(right)), order);
        prop_assert_eq!(left == right, order == Ordering::Equal);
        prop_assert_eq!(left.negate().cmp(&right.negate()), order.reverse());
    }

    #[test]
    fn ordered_bytes_round_trip_and_delimit_themselves(number in number(), rest in any::<[u8; 3]>()) {
        let mut bytes = ordered(number);
        let len = bytes.len();
        prop_assert!(len <= 21);
        bytes.extend_from_slice(&rest);
        prop_assert_eq!(Number::decode_ordered(&bytes), Ok((number, len)));
        prop_assert!((0..len).all(|cut| Number::decode_ordered(&bytes[..cut]).is_err()));
    }

    #[test]
    fn what_ordered_bytes_decode_to_encodes_to_them(head in 0usize..3, bytes in any::<[u8; 12]>()) {
        let mut bytes = bytes;
        bytes[0] = [0x40, 0x80, 0xC0][head];
        if let Ok((number, used)) = Number::decode_ordered(&bytes) {
            prop_assert_eq!(ordered(number), &bytes[..used]);
        }
    }

    #[test]
    fn compact_bytes_round_trip(number in number(), rest in any::<[u8; 3]>()) {
        let mut bytes = compact(number);
        bytes.extend_from_slice(&rest);
        let mut left = bytes.as_slice();
        prop_assert_eq!(Number::decode_compact(&mut left), Some(number));
        prop_assert_eq!(left, &rest);
        let mut skipped = bytes.as_slice();
        prop_assert_eq!(Number::skip_compact(&mut skipped), Some(()));
        prop_assert_eq!(skipped, &rest);
    }

    #[test]
    fn what_compact_bytes_decode_to_encodes_to_them(bytes in any::<[u8; 6]>()) {
        let mut left = bytes.as_slice();
        if let Some(number) = Number::decode_compact(&mut left) {
            prop_assert_eq!(compact(number), &bytes[..bytes.len() - left.len()]);
        }
    }

    #[test]
    fn sizes_follow_the_rule(number in number()) {
        prop_assert_eq!(number.size_bytes(), if number.is_zero() { 1 } else { size_by_pairs(number) });
    }

    #[test]
    fn integers_round_trip(value in any::<i64>(), shift in 0u32..64) {
        let value = value >> shift;
        prop_assert_eq!(Number::from_i64(value).to_i64(), Some(value));
        prop_assert_eq!(Number::from_i64(value), parsed(&value.to_string()));
    }
}
