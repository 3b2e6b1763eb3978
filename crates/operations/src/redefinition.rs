//! A new index for which an attribute is of another type than for its table, or for another index of that.

use std::fmt;

use headwater_engine::{NewIndex, TableRecord, VectorRecord};
use headwater_model::KeyAttribute;
use headwater_wire::ApiError;
use headwater_wire::messages::tables;

/// Refuses such an index. What a request says of attributes that its index does not use means nothing (recorded 2026;
/// conformance suite).
pub(crate) fn refuse_redefinition(record: &TableRecord, new: &NewIndex) -> Result<(), ApiError> {
    let schema = record.schema();
    let of_table = Schema::new(&[schema.partition], schema.sort.as_slice(), None);
    let kept = record.indexes.iter().filter(|index| index.is_kept());
    let of_indexes =
        kept.map(|index| Schema::new(&index.partition(), &index.sort(), index.vector.as_ref()));
    let wanted = Schema::new(&new.partition, &new.sort, new.vector.as_ref());
    let mut present = std::iter::once(of_table).chain(of_indexes);
    match present.find(|present| present.contradicts(&wanted)) {
        Some(present) => Err(tables::attributes_redefined(&present, &wanted)),
        None => Ok(()),
    }
}

/// Attributes of a table or index, as the sentence shows them. How it shows several of them is unconfirmed.
struct Schema {
    name: &'static str,
    elements: Vec<Element>,
}

struct Element {
    what: &'static str,
    attribute: String,
    kind: &'static str,
    /// Its part in the key, or the dimensions of a vector.
    part: String,
}

impl Schema {
    fn new(
        partition: &[KeyAttribute],
        sort: &[KeyAttribute],
        vector: Option<&VectorRecord>,
    ) -> Self {
        let of_key = |attribute: &KeyAttribute, part: &str| Element {
            what: "SchemaElement",
            attribute: attribute.name.clone(),
            kind: attribute.kind.as_str(),
            part: part.to_owned(),
        };
        let of_vector = vector.map(|vector| Element {
            what: "VectorAttribute",
            attribute: vector.attribute.clone(),
            kind: "L",
            part: vector.dimensions.to_string(),
        });
        let mut elements = Vec::from_iter(of_vector);
        elements.extend(partition.iter().map(|one| of_key(one, "HASH")));
        elements.extend(sort.iter().map(|one| of_key(one, "RANGE")));
        let search = vector.map(VectorRecord::search_keys).unwrap_or_default();
        let filters = search.iter().filter(|one| one.is_filter);
        elements.extend(filters.map(|one| of_key(&one.attribute, "INLINE_FILTER")));
        let name = match vector {
            Some(_) => "VectorIndexSchema",
            None => "Schema",
        };
        Schema { name, elements }
    }

    fn contradicts(&self, other: &Schema) -> bool {
        self.elements.iter().any(|one| {
            let mut others = other.elements.iter();
            others.any(|other| other.attribute == one.attribute && other.kind != one.kind)
        })
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elements = self.elements.iter().map(|one| {
            let Element {
                what,
                attribute,
                kind,
                part,
            } = one;
            format!("{what}: key{{{attribute}:{kind}:{part}}}")
        });
        let elements: Vec<String> = elements.collect();
        write!(f, "{}:[{}]", self.name, elements.join(", "))
    }
}
