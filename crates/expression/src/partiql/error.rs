//! Every sentence about a statement that a client can see. `Display` is the exact text.
//!
//! Sources: the conformance suite's recorded answers, and DynamoDB Local where it is silent.

use headwater_model::NumberError;

use super::lexer::Position;
use crate::error::{ExpressionError, Fault};

/// Why a statement was refused; a `ValidationException` to clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartiqlError {
    /// The text is no statement.
    #[error("Statement wasn't well formed, can't be processed: {0}")]
    Syntax(SyntaxFault),
    /// Not as many parameters as `?`.
    #[error("Number of parameters in request and statement don't match.")]
    ParameterCount,
    /// A condition that stands alone, as only EXISTS can and only in a transaction.
    #[error("EXISTS can only be used in ExecuteTransaction write requests.")]
    ConditionAlone,
    /// Something else than the statements that DynamoDB knows.
    #[error("Unsupported operation: {name}")]
    UnsupportedOperation {
        /// As the service calls it.
        name: &'static str,
    },
    /// Something that the grammar has and DynamoDB has not.
    #[error("Unsupported token in expression: {token}{}", behind(at))]
    UnsupportedToken {
        /// As the service spells it.
        token: String,
        /// Where.
        at: Option<Position>,
    },
    /// A clause of SELECT that DynamoDB does not have.
    #[error("Unsupported clause: {clause}{}", behind(at))]
    UnsupportedClause {
        /// As the service spells it.
        clause: &'static str,
        /// Where.
        at: Option<Position>,
    },
    /// A second name for something.
    #[error("Aliasing is not supported")]
    Aliasing,
    /// `SELECT VALUE`.
    #[error("Select projection doesn't support value or pivot keywords")]
    ValueOrPivot,
    /// More than one table.
    #[error("Only select from a single table or index is supported.")]
    SeveralSources,

    /// FROM is followed by something that is no table.
    #[error("Unexpected from source")]
    UnexpectedSource,
    /// An index of a list behind a table.
    #[error("Invalid list expression in source.")]
    ListInSource,
    /// More than a table and an index.
    #[error("A path may contain at most 2 components in the FROM clause")]
    SourceTooLong,
    /// An empty name.
    #[error("Path component cannot be an empty string")]
    EmptyName,
    /// A name that no table can have.
    #[error(
        "Table name should be within the length [3, 255] and only contain 'a-z', 'A-Z', '0-9', '-', '_', '.'."
    )]
    TableName,
    /// INSERT into an index.
    #[error("FROM clause may only contain a single table name in data manipulation statements")]
    InsertIntoIndex,
    /// UPDATE or DELETE of an index.
    #[error("This operation is not supported on an index")]
    WriteOfIndex,

    /// Something else than an attribute is selected.
    #[error("Unexpected path component at {at}")]
    UnexpectedPathComponent {
        /// Where.
        at: Position,
    },
    /// Two columns of one name.
    #[error("Duplicate identifiers in select clause: {name}")]
    DuplicateColumns {
        /// The name.
        name: String,
    },
    /// `a.*` in a condition.
    #[error("Unpivot path component like a.*.b are not supported at {at}")]
    EveryMember {
        /// Where.
        at: Position,
    },
    /// `a[*]`
    #[error("Wildcard path component like a[*].b are not supported at {at}")]
    EveryElement {
        /// Where.
        at: Position,
    },
    /// An index that is the first step of a path.
    #[error("A path cannot start with a list index at {at}")]
    PathOfIndex {
        /// Where.
        at: Position,
    },
    /// `a.*`
    #[error("Changing item's hierarchy while reading isn't supported")]
    ChangesHierarchy,
    /// A list index too large to be one.
    #[error("List index is not within the allowable range; index: [{index}] at {at}")]
    IndexOutOfRange {
        /// As written.
        index: String,
        /// Where.
        at: Position,
    },
    /// A document path of more than 32 steps.
    #[error("The document path has too many nesting levels; nesting levels: {levels}")]
    PathTooDeep {
        /// Steps of the path.
        levels: usize,
    },

    /// What conditions, updates and projections of every form refuse.
    #[error(transparent)]
    Expression(#[from] Fault),
    /// `= MISSING`
    #[error("MISSING must be compared using IS operator")]
    MissingCompared,
    /// `IS` and a type that DynamoDB does not have.
    #[error(
        "Unsupported data type for IS operator: {name}. Supported data types are [MISSING, NULL, BOOLEAN, BLOB, STRING, NUMERIC, STRUCT, TUPLE, LIST] at {at}"
    )]
    UnsupportedType {
        /// As the service calls it.
        name: &'static str,
        /// Where.
        at: Position,
    },
    /// `IN` with something else than an attribute and a list.
    #[error(
        "IN operator must have a left hand argument of type Variable Reference and right hand argument of type Seq with at least one member"
    )]
    InOperands,
    /// AND or OR of something that neither holds nor not.
    #[error("The arguments to AND/OR must be Expressions")]
    JunctionOperand,
    /// NOT of such.
    #[error("The argument to NOT must be a Type or Expression")]
    NotOperand,
    /// A whole WHERE clause of that sort.
    #[error("WHERE clause must contain an expression that resolves to a boolean")]
    NotBoolean,
    /// An operator that conditions do not have.
    #[error("Unsupported operator in Condition Expression. Operator: {operator}")]
    ConditionOperator {
        /// As the service spells it.
        operator: &'static str,
    },
    /// `IS` behind something else than an attribute or a constant.
    #[error("The left hand side argument to IS must be a Variable Reference, Literal, or Path")]
    TypeOperand,
    /// A function of updates.
    #[error("The function is not allowed in a condition expression; function: {name}")]
    FunctionInCondition {
        /// Its name.
        name: &'static str,
    },
    /// A function that does not exist.
    #[error("Unrecognized function: {name} at {at}")]
    UnknownFunction {
        /// In lower case.
        name: String,
        /// Where.
        at: Position,
    },

    /// A constant was expected.
    #[error("Unsupported data type: {what} under key {key} at {at}")]
    UnsupportedValue {
        /// What was found.
        what: String,
        /// Where in the value it was found.
        key: String,
        /// Where.
        at: Position,
    },
    /// Something in backquotes.
    #[error("Ion Literals are not supported: {what} under key {key} at {at}")]
    Ion {
        /// What it is.
        what: &'static str,
        /// Where in the value it was found.
        key: String,
        /// Where.
        at: Position,
    },
    /// A name in a map that is no string.
    #[error("Tuple keys must be of type String. Actual type: {actual} under {key} at {at}")]
    NameNotString {
        /// What was found.
        actual: String,
        /// Where in the value it was found.
        key: String,
        /// Where.
        at: Position,
    },
    /// One name twice in a map.
    #[error("Duplicate keys in tuple. Key: {name} under {key} at {at}")]
    DuplicateName {
        /// The name.
        name: String,
        /// Where in the value it was found.
        key: String,
        /// Where.
        at: Position,
    },
    /// A set of something that makes no set.
    #[error(
        "Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags{}",
        behind(at)
    )]
    BagMembers {
        /// The member, if it is one that makes no set at all.
        at: Option<Position>,
    },
    /// A set without members.
    #[error("Empty bags are not supported at {at}")]
    EmptyBag {
        /// Where.
        at: Position,
    },
    /// A set with the same member twice.
    #[error(
        "One or more parameter values were invalid: Input collection [{members}] contains duplicates."
    )]
    DuplicateMembers {
        /// As written.
        members: String,
    },
    /// A number that DynamoDB cannot store.
    #[error("{error} under {key}")]
    Number {
        /// Why.
        error: NumberError,
        /// Where in the value it was found.
        key: String,
    },
    /// `-0.0`
    #[error("Negative zero decimal is not supported under key {key} at {at}")]
    NegativeZero {
        /// Where in the value it was found.
        key: String,
        /// Where.
        at: Position,
    },
    /// More than 32 levels.
    #[error(
        "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
    )]
    ValueTooDeep,

    /// INSERT of something that is no map.
    #[error(
        "Unsupported format in item expression. Please use struct format {{...}} to express item values for insert statement. at {at}"
    )]
    NotAnItem {
        /// Where.
        at: Position,
    },
    /// `INSERT ... AT`
    #[error("AT is not supported in insert statements. at {at}")]
    AtInInsert {
        /// Where.
        at: Position,
    },
    /// `INSERT ... RETURNING`
    #[error("RETURNING is not supported in INSERT")]
    ReturningInInsert,

    /// The right side of `set_add` names another attribute.
    #[error("The first argument to {function} must equal the assignment value at {at}")]
    SetFunctionTarget {
        /// `SET_ADD` or `SET_DELETE`.
        function: &'static str,
        /// Where.
        at: Position,
    },
    /// `set_add` of something that is no set.
    #[error("The second argument to {function} must be a value with type SET at {at}")]
    SetFunctionValue {
        /// `SET_ADD` or `SET_DELETE`.
        function: &'static str,
        /// Where.
        at: Position,
    },
    /// `set_add` with another number of arguments.
    #[error("{function} must have exactly two arguments at {at}")]
    SetFunctionCount {
        /// `SET_ADD` or `SET_DELETE`.
        function: &'static str,
        /// Where.
        at: Position,
    },
    /// An operator that updates do not have.
    #[error("Unsupported operator in Update Expression. Operator: {operator}")]
    UpdateOperator {
        /// As the service spells it.
        operator: String,
    },
    /// `IS` in an update.
    #[error("IS operator is not supported in update expressions")]
    TypeInUpdate,
    /// A function of conditions.
    #[error("The function is not allowed in an update expression; function: {name}")]
    FunctionInUpdate {
        /// In lower case.
        name: String,
    },
    /// INSERT as a part of an update.
    #[error("Only SET and REMOVE are supported in update expressions at this time")]
    OnlySetAndRemove,

    /// RETURNING of single attributes.
    #[error("Expected '*' after ( MODIFIED | ALL ) ( NEW | OLD ) in RETURNING clause")]
    ReturningWithoutStar,
    /// RETURNING of several things.
    #[error("Invalid syntax with multiple returning elements in RETURNING clause")]
    ReturningSeveral,
    /// DELETE that returns something else than the old item.
    #[error(
        "Invalid returning clause: RETURNING {clause} *. Only RETURNING ALL OLD * is allowed in DELETE statements."
    )]
    ReturningOfDelete {
        /// As written.
        clause: &'static str,
    },

    /// ORDER BY without WHERE.
    #[error("Must have WHERE clause in the statement when using ORDER BY clause.")]
    OrderWithoutCondition,
    /// ORDER BY without a condition on the partition key.
    #[error(
        "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause."
    )]
    OrderWithoutPartition,
    /// ORDER BY something that is no key attribute.
    #[error("Variable reference {name} in ORDER BY clause must be part of the primary key")]
    OrderByOther {
        /// The attribute.
        name: String,
    },
    /// ORDER BY something that is no attribute.
    #[error("Argument to ORDER BY must be of type VariableReference. Type: {found}")]
    OrderByValue {
        /// As the service prints it.
        found: String,
    },

    /// A value of another type than the key attribute's, where the key is looked up by it.
    #[error("Key attribute's data type should match its data type in table's schema: Key {name}")]
    KeyType {
        /// The key attribute.
        name: String,
    },
    /// The same where a condition is compared with every item.
    #[error(
        "One or more parameter values were invalid: Condition parameter type does not match schema type"
    )]
    ConditionOnKeyType,
    /// An empty string or binary as key value.
    #[error(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty {kind} value. Key: {name}"
    )]
    KeyEmpty {
        /// The key attribute.
        name: String,
        /// `string` or `binary`.
        kind: &'static str,
    },
    /// A SELECT of more partitions than are read for one statement (guide, DynamoDB Local).
    #[error("Too many decomposed read operations for a given query.")]
    TooManyPartitions,
    /// A condition on something within a key attribute.
    #[error(transparent)]
    KeyNested(ExpressionError),
    /// The same in a statement about one item.
    #[error(
        "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key {name}"
    )]
    KeyNestedInItem {
        /// The key attribute.
        name: String,
    },
    /// An UPDATE or DELETE that does not say which item.
    #[error("Where clause does not contain a mandatory equality on all key attributes")]
    KeyIncomplete,
    /// An UPDATE or DELETE that asks for two values of one key attribute.
    #[error(
        "Multiple conditions on same key {name}. Only single item Update/Insert/Delete are supported"
    )]
    KeyRepeated {
        /// The key attribute.
        name: String,
    },
    /// Parts of OR that name the same items twice.
    #[error("Overlapping conditions with range keys are not supported in where clause")]
    OverlappingKeys,
}

