//! `SearchConditionExpression` of SearchVectors: attributes that have to have a value, joined by AND.
//!
//! Parsed like a condition, so that all that is wrong with its text is told in the words of conditions; then read as one
//! value per attribute. Which attributes may be named is the index's to say.

use headwater_model::AttributeValue;

use crate::ast::{Comparator, ConditionNode, Operand, Path};
use crate::condition::Condition;
use crate::error::{ExpressionError, Fault};
use crate::kind::ExpressionKind;
use crate::placeholders::Placeholders;

/// The values that attributes have to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchCondition {
    /// Attributes and their values, in the order of the expression; none twice.
    pub terms: Vec<(String, AttributeValue)>,
}

impl SearchCondition {
    /// Parses a search condition.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Self, ExpressionError> {
        let kind = ExpressionKind::SearchCondition;
        let condition = Condition::parse(kind, text, placeholders)?;
        let mut terms = Vec::new();
        collect(condition.root(), &mut terms).map_err(|fault| fault.of(kind))?;
        Ok(Self { terms })
    }
}

fn collect(node: &ConditionNode, terms: &mut Vec<(String, AttributeValue)>) -> Result<(), Fault> {
    match node {
        ConditionNode::And(list) => list.iter().try_for_each(|node| collect(node, terms)),
        ConditionNode::Compare {
            comparator: Comparator::Equal,
            left: Operand::Path(path),
            right: Operand::Value(value),
        }
        | ConditionNode::Compare {
            comparator: Comparator::Equal,
            left: Operand::Value(value),
            right: Operand::Path(path),
        } => add(path, value, terms),
        ConditionNode::Compare { .. }
        | ConditionNode::Between { .. }
        | ConditionNode::In { .. } => Err(Fault::SearchComparator),
        _ => Err(Fault::SearchOperator),
    }
}

fn add(
    path: &Path,
    value: &AttributeValue,
    terms: &mut Vec<(String, AttributeValue)>,
) -> Result<(), Fault> {
    if !path.is_top_level() {
        return Err(Fault::SearchNestedAttribute);
    }
    if terms.iter().any(|(name, _)| **name == *path.attribute) {
        return Err(Fault::SearchConditionRepeated);
    }
    terms.push((path.attribute.to_string(), value.clone()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn parse(text: &str) -> Result<Vec<String>, String> {
        let names = BTreeMap::from([("#a".to_owned(), "the a".to_owned())]);
        let text_of = |text: &str| AttributeValue::S(text.to_owned());
        let values = BTreeMap::from([
            (":v".to_owned(), text_of("v")),
            (":w".to_owned(), text_of("w")),
        ]);
        let mut placeholders = Placeholders::new(Some(names), Some(values)).unwrap();
        let parsed = SearchCondition::parse(text, &mut placeholders);
        let parsed = parsed.map_err(|error| error.to_string())?;
        Ok(parsed.terms.into_iter().map(|(name, _)| name).collect())
    }

    #[test]
    fn equalities_are_read_in_order() {
        assert_eq!(parse("b = :v").unwrap(), ["b"]);
        assert_eq!(
            parse("b = :v AND #a = :w AND (:v = c)").unwrap(),
            ["b", "the a", "c"]
        );
    }

    #[test]
    fn all_else_is_refused() {
        const COMPARATOR: &str = "Invalid comparator used in SearchConditionExpression";
        const OPERATOR: &str = "Invalid operator used in SearchConditionExpression";
        for (text, fault) in [
            ("b < :v", COMPARATOR),
            ("b = :v AND c <> :w", COMPARATOR),
            ("b BETWEEN :v AND :w", COMPARATOR),
            ("b IN (:v, :w)", COMPARATOR),
            ("b = c", COMPARATOR),
            ("size(b) = :v", COMPARATOR),
            ("b = :v OR c = :w", OPERATOR),
            ("NOT b = :v", OPERATOR),
            ("attribute_exists(b)", OPERATOR),
            ("begins_with(b, :v)", OPERATOR),
            (
                "b.c = :v",
                "SearchConditionExpression cannot have conditions on nested attributes",
            ),
            (
                "b = :v AND b = :w",
                "SearchConditionExpression must only contain one condition per attribute",
            ),
            ("", "The expression can not be empty;"),
        ] {
            let wanted = format!("Invalid SearchConditionExpression: {fault}");
            assert_eq!(parse(text), Err(wanted), "{text}");
        }
    }
}
