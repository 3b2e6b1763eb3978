//! Statements with their meaning, as far as no table is needed for it.

use headwater_model::limits::{TABLE_NAME_CHARS_MAX, TABLE_NAME_CHARS_MIN};
use headwater_model::{AttributeValue, Item};

use super::columns::Columns;
use super::condition::condition;
use super::error::PartiqlError;
use super::order::Order;
use super::parser::parse;
use super::syntax::{
    Node, Raw, RawChange, RawPath, RawReturning, RawSelect, RawStatement, StepKind,
};
use super::update::update;
use super::value::Values;
use crate::ast::ConditionNode;

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// `SELECT`
    Select(Select),
    /// `EXISTS(SELECT ...)`: a condition of a transaction.
    Exists(Select),
    /// `INSERT`
    Insert(Insert),
    /// `UPDATE`
    Update(Update),
    /// `DELETE`
    Delete(Delete),
}

/// What is read: a table or one of its indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The table.
    pub table: String,
    /// The index.
    pub index: Option<String>,
}

/// `SELECT columns FROM source WHERE condition ORDER BY order`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    /// What is read.
    pub source: Source,
    /// Nothing for `*`.
    pub columns: Option<Columns>,
    /// The WHERE clause.
    pub condition: Option<ConditionNode>,
    /// The ORDER BY clause.
    pub order: Option<Order>,
}

/// `INSERT INTO table VALUE item`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insert {
    /// Where to.
    pub table: String,
    /// What.
    pub item: Item,
}

/// `UPDATE table SET ... REMOVE ... WHERE condition RETURNING returning`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The table.
    pub table: String,
    /// What is changed.
    pub update: crate::Update,
    /// The WHERE clause.
    pub condition: Option<ConditionNode>,
    /// The RETURNING clause.
    pub returning: Option<Returning>,
}

/// `DELETE FROM table WHERE condition RETURNING ALL OLD *`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// The table.
    pub table: String,
    /// The WHERE clause.
    pub condition: Option<ConditionNode>,
    /// Whether the deleted item is returned.
    pub returning: bool,
}

/// What an UPDATE returns of its item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returning {
    /// `ALL OLD *`
    AllOld,
    /// `ALL NEW *`
    AllNew,
    /// `MODIFIED OLD *`: what was changed, as it was.
    ModifiedOld,
    /// `MODIFIED NEW *`: what was changed, as it is.
    ModifiedNew,
}

impl Statement {
    /// Reads a statement; each `?` stands for the next of the parameters.
    ///
    /// # Errors
    /// The first fault: of the text, of the number of parameters, then of what it says.
    pub fn parse(text: &str, parameters: Vec<AttributeValue>) -> Result<Self, PartiqlError> {
        let parsed = parse(text).map_err(PartiqlError::Syntax)?;
        let values = Values::new(parameters, parsed.parameters)?;
        if let Some(refused) = parsed.refused {
            return Err(refused);
        }
        match parsed.statement {
            RawStatement::Select(raw) => Select::new(&raw, &values).map(Self::Select),
            RawStatement::Exists(raw) => Select::new(&raw, &values).map(Self::Exists),
            RawStatement::Insert { target, value } => {
                Insert::new(&target, &value, &values).map(Self::Insert)
            }
            RawStatement::Update {
                target,
                changes,
                condition,
                returning,
            } => Update::new(&target, &changes, condition.as_ref(), returning, &values)
                .map(Self::Update),
            RawStatement::Delete {
                target,
                condition,
                returning,
            } => Delete::new(&target, condition.as_ref(), returning, &values).map(Self::Delete),
        }
    }

    /// The table that is read or written.
    pub fn table(&self) -> &str {
        match self {
            Self::Select(select) | Self::Exists(select) => &select.source.table,
            Self::Insert(insert) => &insert.table,
            Self::Update(update) => &update.table,
            Self::Delete(delete) => &delete.table,
        }
    }
}

