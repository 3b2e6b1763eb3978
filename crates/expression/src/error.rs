//! Every sentence about an expression that a client can see. `Display` is the exact text.
//!
//! Sources: the conformance suite's recorded answers, and answers recorded by others from the
//! service; texts for which no recording was found say so.

use headwater_model::NumberError;

use crate::kind::ExpressionKind;

/// Why an expression or its placeholders were refused; a `ValidationException` to clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// The text of one expression is at fault.
    #[error("Invalid {kind}: {fault}")]
    Invalid {
        /// The parameter that carried it.
        kind: ExpressionKind,
        /// What is wrong.
        fault: Fault,
    },

    /// An empty map of names or values.
    #[error("{parameter} must not be empty")]
    EmptyPlaceholders {
        /// `ExpressionAttributeNames` or `ExpressionAttributeValues`.
        parameter: &'static str,
    },
    /// A placeholder that is not `#` or `:` and then letters, digits and `_`.
    #[error("{parameter} contains invalid key: Syntax error; key: \"{key}\"")]
    PlaceholderSyntax {
        /// `ExpressionAttributeNames` or `ExpressionAttributeValues`.
        parameter: &'static str,
        /// The key as sent.
        key: String,
    },
    /// A placeholder of more than 255 bytes (text unconfirmed).
    #[error(
        "{parameter} contains invalid key: The expression attribute map contains a key that is too long; key: \"{key}\""
    )]
    PlaceholderTooLong {
        /// `ExpressionAttributeNames` or `ExpressionAttributeValues`.
        parameter: &'static str,
        /// The key as sent.
        key: String,
    },
    /// A name placeholder for the empty name.
    #[error("ExpressionAttributeNames contains invalid value: Empty attribute name for key {key}")]
    EmptyAttributeName {
        /// The placeholder.
        key: String,
    },
    /// A name placeholder for a name of 64 KB or more (text unconfirmed, the number is not).
    #[error(
        "ExpressionAttributeNames contains invalid value: Attribute name is too large, must be less than 65536 bytes for key {key}"
    )]
    AttributeNameTooLong {
        /// The placeholder.
        key: String,
    },
    /// More than 2 MB behind placeholders (text unconfirmed).
    #[error("{parameter} exceeds max size")]
    PlaceholdersTooLarge {
        /// The parameter in which the bound was passed.
        parameter: &'static str,
    },
    /// Placeholders that no expression mentions.
    #[error("Value provided in {parameter} unused in expressions: keys: {{{}}}", keys.join(", "))]
    UnusedPlaceholders {
        /// `ExpressionAttributeNames` or `ExpressionAttributeValues`.
        parameter: &'static str,
        /// The placeholders, sorted.
        keys: Vec<String>,
    },
    /// Names without any expression.
    #[error("ExpressionAttributeNames can only be specified when using expressions")]
    NamesWithoutExpression,
    /// Values without an expression that could use them.
    #[error(
        "ExpressionAttributeValues can only be specified when using expressions: {} {} null",
        parameters.join(" and "), if parameters.len() > 1 { "are" } else { "is" }
    )]
    ValuesWithoutExpression {
        /// The parameters of the operation that could have used them.
        parameters: Vec<&'static str>,
    },
    /// The same in a write of one item (recorded in 2026).
    #[error("ExpressionAttributeValues can only be specified when using expressions")]
    ValuesWithoutExpressionOfWrite,

    /// A filter on a key of the table or index read.
    #[error(
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: {name}"
    )]
    FilterOnKey {
        /// The key attribute.
        name: String,
    },
    /// An update of a key attribute.
    #[error(
        "One or more parameter values were invalid: Cannot update attribute {name}. This attribute is part of the key"
    )]
    UpdateOfKey {
        /// The key attribute.
        name: String,
    },

    /// A path into a key attribute (dynalite's captures, DynamoDB Local).
    #[error(
        "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: {}: {name}",
        if *.of_index { "IndexKey" } else { "Key" }
    )]
    KeyNested {
        /// The key attribute.
        name: String,
        /// Whether the key is that of an index.
        of_index: bool,
    },

    /// An operator or function that key conditions do not know.
    #[error("Invalid operator used in KeyConditionExpression: {operator}")]
    KeyOperator {
        /// As the service spells it.
        operator: &'static str,
    },
    /// `BETWEEN` or `begins_with` about something else than an attribute.
    #[error(
        "Invalid condition in KeyConditionExpression: {operator} operator must have the key attribute as its first operand"
    )]
    KeyFirstOperand {
        /// As the service spells it.
        operator: &'static str,
    },
    /// Two attributes compared with each other.
    #[error(
        "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"
    )]
    KeyManyAttributes,
    /// A comparison of values only.
    #[error("Invalid condition in KeyConditionExpression: No key attribute specified")]
    KeyNoAttribute,
    /// More conditions than the schema has key attributes.
    #[error(
        "The number of query conditions ({conditions}) exceeds the number of key attributes defined in the schema ({attributes})"
    )]
    KeyTooManyConditions {
        /// Conditions in the expression.
        conditions: usize,
        /// Key attributes in the schema.
        attributes: usize,
    },
    /// A condition behind sort attributes of an index that have none, or another than `=` (recorded in 2026).
    #[error(
        "RANGE key attributes {} must have equality conditions specified in the query because a condition is present on key attribute {behind}",
        names.join(", ")
    )]
    KeyGap {
        /// The sort attributes without `=`.
        names: Vec<String>,
        /// The sort attribute with the condition.
        behind: String,
    },
    /// No condition on a key attribute that needs one.
    #[error("Query condition missed key schema element: {name}")]
    KeyMissed {
        /// The key attribute.
        name: String,
    },
    /// Something else than `=` on the partition key.
    #[error("Query key condition not supported")]
    KeyConditionNotSupported,
    /// A value of another type than the key attribute's.
    #[error(
        "One or more parameter values were invalid: Condition parameter type does not match schema type"
    )]
    KeyTypeMismatch,
    /// An empty string or binary as key value.
    #[error(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty {kind} value. Key: {name}"
    )]
    KeyValueEmpty {
        /// The key attribute.
        name: String,
        /// `string` or `binary`.
        kind: &'static str,
    },
}

