//! From the text of a pattern to its tree, with the first fault and its place.

mod operator;

use super::error::FilterError;
use super::pattern::{Field, Fields, Leaf, Wanted};
use super::rule::Rule;
use super::tree::{Members, Tree};
use super::values::Values;
use super::{PATTERN_CHARS_MAX, explain};

/// Names that make a `$or` an ordinary field, if an object in it has one: the ruler's operators, and those that it has
/// set aside for later (the list of the ruler's sources).
const KEYWORDS: &[&str] = &[
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

const OR: &str = "$or";

/// Reads a whole pattern.
pub(super) fn pattern(text: &str) -> Result<Fields, FilterError> {
    let mut path = Path::default();
    // The characters are only counted where there can be too many.
    if text.len() > PATTERN_CHARS_MAX && text.chars().count() > PATTERN_CHARS_MAX {
        return Err(path.fault(format!("longer than {PATTERN_CHARS_MAX} characters")));
    }
    let tree = Tree::parse(text.as_bytes()).map_err(|e| path.fault(format!("not JSON: {e}")))?;
    match &tree {
        Tree::Object(members) => fields(members, &mut path),
        other => {
            let kind = other.kind();
            Err(path.fault(format!("a pattern is an object, not {kind}")))
        }
    }
}

/// The names down to what is being read.
#[derive(Default)]
struct Path<'t>(Vec<&'t str>);

impl Path<'_> {
    fn fault(&self, reason: impl Into<String>) -> FilterError {
        let mut path = String::new();
        for name in &self.0 {
            explain::push_name(&mut path, name);
        }
        FilterError::new(path, reason)
    }
}

fn fields<'t>(members: &'t Members<'_>, path: &mut Path<'t>) -> Result<Fields, FilterError> {
    if members.is_empty() {
        return Err(path.fault("an empty object; leave the field out to match everything"));
    }
    let mut fields = Vec::new();
    let mut alternatives = Vec::new();
    for (name, value) in members.iter() {
        path.0.push(name);
        match value {
            Tree::Array(objects) if name == OR && are_alternatives(objects) => {
                alternatives = self::alternatives(objects, path)?;
            }
            value => fields.push(Field {
                name: name.to_owned(),
                wanted: wanted(name, value, path)?,
            }),
        }
        path.0.pop();
    }
    Ok(Fields::new(fields, alternatives))
}

/// Whether the value of a `$or` is one; otherwise it is a field of that name. Only the names of the objects themselves
/// are looked at; that names further below don't count is unconfirmed.
fn are_alternatives(objects: &[Tree<'_>]) -> bool {
    let is_alternative = |object: &Tree<'_>| match object {
        Tree::Object(members) => !members.names().any(|name| KEYWORDS.contains(&name)),
        _ => false,
    };
    objects.len() >= 2 && objects.iter().all(is_alternative)
}

fn alternatives<'t>(
    objects: &'t [Tree<'_>],
    path: &mut Path<'t>,
) -> Result<Vec<Fields>, FilterError> {
    let mut alternatives = Vec::new();
    for object in objects {
        if let Tree::Object(members) = object {
            alternatives.push(fields(members, path)?);
        }
    }
    Ok(alternatives)
}

fn wanted<'t>(name: &str, value: &'t Tree<'_>, path: &mut Path<'t>) -> Result<Wanted, FilterError> {
    match value {
        Tree::Object(members) => Ok(Wanted::Fields(fields(members, path)?)),
        Tree::Array(elements) => leaf(name, value, elements, path).map(Wanted::Leaf),
        other => Err(path.fault(format!(
            "{} stands for no rule; write the values that match in an array: [{}]",
            other.kind(),
            explain::bounded(&other.to_string())
        ))),
    }
}

fn leaf(
    name: &str,
    value: &Tree<'_>,
    elements: &[Tree<'_>],
    path: &Path<'_>,
) -> Result<Leaf, FilterError> {
    if elements.is_empty() {
        return Err(path.fault("an empty array; nothing would match"));
    }
    let mut rules = Vec::new();
    for element in elements {
        let rule = operator::rule(element).map_err(|reason| match name {
            OR => path.fault(format!(
                "{reason} ($or needs two or more objects, none with an operator's name as a field)"
            )),
            _ => path.fault(reason),
        })?;
        rules.push(rule);
    }
    Ok(Leaf {
        may_be_absent: rules.iter().any(|rule| matches!(rule, Rule::Absent)),
        rules: Values::new(rules),
        text: value.to_string(),
    })
}
