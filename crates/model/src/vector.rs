//! Vectors as vector indexes hold them: 32-bit floating point numbers, and how far two of them are apart.
//!
//! An index keeps a vector as its components in little-endian bytes, one after the other. Sums are made in 64 bits, in
//! eight lanes whose order is fixed, so that a distance is the same on every machine and in every run.

use bytes::Bytes;

use crate::{AttributeValue, Number};

/// Bytes of one component.
const COMPONENT_BYTES: usize = size_of::<f32>();
/// Sums that run side by side.
const LANES: usize = 8;
/// Cosine distances below this are rounding and not distance.
const COSINE_NOISE: f64 = 1e-12;

/// How far apart two vectors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DistanceFunction {
    /// One less the cosine of their angle: 0 to 2, and 1 if one of them has no length.
    Cosine,
    /// The sum of the products; the larger, the nearer.
    DotProduct,
    /// The length of their difference.
    Euclidean,
}

/// A vector's components.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector(Vec<f32>);

/// Why a value is not a vector of a number of dimensions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VectorError {
    /// It is not a list.
    #[error("{actual} where a list of numbers is expected")]
    NotAList {
        /// Its type, as on the wire.
        actual: &'static str,
    },
    /// It has another number of elements.
    #[error("{actual} dimensions where {expected} are expected")]
    Dimensions {
        /// How many there have to be.
        expected: usize,
        /// How many there are.
        actual: usize,
    },
    /// An element is not a number.
    #[error("{actual} where a number is expected, at {place}")]
    NotANumber {
        /// Its place, from 0.
        place: usize,
        /// Its type, as on the wire.
        actual: &'static str,
    },
    /// An element is beyond what 32 bits can say.
    #[error("{number} is out of range, at {place}")]
    OutOfRange {
        /// Its place, from 0.
        place: usize,
        /// The number.
        number: Number,
    },
}

impl DistanceFunction {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cosine => "COSINE",
            Self::DotProduct => "DOT_PRODUCT",
            Self::Euclidean => "EUCLIDEAN",
        }
    }

    /// The function with that name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Cosine, Self::DotProduct, Self::Euclidean]
            .into_iter()
            .find(|function| function.as_str() == name)
    }

    /// Whether a larger score is a nearer vector.
    pub fn is_larger_nearer(self) -> bool {
        self == Self::DotProduct
    }

    /// The score of a packed vector; `None` if it has another number of dimensions than `query`.
    pub fn score(self, query: &Vector, packed: &[u8]) -> Option<f64> {
        if packed.len() != query.0.len() * COMPONENT_BYTES {
            return None;
        }
        Some(match self {
            Self::Cosine => cosine(query, packed),
            Self::DotProduct => sum(query, packed, |one, other| one * other),
            Self::Euclidean => {
                let square = |one: f64, other: f64| (one - other) * (one - other);
                sum(query, packed, square).sqrt()
            }
        })
    }

    /// The score as it is told: a 32-bit number, the largest one in place of what is beyond (conformance suite and
    /// dynoxide's captures, 2026).
    pub fn told(score: f64) -> f64 {
        f64::from(score.clamp(-f64::from(f32::MAX), f64::from(f32::MAX)) as f32)
    }
}

fn cosine(query: &Vector, packed: &[u8]) -> f64 {
    let products = sum(query, packed, |one, other| one * other);
    let own = sum(query, packed, |one, _| one * one);
    let others = sum(query, packed, |_, other| other * other);
    if own == 0.0 || others == 0.0 {
        return 1.0;
    }
    let distance = 1.0 - products / (own.sqrt() * others.sqrt());
    match distance < COSINE_NOISE {
        true => 0.0,
        false => distance.min(2.0),
    }
}

fn sum(query: &Vector, packed: &[u8], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let chunks = query.0.chunks(LANES);
    for (query, packed) in chunks.zip(packed.chunks(LANES * COMPONENT_BYTES)) {
        let components = packed.chunks_exact(COMPONENT_BYTES);
        for ((lane, one), other) in lanes.iter_mut().zip(query).zip(components) {
            *lane += term(f64::from(*one), f64::from(component(other)));
        }
    }
    lanes.iter().sum()
}

fn component(bytes: &[u8]) -> f32 {
    bytes
        .first_chunk::<COMPONENT_BYTES>()
        .map_or(0.0, |bytes| f32::from_le_bytes(*bytes))
}

impl Vector {
    /// A list of numbers as a vector of that many dimensions.
    ///
    /// # Errors
    /// [`VectorError`] of the first thing that is wrong with it.
    pub fn of_value(value: &AttributeValue, dimensions: usize) -> Result<Self, VectorError> {
        match value {
            AttributeValue::L(elements) if elements.len() != dimensions => {
                Err(VectorError::Dimensions {
                    expected: dimensions,
                    actual: elements.len(),
                })
            }
            AttributeValue::L(elements) => Self::of_elements(elements),
            other => Err(VectorError::NotAList {
                actual: other.type_name(),
            }),
        }
    }

    /// Numbers as a vector.
    ///
    /// # Errors
    /// [`VectorError`] of the first element that is no number or out of range.
    pub fn of_elements(elements: &[AttributeValue]) -> Result<Self, VectorError> {
        let components = elements.iter().enumerate();
        let components = components.map(|(place, element)| match element {
            AttributeValue::N(number) => nearest(*number).ok_or(VectorError::OutOfRange {
                place,
                number: *number,
            }),
            other => Err(VectorError::NotANumber {
                place,
                actual: other.type_name(),
            }),
        });
        components.collect::<Result<_, _>>().map(Vector)
    }

    /// How many components it has.
    pub fn dimensions(&self) -> usize {
        self.0.len()
    }

