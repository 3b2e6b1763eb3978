//! What Query and Scan read: a table or one of its indexes (dynamodb-api.md section 8).

use std::sync::Arc;

use headwater_engine::{Direction, Index, IndexKind, KeyRange, Table};
use headwater_expression::legacy::refuse_filter_on_keys;
use headwater_expression::{
    Condition, IndexKeyCondition, KeyTerm, Projection, ResolvedKeyCondition,
};
use headwater_model::{AttributeValue, Item, KeyAttribute, StorageKey};
use headwater_wire::ApiError;
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::Select;
use headwater_wire::messages::{items, vectors};

use crate::api::{Api, RequestContext};
use crate::failure::{internal, of_expressions};
use crate::{key, key_range, legacy};

/// A table, or one of its indexes.
pub(crate) struct ReadTarget {
    pub(crate) table: Arc<Table>,
    pub(crate) index: Option<Arc<Index>>,
}

/// Which parts of what is read are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Only how many there are.
    pub(crate) count_only: bool,
    /// The whole item from the table, in place of a local index's entry.
    pub(crate) fetch: bool,
}

impl Api {
    /// The table of that name, and its index if one is named; `operation` is what reads it.
    pub(crate) fn read_target(
        &self,
        name: &str,
        (operation, index): (&str, Option<&str>),
        consistent: bool,
        context: &RequestContext,
    ) -> Result<ReadTarget, ApiError> {
        let table = self.table_of(name, context)?;
        let Some(name) = index else {
            return Ok(ReadTarget { table, index: None });
        };
        let index = table
            .index(name)
            .ok_or_else(|| items::index_not_found(name))?;
        if index.record().kind == IndexKind::Vector {
            return Err(vectors::operation_not_supported(operation));
        }
        if consistent && index.record().kind == IndexKind::Global {
            return Err(items::consistent_read_on_global_index());
        }
        if !index.is_readable() {
            return Err(items::index_is_backfilling(name));
        }
        Ok(ReadTarget {
            table,
            index: Some(index),
        })
    }
}

impl ReadTarget {
    /// The key attributes of what is read.
    pub(crate) fn key_names(&self) -> Vec<String> {
        let name = |attribute: &KeyAttribute| attribute.name.clone();
        match &self.index {
            Some(index) => index.schema().attributes().map(name).collect(),
            None => self.table.schema().attributes().map(name).collect(),
        }
    }

    /// The range that a key condition names, and the values of its partition; refuses a filter on the keys of what is
    /// read.
    pub(crate) fn range(
        &self,
        terms: Vec<KeyTerm>,
        filters: &Filters<'_>,
    ) -> Result<(KeyRange, Vec<AttributeValue>), ApiError> {
        match &self.index {
            Some(index) => {
                let schema = index.schema();
                let resolved = IndexKeyCondition::new(terms, schema).map_err(of_expressions)?;
                filters.refuse_keys(&self.key_names())?;
                self.table.count_query(Some(index), &resolved.partition);
                let range = key_range::of_index_condition(schema, &resolved);
                Ok((range.map_err(key::of_value)?, resolved.partition))
            }
            None => {
                let schema = self.table.schema();
                let resolved = ResolvedKeyCondition::new(terms, schema).map_err(of_expressions)?;
                filters.refuse_keys(&self.key_names())?;
                let partition = std::slice::from_ref(&resolved.partition);
                self.table.count_query(None, partition);
                let range = key_range::of_condition(schema, &resolved);
                Ok((range.map_err(key::of_value)?, vec![resolved.partition]))
            }
        }
    }

