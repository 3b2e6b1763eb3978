//! SearchVectors: the items whose vectors are nearest to a given one.

use headwater_engine::{EngineError, Index, IndexKind, Neighbour, VectorSearch};
use headwater_expression::SearchCondition;
use headwater_model::{AttributeValue, EncodedItem, Vector, limits};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    ReturnConsumedCapacity, SearchResultItem, SearchVectorsInput, SearchVectorsOutput,
    VectorCapacity,
};
use headwater_wire::messages::{items, vectors};

use crate::answer_room::{AnswerRoom, WRITTEN_BYTES_MAX};
use crate::api::{Api, RequestContext};
use crate::expressions::{Expressions, refuse_placeholders_alone};
use crate::failure::of_items;
use crate::table_name::table_name;

/// What a search of AWS's index looks at for each dimension, in bytes. Its figures vary from call to call; this is the
/// lower of the two usual ones (ExtendDB's measurements of the service, 2026).
const SEARCHED_BYTES_PER_DIMENSION: f64 = 17.6;

/// The parameters that need each other.
pub(crate) fn check_parameters(input: &SearchVectorsInput) -> Result<(), ApiError> {
    let with_values = [(
        "SearchConditionExpression",
        input.search_condition_expression.is_some(),
    )];
    let projections = [(
        "ProjectionExpression",
        input.projection_expression.is_some(),
    )];
    let placeholders = (
        input.expression_attribute_names.is_some(),
        input.expression_attribute_values.is_some(),
    );
    refuse_placeholders_alone(placeholders, &with_values, &projections)
}

pub(crate) async fn search_vectors(
    api: &Api,
    mut input: SearchVectorsInput,
    context: &RequestContext,
) -> Result<SearchVectorsOutput, ApiError> {
    let top = usize::try_from(input.top_k).ok();
    let top = top.filter(|top| *top <= limits::TOP_K_MAX);
    let top = top.ok_or_else(|| vectors::top_k_out_of_range(input.top_k, limits::TOP_K_MAX))?;
    let query = Vector::of_elements(&input.search_vector);
    let query = query.map_err(|_| vectors::invalid_search_vector())?;
    let mut expressions = Expressions::new(
        input.expression_attribute_names.take(),
        input.expression_attribute_values.take(),
    )?;
    let text = input.search_condition_expression.as_deref();
    let condition = expressions.parse(text, SearchCondition::parse)?;
    let projection = expressions.projection(input.projection_expression.as_deref())?;
    expressions.finish()?;

    let table = api.table_of(table_name(&input.table_name, context)?, context)?;
    let name = &input.index_name;
    let index = table.index(name);
    let index = index.filter(|index| index.record().kind == IndexKind::Vector);
    let index = index.ok_or_else(|| items::index_not_found(name))?;
    let of_vectors = index.vector().ok_or_else(|| items::index_not_found(name))?;
    if !index.is_readable() {
        return Err(vectors::index_is_backfilling(name));
    }
    if query.dimensions() != of_vectors.dimensions as usize {
        let given = query.dimensions();
        return Err(vectors::search_vector_dimensions(
            given,
            of_vectors.dimensions,
        ));
    }
    let (partition, filters) = terms(&index, condition.unwrap_or_default())?;
    let search = VectorSearch {
        index: &index,
        query: &query,
        partition: partition.as_ref(),
        filters: &filters,
        top,
    };
    let shows_vector = projection.as_ref().is_some_and(|projection| {
        let mut attributes = projection.attributes();
        attributes.any(|attribute| attribute == of_vectors.attribute)
    });
    let mut shown_bytes = 0;
    let mut room = AnswerRoom::new();
    let show = |entry: &EncodedItem| {
        let item = index.searched_item(entry, false)?;
        shown_bytes += item.size_bytes();
        let shown = match &projection {
            None => EncodedItem::encode(&item),
            Some(projection) if shows_vector => {
                let whole = index.searched_item(entry, true)?;
                EncodedItem::encode(&projection.project(&whole))
            }
            Some(projection) => EncodedItem::encode(&projection.project(&item)),
        };
        match room.take(&shown)? {
            true => Ok(shown),
            false => Err(EngineError::SearchTooLarge {
                bytes_max: WRITTEN_BYTES_MAX,
            }),
        }
    };
    let found = api.database.nearest(&table, &search, show).await;
    let found = found.map_err(|error| match error {
        EngineError::SearchTooLarge { bytes_max } => vectors::results_too_large(bytes_max),
        EngineError::IndexBackfilling { index } => vectors::index_is_backfilling(&index),
        EngineError::IndexNotFound { index, .. } => items::index_not_found(&index),
        other => of_items(other),
    })?;
    let searched = f64::from(of_vectors.dimensions) * SEARCHED_BYTES_PER_DIMENSION;
    let bytes = searched + shown_bytes as f64;
    Ok(SearchVectorsOutput {
        consumed_capacity: consumed(input.return_consumed_capacity, bytes),
        search_results: Some(found.into_iter().map(result).collect()),
    })
}

type Terms = (Option<AttributeValue>, Vec<(String, AttributeValue)>);

/// The partition's value and those of the filters, as far as the index's search schema has them.
fn terms(index: &Index, condition: SearchCondition) -> Result<Terms, ApiError> {
    let hash = index.schema().partition.first();
    let filters = || index.filters().iter().map(|filter| &filter.attribute);
    let mut terms = condition.terms;
    for (name, _) in &terms {
        if !hash
            .into_iter()
            .chain(filters())
            .any(|one| one.name == *name)
        {
            return Err(vectors::search_attribute_unknown(name));
        }
    }
    let hash_term = hash.and_then(|hash| terms.iter().position(|(name, _)| *name == hash.name));
    if hash.is_some() && hash_term.is_none() {
        return Err(vectors::search_condition_missing());
    }
    for (name, value) in &terms {
        let mut defined = hash.into_iter().chain(filters());
        let kind = defined.find(|one| one.name == *name).map(|one| one.kind);
        if let Some(kind) = kind.filter(|kind| kind.as_str() != value.type_name()) {
            let (given, wanted) = (value.type_name(), kind.as_str());
            return Err(vectors::search_value_type_mismatch(name, given, wanted));
        }
    }
    let partition = hash_term.map(|place| terms.remove(place));
    if let Some((name, value)) = &partition
        && let Some(what) = empty(value)
    {
        return Err(items::empty_key(name, what));
    }
    Ok((partition.map(|(_, value)| value), terms))
}

fn empty(value: &AttributeValue) -> Option<&'static str> {
    match value {
        AttributeValue::S(text) if text.is_empty() => Some("string"),
        AttributeValue::B(bytes) if bytes.is_empty() => Some("binary"),
        _ => None,
    }
}

fn result(found: Neighbour) -> SearchResultItem {
    SearchResultItem {
        item: Some(found.item),
        score: Some(found.score),
    }
}

/// Bytes alone, the same for `TOTAL` and `INDEXES` (conformance suite, recorded 2026).
fn consumed(wanted: Option<ReturnConsumedCapacity>, bytes: f64) -> Option<VectorCapacity> {
    match wanted? {
        ReturnConsumedCapacity::None => None,
        ReturnConsumedCapacity::Total | ReturnConsumedCapacity::Indexes => Some(VectorCapacity {
            vector_search_request_bytes: Some(
                bytes.ceil().max(limits::VECTOR_REQUEST_BYTES_MIN as f64),
            ),
            vector_write_request_bytes: None,
        }),
    }
}
