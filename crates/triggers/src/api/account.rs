//! What tools ask beside functions: GetAccountSettings and GetFunctionCodeSigningConfig.

use headwater_operations::RequestContext;
use headwater_wire::ApiError;
use headwater_wire::lambda::{
    AccountLimit, AccountUsage, GetAccountSettingsRequest, GetAccountSettingsResponse,
    GetFunctionCodeSigningConfigRequest, GetFunctionCodeSigningConfigResponse,
};

use crate::triggers::Triggers;

use super::answer::HttpAnswer;
use super::function_name::FunctionName;

/// The quotas of a new account (Lambda guide, "Lambda quotas"); the first two are held here too.
const CODE_BYTES_UNZIPPED: i64 = 262_144_000;
const CODE_BYTES_ZIPPED: i64 = 52_428_800;
const CODE_BYTES_TOTAL: i64 = 80_530_636_800;

pub(super) fn get_account_settings(
    triggers: &Triggers,
    _request: GetAccountSettingsRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let versions = triggers.functions.list_versions(&context.namespace);
    let code_bytes: u64 = versions.iter().map(|record| record.code_size_bytes).sum();
    let functions = versions
        .iter()
        .filter(|record| record.version_number().is_none());
    let reserved: u64 = functions
        .clone()
        .filter_map(|record| record.whole.reserved_concurrency)
        .map(u64::from)
        .sum();
    let all = triggers.runtimes.processes_max() as u64;
    let number = |number: u64| i64::try_from(number).ok();
    let answer = GetAccountSettingsResponse {
        account_limit: Some(AccountLimit {
            total_code_size: Some(CODE_BYTES_TOTAL),
            code_size_unzipped: Some(CODE_BYTES_UNZIPPED),
            code_size_zipped: Some(CODE_BYTES_ZIPPED),
            concurrent_executions: number(all),
            unreserved_concurrent_executions: number(all.saturating_sub(reserved)),
        }),
        account_usage: Some(AccountUsage {
            total_code_size: number(code_bytes),
            function_count: number(functions.count() as u64),
        }),
    };
    HttpAnswer::json(200, &answer)
}

/// No function has a code signing configuration, which an empty answer says.
pub(super) fn get_code_signing_config(
    triggers: &Triggers,
    request: GetFunctionCodeSigningConfigRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let name = FunctionName::parse(&request.function_name);
    triggers.function(&name, context)?;
    HttpAnswer::json(200, &GetFunctionCodeSigningConfigResponse::default())
}
