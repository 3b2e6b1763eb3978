//! Scan: all items of a table or index, or of one of several even segments of it.

use headwater_engine::Direction;
use headwater_expression::ExpressionKind;
use headwater_expression::legacy::FilterParameter;
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{ScanInput, ScanOutput};
use headwater_wire::messages::items;

use crate::api::{Api, RequestContext};
use crate::capacity::consumed;
use crate::expressions::{Expressions, refuse_mixed, refuse_placeholders_alone};
use crate::read_page::PageRead;
use crate::read_target::{Projected, check_select};
use crate::table_name::table_name;
use crate::{key_range, legacy, nested_keys};

/// The parameters that exclude or need each other.
pub(crate) fn check_parameters(input: &ScanInput) -> Result<(), ApiError> {
    let filters = [("FilterExpression", input.filter_expression.is_some())];
    let projections = [(
        "ProjectionExpression",
        input.projection_expression.is_some(),
    )];
    let legacy = [
        ("AttributesToGet", input.attributes_to_get.is_some()),
        ("ScanFilter", input.scan_filter.is_some()),
        ("ConditionalOperator", input.conditional_operator.is_some()),
    ];
    refuse_mixed(&legacy, &[projections, filters].concat())?;
    legacy::check_operator(input.conditional_operator, input.scan_filter.as_ref())?;
    let placeholders = (
        input.expression_attribute_names.is_some(),
        input.expression_attribute_values.is_some(),
    );
    refuse_placeholders_alone(placeholders, &filters, &projections)
}

pub(crate) async fn scan(
    api: &Api,
    mut input: ScanInput,
    context: &RequestContext,
) -> Result<ScanOutput, ApiError> {
    let mut expressions = Expressions::new(
        input.expression_attribute_names.take(),
        input.expression_attribute_values.take(),
    )?;
    let attributes = legacy::attributes_to_get(input.attributes_to_get.as_deref())?;
    let operator = input.conditional_operator;
    let scan_filter = legacy::filter(FilterParameter::Scan, input.scan_filter.take(), operator)?;
    let segment = segment(input.segment, input.total_segments)?;
    let text = input.filter_expression.as_deref();
    let filter = expressions.condition(ExpressionKind::Filter, text)?;
    let projection = expressions.projection(input.projection_expression.as_deref())?;
    expressions.finish()?;
    let projected = Projected::by(projection.is_some(), attributes.is_some());
    let projection = projection.or(attributes);
    check_select(input.select, projected, input.index_name.is_some())?;

    let name = table_name(&input.table_name, context)?;
    let consistent = input.consistent_read == Some(true);
    let target = api.read_target(
        name,
        ("Scan", input.index_name.as_deref()),
        consistent,
        context,
    )?;
    let shown = target.shown(input.select, projection.as_ref())?;
    let filter = filter.or(scan_filter);
    target.refuse_missing(filter.as_ref())?;
    let range = key_range::of_segment(segment.0, segment.1);
    let start = input.exclusive_start_key.as_ref();
    let outside = |_: &[u8]| items::starting_key_outside_of_segment(segment.0, segment.1);
    let range = target.behind(range, start, Direction::Forward, outside)?;
    nested_keys::refuse(&target.table, projection.as_ref())?;
    nested_keys::refuse(&target.table, filter.as_ref())?;
    let page = api.read_page(PageRead {
        range,
        target: &target,
        partition: None,
        direction: Direction::Forward,
        limit: input.limit,
        filter,
        projection,
        shown,
        consistent,
    })?;
    Ok(ScanOutput {
        items: page.items,
        count: page.count,
        scanned_count: page.scanned_count,
        last_evaluated_key: page.last_evaluated_key,
        consumed_capacity: consumed(input.return_consumed_capacity, name, &page.used),
    })
}

/// Segment and number of segments; without them, the table is one.
fn segment(segment: Option<i64>, total: Option<i64>) -> Result<(u32, u32), ApiError> {
    match (segment, total) {
        (None, None) => Ok((0, 1)),
        (Some(_), None) => Err(items::total_segments_missing()),
        (None, Some(_)) => Err(items::segment_missing()),
        (Some(segment), Some(total)) => match (u32::try_from(segment), u32::try_from(total)) {
            (Ok(segment), Ok(total)) if segment < total => Ok((segment, total)),
            _ => Err(items::segment_out_of_range(segment, total)),
        },
    }
}
