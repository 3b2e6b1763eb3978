//! What Query and Scan have in common: `Select`, the page, and the reply's members
//! (dynamodb-api.md section 8).

use headwater_engine::{Direction, KeyRange, PageRequest, Table};
use headwater_expression::{Condition, Projection};
use headwater_model::{EncodedItem, capacity, limits};
use headwater_wire::ApiError;
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::Select;
use headwater_wire::messages::items;

use crate::api::Api;
use crate::failure::{internal, of_items};

/// A page to be read.
pub(crate) struct PageRead<'a> {
    pub(crate) table: &'a Table,
    pub(crate) range: KeyRange,
    pub(crate) direction: Direction,
    pub(crate) limit: Option<i64>,
    pub(crate) filter: Option<Condition>,
    pub(crate) projection: Option<Projection>,
    pub(crate) count_only: bool,
    pub(crate) consistent: bool,
}

/// A page as replies show it.
pub(crate) struct PageReply {
    pub(crate) items: Option<Vec<EncodedItem>>,
    pub(crate) count: i64,
    pub(crate) scanned_count: i64,
    pub(crate) last_evaluated_key: Option<EncodedItem>,
    pub(crate) units: f64,
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

/// Checks `Select` against the projection; whether only a count is wanted.
pub(crate) fn check_select(select: Option<Select>, projected: Projected) -> Result<bool, ApiError> {
    match (select, projected.parameter()) {
        (Some(Select::AllProjectedAttributes), None) => {
            Err(items::projected_attributes_without_index())
        }
        (Some(Select::SpecificAttributes), None) => Err(items::specific_attributes_without_list()),
        (Some(other), Some(parameter)) if other != Select::SpecificAttributes => {
            Err(items::projection_with_select(parameter, other.as_str()))
        }
        (select, _) => Ok(select == Some(Select::Count)),
    }
}

impl Api {
    /// Reads a page: at most `limit` items, at most 1 MB before the filter.
    pub(crate) fn read_page(&self, read: PageRead<'_>) -> Result<PageReply, ApiError> {
        let schema = read.table.schema();
        let request = PageRequest {
            range: read.range,
            direction: read.direction,
            limit: read.limit.and_then(|limit| usize::try_from(limit).ok()),
            bytes_max: limits::PAGE_SIZE_BYTES_MAX,
            filter: read.filter.as_ref(),
            items: !read.count_only,
        };
        let page = self.database.page(read.table, &request).map_err(of_items)?;
        let items = match read.projection {
            Some(projection) => project(&projection, &page.items)?,
            None => page.items,
        };
        let key_of = |key: Vec<u8>| schema.decode_key(&key).map_err(internal);
        let last_key = page.last_key.map(key_of).transpose()?;
        Ok(PageReply {
            items: (!read.count_only).then_some(items),
            count: page.matched as i64,
            scanned_count: page.scanned as i64,
            last_evaluated_key: last_key.as_ref().map(EncodedItem::encode),
            units: capacity::read_units(page.scanned_bytes, read.consistent),
        })
    }
}

fn project(projection: &Projection, items: &[EncodedItem]) -> Result<Vec<EncodedItem>, ApiError> {
    let projected = items.iter().map(|item| {
        let whole = item.decode().map_err(internal)?;
        Ok(EncodedItem::encode(&projection.project(&whole)))
    });
    projected.collect()
}
