//! CreateEventSourceMapping. The order of the checks is that of the recorded answers.

use headwater_operations::RequestContext;
use headwater_streams::StreamArn;
use headwater_wire::ApiError;
use headwater_wire::lambda::{CreateEventSourceMappingRequest, EventSourcePosition};
use headwater_wire::messages::mappings;

use crate::registry::{FunctionRecord, MappingRecord, MappingSettings, NewMapping, Origin, uuid};
use crate::triggers::Triggers;

use super::answer::{HttpAnswer, internal};
use super::function_name::FunctionName;
use super::mapping_settings::GivenSettings;
use super::mapping_view::Transition;
use super::tags::check_keys;

/// Most tags of a resource.
const TAGS_MAX: usize = 50;

pub(super) async fn create_mapping(
    triggers: &Triggers,
    request: CreateEventSourceMappingRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let given = GivenSettings::of_create(&request);
    given.check_destination()?;
    let stream_arn = stream_arn(&request)?;
    let origin = origin(&request, stream_arn)?;
    let settings = given.apply(&MappingSettings::default())?;
    let tags = request.tags.clone().unwrap_or_default();
    if tags.len() > TAGS_MAX {
        return Err(mappings::too_many_tags(TAGS_MAX));
    }
    check_keys(&tags)?;
    let name = FunctionName::parse(&request.function_name);
    let _change = triggers.changes.lock().await;
    let function = triggers
        .function(&name, context)
        .map_err(|_| mappings::function_does_not_exist())?;
    let stream = triggers
        .streams()
        .find(&context.namespace, stream_arn)
        .map_err(|_| mappings::stream_not_found(stream_arn))?;
    // As the table shows it, whatever region or account was given for it.
    let stream_arn = stream.arn();
    let function_arn = mapped_arn(&function, &name);
    triggers.check_pair(&context.namespace, &stream_arn, &function_arn, None)?;
    let record = MappingRecord::new(NewMapping {
        uuid: uuid(triggers.rng()),
        namespace: context.namespace.clone(),
        region: context.region.clone(),
        account: context.account.clone(),
        stream_arn,
        function_name: function.config.name.clone(),
        function_arn,
        enabled: request.enabled.unwrap_or(true),
        settings,
        tags,
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

fn origin(request: &CreateEventSourceMappingRequest, stream_arn: &str) -> Result<Origin, ApiError> {
    let has_timestamp = request.starting_position_timestamp.is_some();
    match request.starting_position {
        None => Err(mappings::starting_position_required()),
        // It would begin elsewhere than somebody thinks.
        Some(EventSourcePosition::TrimHorizon | EventSourcePosition::Latest) if has_timestamp => {
            Err(mappings::timestamp_for_other_position())
        }
        Some(EventSourcePosition::TrimHorizon) => Ok(Origin::TrimHorizon),
        Some(EventSourcePosition::Latest) => Ok(Origin::Latest),
        Some(EventSourcePosition::AtTimestamp) => {
            Err(mappings::unsupported_starting_position(stream_arn))
        }
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
    /// Refuses a second mapping of one stream to one function. Versions and aliases are functions of their own here: the
    /// mappings of one stream to two aliases deliver side by side, as on AWS.
    pub(super) fn check_pair(
        &self,
        namespace: &str,
        stream_arn: &str,
        function_arn: &str,
        except: Option<&str>,
    ) -> Result<(), ApiError> {
        let other = self
            .mappings
            .of_pair(namespace, stream_arn, function_arn, except);
        match other {
            Some(other) => Err(mappings::already_exists(
                stream_arn,
                &other.function_name,
                &other.uuid,
            )),
            None => Ok(()),
        }
    }
}
