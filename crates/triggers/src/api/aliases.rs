//! CreateAlias, GetAlias, UpdateAlias, DeleteAlias, ListAliases.

use headwater_operations::RequestContext;
use headwater_wire::ApiError;
use headwater_wire::lambda::{
    AliasConfiguration, AliasRoutingConfiguration, CreateAliasRequest, DeleteAliasRequest,
    GetAliasRequest, ListAliasesRequest, ListAliasesResponse, UpdateAliasRequest,
};
use headwater_wire::messages::functions;

use crate::registry::{Alias, FunctionRecord, LATEST, uuid};
use crate::triggers::Triggers;

use super::answer::{HttpAnswer, internal};
use super::function_name::FunctionName;
use super::marker;
use super::read_functions::{PAGE_MAX, page_size};

/// So many fit into the function's document with room to spare.
const ALIASES_MAX: usize = 256;

pub(super) async fn create_alias(
    triggers: &Triggers,
    request: CreateAliasRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let name = FunctionName::parse(&request.function_name).of_latest()?;
    let _change = triggers.changes.lock().await;
    let mut record = FunctionRecord::clone(&*triggers.function(&name, context)?);
    triggers.version(&record, &request.function_version, context)?;
    if record.whole.aliases.contains_key(&request.name) {
        return Err(functions::alias_exists(&arn(&record, &request.name)));
    }
    if record.whole.aliases.len() >= ALIASES_MAX {
        return Err(functions::too_many_aliases(ALIASES_MAX));
    }
    let routing = request.routing_config.unwrap_or_default();
    let alias = Alias {
        additional: triggers.routing(&record, &request.function_version, routing, context)?,
        version: request.function_version,
        description: request.description.unwrap_or_default(),
        revision: uuid(triggers.rng()),
    };
    let answer = HttpAnswer::json(201, &shown(&record, &request.name, &alias));
    record.whole.aliases.insert(request.name, alias);
    triggers.functions.put(record).await.map_err(internal)?;
    answer
}

pub(super) fn get_alias(
    triggers: &Triggers,
    request: GetAliasRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let name = FunctionName::parse(&request.function_name).of_latest()?;
    let record = triggers.function(&name, context)?;
    let alias = alias(&record, &request.name)?;
    HttpAnswer::json(200, &shown(&record, &request.name, alias))
}

pub(super) async fn update_alias(
    triggers: &Triggers,
    request: UpdateAliasRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let name = FunctionName::parse(&request.function_name).of_latest()?;
    let _change = triggers.changes.lock().await;
    let mut record = FunctionRecord::clone(&*triggers.function(&name, context)?);
    let mut alias = alias(&record, &request.name)?.clone();
    let asked = request.revision_id.filter(|asked| !asked.is_empty());
    if asked.is_some_and(|asked| asked != alias.revision) {
        return Err(functions::revision_mismatch());
    }
    if let Some(version) = request.function_version {
        triggers.version(&record, &version, context)?;
        alias.version = version;
    }
    if let Some(description) = request.description {
        alias.description = description;
    }
    let routing = match request.routing_config {
        Some(routing) => routing,
        None => weights(&alias),
    };
    alias.additional = triggers.routing(&record, &alias.version, routing, context)?;
    alias.revision = uuid(triggers.rng());
    let answer = HttpAnswer::json(200, &shown(&record, &request.name, &alias));
    record.whole.aliases.insert(request.name, alias);
    triggers.functions.put(record).await.map_err(internal)?;
    answer
}

/// An alias that is not there is deleted already. Unconfirmed.
pub(super) async fn delete_alias(
    triggers: &Triggers,
    request: DeleteAliasRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let name = FunctionName::parse(&request.function_name).of_latest()?;
    let _change = triggers.changes.lock().await;
    let mut record = FunctionRecord::clone(&*triggers.function(&name, context)?);
    if record.whole.aliases.remove(&request.name).is_some() {
        triggers.functions.put(record).await.map_err(internal)?;
    }
    Ok(HttpAnswer::empty(204))
}

pub(super) fn list_aliases(
    triggers: &Triggers,
    request: ListAliasesRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let name = FunctionName::parse(&request.function_name).of_latest()?;
    let record = triggers.function(&name, context)?;
    let after = request.marker.as_deref().map(marker::read).transpose()?;
    let of_version = |alias: &Alias| {
        let version = request.function_version.as_ref();
        version.is_none_or(|version| alias.version == *version)
    };
    let mut found: Vec<(&String, &Alias)> = record
        .whole
        .aliases
        .iter()
        .filter(|(name, alias)| after.as_ref().is_none_or(|a| *name > a) && of_version(alias))
        .collect();
    let page = page_size(request.max_items, PAGE_MAX);
    let more = found.len() > page;
    found.truncate(page);
    let last = found.last().filter(|_| more);
    let answer = ListAliasesResponse {
        next_marker: last.map(|(name, _)| marker::write(name)),
        aliases: found
            .iter()
            .map(|(name, alias)| shown(&record, name, alias))
            .collect(),
    };
    HttpAnswer::json(200, &answer)
}

fn alias<'r>(record: &'r FunctionRecord, name: &str) -> Result<&'r Alias, ApiError> {
    let found = record.whole.aliases.get(name);
    found.ok_or_else(|| functions::alias_not_found(&arn(record, name)))
}

fn arn(record: &FunctionRecord, name: &str) -> String {
    format!("{}:{name}", record.config.arn)
}

fn shown(record: &FunctionRecord, name: &str, alias: &Alias) -> AliasConfiguration {
    AliasConfiguration {
        alias_arn: Some(arn(record, name)),
        name: Some(name.to_owned()),
        function_version: Some(alias.version.clone()),
        description: Some(alias.description.clone()),
        routing_config: alias.additional.is_some().then(|| weights(alias)),
        revision_id: Some(alias.revision.clone()),
    }
}

fn weights(alias: &Alias) -> AliasRoutingConfiguration {
    AliasRoutingConfiguration {
        additional_version_weights: Some(alias.additional.clone().into_iter().collect()),
    }
}

impl Triggers {
    /// Refuses a version that a function does not have.
    fn version(
        &self,
        record: &FunctionRecord,
        version: &str,
        context: &RequestContext,
    ) -> Result<(), ApiError> {
        let is_version = version == LATEST || version.bytes().all(|byte| byte.is_ascii_digit());
        let (namespace, name) = (&context.namespace, &record.config.name);
        let found = self.functions.resolve(namespace, name, Some(version));
        match found.filter(|_| is_version) {
            Some(_) => Ok(()),
            None => Err(functions::not_found(&arn(record, version))),
        }
    }

    /// The version beside the main one, and its weight.
    fn routing(
        &self,
        record: &FunctionRecord,
        main: &str,
        given: AliasRoutingConfiguration,
        context: &RequestContext,
    ) -> Result<Option<(String, f64)>, ApiError> {
        let weights = given.additional_version_weights.unwrap_or_default();
        if weights.len() > 1 {
            return Err(functions::too_many_weights());
        }
        let Some((version, weight)) = weights.into_iter().next() else {
            return Ok(None);
        };
        if !(0.0..=1.0).contains(&weight) {
            return Err(functions::weight_out_of_range(&version, weight));
        }
        if version == main {
            return Err(functions::weight_of_main_version(&version));
        }
        if main == LATEST {
            return Err(functions::weight_beside_latest());
        }
        if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(functions::weight_of_no_version(&version, weight));
        }
        self.version(record, &version, context)?;
        Ok(Some((version, weight)))
    }
}
