//! UpdateEventSourceMapping and DeleteEventSourceMapping.

use std::sync::Arc;

use headwater_operations::RequestContext;
use headwater_wire::ApiError;
use headwater_wire::lambda::{DeleteEventSourceMappingRequest, UpdateEventSourceMappingRequest};
use headwater_wire::messages::mappings;

use crate::mappings::Phase;
use crate::registry::MappingRecord;
use crate::triggers::Triggers;

use super::answer::{HttpAnswer, internal};
use super::create_mapping::mapped_arn;
use super::function_name::FunctionName;
use super::mapping_settings::GivenSettings;
use super::mapping_view::Transition;

pub(super) async fn update_mapping(
    triggers: &Triggers,
    request: UpdateEventSourceMappingRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    GivenSettings::of_update(&request).check_destination()?;
    let _change = triggers.changes.lock().await;
    let in_use = mappings::in_use_for_update;
    let before = triggers.changeable(&context.namespace, &request.uuid, in_use)?;
    let after = triggers.changed(&before, &request, context)?;
    let transition = match (before.enabled, after.enabled) {
        (false, true) => Transition::Enabling,
        (true, false) => Transition::Disabling,
        _ => Transition::Updating,
    };
    let after = triggers.mappings.put(after).await.map_err(internal)?;
    let answer = triggers.in_transition(&after, transition);
    match transition {
        Transition::Enabling => triggers.deliveries.start(after),
        Transition::Disabling => triggers.deliveries.stop(&after.uuid),
        _ => triggers.deliveries.update(after),
    }
    HttpAnswer::json(202, &answer)
}

pub(super) async fn delete_mapping(
    triggers: &Triggers,
    request: DeleteEventSourceMappingRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let _change = triggers.changes.lock().await;
    let in_use = mappings::in_use_for_delete;
    let mapping = triggers.changeable(&context.namespace, &request.uuid, in_use)?;
    let uuid = &mapping.uuid;
    triggers.mappings.remove(uuid).await.map_err(internal)?;
    let answer = triggers.in_transition(&mapping, Transition::Deleting);
    triggers.deliveries.abandon(uuid).await;
    triggers.checkpoints.retain(uuid, |_, _| false);
    triggers.board.forget(uuid);
    HttpAnswer::json(202, &answer)
}

impl Triggers {
    /// A mapping that may be changed now, or else `in_use`.
    fn changeable(
        &self,
        namespace: &str,
        uuid: &str,
        in_use: fn() -> ApiError,
    ) -> Result<Arc<MappingRecord>, ApiError> {
        let mapping = self
            .mappings
            .get(namespace, uuid)
            .ok_or_else(mappings::not_found)?;
        match self.deliveries.phase(uuid) {
            Phase::Stopping => Err(in_use()),
            Phase::Running | Phase::Stopped => Ok(mapping),
        }
    }

    /// The mapping with what the request changes.
    fn changed(
        &self,
        before: &MappingRecord,
        request: &UpdateEventSourceMappingRequest,
        context: &RequestContext,
    ) -> Result<MappingRecord, ApiError> {
        let mut after = before.clone();
        after.settings = GivenSettings::of_update(request).apply(&before.settings)?;
        if let Some(name) = &request.function_name {
            let name = FunctionName::parse(name);
            let function = self
                .function(&name, context)
                .map_err(|_| mappings::function_does_not_exist())?;
            let (stream_arn, uuid) = (&before.stream_arn, &before.uuid);
            let function_arn = mapped_arn(&function, &name);
            self.check_pair(&before.namespace, stream_arn, &function_arn, Some(uuid))?;
            after.function_name = function.config.name.clone();
            after.function_arn = function_arn;
        }
        after.enabled = request.enabled.unwrap_or(before.enabled);
        after.modified_ms = self.clock.now_ms();
        Ok(after)
    }
}