    /// The components as an index keeps them.
    pub fn pack(&self) -> Bytes {
        let bytes = self.0.iter().flat_map(|one| one.to_le_bytes());
        bytes.collect::<Vec<u8>>().into()
    }

    /// A packed vector as a list of numbers, each the shortest that names its component (conformance suite, 2026).
    pub fn unpack(packed: &[u8]) -> AttributeValue {
        let components = packed.chunks_exact(COMPONENT_BYTES).map(component);
        let numbers = components.map(|one| Number::parse(&one.to_string()));
        AttributeValue::L(numbers.flatten().map(AttributeValue::N).collect())
    }
}

/// The nearest 32-bit number, if there is a finite one.
fn nearest(number: Number) -> Option<f32> {
    let nearest = number.to_string().parse::<f32>().ok()?;
    // The negative zero would make equal numbers unequal bytes.
    nearest.is_finite().then_some(nearest + 0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(texts: &[&str]) -> AttributeValue {
        let numbers = texts.iter().map(|text| Number::parse(text).unwrap());
        AttributeValue::L(numbers.map(AttributeValue::N).collect())
    }

    fn vector(texts: &[&str]) -> Vector {
        Vector::of_value(&list(texts), texts.len()).unwrap()
    }

    fn score(function: DistanceFunction, one: &[&str], other: &[&str]) -> f64 {
        let score = function.score(&vector(one), &vector(other).pack());
        DistanceFunction::told(score.unwrap())
    }

    #[test]
    fn scores_are_those_of_the_service() {
        use DistanceFunction::{Cosine, DotProduct, Euclidean};
        let query = ["1", "0", "0"];
        let mix = f64::from(0.4_f32);
        for (other, cosine, dot, euclidean) in [
            (["1", "0", "0"], 0.0, 1.0, 0.0),
            (["0", "1", "0"], 1.0, 0.0, f64::from(2_f32.sqrt())),
            (["-1", "0", "0"], 2.0, -1.0, 2.0),
            (["10", "0", "0"], 0.0, 10.0, 9.0),
            (["0", "0", "0"], 1.0, 0.0, 1.0),
        ] {
            assert_eq!(score(Cosine, &query, &other), cosine, "{other:?}");
            assert_eq!(score(DotProduct, &query, &other), dot, "{other:?}");
            assert_eq!(score(Euclidean, &query, &other), euclidean, "{other:?}");
        }
        assert!((score(Cosine, &query, &["0.6", "0.8", "0"]) - mix).abs() < 1e-6);
    }

    #[test]
    fn sums_beyond_32_bits_are_the_largest_number() {
        let most = "340282350000000000000000000000000000000";
        let (one, other) = ([most, most], [most, &format!("-{most}")]);
        assert_eq!(score(DistanceFunction::DotProduct, &one, &other), 0.0);
        assert_eq!(
            score(DistanceFunction::DotProduct, &one, &one),
            f64::from(f32::MAX)
        );
        assert_eq!(
            score(DistanceFunction::Euclidean, &one, &other),
            f64::from(f32::MAX)
        );
    }

    #[test]
    fn what_is_no_vector_is_refused() {
        let refused = |value: AttributeValue| Vector::of_value(&value, 2).unwrap_err();
        let number = |text: &str| AttributeValue::N(Number::parse(text).unwrap());
        assert_eq!(
            refused(AttributeValue::S("x".to_owned())),
            VectorError::NotAList { actual: "S" }
        );
        assert_eq!(
            refused(list(&["1"])),
            VectorError::Dimensions {
                expected: 2,
                actual: 1
            }
        );
        assert_eq!(
            refused(AttributeValue::L(vec![
                number("1"),
                AttributeValue::Bool(true)
            ])),
            VectorError::NotANumber {
                place: 1,
                actual: "BOOL"
            }
        );
        let number = Number::parse("3.5E38").unwrap();
        assert_eq!(
            refused(list(&["3.5E38", "1"])),
            VectorError::OutOfRange { place: 0, number }
        );
    }

    #[test]
    fn numbers_come_back_as_32_bits_say_them() {
        let given = vector(&["0.1", "16777217", "1.000000059604644775390625", "1E-100"]);
        assert_eq!(
            Vector::unpack(&given.pack()),
            list(&["0.1", "16777216", "1", "0"])
        );
        let most = vector(&["3.4028235E38", "-0"]);
        assert_eq!(
            Vector::unpack(&most.pack()),
            list(&["340282350000000000000000000000000000000", "0"])
        );
    }

    proptest! {
        #[test]
        fn lanes_add_up_to_the_plain_sum(
            pairs in prop::collection::vec((-100_i16..100, -100_i16..100), 1..40),
        ) {
            let one = Vector(pairs.iter().map(|(one, _)| f32::from(*one)).collect());
            let other = Vector(pairs.iter().map(|(_, other)| f32::from(*other)).collect());
            let plain: f64 = pairs.iter().map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let packed = other.pack();
            prop_assert_eq!(DistanceFunction::DotProduct.score(&one, &packed), Some(plain));
            prop_assert_eq!(DistanceFunction::DotProduct.score(&one, &packed[1..]), None);
            let cosine = DistanceFunction::Cosine.score(&one, &packed).unwrap();
            prop_assert!((0.0..=2.0).contains(&cosine));
        }

        #[test]
        fn packed_vectors_come_back(components in prop::collection::vec(
            any::<f32>().prop_filter("finite", |one| one.is_finite() && (*one == 0.0 || one.abs() > 1e-37)), 1..20,
        )) {
            let vector = Vector(components.iter().map(|one| one + 0.0).collect());
            let list = Vector::unpack(&vector.pack());
            prop_assert_eq!(Vector::of_value(&list, components.len()), Ok(vector));
        }
    }
}
