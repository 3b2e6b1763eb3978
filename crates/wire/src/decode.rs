//! From the JSON tree to typed requests.
//!
//! Two things can be wrong with a request. A value of the wrong JSON type ends the decoding at once, in the order of
//! the body, with a [`DecodeError`] (`SerializationException`). A value that breaks a constraint of the API model is
//! noted as a [`Violation`] and decoding goes on with a placeholder; all of them are reported together, in the order
//! of the model (`N validation errors detected: ...`). The generated code calls the methods of `Decoder`; nothing
//! decoded leaves `request` while a violation is noted.

mod choice;
mod constraint;
mod manner;
mod mismatch;
mod pattern;
mod requests;
mod told;
mod unnamed_words;
mod violation;

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use headwater_model::limits::ATTRIBUTE_NAME_BYTES_MAX;
use headwater_model::{AttributeValue, Item};

use crate::attribute_value::{self, ValueFault};
use crate::error::ApiError;
use crate::json::Json;
use crate::messages;
use crate::timestamp::Timestamp;

pub use choice::Choice;
pub(crate) use choice::choices;
pub(crate) use constraint::{Length, Range, Text};
pub(crate) use manner::Manner;
pub(crate) use mismatch::{ATTRIBUTE_VALUE, decode_base64};
pub use mismatch::{DecodeError, Token, Want};
pub(crate) use pattern::Pattern;
pub use violation::{Echo, Rule, Violation};
use violation::{Shown, StructureEcho};

/// Most violations that are listed in one answer.
/// Source: dynamodb-api.md section 7 leaves it open; AWS was seen to stop at 10 (dynalite's captures).
const VIOLATIONS_MAX: usize = 10;
/// Elements of a request's list whose faults are kept one by one: no operation takes more.
const ELEMENTS_MAX: usize = 100;

/// Decodes a whole request, or says why not.
pub(crate) fn request<'j, T>(
    json: &'j Json<'j>,
    read: impl FnOnce(&'j Json<'j>, &mut Decoder<'j>) -> Result<T, DecodeError>,
) -> Result<T, ApiError> {
    request_checked(json, read, |_| Ok(()))
}

/// As [`request`]; `check` comes after the constraints and before refused attribute values, which have
/// placeholders then: AWS looks there at which parameters go together (dynamodb-api.md section 7).
pub(crate) fn request_checked<'j, T>(
    json: &'j Json<'j>,
    read: impl FnOnce(&'j Json<'j>, &mut Decoder<'j>) -> Result<T, DecodeError>,
    check: impl FnOnce(&T) -> Result<(), ApiError>,
) -> Result<T, ApiError> {
    let (request, fault) = checked_form(json, read)?;
    check(&request)?;
    fault.map_or(Ok(request), |fault| Err(fault.error))
}

/// As [`request`], for requests whose member is a list of actions: AWS looks at one after the other, and what is wrong
/// with an earlier one is told (conformance suite). Before a refused attribute value is told, `check` is asked for the
/// first so many actions.
pub(crate) fn request_in_order<'j, T>(
    json: &'j Json<'j>,
    read: impl FnOnce(&'j Json<'j>, &mut Decoder<'j>) -> Result<T, DecodeError>,
    check: impl FnOnce(&T, usize) -> Result<(), ApiError>,
) -> Result<T, ApiError> {
    let (request, fault) = checked_form(json, read)?;
    match fault {
        None => Ok(request),
        Some(fault) => {
            check(&request, fault.actions_before)?;
            Err(fault.error)
        }
    }
}

/// As [`request`], for requests whose member is a list of elements that fail by themselves: the refused attribute
/// values, by the place of their element.
pub(crate) fn request_each<'j, T>(
    json: &'j Json<'j>,
    read: impl FnOnce(&'j Json<'j>, &mut Decoder<'j>) -> Result<T, DecodeError>,
) -> Result<(T, BTreeMap<usize, ApiError>), ApiError> {
    let mut decoder = Decoder::default();
    let request =
        read(json, &mut decoder).map_err(|error| messages::serialization(error.to_string()))?;
    let faults = std::mem::take(&mut decoder.element_faults);
    decoder.finish()?;
    Ok((request, faults))
}

/// A request that keeps all constraints, and what is to be said of its attribute values.
fn checked_form<'j, T>(
    json: &'j Json<'j>,
    read: impl FnOnce(&'j Json<'j>, &mut Decoder<'j>) -> Result<T, DecodeError>,
) -> Result<(T, Option<ValueRefused>), ApiError> {
    let mut decoder = Decoder::default();
    let request =
        read(json, &mut decoder).map_err(|error| messages::serialization(error.to_string()))?;
    Ok((request, decoder.finish()?))
}

