//! The settings of mappings: which are served, and which values of the others mean "not used".

use headwater_wire::ApiError;
use headwater_wire::json::Json;
use headwater_wire::lambda::{
    CreateEventSourceMappingRequest, DestinationConfig, FilterCriteria, FunctionResponseType,
    UpdateEventSourceMappingRequest,
};
use headwater_wire::messages::{functions, mappings};

/// Settings that are known and not served yet.
pub(super) struct Unserved<'r> {
    filter_criteria: Option<&'r FilterCriteria>,
    batching_window_s: Option<i64>,
    parallelization_factor: Option<i64>,
    destination_config: Option<&'r DestinationConfig>,
    record_age_s_max: Option<i64>,
    bisect: Option<bool>,
    tumbling_window_s: Option<i64>,
    response_types: Option<&'r [FunctionResponseType]>,
    has_tags: bool,
    others: &'r [&'static str],
}

impl<'r> Unserved<'r> {
    pub(super) fn of_create(request: &'r CreateEventSourceMappingRequest) -> Self {
        Self {
            filter_criteria: request.filter_criteria.as_ref(),
            batching_window_s: request.maximum_batching_window_in_seconds,
            parallelization_factor: request.parallelization_factor,
            destination_config: request.destination_config.as_ref(),
            record_age_s_max: request.maximum_record_age_in_seconds,
            bisect: request.bisect_batch_on_function_error,
            tumbling_window_s: request.tumbling_window_in_seconds,
            response_types: request.function_response_types.as_deref(),
            has_tags: request.tags.as_ref().is_some_and(|tags| !tags.is_empty()),
            others: &request.unsupported,
        }
    }

    pub(super) fn of_update(request: &'r UpdateEventSourceMappingRequest) -> Self {
        Self {
            filter_criteria: request.filter_criteria.as_ref(),
            batching_window_s: request.maximum_batching_window_in_seconds,
            parallelization_factor: request.parallelization_factor,
            destination_config: request.destination_config.as_ref(),
            record_age_s_max: request.maximum_record_age_in_seconds,
            bisect: request.bisect_batch_on_function_error,
            tumbling_window_s: request.tumbling_window_in_seconds,
            response_types: request.function_response_types.as_deref(),
            has_tags: false,
            others: &request.unsupported,
        }
    }

    /// Refuses destinations of success, which streams do not have.
    pub(super) fn check_destination(&self) -> Result<(), ApiError> {
        let on_success = self
            .destination_config
            .and_then(|destinations| destinations.on_success.as_ref());
        match on_success {
            Some(_) => Err(mappings::unsupported_destination()),
            None => Ok(()),
        }
    }

    /// Refuses what is wrong by itself, then what is used and not served, by name.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let filters = self.filters();
        if filters.iter().any(|pattern| !is_pattern(pattern)) {
            return Err(mappings::invalid_filter_pattern());
        }
        if let Some(seconds @ 0..60) = self.record_age_s_max {
            return Err(mappings::record_age_out_of_range(seconds));
        }
        let used = |given: Option<i64>, neutral: i64| given.is_some_and(|given| given != neutral);
        let has_destination = self
            .destination_config
            .and_then(|destinations| destinations.on_failure.as_ref())
            .and_then(|on_failure| on_failure.destination.as_ref())
            .is_some_and(|destination| !destination.is_empty());
        let checks = [
            ("FilterCriteria", !filters.is_empty()),
            (
                "MaximumBatchingWindowInSeconds",
                used(self.batching_window_s, 0),
            ),
            (
                "ParallelizationFactor",
                used(self.parallelization_factor, 1),
            ),
            ("DestinationConfig", has_destination),
            ("MaximumRecordAgeInSeconds", used(self.record_age_s_max, -1)),
            ("BisectBatchOnFunctionError", self.bisect == Some(true)),
            ("TumblingWindowInSeconds", used(self.tumbling_window_s, 0)),
            (
                "FunctionResponseTypes",
                self.response_types.is_some_and(|types| !types.is_empty()),
            ),
            ("Tags", self.has_tags),
        ];
        let mut unserved: Vec<&str> = checks
            .into_iter()
            .filter_map(|(name, is_used)| is_used.then_some(name))
            .collect();
        unserved.extend(self.others);
        if unserved.is_empty() {
            return Ok(());
        }
        Err(functions::unsupported_parameters(&unserved))
    }

    fn filters(&self) -> Vec<&'r str> {
        let filters = self
            .filter_criteria
            .and_then(|criteria| criteria.filters.as_ref());
        filters
            .into_iter()
            .flatten()
            .map(|filter| filter.pattern.as_deref().unwrap_or_default())
            .collect()
    }
}

/// Whether a text may be a filter pattern: a JSON object.
fn is_pattern(text: &str) -> bool {
    matches!(Json::parse(text.as_bytes()), Ok(Json::Object(_)))
}

/// `MaximumRetryAttempts`, which the decoder has held to its range.
pub(super) fn retries_max(attempts: i64) -> Option<u32> {
    u32::try_from(attempts).ok()
}

/// `BatchSize`, which the decoder has held to its range.
pub(super) fn batch_size(given: i64) -> usize {
    usize::try_from(given).unwrap_or(1).max(1)
}