/// What is wrong with the text of one expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An empty text.
    #[error("The expression can not be empty;")]
    Empty,
    /// A text over 4 KB.
    #[error("Expression size has exceeded the maximum allowed size; expression size: {bytes}")]
    TooLong {
        /// Bytes as sent.
        bytes: usize,
    },
    /// The same of an update, whose size is not told (recorded in 2026, in transactions).
    #[error("Expression size has exceeded the maximum allowed size;")]
    UpdateTooLong,
    /// A token where none such may stand.
    #[error("Syntax error; token: \"{token}\", near: \"{near}\"")]
    Syntax {
        /// The token, `<EOF>` at the end.
        token: String,
        /// The text from the token before to the token after.
        near: String,
    },
    /// More than 300 operators and functions.
    #[error("The expression contains too many operators; operator count: {count}")]
    TooManyOperators {
        /// The count at which reading stopped.
        count: usize,
    },
    /// More than 100 operands of one `IN`.
    #[error("The IN operator is provided with too many operands; number of operands: {count}")]
    TooManyInOperands {
        /// Operands, the left side included.
        count: usize,
    },
    /// Parentheses around parentheses.
    #[error("The expression has redundant parentheses;")]
    RedundantParentheses,
    /// A function that does not exist.
    #[error("Invalid function name; function: {name}")]
    UnknownFunction {
        /// As written.
        name: String,
    },
    /// A function in a place where it may not stand.
    #[error("The function is not allowed to be used this way in an expression; function: {name}")]
    MisusedFunction {
        /// As written.
        name: String,
    },
    /// A bare name that has to be a placeholder.
    #[error("Attribute name is a reserved keyword; reserved keyword: {name}")]
    ReservedWord {
        /// As written.
        name: String,
    },
    /// A name placeholder without a name.
    #[error(
        "An expression attribute name used in the document path is not defined; attribute name: {key}"
    )]
    UndefinedName {
        /// The placeholder.
        key: String,
    },
    /// A value placeholder without a value.
    #[error(
        "An expression attribute value used in expression is not defined; attribute value: {key}"
    )]
    UndefinedValue {
        /// The placeholder.
        key: String,
    },
    /// A document path of more than 32 segments (text unconfirmed).
    #[error("The document path has too many nesting elements; nesting levels: {levels}")]
    PathTooDeep {
        /// Segments of the path.
        levels: usize,
    },
    /// A list index too large to be one.
    #[error("List index is not within the allowable range; index: [{index}]")]
    IndexOutOfRange {
        /// As written.
        index: String,
    },
    /// A function called with the wrong number of operands.
    #[error(
        "Incorrect number of operands for operator or function; operator or function: {operator}, number of operands: {count}"
    )]
    OperandCount {
        /// The function.
        operator: &'static str,
        /// Operands given.
        count: usize,
    },
    /// A value of a type with which the operator can never hold.
    #[error(
        "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {operand}"
    )]
    OperandType {
        /// The operator or function.
        operator: &'static str,
        /// Short name of the type.
        operand: &'static str,
    },
    /// A value that ADD or DELETE cannot work with.
    #[error(
        "Incorrect operand type for operator or function; operator: {clause}, operand type: {operand}, typeSet: ALLOWED_FOR_{clause}_OPERAND"
    )]
    ClauseOperandType {
        /// `ADD` or `DELETE`.
        clause: &'static str,
        /// Long name of the type.
        operand: &'static str,
    },
    /// A function that asks for an attribute was given something else.
    #[error("Operator or function requires a document path; operator or function: {operator}")]
    PathRequired {
        /// The function.
        operator: &'static str,
    },
    /// An attribute compared with itself.
    #[error(
        "The first operand must be distinct from the remaining operands for this operator or function; operator: {operator}, first operand: {path}"
    )]
    NotDistinct {
        /// The operator or function.
        operator: &'static str,
        /// The path in brackets.
        path: String,
    },
    /// The second operand of `attribute_type` names no type.
    #[error(
        "Invalid attribute type name found; type: {name}, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}"
    )]
    UnknownType {
        /// As given.
        name: String,
    },
    /// Bounds of different types.
    #[error(
        "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {lower}, upper bound operand: AttributeValue: {upper}"
    )]
    BetweenTypes {
        /// As the service prints a value.
        lower: String,
        /// As the service prints a value.
        upper: String,
    },
    /// Bounds in the wrong order.
    #[error(
        "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {lower}, upper bound operand: AttributeValue: {upper}"
    )]
    BetweenOrder {
        /// As the service prints a value.
        lower: String,
        /// As the service prints a value.
        upper: String,
    },
    /// A clause of an update given twice.
    #[error("The \"{section}\" section can only be used once in an update expression;")]
    RepeatedSection {
        /// `SET`, `REMOVE`, `ADD` or `DELETE`.
        section: &'static str,
    },
    /// One path is the other, or lies within it.
    #[error(
        "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: {one}, path two: {two}"
    )]
    PathsOverlap {
        /// The path in brackets.
        one: String,
        /// The path in brackets.
        two: String,
    },
    /// One path takes for a map what the other takes for a list.
    #[error(
        "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: {one}, path two: {two}"
    )]
    PathsConflict {
        /// The path in brackets.
        one: String,
        /// The path in brackets.
        two: String,
    },
    /// Two key conditions on one attribute.
    #[error("KeyConditionExpressions must only contain one condition per key")]
    KeyConditionRepeated,
    /// A key condition on a nested attribute.
    #[error("KeyConditionExpressions cannot have conditions on nested attributes")]
    KeyNestedAttribute,
    /// A function within a key condition.
    #[error("KeyConditionExpressions cannot contain nested operations")]
    KeyNestedOperation,
    /// Another comparison than `=` in a search condition (conformance suite, recorded 2026).
    #[error("Invalid comparator used in SearchConditionExpression")]
    SearchComparator,
    /// Something else than `=` and AND in a search condition (ExtendDB; prefix unconfirmed).
    #[error("Invalid operator used in SearchConditionExpression")]
    SearchOperator,
    /// A search condition on a nested attribute (dynoxide's captures, 2026).
    #[error("SearchConditionExpression cannot have conditions on nested attributes")]
    SearchNestedAttribute,
    /// Two search conditions on one attribute (dynoxide's captures, 2026).
    #[error("SearchConditionExpression must only contain one condition per attribute")]
    SearchConditionRepeated,
}

impl Fault {
    /// The fault as an error about the given parameter.
    pub fn of(self, kind: ExpressionKind) -> ExpressionError {
        ExpressionError::Invalid { kind, fault: self }
    }
}

/// Why an update cannot be applied to an item; a `ValidationException` to clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError {
    /// A parent of the path is missing, or is no map or list as the path says.
    #[error("The document path provided in the update expression is invalid for update")]
    InvalidPath,
    /// An attribute has a type with which the action cannot work.
    #[error("An operand in the update expression has an incorrect data type")]
    OperandType,
    /// The same of `AttributeUpdates` (dynalite's captures).
    #[error("Type mismatch for attribute to update")]
    TypeMismatch,
    /// The right side reads an attribute that is not there.
    #[error("The provided expression refers to an attribute that does not exist in the item")]
    MissingAttribute,
    /// Arithmetic left the range of numbers.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// A value written nests deeper than 32 levels.
    #[error(
        "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
    )]
    NestingTooDeep,
    /// The values written make the item too large, whatever else it holds.
    #[error("Item size to update has exceeded the maximum allowed size")]
    ItemTooLarge,
}
