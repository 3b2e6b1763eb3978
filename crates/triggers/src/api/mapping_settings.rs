//! The settings of mappings, from the requests that make or change them (triggers.md section 1).

use headwater_expression::filter::{FILTERS_MAX, Filters};
use headwater_wire::ApiError;
use headwater_wire::lambda::{
    CreateEventSourceMappingRequest, DestinationConfig, EventSourceMappingMetric,
    EventSourceMappingMetricsConfig, FilterCriteria, FunctionResponseType,
    UpdateEventSourceMappingRequest,
};
use headwater_wire::messages::{functions, mappings};

use crate::registry::MappingSettings;

/// Kinds of destinations that streams have, by the service in the ARN.
const DESTINATION_SERVICES: [&str; 3] = ["sqs", "sns", "s3"];

/// What a request says of settings; what it leaves out stays as it is.
pub(super) struct GivenSettings<'r> {
    filter_criteria: Option<&'r FilterCriteria>,
    batch_size: Option<i64>,
    batching_window_s: Option<i64>,
    parallelization_factor: Option<i64>,
    destination_config: Option<&'r DestinationConfig>,
    record_age_s_max: Option<i64>,
    retries_max: Option<i64>,
    bisects: Option<bool>,
    tumbling_window_s: Option<i64>,
    response_types: Option<&'r [FunctionResponseType]>,
    kms_key_arn: Option<&'r str>,
    metrics_config: Option<&'r EventSourceMappingMetricsConfig>,
    unsupported: &'r [&'static str],
}

impl<'r> GivenSettings<'r> {
    pub(super) fn of_create(request: &'r CreateEventSourceMappingRequest) -> Self {
        Self {
            filter_criteria: request.filter_criteria.as_ref(),
            batch_size: request.batch_size,
            batching_window_s: request.maximum_batching_window_in_seconds,
            parallelization_factor: request.parallelization_factor,
            destination_config: request.destination_config.as_ref(),
            record_age_s_max: request.maximum_record_age_in_seconds,
            retries_max: request.maximum_retry_attempts,
            bisects: request.bisect_batch_on_function_error,
            tumbling_window_s: request.tumbling_window_in_seconds,
            response_types: request.function_response_types.as_deref(),
            kms_key_arn: request.kms_key_arn.as_deref(),
            metrics_config: request.metrics_config.as_ref(),
            unsupported: &request.unsupported,
        }
    }

    pub(super) fn of_update(request: &'r UpdateEventSourceMappingRequest) -> Self {
        Self {
            filter_criteria: request.filter_criteria.as_ref(),
            batch_size: request.batch_size,
            batching_window_s: request.maximum_batching_window_in_seconds,
            parallelization_factor: request.parallelization_factor,
            destination_config: request.destination_config.as_ref(),
            record_age_s_max: request.maximum_record_age_in_seconds,
            retries_max: request.maximum_retry_attempts,
            bisects: request.bisect_batch_on_function_error,
            tumbling_window_s: request.tumbling_window_in_seconds,
            response_types: request.function_response_types.as_deref(),
            kms_key_arn: request.kms_key_arn.as_deref(),
            metrics_config: request.metrics_config.as_ref(),
            unsupported: &request.unsupported,
        }
    }

    /// Refuses destinations of success, which streams do not have. An `OnSuccess` that names none asks for nothing.
    pub(super) fn check_destination(&self) -> Result<(), ApiError> {
        let on_success = self
            .destination_config
            .and_then(|destinations| destinations.on_success.as_ref());
        let arn = on_success.and_then(|on_success| on_success.destination.as_deref());
        match arn.filter(|arn| !arn.is_empty()) {
            Some(_) => Err(mappings::unsupported_destination()),
            None => Ok(()),
        }
    }

