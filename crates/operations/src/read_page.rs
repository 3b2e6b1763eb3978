//! What Query and Scan have in common: the page, and the reply's members
//! (dynamodb-api.md section 8).

use headwater_engine::{Direction, KeyRange, PageRequest, ReadOf};
use headwater_expression::{Condition, Projection};
use headwater_model::{AttributeValue, EncodedItem, capacity, limits};
use headwater_wire::ApiError;

use crate::api::Api;
use crate::capacity::Used;
use crate::failure::{internal, of_items};
use crate::read_target::{ReadTarget, Shown};

/// A page to be read.
pub(crate) struct PageRead<'a> {
    pub(crate) target: &'a ReadTarget,
    /// The values of the partition that is read, if it is one.
    pub(crate) partition: Option<Vec<AttributeValue>>,
    pub(crate) range: KeyRange,
    pub(crate) direction: Direction,
    pub(crate) limit: Option<i64>,
    pub(crate) filter: Option<Condition>,
    pub(crate) projection: Option<Projection>,
    pub(crate) shown: Shown,
    pub(crate) consistent: bool,
}

/// A page as replies show it.
pub(crate) struct PageReply {
    pub(crate) items: Option<Vec<EncodedItem>>,
    pub(crate) count: i64,
    pub(crate) scanned_count: i64,
    pub(crate) last_evaluated_key: Option<EncodedItem>,
    pub(crate) used: Used,
}

impl Api {
    /// Reads a page: at most `limit` items, at most 1 MB before the filter.
    pub(crate) fn read_page(&self, read: PageRead<'_>) -> Result<PageReply, ApiError> {
        let request = PageRequest {
            range: read.range,
            direction: read.direction,
            limit: read.limit.and_then(|limit| usize::try_from(limit).ok()),
            bytes_max: limits::PAGE_SIZE_BYTES_MAX,
            filter: read.filter.as_ref(),
            items: !read.shown.count_only,
            index: read.target.index.as_deref(),
            fetch: read.shown.fetch,
        };
        let (table, index) = (&read.target.table, read.target.index.as_deref());
        let of = match &read.partition {
            Some(partition) => ReadOf::Partition(partition),
            None => ReadOf::Everything,
        };
        self.admit_read(table, index, of)?;
        let page = self.database.page(table, &request);
        let page = page.map_err(of_items)?;
        let items = match read.projection {
            Some(projection) => project(&projection, &page.items)?,
            None => page.items,
        };
        let last_key = page.last_key.map(|key| read.target.key_of(&key));
        let last_key = last_key.transpose()?;
        let units = capacity::read_units(page.scanned_bytes, read.consistent);
        let halves = if read.consistent { 1.0 } else { 0.5 };
        let fetched = page.fetched_units * halves;
        self.database.charge_read(table, index, units + fetched);
        let used = match &read.target.index {
            None => Used::of_table(units),
            Some(index) => Used::of_table(fetched).and_index(index.record(), units),
        };
        Ok(PageReply {
            items: (!read.shown.count_only).then_some(items),
            count: page.matched as i64,
            scanned_count: page.scanned as i64,
            last_evaluated_key: last_key.as_ref().map(EncodedItem::encode),
            used,
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
