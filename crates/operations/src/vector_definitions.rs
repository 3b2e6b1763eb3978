//! Definitions of vector indexes in CreateTable, UpdateTable and the overrides of restores.

use headwater_engine::{IndexKind, NewIndex, SearchKey, Throughput, VectorRecord};
use headwater_model::{DistanceFunction, KeyAttribute, limits};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    CreateVectorIndexAction, Projection, SearchSchemaElement, SearchSchemaElementType,
    VectorDistanceFunction, VectorIndex,
};
use headwater_wire::messages::vectors;

use crate::index_definitions::{Definitions, projection};
use crate::tags::first_duplicate;

/// What a vector index is defined by, in either operation.
pub(crate) struct GivenVectorIndex<'a> {
    name: &'a str,
    attribute: &'a str,
    search_schema: &'a [SearchSchemaElement],
    projection: &'a Projection,
    dimensions: i64,
    distance: VectorDistanceFunction,
}

impl<'a> GivenVectorIndex<'a> {
    pub(crate) fn of_table(index: &'a VectorIndex) -> Self {
        GivenVectorIndex {
            name: &index.index_name,
            attribute: &index.vector_attribute.attribute_name,
            search_schema: index.search_schema.as_deref().unwrap_or_default(),
            projection: &index.projection,
            dimensions: index.dimensions,
            distance: index.distance_function,
        }
    }

    pub(crate) fn of_action(index: &'a CreateVectorIndexAction) -> Self {
        GivenVectorIndex {
            name: &index.index_name,
            attribute: &index.vector_attribute.attribute_name,
            search_schema: index.search_schema.as_deref().unwrap_or_default(),
            projection: &index.projection,
            dimensions: index.dimensions,
            distance: index.distance_function,
        }
    }

    /// The index, once nothing is wrong with it; `definitions` are those of the request.
    pub(crate) fn define(&self, definitions: &Definitions) -> Result<NewIndex, ApiError> {
        self.check_search_schema()?;
        let most = limits::VECTOR_DIMENSIONS_MAX;
        let dimensions = u32::try_from(self.dimensions).ok();
        let dimensions = dimensions.filter(|given| (1..=most).contains(&(*given as usize)));
        let dimensions = dimensions.ok_or_else(|| vectors::dimensions_out_of_range(most))?;
        if definitions.get(self.attribute).is_some() {
            return Err(vectors::attribute_is_defined(self.attribute));
        }
        let search = self.search_keys(definitions)?;
        let projection = projection(self.projection)?;
        let hash = search.iter().filter(|one| !one.is_filter);
        let partition: Vec<KeyAttribute> = hash.map(|one| one.attribute.clone()).collect();
        let distance = distance(self.distance);
        Ok(NewIndex {
            name: self.name.to_owned(),
            kind: IndexKind::Vector,
            partition,
            sort: Vec::new(),
            projection,
            throughput: Throughput::default(),
            on_demand: None,
            warm: Throughput::default(),
            vector: Some(VectorRecord::new(
                self.attribute.to_owned(),
                dimensions,
                distance,
                &search,
            )),
        })
    }

    fn check_search_schema(&self) -> Result<(), ApiError> {
        let of_type = |wanted: SearchSchemaElementType| {
            let elements = self.search_schema.iter();
            elements
                .filter(|one| one.search_schema_element_type == wanted)
                .count()
        };
        let hashes = of_type(SearchSchemaElementType::Hash);
        let filters = of_type(SearchSchemaElementType::InlineFilter);
        for (name, given, most) in [
            ("HASH", hashes, limits::SEARCH_HASH_KEYS_MAX),
            ("INLINE_FILTER", filters, limits::SEARCH_FILTERS_MAX),
        ] {
            if given > most {
                return Err(vectors::too_many_search_elements(name, given, most));
            }
        }
        match first_duplicate(self.search_schema.iter().map(|one| &one.attribute_name)) {
            Some(name) => Err(vectors::search_attribute_repeated(name)),
            None => Ok(()),
        }
    }

    fn search_keys(&self, definitions: &Definitions) -> Result<Vec<SearchKey>, ApiError> {
        let keys = self.search_schema.iter().map(|element| {
            let attribute = definitions.get(&element.attribute_name);
            Ok(SearchKey {
                attribute: attribute
                    .ok_or_else(vectors::search_attribute_not_defined)?
                    .clone(),
                is_filter: element.search_schema_element_type
                    == SearchSchemaElementType::InlineFilter,
            })
        });
        keys.collect()
    }
}

fn distance(given: VectorDistanceFunction) -> DistanceFunction {
    match given {
        VectorDistanceFunction::Cosine => DistanceFunction::Cosine,
        VectorDistanceFunction::DotProduct => DistanceFunction::DotProduct,
        VectorDistanceFunction::Euclidean => DistanceFunction::Euclidean,
    }
}

/// Refuses indexes of one attribute that differ in dimensions.
pub(crate) fn check_dimensions<'a>(
    of_vectors: impl Iterator<Item = &'a VectorRecord>,
) -> Result<(), ApiError> {
    let mut seen: Vec<&VectorRecord> = Vec::new();
    for one in of_vectors {
        let mut others = seen.iter();
        if others.any(|seen| seen.attribute == one.attribute && seen.dimensions != one.dimensions) {
            return Err(vectors::dimensions_differ(&one.attribute));
        }
        seen.push(one);
    }
    Ok(())
}
