//! Values of the wrong JSON type, in AWS's words.
//!
//! Source of the sentences: the assertions of dynalite's test suite, which its authors ran against AWS
//! (dynamodb-api.md section 2: wrong JSON types are a SerializationException).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::json::Json;

/// The Java class of attribute values in AWS's errors.
pub(crate) const ATTRIBUTE_VALUE: &str = "com.amazonaws.dynamodb.v20120810.AttributeValue";

/// Why a request cannot be decoded at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A value has another JSON type than the member.
    #[error("{}", Mismatch(*got, *want))]
    Type {
        /// Which member.
        path: String,
        /// What the request holds there.
        got: Token,
        /// What the member is.
        want: Want,
    },
    /// A string is not base64.
    #[error("{problem}")]
    Base64 {
        /// Which member.
        path: String,
        /// In AWS's words.
        problem: String,
    },
}

/// What stands in the JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of JSON's own tokens")]
pub enum Token {
    Null,
    True,
    False,
    Number,
    Decimal,
    String,
    Array,
    Object,
}

impl Token {
    /// The token that a value begins with.
    pub fn of(json: &Json<'_>) -> Token {
        match json {
            Json::Null => Token::Null,
            Json::Bool(true) => Token::True,
            Json::Bool(false) => Token::False,
            Json::Number(text) if text.contains(['.', 'e', 'E']) => Token::Decimal,
            Json::Number(_) => Token::Number,
            Json::String(_) => Token::String,
            Json::Array(_) => Token::Array,
            Json::Object(_) => Token::Object,
        }
    }

    fn java(self) -> &'static str {
        match self {
            Token::Null => "NULL_VALUE",
            Token::True => "TRUE_VALUE",
            Token::False => "FALSE_VALUE",
            Token::Number => "NUMBER_VALUE",
            Token::Decimal => "DECIMAL_VALUE",
            Token::String => "STRING_VALUE",
            Token::Array => "START_ARRAY",
            Token::Object => "START_OBJECT",
        }
    }
}

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the API model's own types")]
pub enum Want {
    Boolean,
    String,
    Integer,
    Long,
    Double,
    Date,
    Blob,
    List,
    /// With the Java class of the values.
    Map {
        value: &'static str,
    },
    /// With the name of the shape, and whether it stands in a list or a map.
    Structure {
        name: &'static str,
        element: bool,
    },
}

/// The sentence for a mismatch.
struct Mismatch(Token, Want);

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch(got, want) = *self;
        if got == Token::Object && !matches!(want, Want::Map { .. } | Want::Structure { .. }) {
            return f.write_str("Start of structure or map found where not expected");
        }
        match (want, got) {
            (Want::Boolean, _) => scalar(f, got, "Boolean", "java.lang.Boolean"),
            (Want::String, _) => scalar(f, got, "String", "java.lang.String"),
            (Want::Integer, _) => scalar(f, got, "Integer", "java.lang.Integer"),
            (Want::Long, _) => scalar(f, got, "Long", "java.lang.Long"),
            (Want::Double, _) => scalar(f, got, "Double", "java.lang.Double"),
            (Want::Date, _) => scalar(f, got, "Date", "java.util.Date"),
            (Want::Blob, Token::Array) => {
                f.write_str("Unrecognized collection type class java.nio.ByteBuffer")
            }
            (Want::Blob, _) => f.write_str("only base-64-encoded strings are convertible to bytes"),
            (Want::Map { value }, Token::Array) => {
                write!(
                    f,
                    "Unrecognized collection type java.util.Map<java.lang.String, {value}>"
                )
            }
            (Want::Structure { name, .. }, Token::Array) => {
                write!(
                    f,
                    "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.{name}"
                )
            }
            (Want::Structure { element: true, .. }, _) => {
                f.write_str("Unexpected value type in payload")
            }
            _ => f.write_str("Unexpected field type"),
        }
    }
}

fn scalar(f: &mut fmt::Formatter<'_>, got: Token, name: &str, class: &str) -> fmt::Result {
    match (got, name) {
        (Token::Array, _) => write!(f, "Unrecognized collection type class {class}"),
        (Token::String, "Boolean") => f.write_str("Unexpected token received from parser"),
        _ => write!(f, "{} cannot be converted to {name}", got.java()),
    }
}

/// Decodes base64, or says in AWS's words what is wrong (its spelling, too).
pub(crate) fn decode_base64(text: &str) -> Result<Bytes, String> {
    if !text.len().is_multiple_of(4) {
        return Err(format!(
            "Base64 encoded length is expected a multiple of 4 bytes but found: {}",
            text.len()
        ));
    }
    if let Some(bad) = text
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '/' | '='))
    {
        return Err(format!("Invalid Base64 character: '{bad}'"));
    }
    STANDARD
        .decode(text)
        .map(Bytes::from)
        .map_err(|_| "Invalid last non-pad Base64 character dectected".to_owned())
}