impl Source {
    fn new(raw: &RawPath) -> Result<Self, PartiqlError> {
        let mut names = vec![raw.root.clone()];
        for step in &raw.steps {
            match &step.kind {
                StepKind::Name(name) => names.push(name.clone()),
                StepKind::EveryMember => return Err(PartiqlError::EveryMember { at: step.at }),
                StepKind::EveryElement => return Err(PartiqlError::EveryElement { at: step.at }),
                _ => return Err(PartiqlError::ListInSource),
            }
        }
        if names.len() > 2 {
            return Err(PartiqlError::SourceTooLong);
        }
        if names.iter().any(String::is_empty) {
            return Err(PartiqlError::EmptyName);
        }
        // An index is named as a table is.
        if !names.iter().all(|name| is_table_name(name)) {
            return Err(PartiqlError::TableName);
        }
        let index = if names.len() == 2 { names.pop() } else { None };
        let table = names.pop().unwrap_or_default();
        Ok(Source { table, index })
    }

    /// The table of a statement that cannot be about an index.
    fn table(raw: &RawPath, refused: PartiqlError) -> Result<String, PartiqlError> {
        let source = Source::new(raw)?;
        match source.index {
            Some(_) => Err(refused),
            None => Ok(source.table),
        }
    }
}

fn is_table_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (TABLE_NAME_CHARS_MIN..=TABLE_NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(is_allowed)
}

impl Select {
    fn new(raw: &RawSelect, values: &Values) -> Result<Self, PartiqlError> {
        let Node::Path(source) = &raw.source.node else {
            return Err(PartiqlError::UnexpectedSource);
        };
        let source = Source::new(source)?;
        let columns = raw.columns.as_deref().map(Columns::new).transpose()?;
        let condition = where_clause(raw.condition.as_ref(), values)?;
        let order = Order::new(&raw.order)?;
        if order.is_some() && condition.is_none() {
            return Err(PartiqlError::OrderWithoutCondition);
        }
        Ok(Select {
            source,
            columns,
            condition,
            order,
        })
    }
}

impl Insert {
    fn new(target: &RawPath, value: &Raw, values: &Values) -> Result<Self, PartiqlError> {
        let table = Source::table(target, PartiqlError::InsertIntoIndex)?;
        let item = values.item(value)?;
        Ok(Insert { table, item })
    }
}

impl Update {
    fn new(
        target: &RawPath,
        changes: &[RawChange],
        raw: Option<&Raw>,
        returning: Option<RawReturning>,
        values: &Values,
    ) -> Result<Self, PartiqlError> {
        let table = Source::table(target, PartiqlError::WriteOfIndex)?;
        let returning = returning.map(Returning::new).transpose()?;
        Ok(Update {
            table,
            update: update(changes, values)?,
            condition: where_clause(raw, values)?,
            returning,
        })
    }
}

impl Delete {
    fn new(
        target: &RawPath,
        raw: Option<&Raw>,
        returning: Option<RawReturning>,
        values: &Values,
    ) -> Result<Self, PartiqlError> {
        let table = Source::table(target, PartiqlError::WriteOfIndex)?;
        let returning = match returning.map(Returning::new).transpose()? {
            None => false,
            Some(Returning::AllOld) => true,
            Some(other) => {
                return Err(PartiqlError::ReturningOfDelete {
                    clause: other.as_str(),
                });
            }
        };
        Ok(Delete {
            table,
            condition: where_clause(raw, values)?,
            returning,
        })
    }
}

impl Returning {
    fn new(raw: RawReturning) -> Result<Self, PartiqlError> {
        let [element] = raw.elements.as_slice() else {
            return Err(PartiqlError::ReturningSeveral);
        };
        if !element.all {
            return Err(PartiqlError::ReturningWithoutStar);
        }
        Ok(match (element.modified, element.new) {
            (false, false) => Self::AllOld,
            (false, true) => Self::AllNew,
            (true, false) => Self::ModifiedOld,
            (true, true) => Self::ModifiedNew,
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::AllOld => "ALL OLD",
            Self::AllNew => "ALL NEW",
            Self::ModifiedOld => "MODIFIED OLD",
            Self::ModifiedNew => "MODIFIED NEW",
        }
    }
}

fn where_clause(raw: Option<&Raw>, values: &Values) -> Result<Option<ConditionNode>, PartiqlError> {
    raw.map(|raw| condition(raw, values)).transpose()
}