/// Where the decoder stands in the request, and what it has found wrong so far.
#[derive(Default)]
pub(crate) struct Decoder<'j> {
    manner: Manner,
    path: Vec<Step<'j>>,
    /// Those that come first in the order of the model, at most [`VIOLATIONS_MAX`].
    violations: Vec<(Vec<usize>, Violation)>,
    /// Reported instead of all violations: faults of the table name, and what some operations tell alone.
    first: Option<ApiError>,
    /// The first attribute value that is none; reported when no constraint is violated.
    value_fault: Option<ValueRefused>,
    /// The same of `ExpressionAttributeValues`, which come after all others of the request or of its action.
    expression_value_fault: Option<ValueRefused>,
    /// The first attribute value that is none of each element of the request's list, by the element's place.
    element_faults: BTreeMap<usize, ApiError>,
}

/// An attribute value that is none.
pub(crate) struct ValueRefused {
    /// How many elements of the request's list of actions come before it; its own too, unless it belongs to that one's
    /// expressions.
    actions_before: usize,
    error: ApiError,
}

/// One step of a path, with its place among its siblings in the API model.
#[derive(Clone, Copy)]
struct Step<'j> {
    place: usize,
    name: StepName<'j>,
}

#[derive(Clone, Copy)]
enum StepName<'j> {
    Member(&'static str),
    Index(usize),
    Key(&'j str),
}

impl<'j> Decoder<'j> {
    /// The answer to a request that violates something; or else, what is to be said of its attribute values.
    pub(crate) fn finish(self) -> Result<Option<ValueRefused>, ApiError> {
        if let Some(error) = self.first {
            return Err(error);
        }
        if self.violations.is_empty() {
            return Ok(first_of(self.value_fault, self.expression_value_fault));
        }
        let violations: Vec<Violation> = self
            .violations
            .into_iter()
            .map(|(_, violation)| violation)
            .collect();
        Err(messages::violations(&violations))
    }

    /// From here on, refused attribute values are told in this manner.
    pub(crate) fn speak(&mut self, manner: Manner) {
        self.manner = manner;
    }

    /// The members of a structure.
    pub(crate) fn structure(
        &self,
        json: &'j Json<'j>,
        name: &'static str,
    ) -> Result<&'j [(Cow<'j, str>, Json<'j>)], DecodeError> {
        match json {
            Json::Object(members) => Ok(members),
            _ => Err(self.mismatch(
                json,
                Want::Structure {
                    name,
                    element: self.in_collection(),
                },
            )),
        }
    }

    /// Decodes one member of a structure into its slot; null counts as absent.
    pub(crate) fn member<T>(
        &mut self,
        place: usize,
        name: &'static str,
        json: &'j Json<'j>,
        slot: &mut Option<T>,
        read: impl FnOnce(&'j Json<'j>, &mut Self) -> Result<T, DecodeError>,
    ) -> Result<(), DecodeError> {
        *slot = match json {
            Json::Null => None,
            _ => Some(self.inside(place, StepName::Member(name), |at| read(json, at))?),
        };
        Ok(())
    }

    /// The value of a required member, or a placeholder and a violation.
    pub(crate) fn required<T: Default>(
        &mut self,
        place: usize,
        name: &'static str,
        slot: Option<T>,
    ) -> T {
        slot.unwrap_or_else(|| {
            self.path.push(Step {
                place,
                name: StepName::Member(name),
            });
            self.violate(Echo::Null, Rule::NotNull);
            self.path.pop();
            T::default()
        })
    }

    /// The value of a member that is asked for by a sentence of its own, before everything else.
    pub(crate) fn required_parameter<T: Default>(&mut self, name: &str, slot: Option<T>) -> T {
        slot.unwrap_or_else(|| {
            self.first = Some(messages::parameter_required(name));
            T::default()
        })
    }

    /// A string.
    pub(crate) fn text(&mut self, json: &'j Json<'j>, text: Text) -> Result<String, DecodeError> {
        let value = self.string(json)?;
        for rule in text.broken_by(value) {
            self.violate(Echo::Value(value.to_owned()), rule);
        }
        Ok(value.to_owned())
    }

    /// The name or the ARN of a table. What is wrong with it is reported alone
    /// (dynamodb-api.md section 7: "table name first and alone").
    pub(crate) fn table_name(
        &mut self,
        json: &'j Json<'j>,
        length_min: usize,
    ) -> Result<String, DecodeError> {
        let value = self.string(json)?;
        if let Some(rule) = constraint::table_name_rule(value, length_min) {
            let violation = match (self.manner, &rule) {
                (Manner::Enveloped, Rule::LengthMin(_)) => Violation {
                    path: self.path_as_sent(),
                    value: Echo::Hidden,
                    rule,
                },
                _ => self.violation(Echo::Value(value.to_owned()), rule),
            };
            self.first = Some(messages::violations(&[violation]));
        }
        Ok(value.to_owned())
    }

    /// The name or the ARN of a table in an action of several. What is wrong with it is one violation among others
    /// (conformance suite).
    pub(crate) fn table_name_of_action(
        &mut self,
        json: &'j Json<'j>,
    ) -> Result<String, DecodeError> {
        let value = self.string(json)?;
        if let Some(rule) = constraint::table_name_rule(value, 1) {
            self.violate(Echo::Value(value.to_owned()), rule);
        }
        Ok(value.to_owned())
    }

    /// One of a set of words, kept as text.
    pub(crate) fn word(
        &mut self,
        json: &'j Json<'j>,
        set: &'static [&'static str],
    ) -> Result<String, DecodeError> {
        let value = self.string(json)?;
        if !set.contains(&value) {
            self.violate(Echo::Value(value.to_owned()), Rule::OneOf(set));
        }
        Ok(value.to_owned())
    }

    /// One of a set of words.
    pub(crate) fn choice<T: Choice>(&mut self, json: &'j Json<'j>) -> Result<T, DecodeError> {
        let value = self.string(json)?;
        Ok(T::parse(value).unwrap_or_else(|| {
            self.violate(Echo::Value(value.to_owned()), Rule::OneOf(T::SET));
            T::default()
        }))
    }

    /// A truth value; the words are taken as well.
    pub(crate) fn boolean(&mut self, json: &'j Json<'j>) -> Result<bool, DecodeError> {
        match json {
            Json::Bool(value) => Ok(*value),
            Json::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Json::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(self.mismatch(json, Want::Boolean)),
        }
    }

    /// A whole number; a fraction is cut off.
    pub(crate) fn integer(&mut self, json: &'j Json<'j>, range: Range) -> Result<i64, DecodeError> {
        let Json::Number(text) = json else {
            return Err(self.mismatch(json, range.want()));
        };
        let value = whole_number(text);
        if let Some(rule) = range.broken_by(value) {
            match range.label() {
                Some(label) => self.violate_with(|_| Violation {
                    path: label.to_owned(),
                    value: Echo::Hidden,
                    rule,
                }),
                None => self.violate(Echo::Value(value.to_string()), rule),
            }
        }
        Ok(value)
    }

    /// A whole number that travels as text, outside of the body.
    pub(crate) fn integer_text(
        &mut self,
        json: &'j Json<'j>,
        range: Range,
    ) -> Result<i64, DecodeError> {
        let value = self
            .string(json)?
            .parse()
            .map_err(|_| self.mismatch(json, range.want()))?;
        if let Some(rule) = range.broken_by(value) {
            self.violate(Echo::Value(value.to_string()), rule);
        }
        Ok(value)
    }

    /// Notes a member that is not served, if it is given.
    pub(crate) fn unsupported(
        &self,
        name: &'static str,
        json: &Json<'_>,
        unsupported: &mut Vec<&'static str>,
    ) {
        if !json.is_null() {
            unsupported.push(name);
        }
    }

    /// As [`Decoder::unsupported`], for members that tools send with nothing in them: such a value asks for nothing.
    pub(crate) fn unsupported_unless_empty(
        &self,
        name: &'static str,
        json: &Json<'_>,
        unsupported: &mut Vec<&'static str>,
    ) {
        if !holds_nothing(json) {
            unsupported.push(name);
        }
    }

    /// A number with a fraction.
    pub(crate) fn double(&mut self, json: &'j Json<'j>) -> Result<f64, DecodeError> {
        match json {
            Json::Number(text) => text.parse().map_err(|_| self.mismatch(json, Want::Double)),
            _ => Err(self.mismatch(json, Want::Double)),
        }
    }

    /// A point in time, in epoch seconds.
    pub(crate) fn timestamp(&mut self, json: &'j Json<'j>) -> Result<Timestamp, DecodeError> {
        match json {
            Json::Number(text) => {
                Timestamp::from_json_number(text).ok_or_else(|| self.mismatch(json, Want::Date))
            }
            _ => Err(self.mismatch(json, Want::Date)),
        }
    }

    /// Bytes in base64.
    pub(crate) fn blob(&mut self, json: &'j Json<'j>) -> Result<Bytes, DecodeError> {
        match json {
            Json::String(text) => decode_base64(text).map_err(|problem| DecodeError::Base64 {
                path: self.path_text(),
                problem,
            }),
            _ => Err(self.mismatch(json, Want::Blob)),
        }
    }

    /// A list; null elements are left out.
    pub(crate) fn list<T>(
        &mut self,
        json: &'j Json<'j>,
        length: Length,
        read: impl Fn(&'j Json<'j>, &mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let Json::Array(elements) = json else {
            return Err(self.mismatch(json, Want::List));
        };
        if let Some(rule) = length.broken_by(elements.len()) {
            match length.is_hidden() {
                true => self.violate_with(|at| Violation {
                    path: at.path_as_sent(),
                    value: Echo::Hidden,
                    rule,
                }),
                false => {
                    let echo = Shown::of(|out| violation::echo(out, json, length.echo()));
                    self.violate(Echo::Value(echo), rule);
                }
            }
        }
        elements
            .iter()
            .enumerate()
            .filter(|(_, element)| !element.is_null())
            .enumerate()
            .map(|(place, (index, element))| {
                self.inside(place, StepName::Index(index), |at| read(element, at))
            })
            .collect()
    }

    /// A map; null values are left out. `java` names the value type in AWS's errors.
    pub(crate) fn map<T>(
        &mut self,
        json: &'j Json<'j>,
        java: &'static str,
        read: impl Fn(&'j Json<'j>, &mut Self) -> Result<T, DecodeError>,
    ) -> Result<BTreeMap<String, T>, DecodeError> {
        let Json::Object(members) = json else {
            return Err(self.mismatch(json, Want::Map { value: java }));
        };
        members
            .iter()
            .enumerate()
            .filter(|(_, (_, value))| !value.is_null())
            .map(|(place, (name, value))| {
                let value = self.inside(place, StepName::Key(name), |at| read(value, at))?;
                Ok((name.to_string(), value))
            })
            .collect()
    }

    /// One attribute value.
    pub(crate) fn attribute_value(
        &mut self,
        json: &'j Json<'j>,
    ) -> Result<AttributeValue, DecodeError> {
        match attribute_value::decode(json, self.in_collection(), self.manner) {
            Ok(value) => Ok(value),
            Err(fault) => {
                let message = self.refused_value(fault)?;
                self.note_value_fault(message);
                Ok(AttributeValue::Null)
            }
        }
    }

    /// The attributes of an item or of a key.
    pub(crate) fn item(&mut self, json: &'j Json<'j>) -> Result<Item, DecodeError> {
        // The names come before the values (conformance suite, recorded 2026).
        if let Json::Object(members) = json
            && let Some(fault) = members.iter().find_map(|(name, _)| name_fault(name))
        {
            self.note_value_fault(fault.to_owned());
        }
        self.attributes(json, |at, _, message| at.note_value_fault(message))
    }

    /// `ExclusiveStartKey`, whose faults AWS words differently.
    pub(crate) fn starting_key(&mut self, json: &'j Json<'j>) -> Result<Item, DecodeError> {
        self.attributes(json, |at, _, message| {
            at.note_value_fault(match at.manner.is_newer() {
                true => message,
                false => messages::invalid_starting_key_text(&message),
            });
        })
    }

    /// `ExpressionAttributeValues`, whose faults AWS words differently.
    pub(crate) fn expression_values(&mut self, json: &'j Json<'j>) -> Result<Item, DecodeError> {
        self.attributes(json, |at, key, message| {
            let message = match at.manner.is_newer() {
                true => message,
                false => messages::invalid_expression_value_text(&message, key),
            };
            let fault = ValueRefused {
                actions_before: at.action().unwrap_or_default(),
                error: at.refusal(message),
            };
            at.expression_value_fault.get_or_insert(fault);
        })
    }

    fn attributes(
        &mut self,
        json: &'j Json<'j>,
        note: impl Fn(&mut Self, &str, String),
    ) -> Result<Item, DecodeError> {
        let Json::Object(members) = json else {
            return Err(self.mismatch(
                json,
                Want::Map {
                    value: ATTRIBUTE_VALUE,
                },
            ));
        };
        let mut attributes = Vec::with_capacity(members.len());
        for (name, value) in members {
            match attribute_value::decode(value, true, self.manner) {
                Ok(value) => attributes.push((name.to_string(), value)),
                Err(fault) => {
                    let message = self.refused_value(fault)?;
                    note(self, name, message);
                }
            }
        }
        Ok(attributes.into_iter().collect())
    }

    /// What DynamoDB says of a value that it refuses; a wrong type ends the decoding.
    fn refused_value(&self, fault: ValueFault) -> Result<String, DecodeError> {
        match fault {
            ValueFault::Type(fault) => Err(fault.at(self.path_text())),
            ValueFault::Value(message) => Ok(message),
        }
    }

    /// Keeps the first fault of values.
    fn note_value_fault(&mut self, message: String) {
        if let Some(Step {
            place,
            name: StepName::Index(_),
        }) = self.path.get(1)
            && *place < ELEMENTS_MAX
        {
            let error = ApiError::validation(message.as_str());
            self.element_faults.entry(*place).or_insert(error);
        }
        let fault = ValueRefused {
            actions_before: self.action().map_or(0, |action| action + 1),
            error: self.refusal(message),
        };
        self.value_fault.get_or_insert(fault);
    }

    fn refusal(&self, message: String) -> ApiError {
        let error = ApiError::validation(message);
        match self.manner {
            Manner::Enveloped => messages::enveloped(error),
            Manner::Bare | Manner::Older => error,
        }
    }

    /// In which element of the request's list of actions the decoder stands.
    fn action(&self) -> Option<usize> {
        match self.path.get(1)?.name {
            StepName::Index(index) => Some(index),
            StepName::Member(_) | StepName::Key(_) => None,
        }
    }

    fn string(&self, json: &'j Json<'j>) -> Result<&'j str, DecodeError> {
        json.as_str()
            .ok_or_else(|| self.mismatch(json, Want::String))
    }

    fn inside<T>(
        &mut self,
        place: usize,
        name: StepName<'j>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.path.push(Step { place, name });
        let outcome = read(self);
        self.path.pop();
        outcome
    }

    fn in_collection(&self) -> bool {
        !matches!(
            self.path.last(),
            None | Some(Step {
                name: StepName::Member(_),
                ..
            })
        )
    }

    fn mismatch(&self, json: &Json<'_>, want: Want) -> DecodeError {
        DecodeError::Type {
            path: self.path_text(),
            got: Token::of(json),
            want,
        }
    }
}

