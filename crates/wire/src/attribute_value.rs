//! Attribute values from the JSON tree, with DynamoDB's own errors.
//!
//! Wrong JSON types and bad base64 end the decoding of the request (`SerializationException`). Values that DynamoDB
//! refuses (empty sets, numbers that are none, ...) are only noted, because the constraints of the whole request are
//! reported before them. Source of the sentences: dynamodb-api.md section 6.

use std::collections::BTreeMap;

use headwater_model::limits::NESTING_DEPTH_MAX;
use headwater_model::{AttributeValue, Item, Number, SetError};

use crate::decode::{ATTRIBUTE_VALUE, DecodeError, Manner, Token, Want, decode_base64};
use crate::json::Json;
use crate::messages;

/// Why JSON is no attribute value.
pub(crate) enum ValueFault {
    /// It has the wrong JSON types.
    Type(TypeFault),
    /// DynamoDB refuses it with this sentence.
    Value(String),
}

/// A wrong JSON type somewhere in a value.
pub(crate) enum TypeFault {
    Mismatch(Token, Want),
    Base64(String),
}

impl TypeFault {
    /// The fault of a member of the request.
    pub(crate) fn at(self, path: String) -> DecodeError {
        match self {
            TypeFault::Mismatch(got, want) => DecodeError::Type { path, got, want },
            TypeFault::Base64(problem) => DecodeError::Base64 { path, problem },
        }
    }
}

/// Reads one attribute value. `element` tells whether it stands in a list or a map.
pub(crate) fn decode(
    json: &Json<'_>,
    element: bool,
    manner: Manner,
) -> Result<AttributeValue, ValueFault> {
    let mut reader = Reader {
        manner,
        fault: None,
    };
    let value = reader.value(json, element, 1).map_err(ValueFault::Type)?;
    reader
        .fault
        .map_or(Ok(value), |fault| Err(ValueFault::Value(fault)))
}

/// Reads on after a refused value, because a wrong type further on counts more.
struct Reader {
    manner: Manner,
    fault: Option<String>,
}

impl Reader {
    fn refuse(&mut self, sentence: impl Into<String>) -> AttributeValue {
        self.fault.get_or_insert_with(|| sentence.into());
        AttributeValue::Null
    }

    fn value(
        &mut self,
        json: &Json<'_>,
        element: bool,
        level: usize,
    ) -> Result<AttributeValue, TypeFault> {
        let members = match json {
            Json::Object(members) => members.as_slice(),
            Json::Null => &[],
            _ => {
                return Err(mismatch(
                    json,
                    Want::Structure {
                        name: "AttributeValue",
                        element,
                    },
                ));
            }
        };
        // The attribute itself is the first level; a leaf at level 32 is fine (conformance suite).
        if level > NESTING_DEPTH_MAX {
            return Ok(self.refuse(messages::NESTING_TOO_DEEP));
        }
        let mut found = None;
        let mut count = 0;
        for (name, member) in members.iter().filter(|(_, member)| !member.is_null()) {
            if let Some(value) = self.typed(name, member, level)? {
                found = Some(value);
                count += 1;
            }
        }
        match (count, found) {
            (1, Some(value)) => Ok(value),
            (0, _) => Ok(self.refuse(messages::ATTRIBUTE_VALUE_EMPTY)),
            _ => Ok(self.refuse(messages::ATTRIBUTE_VALUE_AMBIGUOUS)),
        }
    }