    /// Refuses a filter on attributes that the index does not hold.
    pub(crate) fn refuse_missing(&self, filter: Option<&Condition>) -> Result<(), ApiError> {
        let (Some(index), Some(filter)) = (&self.index, filter) else {
            return Ok(());
        };
        let attributes = filter.attributes().into_iter();
        let missing: Vec<&str> = attributes.filter(|name| !index.projects(name)).collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(items::filter_not_projected(&index.record().name, &missing)),
        }
    }

    /// The part of a range behind a starting key, if there is one; `outside` makes the refusal of one that is not in it.
    pub(crate) fn behind(
        &self,
        range: KeyRange,
        start: Option<&Item>,
        direction: Direction,
        outside: impl FnOnce(&[u8]) -> ApiError,
    ) -> Result<KeyRange, ApiError> {
        let Some(start) = start else {
            return Ok(range);
        };
        let start = match &self.index {
            Some(index) => index
                .schema()
                .entry_key_of_key(start)
                .map_err(|_| items::starting_key_does_not_match_schema())?,
            None => key::of_starting_key(self.table.schema(), start).map(StorageKey::into_vec)?,
        };
        key_range::behind(range, &start, direction).ok_or_else(|| outside(&start))
    }

    /// Whether the partition of these values is that of a starting key.
    pub(crate) fn is_of_partition(&self, key: &[u8], partition: &[AttributeValue]) -> bool {
        let prefix = match (&self.index, partition) {
            (Some(index), _) => index.schema().partition_prefix(partition),
            (None, [value]) => self.table.schema().partition_prefix(value),
            (None, _) => return false,
        };
        prefix.is_ok_and(|prefix| key.starts_with(&prefix))
    }

    /// The key at which a page ended, as replies name it.
    pub(crate) fn key_of(&self, last: &[u8]) -> Result<Item, ApiError> {
        let key = match &self.index {
            Some(index) => index.schema().decode_key(last),
            None => self.table.schema().decode_key(last),
        };
        key.map_err(internal)
    }

    /// What `Select` and the projection ask for of what is read.
    pub(crate) fn shown(
        &self,
        select: Option<Select>,
        projection: Option<&Projection>,
    ) -> Result<Shown, ApiError> {
        let count_only = select == Some(Select::Count);
        let mut shown = Shown {
            count_only,
            fetch: false,
        };
        let Some(index) = self.index.as_ref().filter(|index| !index.projects_all()) else {
            return Ok(shown);
        };
        let name = &index.record().name;
        let missing: Vec<&str> = match projection {
            Some(projection) => {
                let attributes = projection.attributes();
                attributes.filter(|name| !index.projects(name)).collect()
            }
            None => Vec::new(),
        };
        let wants_all = select == Some(Select::AllAttributes);
        match index.record().kind {
            IndexKind::Local => shown.fetch = wants_all || !missing.is_empty(),
            IndexKind::Global if wants_all => {
                return Err(items::all_attributes_of_partial_index(name));
            }
            IndexKind::Global if !missing.is_empty() => {
                return Err(items::not_projected(name, &missing));
            }
            IndexKind::Global | IndexKind::Vector => {}
        }
        Ok(shown)
    }
}

/// The filter of a query, in one of the two ways to give it.
pub(crate) struct Filters<'a> {
    pub(crate) expression: Option<&'a Condition>,
    pub(crate) legacy: Option<&'a Condition>,
}

impl Filters<'_> {
    /// Only Query refuses filters on keys; a scan has no other place for them.
    fn refuse_keys(&self, keys: &[String]) -> Result<(), ApiError> {
        let keys = || keys.iter().map(String::as_str);
        if let Some(filter) = self.expression {
            filter.refuse_keys(keys()).map_err(of_expressions)?;
        }
        match self.legacy {
            Some(filter) => refuse_filter_on_keys(filter, keys()).map_err(legacy::refused),
            None => Ok(()),
        }
    }
}

/// The parameter that says which attributes are wanted.
#[derive(Clone, Copy)]
pub(crate) enum Projected {
    None,
    ByExpression,
    ByAttributesToGet,
}

impl Projected {
    pub(crate) fn by(expression: bool, attributes_to_get: bool) -> Self {
        match (expression, attributes_to_get) {
            (true, _) => Self::ByExpression,
            (false, true) => Self::ByAttributesToGet,
            (false, false) => Self::None,
        }
    }

    fn parameter(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::ByExpression => Some("ProjectionExpression"),
            Self::ByAttributesToGet => Some("AttributesToGet"),
        }
    }
}

/// Checks `Select` against the projection and the index, as far as no table is needed. Query puts an envelope around what
/// is found, Scan does not (moto's tests on AWS; conformance suite).
pub(crate) fn check_select(
    select: Option<Select>,
    projected: Projected,
    indexed: bool,
) -> Result<(), ApiError> {
    match (select, projected.parameter()) {
        (Some(Select::AllProjectedAttributes), None) if !indexed => {
            Err(items::projected_attributes_without_index())
        }
        (Some(Select::SpecificAttributes), None) => Err(items::specific_attributes_without_list()),
        (Some(other), Some(parameter)) if other != Select::SpecificAttributes => {
            Err(items::projection_with_select(parameter, other.as_str()))
        }
        _ => Ok(()),
    }
}