/// Why a text is no statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxFault {
    /// Something that is no token. The service says no more.
    #[error("")]
    NoToken,
    /// No expression begins with the token.
    #[error("Unexpected term")]
    UnexpectedTerm,
    /// The same of a keyword.
    #[error("Unexpected keyword")]
    UnexpectedKeyword,
    /// The same of an operator.
    #[error("Unexpected operator")]
    UnexpectedOperator,
    /// An operator at the end.
    #[error("Missing right-hand side expression of infix operator")]
    MissingRightSide,
    /// More than one expression.
    #[error("Unexpected token after expression")]
    BehindExpression,
    /// More than one statement.
    #[error("Unexpected token after semicolon. (Only one query is allowed.)")]
    BehindSemicolon,
    /// An update without a change.
    #[error("Expected data manipulation")]
    ExpectedManipulation,
    /// No name where a path begins.
    #[error("Expected identifier for simple path")]
    ExpectedSimplePathName,
    /// No name behind the dot of a path.
    #[error("Invalid path dot component")]
    InvalidDotComponent,
    /// The same where only names and indexes may stand.
    #[error("Invalid path dot component for simple path")]
    InvalidSimpleDotComponent,
    /// Something in brackets that is neither index nor string.
    #[error("Invalid path bracket component for simple path")]
    InvalidSimpleBracketComponent,
    /// SELECT without FROM.
    #[error("Expected FROM after SELECT list")]
    ExpectedFromAfterSelect,
    /// DELETE without FROM.
    #[error("Expected FROM after DELETE")]
    ExpectedFromAfterDelete,
    /// INSERT without INTO.
    #[error("Expected INTO after INSERT")]
    ExpectedInto,
    /// ON CONFLICT without WHERE.
    #[error("Expected WHERE after ON CONFLICT")]
    ExpectedConflictCondition,
    /// ON CONFLICT without what is done then.
    #[error("Expected DO NOTHING after ON CONFLICT WHERE")]
    ExpectedDoNothing,
    /// IS without a type.
    #[error("Expected type name")]
    ExpectedTypeName,
    /// SET without `=`.
    #[error("Expected '='")]
    ExpectedEquals,
    /// CAST without AS.
    #[error("Expected 'AS'")]
    ExpectedAs,
    /// AS without a name.
    #[error("Expected identifier for alias")]
    ExpectedAlias,
    /// BETWEEN without AND.
    #[error("Expected expression after AND")]
    ExpectedAnd,
    /// `()`
    #[error("Expression group cannot be empty")]
    EmptyGroup,
    /// RETURNING without what is returned.
    #[error("Expected ( MODIFIED | ALL ) ( NEW | OLD ) in each returning element.")]
    ReturningElement,
    /// `*` and columns.
    #[error(
        "Other expressions may not be present in the select list when '*' is used without dot notation."
    )]
    OthersBesideStar,
    /// `*` within the path of a column.
    #[error("Invalid use of * in select list")]
    StarInColumns,
    /// Another mark was expected.
    #[error("Expected {mark}")]
    Expected {
        /// As the service calls it.
        mark: &'static str,
    },
    /// More levels than are read. Ours: the service names no bound.
    #[error("Expressions are nested too deeply")]
    TooDeep,
}

fn behind(at: &Option<Position>) -> String {
    at.map(|at| format!(" at {at}")).unwrap_or_default()
}
