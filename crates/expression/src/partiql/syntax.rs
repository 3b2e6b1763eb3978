//! What the parser gives: statements as written, before anybody asked whether DynamoDB can do what they say.

use super::error::PartiqlError;
use super::lexer::Position;
use crate::ast::Comparator;

/// A statement, and the first thing in it that the grammar knows and DynamoDB does not.
pub(super) struct Parsed {
    pub(super) statement: RawStatement,
    pub(super) refused: Option<PartiqlError>,
    /// How many `?` it has.
    pub(super) parameters: usize,
}

pub(super) enum RawStatement {
    Select(RawSelect),
    /// `EXISTS(SELECT ...)`
    Exists(RawSelect),
    Insert {
        target: RawPath,
        value: Raw,
    },
    Update {
        target: RawPath,
        changes: Vec<RawChange>,
        condition: Option<Raw>,
        returning: Option<RawReturning>,
    },
    Delete {
        target: RawPath,
        condition: Option<Raw>,
        returning: Option<RawReturning>,
    },
}

pub(super) struct RawSelect {
    /// Nothing for `*`.
    pub(super) columns: Option<Vec<Raw>>,
    pub(super) source: Raw,
    pub(super) condition: Option<Raw>,
    pub(super) order: Vec<RawOrder>,
}

pub(super) struct RawOrder {
    pub(super) by: Raw,
    pub(super) descending: bool,
}

pub(super) enum RawChange {
    Set(RawPath, Raw),
    Remove(RawPath),
}

/// The elements of `RETURNING`.
pub(super) struct RawReturning {
    pub(super) elements: Vec<RawReturned>,
}

#[derive(Clone, Copy)]
pub(super) struct RawReturned {
    pub(super) modified: bool,
    pub(super) new: bool,
    /// Whether `*` follows.
    pub(super) all: bool,
}

/// An expression, the place of the token that makes it what it is, and how many levels it has.
pub(super) struct Raw {
    pub(super) node: Node,
    pub(super) at: Position,
    pub(super) height: usize,
}

pub(super) enum Node {
    Missing,
    Null,
    Bool(bool),
    Text(String),
    /// With its sign.
    Number(String),
    /// Its place among the parameters.
    Parameter(usize),
    /// What it looks like.
    Ion(&'static str),
    Path(RawPath),
    List(Vec<Raw>),
    Bag(Vec<Raw>),
    Struct(Vec<(Raw, Raw)>),
    Call {
        /// In lower case.
        name: String,
        arguments: Vec<Raw>,
    },
    And(Vec<Raw>),
    Or(Vec<Raw>),
    Not(Box<Raw>),
    Compare(Comparator, Box<[Raw; 2]>),
    /// `+`, `-`, `*`, `/`, `%`, `||`, `like`, `not_like`.
    Binary(&'static str, Box<[Raw; 2]>),
    /// `+` or `-` before what is no number.
    Sign(&'static str),
    Between {
        negated: bool,
        operands: Box<[Raw; 3]>,
    },
    In {
        negated: bool,
        operands: Box<[Raw; 2]>,
    },
    Is {
        negated: bool,
        operand: Box<Raw>,
        /// In upper case.
        type_name: &'static str,
    },
    /// Something that the grammar has and DynamoDB has not, by itself.
    Refused(Box<PartiqlError>),
}

pub(super) struct RawPath {
    pub(super) root: String,
    pub(super) steps: Vec<RawStep>,
}

pub(super) struct RawStep {
    pub(super) kind: StepKind,
    pub(super) at: Position,
}

pub(super) enum StepKind {
    Name(String),
    /// As written, with its sign.
    Index(String),
    /// A number in brackets that counts nothing.
    Fraction,
    /// `.*`
    EveryMember,
    /// `[*]`
    EveryElement,
    /// Something else in brackets.
    Other,
}
