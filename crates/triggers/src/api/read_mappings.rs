//! GetEventSourceMapping and ListEventSourceMappings.

use std::sync::Arc;

use headwater_operations::RequestContext;
use headwater_streams::StreamArn;
use headwater_wire::ApiError;
use headwater_wire::lambda::{
    EventSourceMappingConfiguration, GetEventSourceMappingRequest, ListEventSourceMappingsRequest,
    ListEventSourceMappingsResponse,
};
use headwater_wire::messages::mappings;

use crate::registry::{LATEST, MappingRecord, qualifier_of};
use crate::triggers::Triggers;

use super::answer::HttpAnswer;
use super::function_name::FunctionName;
use super::marker;
use super::read_functions::page_size;

/// Mappings of one page at most, whatever is asked (triggers.md section 1).
const PAGE_MAX: usize = 100;

pub(super) fn get_mapping(
    triggers: &Triggers,
    request: GetEventSourceMappingRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let mapping = triggers
        .mappings
        .get(&context.namespace, &request.uuid)
        .ok_or_else(mappings::not_found)?;
    HttpAnswer::json(200, &triggers.settled(&mapping))
}

pub(super) fn list_mappings(
    triggers: &Triggers,
    request: ListEventSourceMappingsRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let after = request.marker.as_deref().map(place_of).transpose()?;
    let name = request.function_name.as_deref().map(FunctionName::parse);
    let mut found = triggers.mappings.all();
    found.retain(|mapping| {
        mapping.namespace == context.namespace
            && is_asked_for(mapping, request.event_source_arn.as_deref(), name.as_ref())
            && after
                .as_ref()
                .is_none_or(|(ms, uuid)| mapping.place() > (*ms, uuid))
    });
    let page = page_size(request.max_items, PAGE_MAX);
    let more = found.len() > page;
    found.truncate(page);
    let answer = ListEventSourceMappingsResponse {
        next_marker: found.last().filter(|_| more).map(marker_of),
        event_source_mappings: found
            .iter()
            .map(|mapping| listed(triggers, mapping))
            .collect(),
    };
    HttpAnswer::json(200, &answer)
}

/// A mapping as lists show it: without filters that are encrypted (triggers.md section 1).
fn listed(triggers: &Triggers, mapping: &MappingRecord) -> EventSourceMappingConfiguration {
    let mut shown = triggers.settled(mapping);
    if mapping.settings.kms_key_arn.is_some() {
        shown.filter_criteria = None;
    }
    shown
}

fn is_asked_for(
    mapping: &MappingRecord,
    stream_arn: Option<&str>,
    name: Option<&FunctionName>,
) -> bool {
    stream_arn.is_none_or(|arn| StreamArn::is_same(&mapping.stream_arn, arn))
        && name.is_none_or(|name| is_of(mapping, name))
}

/// A name with a qualifier means the mappings of that version or alias, and one without all of the function's.
fn is_of(mapping: &MappingRecord, name: &FunctionName) -> bool {
    let mapped = qualifier_of(&mapping.function_arn).unwrap_or(LATEST);
    let asked = name.qualifier.as_deref();
    mapping.function_name == name.name && asked.is_none_or(|asked| asked == mapped)
}

fn marker_of(mapping: &Arc<MappingRecord>) -> String {
    let (ms, uuid) = mapping.place();
    marker::write(&format!("{ms}/{uuid}"))
}

fn place_of(text: &str) -> Result<(u64, String), ApiError> {
    let place = marker::read(text)?;
    let parts = place.split_once('/');
    parts
        .and_then(|(ms, uuid)| Some((ms.parse().ok()?, uuid.to_owned())))
        .ok_or_else(marker::invalid)
}
