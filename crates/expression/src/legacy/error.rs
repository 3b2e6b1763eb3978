//! Every sentence about parameters from before expressions. `Display` is the exact text.
//!
//! Sources: dynalite's captures, Alternator's and ExtendDB's tests, which were run against the service, and
//! DynamoDB Local where those are silent.

/// Why parameters from before expressions were refused; a `ValidationException` to clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LegacyError {
    /// An attribute without a name.
    #[error("Empty attribute name")]
    EmptyName,

    /// A number of values that the operator does not take.
    #[error(
        "One or more parameter values were invalid: Invalid number of argument(s) for the {operator} ComparisonOperator"
    )]
    ArgumentCount {
        /// As the API spells it.
        operator: &'static str,
    },
    /// Values of several types for one operator.
    #[error(
        "One or more parameter values were invalid: AttributeValues inside AttributeValueList must be of same type"
    )]
    MixedTypes,
    /// A value of a type that the operator does not take.
    #[error(
        "One or more parameter values were invalid: ComparisonOperator {operator} is not valid for {type_name} AttributeValue type"
    )]
    ArgumentType {
        /// As the API spells it.
        operator: &'static str,
        /// Short name of the type.
        type_name: &'static str,
    },
    /// Bounds in the wrong order.
    #[error(
        "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
    )]
    BetweenOrder,
    /// More conditions and values than are compared with an item. Ours: the service names no bound.
    #[error(
        "One or more parameter values were invalid: {parameter} has too many conditions and values; the maximum is {max}"
    )]
    TooManyValues {
        /// The parameter.
        parameter: &'static str,
        /// The bound.
        max: usize,
    },
    /// `ConditionalOperator` without conditions that it could join.
    #[error("ConditionalOperator cannot be used without Filter or Expected")]
    OperatorWithoutConditions,
    /// `ConditionalOperator` beside a single condition.
    #[error(
        "ConditionalOperator can only be used when Filter or Expected has two or more elements"
    )]
    OperatorWithOneCondition,
    /// A filter of a query on a key of what it reads.
    #[error(
        "QueryFilter can only contain non-primary key attributes: Primary key attribute: {name}"
    )]
    FilterOnKey {
        /// The key attribute.
        name: String,
    },

    /// `Expected` says in two ways what it wants.
    #[error(
        "One or more parameter values were invalid: Exists and ComparisonOperator cannot be used together for Attribute: {name}"
    )]
    ExistsWithOperator {
        /// The attribute.
        name: String,
    },
    /// `Expected` has values in two places.
    #[error(
        "One or more parameter values were invalid: Value and AttributeValueList cannot be used together for Attribute: {name}"
    )]
    ValueWithList {
        /// The attribute.
        name: String,
    },
    /// `Expected` has an operator and nothing to compare with.
    #[error(
        "One or more parameter values were invalid: Value or AttributeValueList must be used with ComparisonOperator: {operator} for Attribute: {name}"
    )]
    OperatorWithoutValue {
        /// As the API spells it.
        operator: &'static str,
        /// The attribute.
        name: String,
    },
    /// `Expected` has a list of values and no operator.
    #[error(
        "One or more parameter values were invalid: AttributeValueList can only be used with a ComparisonOperator for Attribute: {name}"
    )]
    ListWithoutOperator {
        /// The attribute.
        name: String,
    },
    /// `Expected` wants an attribute to be there and does not say with which value.
    #[error(
        "One or more parameter values were invalid: Value must be provided when Exists is {} for Attribute: {name}",
        if *.said { "true" } else { "null" }
    )]
    ValueMissing {
        /// Whether `Exists` was given.
        said: bool,
        /// The attribute.
        name: String,
    },
    /// `Expected` wants an attribute not to be there and gives its value.
    #[error(
        "One or more parameter values were invalid: Value cannot be used when Exists is false for Attribute: {name}"
    )]
    ValueNotAllowed {
        /// The attribute.
        name: String,
    },

    /// `KeyConditions` with no condition, or with more than there are keys.
    #[error("Conditions can be of length 1 or 2 only")]
    KeyConditionCount,
    /// An operator that no key can be looked up by.
    #[error("Attempted conditional constraint is not an indexable operation")]
    NotIndexable,
    /// No condition on a key attribute, and one on something else.
    #[error("Query condition missed key schema element: {name}")]
    KeyMissed {
        /// The key attribute.
        name: String,
    },
    /// A condition on an attribute that is no key.
    #[error("Query key condition not supported")]
    KeyConditionNotSupported,

    /// `PUT` or `ADD` without a value.
    #[error(
        "One or more parameter values were invalid: Only DELETE action is allowed when no attribute value is specified"
    )]
    ActionNeedsValue,
    /// `ADD` of a value that can be added to nothing.
    #[error(
        "One or more parameter values were invalid: ADD action is not supported for the type {type_name}"
    )]
    AddType {
        /// Short name of the type.
        type_name: &'static str,
    },
    /// `DELETE` of a value that is no set.
    #[error(
        "One or more parameter values were invalid: DELETE action with value is not supported for the type {type_name}"
    )]
    DeleteType {
        /// Short name of the type.
        type_name: &'static str,
    },

    /// An attribute that is to be shown twice.
    #[error("One or more parameter values were invalid: Duplicate value in attribute name: {name}")]
    DuplicateAttribute {
        /// The attribute.
        name: String,
    },
}
