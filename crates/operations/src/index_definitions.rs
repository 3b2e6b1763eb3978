//! Definitions of secondary indexes in CreateTable and UpdateTable, checked in the order in which AWS finds fault with
//! them (dynamodb-api.md sections 3, 7 and 8).

use std::collections::HashMap;

use headwater_engine::{
    BillingMode, IndexKind, IndexProjection, IndexRecord, NewIndex, OnDemandThroughput, Throughput,
    VectorRecord,
};
use headwater_model::{KeyAttribute, KeySchema, KeyType, limits};
use headwater_wire::ApiError;
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::{
    self, AttributeDefinition, GlobalSecondaryIndex, KeySchemaElement, LocalSecondaryIndex,
    Projection, ProjectionType,
};
use headwater_wire::messages::tables;

use crate::table_settings::{maxima, throughput};
use crate::tags::first_duplicate;
use crate::warm_throughput::{self, Of};

/// The attributes that a request defines.
pub(crate) struct Definitions {
    attributes: Vec<KeyAttribute>,
    /// The place of each name in `attributes`; requests may have very many.
    places: HashMap<String, usize>,
}

impl Definitions {
    pub(crate) fn of_request(given: &[AttributeDefinition]) -> Self {
        let attribute = |definition: &AttributeDefinition| {
            let kind = KeyType::from_name(definition.attribute_type.as_str())?;
            Some(KeyAttribute::new(definition.attribute_name.clone(), kind))
        };
        let attributes: Vec<KeyAttribute> = given.iter().filter_map(attribute).collect();
        let mut places = HashMap::with_capacity(attributes.len());
        for (place, attribute) in attributes.iter().enumerate() {
            places.entry(attribute.name.clone()).or_insert(place);
        }
        Definitions { attributes, places }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&KeyAttribute> {
        self.places.get(name).map(|place| &self.attributes[*place])
    }

    fn names(&self) -> Vec<&str> {
        let attributes = self.attributes.iter();
        attributes.map(|one| one.name.as_str()).collect()
    }

    /// Refuses definitions that neither the table's key nor an index's uses.
    pub(crate) fn refuse_unused(
        &self,
        schema: &KeySchema,
        indexes: &[NewIndex],
    ) -> Result<(), ApiError> {
        let of_indexes: Vec<KeyAttribute> = indexes.iter().flat_map(NewIndex::defined).collect();
        let mut used: Vec<&str> = Vec::new();
        for attribute in schema.attributes().chain(&of_indexes) {
            if !used.contains(&attribute.name.as_str()) {
                used.push(&attribute.name);
            }
        }
        match used.len() == self.attributes.len() {
            true => Ok(()),
            false => Err(tables::definitions_not_used(&self.names(), &used)),
        }
    }
}

/// The key attributes of a table and its indexes, each once.
pub(crate) fn attributes(schema: &KeySchema, indexes: &[IndexRecord]) -> Vec<KeyAttribute> {
    let mut attributes: Vec<KeyAttribute> = schema.attributes().cloned().collect();
    for attribute in indexes.iter().flat_map(IndexRecord::defined) {
        if !attributes.iter().any(|known| known.name == attribute.name) {
            attributes.push(attribute);
        }
    }
    attributes
}

/// What an index is defined by, of either kind and in either operation.
pub(crate) struct Given<'a> {
    pub(crate) name: &'a str,
    /// Whether its table is there already.
    pub(crate) is_added: bool,
    pub(crate) kind: IndexKind,
    pub(crate) key_schema: &'a [KeySchemaElement],
    pub(crate) projection: &'a Projection,
    pub(crate) throughput: Option<&'a dynamodb::ProvisionedThroughput>,
    pub(crate) on_demand: Option<&'a dynamodb::OnDemandThroughput>,
    pub(crate) warm: Option<&'a dynamodb::WarmThroughput>,
}

impl<'a> Given<'a> {
    pub(crate) fn local(index: &'a LocalSecondaryIndex) -> Self {
        Given {
            name: &index.index_name,
            is_added: false,
            kind: IndexKind::Local,
            key_schema: &index.key_schema,
            projection: &index.projection,
            throughput: None,
            on_demand: None,
            warm: None,
        }
    }

    pub(crate) fn global(index: &'a GlobalSecondaryIndex) -> Self {
        Given {
            name: &index.index_name,
            is_added: false,
            kind: IndexKind::Global,
            key_schema: &index.key_schema,
            projection: &index.projection,
            throughput: index.provisioned_throughput.as_ref(),
            on_demand: index.on_demand_throughput.as_ref(),
            warm: index.warm_throughput.as_ref(),
        }
    }

    /// The index, once nothing is wrong with it.
    pub(crate) fn define(
        &self,
        definitions: &Definitions,
        table: &KeySchema,
        billing: BillingMode,
    ) -> Result<NewIndex, ApiError> {
        let (partition, sort) = self.keys(definitions)?;
        if self.kind == IndexKind::Local {
            self.check_local(&partition, &sort, table)?;
        }
        let projection = projection(self.projection)?;
        let (throughput, on_demand) = match self.kind {
            IndexKind::Local | IndexKind::Vector => (Throughput::default(), None),
            IndexKind::Global => self.throughputs(billing)?,
        };
        let warm = warm_throughput::initial(self.warm, Of::Index(self.name), billing, throughput)?;
        Ok(NewIndex {
            name: self.name.to_owned(),
            kind: self.kind,
            partition,
            sort,
            projection,
            throughput,
            on_demand,
            warm,
            vector: None,
        })
    }

