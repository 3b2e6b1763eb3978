//! The raw trees that the parser gives: what was written, with placeholders and function names as
//! they stand in the text. Shape is right, meaning is unchecked.

use crate::ast::Comparator;

#[derive(Clone, Copy, Debug)]
pub(crate) enum RawSegment<'t> {
    /// A bare name.
    Word(&'t str),
    /// `#name`
    Placeholder(&'t str),
    /// The digits of `[n]`.
    Index(&'t str),
}

pub(crate) type RawPath<'t> = Vec<RawSegment<'t>>;

#[derive(Debug)]
pub(crate) enum RawOperand<'t> {
    Path(RawPath<'t>),
    /// `:value`
    Value(&'t str),
    Call(RawCall<'t>),
}

#[derive(Debug)]
pub(crate) struct RawCall<'t> {
    pub(crate) name: &'t str,
    pub(crate) arguments: Vec<RawOperand<'t>>,
}

#[derive(Debug)]
pub(crate) enum RawCondition<'t> {
    And(Vec<RawCondition<'t>>),
    Or(Vec<RawCondition<'t>>),
    Not(Box<RawCondition<'t>>),
    Compare(Comparator, Box<[RawOperand<'t>; 2]>),
    Between(Box<[RawOperand<'t>; 3]>),
    /// The left side first.
    In(Vec<RawOperand<'t>>),
    Call(RawCall<'t>),
}

/// A parsed condition, and whether it holds parentheses that the service refuses. That fault is
/// reported after syntax errors, so it is not one itself.
#[derive(Debug)]
pub(crate) struct ParsedCondition<'t> {
    pub(crate) root: RawCondition<'t>,
    pub(crate) redundant_parentheses: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Set,
    Remove,
    Add,
    Delete,
}

impl Section {
    pub(crate) const ALL: [Self; 4] = [Self::Set, Self::Remove, Self::Add, Self::Delete];

    pub(crate) fn keyword(self) -> &'static str {
        match self {
            Self::Set => "SET",
            Self::Remove => "REMOVE",
            Self::Add => "ADD",
            Self::Delete => "DELETE",
        }
    }
}

#[derive(Debug)]
pub(crate) enum RawSetValue<'t> {
    Operand(RawOperand<'t>),
    Sum([RawOperand<'t>; 2]),
    Difference([RawOperand<'t>; 2]),
}

impl<'t> RawSetValue<'t> {
    pub(crate) fn operands(&self) -> &[RawOperand<'t>] {
        match self {
            Self::Operand(operand) => std::slice::from_ref(operand),
            Self::Sum(operands) | Self::Difference(operands) => operands,
        }
    }
}

#[derive(Debug)]
pub(crate) enum RawAction<'t> {
    Set(RawPath<'t>, RawSetValue<'t>),
    Remove(RawPath<'t>),
    Add(RawPath<'t>, &'t str),
    Delete(RawPath<'t>, &'t str),
}

#[derive(Debug)]
pub(crate) struct RawUpdate<'t> {
    /// The clauses in the order written, repeated ones too.
    pub(crate) sections: Vec<Section>,
    pub(crate) actions: Vec<RawAction<'t>>,
}
