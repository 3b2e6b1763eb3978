//! The elements of a leaf: plain values, and objects of one operator.

use super::super::address::Block;
use super::super::numeric::Range;
use super::super::rule::Rule;
use super::super::tree::{Members, Tree};
use super::super::values::Values;
use super::super::wildcard::Wildcard;

/// Reads one element; the error says what is wrong with it.
pub(super) fn rule(element: &Tree<'_>) -> Result<Rule, String> {
    match element {
        Tree::Null => Ok(Rule::Null),
        Tree::Bool(value) => Ok(Rule::Bool(*value)),
        Tree::Number(value) => Ok(Rule::Number(value.clone())),
        Tree::String(text) => Ok(Rule::Text(text.clone().into_owned())),
        Tree::Array(_) => Err("an array within the array of a field".to_owned()),
        Tree::Object(members) => operator(members),
    }
}

fn operator(members: &Members<'_>) -> Result<Rule, String> {
    let (name, value) = only(members)?;
    match name {
        // Not in Lambda's list, but in the ruler's sources: the same as the plain string.
        "exactly" => text(name, value).map(Rule::Text),
        "prefix" => affix(name, value, Rule::Prefix, Rule::PrefixIgnoringCase),
        "suffix" => affix(name, value, Rule::Suffix, Rule::SuffixIgnoringCase),
        "equals-ignore-case" => text(name, value).map(Rule::EqualsIgnoringCase),
        "wildcard" => wildcard(name, value),
        "anything-but" => anything_but(value).map(|rules| Rule::AnythingBut(Values::new(rules))),
        "numeric" => Range::read(value).map(Rule::Numeric),
        "cidr" => Block::parse(&text(name, value)?).map(Rule::Block),
        "exists" => match value {
            Tree::Bool(true) => Ok(Rule::Present),
            Tree::Bool(false) => Ok(Rule::Absent),
            other => Err(format!("exists takes true or false, not {}", other.kind())),
        },
        other => Err(format!(
            "{other:?} is no operator; these are: prefix, suffix, equals-ignore-case, wildcard, anything-but, numeric, \
             exists, cidr"
        )),
    }
}

/// The operator of an object, which must be its only member.
fn only<'t, 'a>(members: &'t Members<'a>) -> Result<(&'t str, &'t Tree<'a>), String> {
    let mut members = members.iter();
    match (members.next(), members.next()) {
        (Some(operator), None) => Ok(operator),
        (None, _) => Err("an object without an operator".to_owned()),
        (Some((one, _)), Some((other, _))) => Err(format!(
            "an object with two operators, {one:?} and {other:?}; write two objects"
        )),
    }
}

fn text(operator: &str, value: &Tree<'_>) -> Result<String, String> {
    match value {
        Tree::String(text) => Ok(text.clone().into_owned()),
        other => Err(format!("{operator} takes a string, not {}", other.kind())),
    }
}

fn wildcard(operator: &str, value: &Tree<'_>) -> Result<Rule, String> {
    let parsed = Wildcard::parse(&text(operator, value)?)?;
    Ok(Rule::Wildcard(parsed))
}

fn affix(
    operator: &str,
    value: &Tree<'_>,
    plain: fn(String) -> Rule,
    ignoring_case: fn(String) -> Rule,
) -> Result<Rule, String> {
    let Tree::Object(members) = value else {
        return text(operator, value).map(plain);
    };
    match only(members)? {
        (inner @ "equals-ignore-case", value) => text(inner, value).map(ignoring_case),
        (other, _) => Err(format!(
            "{operator} takes a string or equals-ignore-case, not {other:?}"
        )),
    }
}

/// What must not be: strings, or numbers, or texts of one operator; one or a list.
fn anything_but(value: &Tree<'_>) -> Result<Vec<Rule>, String> {
    let Tree::Object(members) = value else {
        return excluded(value, |value| match value {
            Tree::String(_) | Tree::Number(_) => rule(value),
            other => Err(format!(
                "anything-but takes strings or numbers, not {}",
                other.kind()
            )),
        });
    };
    let (operator, value) = only(members)?;
    let read: fn(&str, &Tree<'_>) -> Result<Rule, String> = match operator {
        "prefix" => |name, value| not_empty(name, value).map(Rule::Prefix),
        "suffix" => |name, value| not_empty(name, value).map(Rule::Suffix),
        "equals-ignore-case" => |name, value| text(name, value).map(Rule::EqualsIgnoringCase),
        "wildcard" => wildcard,
        other => {
            return Err(format!(
                "anything-but takes prefix, suffix, equals-ignore-case or wildcard, not {other:?}"
            ));
        }
    };
    excluded(value, |value| read(operator, value))
}

fn not_empty(operator: &str, value: &Tree<'_>) -> Result<String, String> {
    let text = text(operator, value)?;
    match text.is_empty() {
        true => Err(format!("anything-but takes no empty {operator}")),
        false => Ok(text),
    }
}

/// Reads one value or a list of them, which may not be empty or mixed.
fn excluded(
    value: &Tree<'_>,
    read: impl Fn(&Tree<'_>) -> Result<Rule, String>,
) -> Result<Vec<Rule>, String> {
    let Tree::Array(list) = value else {
        return Ok(vec![read(value)?]);
    };
    let rules: Vec<Rule> = list.iter().map(read).collect::<Result<_, _>>()?;
    let numbers = rules.iter().filter(|rule| rule.is_numeric()).count();
    if rules.is_empty() {
        return Err("anything-but takes no empty list".to_owned());
    }
    if numbers > 0 && numbers < rules.len() {
        return Err("a list of anything-but holds only strings or only numbers".to_owned());
    }
    Ok(rules)
}
