//! A mapping as the API shows it (triggers.md section 1, recorded).

use headwater_wire::Timestamp;
use headwater_wire::lambda::{
    DestinationConfig, EventSourceMappingConfiguration, EventSourcePosition, OnFailure,
};

use crate::mappings::Phase;
use crate::registry::{MappingRecord, Origin};
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
    pub(super) fn settled(&self, mapping: &MappingRecord) -> EventSourceMappingConfiguration {
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
            batch_size: i64::try_from(mapping.batch_size).ok(),
            maximum_batching_window_in_seconds: Some(0),
            parallelization_factor: Some(1),
            event_source_arn: Some(mapping.stream_arn.clone()),
            filter_criteria: None,
            function_arn: Some(mapping.function_arn.clone()),
            last_modified: Some(time(mapping.modified_ms)),
            last_processing_result: Some(result.unwrap_or_else(|| NOTHING_PROCESSED.to_owned())),
            state: Some(state.to_owned()),
            state_transition_reason: Some(TRANSITION_REASON.to_owned()),
            destination_config: Some(DestinationConfig {
                on_success: None,
                on_failure: Some(OnFailure::default()),
            }),
            maximum_record_age_in_seconds: Some(-1),
            bisect_batch_on_function_error: Some(false),
            maximum_retry_attempts: Some(mapping.retries_max.map_or(-1, i64::from)),
            tumbling_window_in_seconds: Some(0),
            function_response_types: Some(Vec::new()),
            event_source_mapping_arn: Some(mapping.arn()),
        }
    }
}

fn time(ms: u64) -> Timestamp {
    Timestamp(i64::try_from(ms).unwrap_or(i64::MAX))
}
