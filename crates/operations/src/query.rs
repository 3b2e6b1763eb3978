//! Query: the items of one partition of a table or index, in the order of their sort key.

use headwater_engine::Direction;
use headwater_expression::legacy::{FilterParameter, KeyConditions};
use headwater_expression::{ExpressionKind, KeyCondition, KeyTerm};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{QueryInput, QueryOutput};
use headwater_wire::messages::{self, items};

use crate::api::{Api, RequestContext};
use crate::capacity::consumed;
use crate::expressions::{Expressions, refuse_mixed, refuse_placeholders_alone};
use crate::failure::of_expressions;
use crate::read_page::PageRead;
use crate::read_target::{Filters, Projected, ReadTarget, check_select};
use crate::table_name::table_name;
use crate::{legacy, nested_keys};

pub(crate) async fn query(
    api: &Api,
    mut input: QueryInput,
    context: &RequestContext,
) -> Result<QueryOutput, ApiError> {
    let mut expressions = Expressions::new(
        input.expression_attribute_names.take(),
        input.expression_attribute_values.take(),
    )?;
    let operator = input.conditional_operator;
    let query_filter = legacy::filter(FilterParameter::Query, input.query_filter.take(), operator)?;
    let attributes = legacy::attributes_to_get(input.attributes_to_get.as_deref())?;
    let key_conditions =
        legacy::key_conditions(input.key_conditions.take(), input.index_name.is_some())?;
    let text = input.key_condition_expression.as_deref();
    let condition = expressions.parse(text, KeyCondition::parse)?;
    let text = input.filter_expression.as_deref();
    let filter = expressions.condition(ExpressionKind::Filter, text)?;
    let projection = expressions.projection(input.projection_expression.as_deref())?;
    expressions.finish()?;
    let projected = Projected::by(projection.is_some(), attributes.is_some());
    let projection = projection.or(attributes);
    let selected = check_select(input.select, projected, input.index_name.is_some());
    selected.map_err(messages::enveloped)?;
    let asked = KeysAsked::new(condition, key_conditions)?;

    let name = table_name(&input.table_name, context)?;
    let consistent = input.consistent_read == Some(true);
    let target = api.read_target(
        name,
        ("Query", input.index_name.as_deref()),
        consistent,
        context,
    )?;
    let shown = target.shown(input.select, projection.as_ref())?;
    let filters = Filters {
        expression: filter.as_ref(),
        legacy: query_filter.as_ref(),
    };
    let (range, partition) = target.range(asked.terms(&target)?, &filters)?;
    let filter = filter.or(query_filter);
    target.refuse_missing(filter.as_ref())?;
    let direction = match input.scan_index_forward {
        Some(false) => Direction::Backward,
        _ => Direction::Forward,
    };
    let start = input.exclusive_start_key.as_ref();
    let outside = |key: &[u8]| match target.is_of_partition(key, &partition) {
        true => items::starting_key_outside_of_range(),
        false => items::starting_key_outside_of_query(),
    };
    let range = target.behind(range, start, direction, outside)?;
    nested_keys::refuse(&target.table, projection.as_ref())?;
    nested_keys::refuse(&target.table, filter.as_ref())?;
    let page = api.read_page(PageRead {
        range,
        target: &target,
        partition: Some(partition),
        direction,
        limit: input.limit,
        filter,
        projection,
        shown,
        consistent,
    })?;
    Ok(QueryOutput {
        items: page.items,
        count: page.count,
        scanned_count: page.scanned_count,
        last_evaluated_key: page.last_evaluated_key,
        consumed_capacity: consumed(input.return_consumed_capacity, name, &page.used),
    })
}

/// The parameters that exclude or need each other.
pub(crate) fn check_parameters(input: &QueryInput) -> Result<(), ApiError> {
    let with_values = [
        ("FilterExpression", input.filter_expression.is_some()),
        (
            "KeyConditionExpression",
            input.key_condition_expression.is_some(),
        ),
    ];
    let projections = [(
        "ProjectionExpression",
        input.projection_expression.is_some(),
    )];
    let legacy = [
        ("AttributesToGet", input.attributes_to_get.is_some()),
        ("QueryFilter", input.query_filter.is_some()),
        ("ConditionalOperator", input.conditional_operator.is_some()),
        // Beside other expressions KeyConditions may stand (ExtendDB's tests against the service).
        (
            "KeyConditions",
            input.key_conditions.is_some() && input.key_condition_expression.is_some(),
        ),
    ];
    refuse_mixed(&legacy, &[&projections[..], &with_values].concat())?;
    legacy::check_operator(input.conditional_operator, input.query_filter.as_ref())?;
    let placeholders = (
        input.expression_attribute_names.is_some(),
        input.expression_attribute_values.is_some(),
    );
    refuse_placeholders_alone(placeholders, &with_values, &projections)
}

/// The conditions on keys, in one of the two ways to give them.
enum KeysAsked {
    Expression(Vec<KeyTerm>),
    Legacy(KeyConditions),
}

impl KeysAsked {
    fn new(
        expression: Option<KeyCondition>,
        legacy: Option<KeyConditions>,
    ) -> Result<Self, ApiError> {
        match (expression, legacy) {
            (Some(expression), _) => {
                let terms = expression.terms().map_err(of_expressions)?;
                Ok(Self::Expression(terms))
            }
            (None, Some(legacy)) => Ok(Self::Legacy(legacy)),
            (None, None) => Err(items::no_key_condition()),
        }
    }

    fn terms(self, target: &ReadTarget) -> Result<Vec<KeyTerm>, ApiError> {
        match self {
            Self::Expression(terms) => Ok(terms),
            Self::Legacy(conditions) => {
                let keys = target.key_names();
                let keys = keys.iter().map(String::as_str);
                conditions.terms(keys).map_err(legacy::refused)
            }
        }
    }
}