/// The one that is told: that of the earlier action; in one action, that of an expression comes last.
fn first_of(
    value: Option<ValueRefused>,
    expression_value: Option<ValueRefused>,
) -> Option<ValueRefused> {
    match (value, expression_value) {
        (Some(value), Some(expression)) if expression.actions_before >= value.actions_before => {
            Some(value)
        }
        (Some(mut value), Some(expression)) => {
            if expression.actions_before + 1 < value.actions_before {
                return Some(expression);
            }
            // Both in one: its expressions can't be read without the other value.
            value.actions_before = expression.actions_before;
            Some(value)
        }
        (value, expression) => value.or(expression),
    }
}

/// What is wrong with an attribute's name.
fn name_fault(name: &str) -> Option<&'static str> {
    match name.len() {
        0 => Some(messages::ATTRIBUTE_NAME_EMPTY),
        1..=ATTRIBUTE_NAME_BYTES_MAX => None,
        _ => Some(messages::ATTRIBUTE_NAME_TOO_LONG),
    }
}

/// The whole part of a JSON number, held at the ends of the range.
fn whole_number(text: &str) -> i64 {
    text.parse().unwrap_or_else(|_| {
        let value: f64 = text.parse().unwrap_or_default();
        // The cast cuts the fraction off and saturates.
        value as i64
    })
}

/// The Java names of what the generated code decodes, for echoes.
pub(crate) type ElementEcho = StructureEcho;

/// Whether a value is empty at every level. A switch that is off is empty too.
fn holds_nothing(json: &Json<'_>) -> bool {
    match json {
        Json::Null | Json::Bool(false) => true,
        Json::String(text) => text.is_empty(),
        Json::Array(elements) => elements.is_empty(),
        Json::Object(members) => members.iter().all(|(_, value)| holds_nothing(value)),
        Json::Bool(true) | Json::Number(_) => false,
    }
}

#[cfg(test)]
mod tests;
