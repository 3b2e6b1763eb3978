//! What a line or row of a source is: an item, and of bulk puts perhaps a condition.

use std::collections::BTreeMap;

use headwater_model::Item;

/// A record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) item: Item,
    pub(crate) condition: Option<GivenCondition>,
}

/// A condition as it is written, with the parameters of PutItem.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GivenCondition {
    pub(crate) expression: String,
    pub(crate) names: Option<BTreeMap<String, String>>,
    pub(crate) values: Option<Item>,
}

impl Record {
    /// An item without a condition.
    pub(crate) fn of_item(item: Item) -> Self {
        Record {
            item,
            condition: None,
        }
    }
}