    /// The settings with what the request changes. The decoder has held numbers to their ranges.
    pub(super) fn apply(&self, before: &MappingSettings) -> Result<MappingSettings, ApiError> {
        let mut after = before.clone();
        if let Some(criteria) = self.filter_criteria {
            after.filters = filters(criteria)?;
        }
        if let Some(seconds) = self.record_age_s_max {
            after.record_age_s_max = record_age_s_max(seconds)?;
        }
        if let Some(destinations) = self.destination_config {
            after.destination = destination(destinations)?;
        }
        if let Some(config) = self.metrics_config {
            after.metrics = metrics(config)?;
        }
        if !self.unsupported.is_empty() {
            return Err(functions::unsupported_parameters(self.unsupported));
        }
        if let Some(given) = self.batch_size {
            after.batch_size = usize::try_from(given).unwrap_or(1).max(1);
        }
        if let Some(seconds) = self.batching_window_s {
            after.batching_window_s = u32::try_from(seconds).unwrap_or(0);
        }
        if let Some(factor) = self.parallelization_factor {
            after.parallelization_factor = usize::try_from(factor).unwrap_or(1).max(1);
        }
        if let Some(attempts) = self.retries_max {
            after.retries_max = u32::try_from(attempts).ok();
        }
        if let Some(seconds) = self.tumbling_window_s {
            after.tumbling_window_s = u32::try_from(seconds).unwrap_or(0);
        }
        if let Some(types) = self.response_types {
            after.reports_item_failures = !types.is_empty();
        }
        if let Some(key) = self.kms_key_arn {
            after.kms_key_arn = Some(key.to_owned()).filter(|key| !key.is_empty());
        }
        after.bisects = self.bisects.unwrap_or(before.bisects);
        Ok(after)
    }
}

/// The patterns, each of which compiles; none if the criteria are empty.
fn filters(criteria: &FilterCriteria) -> Result<Vec<String>, ApiError> {
    let given = criteria.filters.as_deref().unwrap_or_default();
    if given.len() > FILTERS_MAX {
        return Err(mappings::too_many_filters(FILTERS_MAX));
    }
    let patterns = given
        .iter()
        .map(|filter| filter.pattern.clone().unwrap_or_default());
    let patterns: Vec<String> = patterns.collect();
    match Filters::parse(&patterns) {
        Ok(_) => Ok(patterns),
        Err(error) => {
            tracing::info!(%error, "a filter pattern is refused");
            Err(mappings::invalid_filter_pattern())
        }
    }
}

fn record_age_s_max(seconds: i64) -> Result<Option<u32>, ApiError> {
    match seconds {
        0..60 => Err(mappings::record_age_out_of_range(seconds)),
        _ => Ok(u32::try_from(seconds).ok()),
    }
}

/// The ARN of what receives failed batches; `None` if there is none.
fn destination(config: &DestinationConfig) -> Result<Option<String>, ApiError> {
    let on_failure = config.on_failure.as_ref();
    let arn = on_failure.and_then(|on_failure| on_failure.destination.as_deref());
    let Some(arn) = arn.filter(|arn| !arn.is_empty()) else {
        return Ok(None);
    };
    let service = arn.split(':').nth(2).unwrap_or_default();
    if !DESTINATION_SERVICES.contains(&service) || arn.ends_with(".fifo") {
        return Err(mappings::unsupported_on_failure(arn));
    }
    Ok(Some(arn.to_owned()))
}

/// The names of the metrics, of which streams have one.
fn metrics(config: &EventSourceMappingMetricsConfig) -> Result<Option<Vec<String>>, ApiError> {
    let given = config.metrics.as_deref().unwrap_or_default();
    if given
        .iter()
        .any(|metric| *metric != EventSourceMappingMetric::EventCount)
    {
        return Err(mappings::unsupported_metric());
    }
    let names: Vec<String> = given.iter().map(|_| EVENT_COUNT.to_owned()).collect();
    Ok(Some(names).filter(|names| !names.is_empty()))
}

/// The metric that streams have.
pub(super) const EVENT_COUNT: &str = "EventCount";
