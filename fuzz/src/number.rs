//! Numbers, against the `bigdecimal` crate.

use std::cmp::Ordering;
use std::str::FromStr;

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::Sign;
use headwater_model::{Number, NumberError};

/// Longer exponents are out of range whatever the digits, and the oracle would write out their zeros.
const EXPONENT_DIGITS_MAX: usize = 3;

/// Two texts, one a line: each is parsed, written and put in bytes; both are added, subtracted and compared. And
/// the data as ordered bytes.
pub(crate) fn number(data: &[u8]) {
    if let Ok((number, used)) = Number::decode_ordered(data) {
        assert_eq!(ordered(number), data[..used]);
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (first, second) = text.split_once('\n').unwrap_or((text, "1"));
    let (first, second) = (parsed(first), parsed(second));
    if let (Some(first), Some(second)) = (first, second) {
        together(first, second);
    }
}

fn parsed(text: &str) -> Option<Number> {
    let parsed = Number::parse(text);
    let is_number = !matches!(parsed, Err(NumberError::NotANumber(_)));
    if let Some(exact) = exact(text).filter(|_| is_number) {
        let got = parsed.clone().map(|number| number.to_string());
        assert_eq!(got, expected_of(text, &exact), "{text}");
    }
    let number = parsed.ok()?;
    assert_eq!(Number::parse(&number.to_string()), Ok(number));
    let bytes = ordered(number);
    assert_eq!(Number::decode_ordered(&bytes), Ok((number, bytes.len())));
    assert!((1..=22).contains(&number.size_bytes()), "{text}");
    Some(number)
}

fn together(first: Number, second: Number) {
    let (a, b) = (decimal(first), decimal(second));
    let order = a.cmp(&b);
    assert_eq!(first.cmp(&second), order);
    assert_eq!(ordered(first).cmp(&ordered(second)), order);
    assert_eq!(first == second, order == Ordering::Equal);
    let text = |number: Result<Number, NumberError>| number.map(|number| number.to_string());
    // A sum of too many digits is told as an overflow.
    let expected = |exact: BigDecimal| {
        expected(&exact).map_err(|error| match error {
            NumberError::TooManyDigits => NumberError::Overflow,
            other => other,
        })
    };
    assert_eq!(text(first.checked_add(second)), expected(&a + &b));
    assert_eq!(text(first.checked_sub(second)), expected(&a - &b));
}

/// The exact value of a text that has the form of a number; `None` where the oracle is no help.
fn exact(text: &str) -> Option<BigDecimal> {
    let exponent = text.split_once(['e', 'E']).map_or("", |(_, rest)| rest);
    let plain = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    if !plain || exponent.trim_start_matches(['+', '-', '0']).len() > EXPONENT_DIGITS_MAX {
        return None;
    }
    BigDecimal::from_str(text).ok()
}

/// What the rules say about a text and its exact value: a zero that is written with an exponent is refused as its last
/// digit's place would be.
fn expected_of(text: &str, exact: &BigDecimal) -> Result<String, NumberError> {
    let exponent = text.split_once(['e', 'E']).map_or("", |(_, rest)| rest);
    let has_exponent = exponent.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    let (digits, scale) = exact.as_bigint_and_exponent();
    if digits.sign() != Sign::NoSign || !has_exponent {
        return expected(exact);
    }
    match -scale {
        126.. => Err(NumberError::Overflow),
        ..-130 => Err(NumberError::Underflow),
        -130..126 => Ok("0".to_owned()),
    }
}

/// What the rules say about an exact decimal: its text, or why it cannot be stored.
fn expected(exact: &BigDecimal) -> Result<String, NumberError> {
    let exact = exact.normalized();
    let (digits, scale) = exact.as_bigint_and_exponent();
    if digits.sign() == Sign::NoSign {
        return Ok("0".to_owned());
    }
    let count = digits.magnitude().to_string().len() as i64;
    match count - 1 - scale {
        126.. => Err(NumberError::Overflow),
        ..-130 => Err(NumberError::Underflow),
        _ if count > 38 => Err(NumberError::TooManyDigits),
        _ => Ok(exact.to_plain_string()),
    }
}

fn decimal(number: Number) -> BigDecimal {
    BigDecimal::from_str(&number.to_string()).unwrap_or_default()
}

fn ordered(number: Number) -> Vec<u8> {
    let mut out = Vec::new();
    number.encode_ordered(&mut out);
    out
}
