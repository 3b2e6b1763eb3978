//! Which of the five languages a text is written in; the request parameter that carried it.

use std::fmt;

/// The request parameter that an expression came from. Shown in every message about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpressionKind {
    /// `ConditionExpression` of a write.
    Condition,
    /// `FilterExpression` of a query or scan.
    Filter,
    /// `KeyConditionExpression` of a query.
    KeyCondition,
    /// `ProjectionExpression` of a read.
    Projection,
    /// `SearchConditionExpression` of a search of vectors.
    SearchCondition,
    /// `UpdateExpression` of an update.
    Update,
}

impl ExpressionKind {
    /// The name of the request parameter.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Condition => "ConditionExpression",
            Self::Filter => "FilterExpression",
            Self::KeyCondition => "KeyConditionExpression",
            Self::Projection => "ProjectionExpression",
            Self::SearchCondition => "SearchConditionExpression",
            Self::Update => "UpdateExpression",
        }
    }
}

impl fmt::Display for ExpressionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.parameter())
    }
}
