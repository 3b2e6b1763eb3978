//! CreateEventSourceMapping. The order of the checks is that of the recorded answers.

use headwater_operations::RequestContext;
use headwater_streams::StreamArn;
use headwater_wire::ApiError;
use headwater_wire::lambda::{CreateEventSourceMappingRequest, EventSourcePosition};
use headwater_wire::messages::{functions, mappings};

use crate::registry::{FunctionRecord, MappingRecord, NewMapping, Origin, uuid};
use crate::triggers::Triggers;

use super::answer::{HttpAnswer, internal};
use super::function_name::FunctionName;
use super::mapping_settings::{Unserved, batch_size, retries_max};
use super::mapping_view::Transition;

/// triggers.md section 1.
const BATCH_SIZE: i64 = 100;

pub(super) async fn create_mapping(
    triggers: &Triggers,
    request: CreateEventSourceMappingRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let unserved = Unserved::of_create(&request);
    unserved.check_destination()?;
    let stream_arn = stream_arn(&request)?;
    let origin = origin(&request)?;
    unserved.check()?;
    let name = FunctionName::parse(&request.function_name);
    let _change = triggers.changes.lock().await;
    let function = triggers
        .function(&name, context)
        .map_err(|_| mappings::function_does_not_exist())?;
    triggers
        .streams()
        .find(&context.namespace, stream_arn)
        .map_err(|_| mappings::stream_not_found(stream_arn))?;
    triggers.check_pair(&context.namespace, stream_arn, &function, None)?;
    let record = MappingRecord::new(NewMapping {
        uuid: uuid(triggers.rng()),
        namespace: context.namespace.clone(),
        region: context.region.clone(),
        account: context.account.clone(),
        stream_arn: stream_arn.to_owned(),
        function_name: function.config.name.clone(),
        function_arn: mapped_arn(&function, &name),
        enabled: request.enabled.unwrap_or(true),
        batch_size: batch_size(request.batch_size.unwrap_or(BATCH_SIZE)),
        retries_max: request.maximum_retry_attempts.and_then(retries_max),
        origin,
        end: triggers.streams().database().log().durable().next(),
        now_ms: triggers.clock.now_ms(),
    });
    let mapping = triggers.mappings.put(record).await.map_err(internal)?;
    let answer = triggers.in_transition(&mapping, Transition::Creating);
    if mapping.enabled {
        triggers.deliveries.start(mapping);
    }
    HttpAnswer::json(202, &answer)
}

fn stream_arn(request: &CreateEventSourceMappingRequest) -> Result<&str, ApiError> {
    let arn = request.event_source_arn.as_deref().unwrap_or_default();
    match StreamArn::parse(arn) {
        Ok(_) => Ok(arn),
        Err(_) => Err(mappings::unrecognized_event_source()),
    }
}

fn origin(request: &CreateEventSourceMappingRequest) -> Result<Origin, ApiError> {
    match request.starting_position {
        None => Err(mappings::starting_position_required()),
        Some(EventSourcePosition::TrimHorizon) => Ok(Origin::TrimHorizon),
        Some(EventSourcePosition::Latest) => Ok(Origin::Latest),
        Some(EventSourcePosition::AtTimestamp) => match request.starting_position_timestamp {
            Some(time) => Ok(Origin::AtTimestamp(u64::try_from(time.0).unwrap_or(0))),
            None => Err(functions::invalid_parameter(
                "StartingPosition AT_TIMESTAMP needs StartingPositionTimestamp",
            )),
        },
    }
}

/// The ARN that a mapping shows: with the qualifier that was given, if one was.
pub(super) fn mapped_arn(function: &FunctionRecord, name: &FunctionName) -> String {
    let arn = &function.config.arn;
    match &name.qualifier {
        Some(qualifier) => format!("{arn}:{qualifier}"),
        None => arn.clone(),
    }
}

impl Triggers {
    /// Refuses a second mapping of one stream to one function.
    pub(super) fn check_pair(
        &self,
        namespace: &str,
        stream_arn: &str,
        function: &FunctionRecord,
        except: Option<&str>,
    ) -> Result<(), ApiError> {
        let name = &function.config.name;
        let other = self.mappings.of_pair(namespace, stream_arn, name);
        match other.filter(|other| except != Some(other.uuid.as_str())) {
            Some(other) => Err(mappings::already_exists(stream_arn, name, &other.uuid)),
            None => Ok(()),
        }
    }
}
