//! A mapping as the API shows it (triggers.md section 1, recorded).

use headwater_wire::Timestamp;
use headwater_wire::lambda::{
    DestinationConfig, EventSourceMappingConfiguration, EventSourceMappingMetric,
    EventSourceMappingMetricsConfig, EventSourcePosition, Filter, FilterCriteria,
    FunctionResponseType, OnFailure,
};

use crate::mappings::Phase;
use crate::registry::{MappingRecord, MappingSettings, Origin};
use crate::triggers::Triggers;

const NOTHING_PROCESSED: &str = "No records processed";
const TRANSITION_REASON: &str = "User action";

/// What is being done to a mapping, in the moment of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transition {
    Creating,
    Enabling,
    Disabling,
    Updating,
    Deleting,
}

impl Transition {
    fn as_str(self) -> &'static str {
        match self {
            Transition::Creating => "Creating",
            Transition::Enabling => "Enabling",
            Transition::Disabling => "Disabling",
            Transition::Updating => "Updating",
            Transition::Deleting => "Deleting",
        }
    }
}

impl Triggers {
    /// A mapping as it is now.
    pub(crate) fn settled(&self, mapping: &MappingRecord) -> EventSourceMappingConfiguration {
        let state = match (mapping.enabled, self.deliveries.phase(&mapping.uuid)) {
            (true, _) => "Enabled",
            (false, Phase::Stopped) => "Disabled",
            (false, Phase::Running | Phase::Stopping) => "Disabling",
        };
        self.configuration(mapping, state)
    }

    /// A mapping to which something is being done.
    pub(super) fn in_transition(
        &self,
        mapping: &MappingRecord,
        transition: Transition,
    ) -> EventSourceMappingConfiguration {
        self.configuration(mapping, transition.as_str())
    }

    fn configuration(
        &self,
        mapping: &MappingRecord,
        state: &str,
    ) -> EventSourceMappingConfiguration {
        let result = self.checkpoints.last_result(&mapping.uuid);
        let settings = &mapping.settings;
        EventSourceMappingConfiguration {
            uuid: Some(mapping.uuid.clone()),
            starting_position: Some(match mapping.origin {
                Origin::TrimHorizon => EventSourcePosition::TrimHorizon,
                Origin::Latest => EventSourcePosition::Latest,
                Origin::AtTimestamp(_) => EventSourcePosition::AtTimestamp,
            }),
            starting_position_timestamp: match mapping.origin {
                Origin::AtTimestamp(ms) => Some(time(ms)),
                Origin::TrimHorizon | Origin::Latest => None,
            },
            batch_size: i64::try_from(settings.batch_size).ok(),
            maximum_batching_window_in_seconds: Some(settings.batching_window_s.into()),
            parallelization_factor: i64::try_from(settings.parallelization_factor).ok(),
            event_source_arn: Some(mapping.stream_arn.clone()),
            filter_criteria: filter_criteria(settings),
            kms_key_arn: settings.kms_key_arn.clone(),
            metrics_config: metrics_config(settings),
            function_arn: Some(mapping.function_arn.clone()),
            last_modified: Some(time(mapping.modified_ms)),
            last_processing_result: Some(result.unwrap_or_else(|| NOTHING_PROCESSED.to_owned())),
            state: Some(state.to_owned()),
            state_transition_reason: Some(TRANSITION_REASON.to_owned()),
            destination_config: Some(DestinationConfig {
                on_success: None,
                on_failure: Some(OnFailure {
                    destination: settings.destination.clone(),
                }),
            }),
            maximum_record_age_in_seconds: Some(settings.record_age_s_max.map_or(-1, i64::from)),
            bisect_batch_on_function_error: Some(settings.bisects),
            maximum_retry_attempts: Some(settings.retries_max.map_or(-1, i64::from)),
            tumbling_window_in_seconds: Some(settings.tumbling_window_s.into()),
            function_response_types: Some(response_types(settings)),
            event_source_mapping_arn: Some(mapping.arn()),
        }
    }
}

/// Absent without filters (recorded).
fn filter_criteria(settings: &MappingSettings) -> Option<FilterCriteria> {
    if settings.filters.is_empty() {
        return None;
    }
    let filters = settings.filters.iter().map(|pattern| Filter {
        pattern: Some(pattern.clone()),
    });
    Some(FilterCriteria {
        filters: Some(filters.collect()),
    })
}

fn metrics_config(settings: &MappingSettings) -> Option<EventSourceMappingMetricsConfig> {
    let metrics = settings.metrics.as_ref()?;
    let metrics = metrics.iter().map(|_| EventSourceMappingMetric::EventCount);
    Some(EventSourceMappingMetricsConfig {
        metrics: Some(metrics.collect()),
    })
}

fn response_types(settings: &MappingSettings) -> Vec<FunctionResponseType> {
    let reports = settings.reports_item_failures;
    let types = reports.then_some(FunctionResponseType::ReportBatchItemFailures);
    types.into_iter().collect()
}

fn time(ms: u64) -> Timestamp {
    Timestamp(i64::try_from(ms).unwrap_or(i64::MAX))
}