    /// Reads the value below a type name; unknown names are passed over.
    fn typed(
        &mut self,
        name: &str,
        json: &Json<'_>,
        level: usize,
    ) -> Result<Option<AttributeValue>, TypeFault> {
        let value = match name {
            "S" => AttributeValue::S(string(json)?.to_owned()),
            "N" => self
                .number(string(json)?)
                .map_or(AttributeValue::Null, AttributeValue::N),
            "B" => AttributeValue::B(blob(json)?),
            "BOOL" => AttributeValue::Bool(boolean(json)?),
            "NULL" if boolean(json)? => AttributeValue::Null,
            "NULL" => self.refuse(messages::NULL_MUST_BE_TRUE),
            "L" => AttributeValue::L(self.list(json, level)?),
            "M" => AttributeValue::M(self.map(json, level)?),
            "SS" => self.string_set(json)?,
            "NS" => self.number_set(json)?,
            "BS" => self.binary_set(json)?,
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    fn number(&mut self, text: &str) -> Option<Number> {
        match Number::parse(text) {
            Ok(number) => Some(number),
            Err(_) if text.is_empty() && !self.manner.is_newer() => {
                self.refuse(messages::NUMBER_EMPTY);
                None
            }
            Err(error) => {
                self.refuse(error.to_string());
                None
            }
        }
    }

    fn list(&mut self, json: &Json<'_>, level: usize) -> Result<Vec<AttributeValue>, TypeFault> {
        elements(json)?
            .iter()
            .map(|element| self.value(element, true, level + 1))
            .collect()
    }

    fn map(&mut self, json: &Json<'_>, level: usize) -> Result<Item, TypeFault> {
        let Json::Object(members) = json else {
            return Err(mismatch(
                json,
                Want::Map {
                    value: ATTRIBUTE_VALUE,
                },
            ));
        };
        members
            .iter()
            .map(|(name, member)| Ok((name.to_string(), self.value(member, true, level + 1)?)))
            .collect()
    }

    fn string_set(&mut self, json: &Json<'_>) -> Result<AttributeValue, TypeFault> {
        let members = self.members(json)?;
        let texts = members.iter().map(|&text| text.to_owned()).collect();
        Ok(self.set(&members, AttributeValue::string_set(texts), SetKind::String))
    }

    fn number_set(&mut self, json: &Json<'_>) -> Result<AttributeValue, TypeFault> {
        let members = self.members(json)?;
        let numbers: Vec<Number> = members
            .iter()
            .filter_map(|text| self.number(text))
            .collect();
        if numbers.len() < members.len() {
            return Ok(AttributeValue::Null);
        }
        Ok(self.set(
            &members,
            AttributeValue::number_set(numbers),
            SetKind::Number,
        ))
    }

    fn binary_set(&mut self, json: &Json<'_>) -> Result<AttributeValue, TypeFault> {
        let mut blobs = Vec::new();
        let mut members = Vec::new();
        for element in elements(json)? {
            blobs.push(blob(element)?);
            members.push(element.as_str().unwrap_or_default());
        }
        Ok(self.set(&members, AttributeValue::binary_set(blobs), SetKind::Binary))
    }

    /// The strings of a set; null is no member.
    fn members<'j>(&mut self, json: &'j Json<'_>) -> Result<Vec<&'j str>, TypeFault> {
        let mut members = Vec::new();
        for element in elements(json)? {
            if element.is_null() {
                self.refuse(messages::SET_MEMBER_NULL);
            } else {
                members.push(string(element)?);
            }
        }
        Ok(members)
    }

    fn set(
        &mut self,
        members: &[&str],
        set: Result<AttributeValue, SetError>,
        kind: SetKind,
    ) -> AttributeValue {
        match set {
            Ok(set) => set,
            Err(SetError::Empty) => self.refuse(match kind {
                SetKind::String => messages::STRING_SET_EMPTY,
                SetKind::Number => messages::NUMBER_SET_EMPTY,
                SetKind::Binary => messages::BINARY_SET_EMPTY,
            }),
            Err(SetError::Duplicate) => self.refuse(match (kind, self.manner.is_newer()) {
                (SetKind::String, true) => {
                    let members = up_to_repeat(members, |member| member.as_bytes().to_vec());
                    messages::duplicate_members_text(&quoted(&members, ", "), " ")
                }
                (SetKind::Binary, true) => {
                    let members = up_to_repeat(members, |member| {
                        decode_base64(member).map_or_else(|_| Vec::new(), |bytes| bytes.to_vec())
                    });
                    messages::duplicate_members_text(&quoted(&members, ","), "of type BS")
                }
                (SetKind::Number, true) => messages::DUPLICATE_NUMBERS.to_owned(),
                (SetKind::String, false) => {
                    messages::duplicate_members_text(&members.join(", "), " ")
                }
                (SetKind::Binary, false) => {
                    messages::duplicate_members_text(&members.join(", "), "of type BS")
                }
                (SetKind::Number, false) => messages::DUPLICATE_NUMBERS_OLDER.to_owned(),
            }),
        }
    }
}

/// The members as AWS lists them in its newer words: in the order of their bytes up to the first that was there
/// before, then that one and the rest as they came.
fn up_to_repeat<'m>(members: &[&'m str], bytes: impl Fn(&str) -> Vec<u8>) -> Vec<&'m str> {
    let mut seen = BTreeMap::new();
    for (index, member) in members.iter().enumerate() {
        if seen.insert(bytes(member), *member).is_some() {
            return seen
                .into_values()
                .chain(members[index..].iter().copied())
                .collect();
        }
    }
    members.to_vec()
}

fn quoted(members: &[&str], between: &str) -> String {
    let quoted: Vec<String> = members
        .iter()
        .map(|member| format!("\"{member}\""))
        .collect();
    quoted.join(between)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SetKind {
    String,
    Number,
    Binary,
}

fn mismatch(json: &Json<'_>, want: Want) -> TypeFault {
    TypeFault::Mismatch(Token::of(json), want)
}

fn string<'j>(json: &'j Json<'_>) -> Result<&'j str, TypeFault> {
    json.as_str().ok_or_else(|| mismatch(json, Want::String))
}

fn boolean(json: &Json<'_>) -> Result<bool, TypeFault> {
    match json {
        Json::Bool(value) => Ok(*value),
        Json::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Json::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(mismatch(json, Want::Boolean)),
    }
}

fn blob(json: &Json<'_>) -> Result<bytes::Bytes, TypeFault> {
    match json {
        Json::String(text) => decode_base64(text).map_err(TypeFault::Base64),
        _ => Err(mismatch(json, Want::Blob)),
    }
}

fn elements<'j, 'a>(json: &'j Json<'a>) -> Result<&'j [Json<'a>], TypeFault> {
    match json {
        Json::Array(elements) => Ok(elements),
        _ => Err(mismatch(json, Want::List)),
    }
}