    fn keys(
        &self,
        definitions: &Definitions,
    ) -> Result<(Vec<KeyAttribute>, Vec<KeyAttribute>), ApiError> {
        let elements = self.key_schema.iter();
        let names: Vec<&str> = elements.map(|one| one.attribute_name.as_str()).collect();
        let defined: Option<Vec<&KeyAttribute>> =
            names.iter().map(|name| definitions.get(name)).collect();
        let Some(defined) = defined else {
            let defined = definitions.names();
            return Err(tables::key_attributes_not_defined(&names, &defined));
        };
        let is_hash = |element: &KeySchemaElement| element.key_type == dynamodb::KeyType::Hash;
        if !self.key_schema.first().is_some_and(is_hash) {
            return Err(tables::first_key_part_is_not_hash());
        }
        if first_duplicate(self.key_schema.iter().map(|one| &one.attribute_name)).is_some() {
            return Err(match self.kind {
                IndexKind::Local => tables::key_parts_have_one_name(),
                IndexKind::Global | IndexKind::Vector => tables::index_key_parts_have_one_name(),
            });
        }
        let hashes = self
            .key_schema
            .iter()
            .take_while(|one| is_hash(one))
            .count();
        if self.key_schema[hashes..].iter().any(is_hash) {
            return Err(tables::hash_keys_must_precede());
        }
        if self.kind == IndexKind::Local && hashes > 1 {
            return Err(tables::second_key_part_is_not_range());
        }
        for (kind, count) in [("HASH", hashes), ("RANGE", defined.len() - hashes)] {
            if count > limits::INDEX_KEY_PARTS_MAX {
                return Err(tables::too_many_key_parts(kind));
            }
        }
        let mut partition: Vec<KeyAttribute> = defined.into_iter().cloned().collect();
        let sort = partition.split_off(hashes);
        Ok((partition, sort))
    }

    fn check_local(
        &self,
        partition: &[KeyAttribute],
        sort: &[KeyAttribute],
        table: &KeySchema,
    ) -> Result<(), ApiError> {
        if sort.is_empty() {
            return Err(tables::local_index_without_range_key(self.name));
        }
        match partition.first() {
            Some(hash) if *hash != table.partition => Err(tables::local_index_with_other_hash_key(
                self.name,
                &hash.name,
                &table.partition.name,
            )),
            _ => Ok(()),
        }
    }

    fn throughputs(
        &self,
        billing: BillingMode,
    ) -> Result<(Throughput, Option<OnDemandThroughput>), ApiError> {
        let units = match (billing, self.throughput) {
            (BillingMode::PayPerRequest, Some(_)) => {
                return Err(match self.is_added {
                    true => tables::added_index_throughput_with_on_demand(self.name),
                    false => tables::index_throughput_with_on_demand(self.name),
                });
            }
            (BillingMode::Provisioned, None) => {
                return Err(match self.is_added {
                    true => tables::added_index_throughput_missing(self.name),
                    false => tables::index_throughput_not_specified(self.name),
                });
            }
            (BillingMode::PayPerRequest, None) => Throughput::default(),
            (BillingMode::Provisioned, Some(given)) => throughput(given)?,
        };
        let maxima = maxima(self.on_demand, Of::Index(self.name), billing)?;
        Ok((units, maxima))
    }
}

/// Refuses names that stand for two indexes, and more projected attributes than all indexes together may have.
pub(crate) fn check_together<'a>(
    names: impl Iterator<Item = &'a String>,
    projections: impl Iterator<Item = (&'a IndexProjection, Option<&'a VectorRecord>)>,
) -> Result<(), ApiError> {
    if let Some(name) = first_duplicate(names) {
        return Err(tables::duplicate_index_name(name));
    }
    // Of a vector index, the vector and the inline filters count too (model).
    let of_vectors = |of_vectors: &VectorRecord| {
        let keys = of_vectors.search_keys();
        1 + keys.iter().filter(|one| one.is_filter).count()
    };
    let listed = projections.map(|(projection, vector)| match projection {
        IndexProjection::Include(names) => names.len() + vector.map_or(0, of_vectors),
        IndexProjection::KeysOnly => vector.map_or(0, of_vectors),
        IndexProjection::All => 0,
    });
    let (listed, most) = (listed.sum::<usize>(), limits::PROJECTED_ATTRIBUTES_MAX);
    match listed > most {
        true => Err(tables::too_many_projected_attributes(most)),
        false => Ok(()),
    }
}

pub(crate) fn projection(given: &Projection) -> Result<IndexProjection, ApiError> {
    match (given.projection_type, &given.non_key_attributes) {
        (None, _) => Err(tables::projection_type_missing()),
        (Some(ProjectionType::Include), None) => Err(tables::projection_needs_attributes()),
        (Some(ProjectionType::Include), Some(names)) => match first_duplicate(names) {
            Some(name) => Err(tables::attribute_projected_twice(name)),
            None => Ok(IndexProjection::Include(names.clone())),
        },
        (Some(other), Some(_)) => Err(tables::projection_takes_no_attributes(other.as_str())),
        (Some(ProjectionType::All), None) => Ok(IndexProjection::All),
        (Some(ProjectionType::KeysOnly), None) => Ok(IndexProjection::KeysOnly),
    }
}
