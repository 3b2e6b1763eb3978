//! How a SELECT is carried out: as reads of single partitions if its WHERE clause names them, otherwise as a scan.

use std::sync::Arc;

use headwater_model::limits::STATEMENT_PARTITIONS_MAX;
use headwater_model::{AttributeValue, KeySchema};

use super::error::PartiqlError;
use super::key_terms::{
    all_of, check_filter, conjuncts, mentions, nested_key, range_of, values_of,
};
use super::statement::Select;
use crate::ast::ConditionNode;
use crate::condition::Condition;
use crate::error::ExpressionError;
use crate::key_condition::SortCondition;

/// How a SELECT is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadPlan {
    /// Parts of partitions, one after the other.
    Partitions {
        /// The parts, in their order.
        reads: Vec<PartitionRead>,
        /// Whether each is read from its end, if an order of the sort key was asked for. Parts of one partition are then to
        /// be read in that order, too.
        descending: Option<bool>,
        /// What else the WHERE clause asks.
        filter: Option<Condition>,
        /// Whether they come from several parts of an OR.
        branches: bool,
    },
    /// Everything.
    Scan {
        /// The WHERE clause.
        filter: Option<Condition>,
    },
}

/// A part of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRead {
    /// The value of the partition key.
    pub partition: AttributeValue,
    /// Conditions on the sort key, all of which hold for what is read.
    pub sort: Arc<[SortCondition]>,
    /// Whether the sort key has a further condition that is no range, like `<>`. Only such a part may overlap with
    /// another of the same plan.
    pub may_overlap: bool,
}

/// Reads that one list of conditions, joined by AND, comes down to.
struct Keyed<'n> {
    reads: Vec<PartitionRead>,
    rest: Vec<&'n ConditionNode>,
}

impl ReadPlan {
    /// Finds the partitions in the WHERE clause of a SELECT: by `=` or `IN` with the partition key, in each part of a
    /// top-level OR if there is one. `schema` is the key of what is read; if that is an index, `table` is the key of its table.
    ///
    /// # Errors
    /// Faults of values that are compared with key attributes, and orders that cannot be had.
    pub fn new(
        select: &Select,
        schema: &KeySchema,
        table: Option<&KeySchema>,
    ) -> Result<Self, PartiqlError> {
        let plan = match &select.condition {
            None => ReadPlan::Scan { filter: None },
            Some(condition) => {
                let schemas = [(Some(schema), table.is_some()), (table, false)];
                for (schema, of_index) in schemas {
                    let nested = schema.and_then(|schema| nested_key(condition, schema));
                    if let Some(name) = nested {
                        let nested = ExpressionError::KeyNested { name, of_index };
                        return Err(PartiqlError::KeyNested(nested));
                    }
                }
                let plan = Self::of_condition(condition, schema)?;
                // Of an index's entries the table's key is one attribute among others.
                if let Some(table) = table {
                    check_filter(condition, table)?;
                }
                plan
            }
        };
        plan.ordered(select, schema)
    }

    fn of_condition(condition: &ConditionNode, schema: &KeySchema) -> Result<Self, PartiqlError> {
        if let Some(keyed) = keyed(condition, schema)? {
            let rest = &keyed.rest;
            rest.iter()
                .try_for_each(|part| check_filter(part, schema))?;
            return Ok(ReadPlan::Partitions {
                reads: keyed.reads,
                descending: None,
                filter: all_of(keyed.rest),
                branches: false,
            });
        }
        let whole = Condition::new(condition.clone());
        if let ConditionNode::Or(branches) = condition {
            let reads = branches.iter().map(|branch| keyed(branch, schema));
            if let Some(branches) = reads.collect::<Result<Option<Vec<_>>, _>>()? {
                check_filter(condition, schema)?;
                let reads = branches.into_iter().flat_map(|keyed| keyed.reads);
                return Ok(ReadPlan::Partitions {
                    reads: reads.collect(),
                    descending: None,
                    filter: Some(whole),
                    branches: true,
                });
            }
        }
        check_filter(condition, schema)?;
        Ok(ReadPlan::Scan {
            filter: Some(whole),
        })
    }

    fn ordered(self, select: &Select, schema: &KeySchema) -> Result<Self, PartiqlError> {
        let Some(order) = &select.order else {
            return Ok(self);
        };
        let ReadPlan::Partitions {
            mut reads,
            filter,
            branches,
            ..
        } = self
        else {
            return Err(PartiqlError::OrderWithoutPartition);
        };
        let keys: Vec<&str> = schema.attributes().map(|key| key.name.as_str()).collect();
        order.check(&keys)?;
        if let Some(descending) = order.descends(&schema.partition.name) {
            reads.sort_by(|one, two| {
                let order = one.partition.compare(&two.partition);
                let order = order.unwrap_or(std::cmp::Ordering::Equal);
                if descending { order.reverse() } else { order }
            });
        }
        let sort = schema.sort.as_ref();
        Ok(ReadPlan::Partitions {
            reads,
            descending: sort.and_then(|sort| order.descends(&sort.name)),
            filter,
            branches,
        })
    }
}

/// The reads that a condition comes down to, if it names the partitions.
fn keyed<'n>(
    condition: &'n ConditionNode,
    schema: &KeySchema,
) -> Result<Option<Keyed<'n>>, PartiqlError> {
    let mut partitions: Option<Vec<AttributeValue>> = None;
    let mut behind = Vec::new();
    for part in conjuncts(condition) {
        match values_of(part, &schema.partition) {
            Ok(None) => behind.push(part),
            Ok(Some(values)) => {
                partitions = Some(match partitions {
                    None => values,
                    Some(before) => both(before, &values),
                });
            }
            Err(error) => return Err(error),
        }
    }
    let Some(partitions) = partitions else {
        return Ok(None);
    };
    if partitions.len() > STATEMENT_PARTITIONS_MAX {
        return Err(PartiqlError::TooManyPartitions);
    }
    let mut sort = Vec::new();
    let mut may_overlap = false;
    let mut rest = Vec::new();
    for part in behind {
        let range = match &schema.sort {
            Some(attribute) => range_of(part, attribute)?,
            None => None,
        };
        match range {
            Some(condition) => sort.push(condition),
            None => {
                may_overlap |= schema.sort.as_ref().is_some_and(|key| mentions(part, key));
                rest.push(part);
            }
        }
    }
    let sort: Arc<[SortCondition]> = sort.into();
    let reads = partitions.into_iter().map(|partition| PartitionRead {
        partition,
        sort: sort.clone(),
        may_overlap,
    });
    Ok(Some(Keyed {
        reads: reads.collect(),
        rest,
    }))
}

fn both(values: Vec<AttributeValue>, others: &[AttributeValue]) -> Vec<AttributeValue> {
    let mut values = values;
    values.retain(|value| others.contains(value));
    values
}
