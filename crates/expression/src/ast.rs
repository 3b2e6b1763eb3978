//! The trees that expressions, legacy parameters and PartiQL are translated into: plain data, with
//! attribute names and values in place. Nothing here knows of placeholders or text.
//!
//! Values and names are shared (`Arc`): one large value may be mentioned many times.

use std::sync::Arc;

use headwater_model::AttributeValue;

/// One step of a document path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// A member of a map.
    Name(Arc<str>),
    /// An element of a list, from 0.
    Index(u32),
}

/// A document path: a top-level attribute and steps into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The top-level attribute.
    pub attribute: Arc<str>,
    /// Steps into it.
    pub rest: Vec<Segment>,
}

/// What conditions compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// An attribute, perhaps missing.
    Path(Path),
    /// A constant.
    Value(Arc<AttributeValue>),
    /// The length of an operand.
    Size(Box<Operand>),
    /// Whether a condition holds; only PartiQL can compare that.
    Truth(Box<ConditionNode>),
}

/// The six comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparator {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparator {
    /// As written in expressions.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// The comparison that holds when the operands change places.
    pub fn flipped(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }
}

/// The types that `attribute_type` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeName(&'static str);

impl TypeName {
    /// The short name, if it is one of the ten.
    pub fn parse(text: &str) -> Option<Self> {
        const NAMES: [&str; 10] = ["B", "BOOL", "BS", "L", "M", "N", "NS", "NULL", "S", "SS"];
        NAMES.into_iter().find(|name| *name == text).map(Self)
    }

    /// The short name, as `AttributeValue::type_name` gives it.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

/// A condition on an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConditionNode {
    /// All hold.
    And(Vec<ConditionNode>),
    /// At least one holds.
    Or(Vec<ConditionNode>),
    /// It does not hold.
    Not(Box<ConditionNode>),
    /// `left comparator right`
    Compare {
        /// How.
        comparator: Comparator,
        /// Left side.
        left: Operand,
        /// Right side.
        right: Operand,
    },
    /// `operand BETWEEN lower AND upper`, bounds included.
    Between {
        /// What lies between.
        operand: Operand,
        /// Lower bound.
        lower: Operand,
        /// Upper bound.
        upper: Operand,
    },
    /// `operand IN (list)`
    In {
        /// What is looked for.
        operand: Operand,
        /// Where.
        list: Vec<Operand>,
    },
    /// `attribute_exists(path)`
    AttributeExists(Path),
    /// `attribute_not_exists(path)`
    AttributeNotExists(Path),
    /// `attribute_type(operand, type)`
    AttributeType {
        /// Whose type.
        operand: Operand,
        /// The type asked for.
        type_name: TypeName,
    },
    /// `begins_with(operand, prefix)`
    BeginsWith {
        /// A string or binary.
        operand: Operand,
        /// Its beginning.
        prefix: Operand,
    },
    /// `contains(container, sought)`
    Contains {
        /// A string, binary, set or list.
        container: Operand,
        /// A part or member of it.
        sought: Operand,
    },
}

/// What the right side of SET is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateOperand {
    /// An attribute of the old item.
    Path(Path),
    /// A constant.
    Value(Arc<AttributeValue>),
    /// `if_not_exists(path, default)`
    IfNotExists {
        /// The attribute taken if it is there.
        path: Path,
        /// Taken otherwise.
        default: Box<UpdateOperand>,
    },
    /// `list_append(first, second)`
    ListAppend {
        /// The list's beginning.
        first: Box<UpdateOperand>,
        /// The list's end.
        second: Box<UpdateOperand>,
    },
    /// A sum or difference within another; only PartiQL can say it.
    Computed(Box<SetValue>),
}

/// The right side of SET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetValue {
    /// One operand.
    Operand(UpdateOperand),
    /// `left + right`
    Sum(UpdateOperand, UpdateOperand),
    /// `left - right`
    Difference(UpdateOperand, UpdateOperand),
}

/// Most bytes that a number counts for.
pub(crate) const NUMBER_BYTES_MAX: usize = 22;
const NUMBER_TYPE: &str = "N";
const LIST_TYPE: &str = "L";

impl SetValue {
    /// The type of the value, if it is the same for every item.
    pub fn known_type(&self) -> Option<&'static str> {
        match self {
            Self::Operand(UpdateOperand::Value(value)) => Some(value.type_name()),
            Self::Operand(UpdateOperand::ListAppend { .. }) => Some(LIST_TYPE),
            Self::Operand(UpdateOperand::Computed(value)) => value.known_type(),
            Self::Operand(UpdateOperand::Path(_) | UpdateOperand::IfNotExists { .. }) => None,
            Self::Sum(..) | Self::Difference(..) => Some(NUMBER_TYPE),
        }
    }

    /// Most bytes that the value may have in an item of this size.
    pub(crate) fn size_bytes_max(&self, item_bytes: usize) -> usize {
        match self {
            Self::Operand(operand) => operand.size_bytes_max(item_bytes),
            Self::Sum(..) | Self::Difference(..) => NUMBER_BYTES_MAX,
        }
    }
}

impl UpdateOperand {
    fn size_bytes_max(&self, item_bytes: usize) -> usize {
        match self {
            Self::Path(_) => item_bytes,
            Self::Value(value) => value.size_bytes(),
            Self::IfNotExists { default, .. } => item_bytes.max(default.size_bytes_max(item_bytes)),
            Self::ListAppend { first, second } => {
                let first = first.size_bytes_max(item_bytes);
                first.saturating_add(second.size_bytes_max(item_bytes))
            }
            Self::Computed(value) => value.size_bytes_max(item_bytes),
        }
    }
}

/// One action of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateAction {
    /// `SET path = value`
    Set {
        /// Where.
        path: Path,
        /// What.
        value: SetValue,
    },
    /// `REMOVE path`
    Remove {
        /// Where.
        path: Path,
    },
    /// `ADD path value`: to a number or a set; missing counts as zero or empty.
    Add {
        /// Where.
        path: Path,
        /// A number or a set.
        value: Arc<AttributeValue>,
    },
    /// `DELETE path value`: members out of a set.
    Delete {
        /// Where.
        path: Path,
        /// A set.
        value: Arc<AttributeValue>,
    },
}

impl UpdateAction {
    /// The path that the action writes.
    pub fn path(&self) -> &Path {
        match self {
            Self::Set { path, .. }
            | Self::Remove { path }
            | Self::Add { path, .. }
            | Self::Delete { path, .. } => path,
        }
    }

    /// The right side, if the action is SET.
    pub fn set_value(&self) -> Option<&SetValue> {
        match self {
            Self::Set { value, .. } => Some(value),
            Self::Remove { .. } | Self::Add { .. } | Self::Delete { .. } => None,
        }
    }
}
