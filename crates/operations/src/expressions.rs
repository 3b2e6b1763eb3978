//! The parameters around expressions: which exclude each other, and what may be given only with others
//! (dynamodb-api.md section 7). The order of the checks is AWS's.

use std::collections::BTreeMap;

use headwater_expression::{Condition, ExpressionError, ExpressionKind, Placeholders, Projection};
use headwater_model::Item;
use headwater_wire::ApiError;
use headwater_wire::messages::{self, items};

use crate::failure::of_expressions;

/// A parameter of an operation and whether the request gives it.
pub(crate) type Given = (&'static str, bool);

/// Refuses the parameters from before expressions beside expressions.
pub(crate) fn refuse_mixed(legacy: &[Given], expressions: &[Given]) -> Result<(), ApiError> {
    let given = |all: &[Given]| -> Vec<&'static str> {
        let given = all.iter().filter(|(_, given)| *given);
        given.map(|(name, _)| *name).collect()
    };
    let (legacy, expressions) = (given(legacy), given(expressions));
    if legacy.is_empty() || expressions.is_empty() {
        Ok(())
    } else {
        Err(items::expression_and_legacy(&legacy, &expressions))
    }
}

/// Refuses parameters that are given and not supported yet.
pub(crate) fn refuse_unsupported(parameters: &[Given]) -> Result<(), ApiError> {
    let given = parameters.iter().filter(|(_, given)| *given);
    let names: Vec<&str> = given.map(|(name, _)| *name).collect();
    if names.is_empty() {
        Ok(())
    } else {
        Err(messages::unsupported_parameters(&names))
    }
}

/// Refuses names and values without expressions that could use them; `with_values` are the operation's
/// expressions that may use values, `others` those that use names only.
pub(crate) fn refuse_placeholders_alone(
    (names, values): (bool, bool),
    with_values: &[Given],
    others: &[Given],
) -> Result<(), ApiError> {
    let any = |all: &[Given]| all.iter().any(|(_, given)| *given);
    if names && !any(with_values) && !any(others) {
        return Err(of_expressions(ExpressionError::NamesWithoutExpression));
    }
    if values && !any(with_values) {
        let parameters = with_values.iter().map(|(name, _)| *name).collect();
        return Err(of_expressions(ExpressionError::ValuesWithoutExpression {
            parameters,
        }));
    }
    Ok(())
}

/// The same of a write of one item, whose answer names no expressions (conformance suite, recorded 2026).
pub(crate) fn refuse_placeholders_alone_in_write(
    (names, values): (bool, bool),
    expressions: &[Given],
) -> Result<(), ApiError> {
    match expressions.iter().any(|(_, given)| *given) {
        true => Ok(()),
        false if names => Err(of_expressions(ExpressionError::NamesWithoutExpression)),
        false if values => Err(of_expressions(
            ExpressionError::ValuesWithoutExpressionOfWrite,
        )),
        false => Ok(()),
    }
}

/// The expressions of a request while they are parsed.
pub(crate) struct Expressions {
    placeholders: Placeholders,
}

impl Expressions {
    /// Checks names and values.
    pub(crate) fn new(
        names: Option<BTreeMap<String, String>>,
        values: Option<Item>,
    ) -> Result<Self, ApiError> {
        let values = values.map(|values| values.into_iter().collect());
        let placeholders = Placeholders::new(names, values).map_err(of_expressions)?;
        Ok(Expressions { placeholders })
    }

    /// Parses a condition or filter, if it is given.
    pub(crate) fn condition(
        &mut self,
        kind: ExpressionKind,
        text: Option<&str>,
    ) -> Result<Option<Condition>, ApiError> {
        self.parse(text, |text, placeholders| {
            Condition::parse(kind, text, placeholders)
        })
    }

    /// Parses a projection, if it is given.
    pub(crate) fn projection(
        &mut self,
        text: Option<&str>,
    ) -> Result<Option<Projection>, ApiError> {
        self.parse(text, Projection::parse)
    }

    /// Parses any expression, if it is given.
    pub(crate) fn parse<T>(
        &mut self,
        text: Option<&str>,
        parse: impl FnOnce(&str, &mut Placeholders) -> Result<T, ExpressionError>,
    ) -> Result<Option<T>, ApiError> {
        let parsed = text.map(|text| parse(text, &mut self.placeholders));
        parsed.transpose().map_err(of_expressions)
    }

    /// Refuses names and values that no expression used.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        self.placeholders.finish().map_err(of_expressions)
    }
}
