//! A function as the API shows it (triggers.md section 10, recorded).

use headwater_model::UtcTime;
use headwater_wire::lambda::{
    EnvironmentResponse, EphemeralStorage, FunctionConfiguration, LastUpdateStatus, LogFormat,
    LoggingConfig, PackageType, RuntimeVersionConfig, SnapStartApplyOn,
    SnapStartOptimizationStatus, SnapStartResponse, State, TracingConfigResponse, TracingMode,
};

use crate::registry::FunctionRecord;

/// A function that was just created.
pub(super) fn pending(record: &FunctionRecord) -> FunctionConfiguration {
    FunctionConfiguration {
        state: Some(State::Pending),
        state_reason: Some("The function is being created.".to_owned()),
        state_reason_code: Some("Creating".to_owned()),
        last_update_status: None,
        ..active(record)
    }
}

/// Left out for a function that was given none, so that declarative tools see nothing that they did not ask for.
fn environment(record: &FunctionRecord) -> Option<EnvironmentResponse> {
    let variables = &record.config.environment;
    let shown = record.empty_environment || !variables.is_empty();
    shown.then(|| EnvironmentResponse {
        variables: Some(variables.clone()),
    })
}

/// A function at any later time: creating one takes no longer than its answer.
pub(super) fn active(record: &FunctionRecord) -> FunctionConfiguration {
    let config = &record.config;
    FunctionConfiguration {
        function_name: Some(config.name.clone()),
        function_arn: Some(config.arn.clone()),
        runtime: Some(config.runtime.clone()),
        role: Some(record.role.clone()),
        handler: Some(config.handler.clone()),
        code_size: i64::try_from(record.code_size_bytes).ok(),
        description: Some(record.description.clone()),
        timeout: Some(i64::from(config.timeout_s)),
        memory_size: Some(i64::from(config.memory_mb)),
        last_modified: Some(iso_time(record.modified_ms)),
        code_sha256: Some(record.code_sha256.clone()),
        version: Some(config.version.clone()),
        environment: environment(record),
        tracing_config: Some(TracingConfigResponse {
            mode: Some(match record.traced {
                true => TracingMode::Active,
                false => TracingMode::PassThrough,
            }),
        }),
        revision_id: Some(config.revision.clone()),
        state: Some(State::Active),
        state_reason: None,
        state_reason_code: None,
        last_update_status: Some(LastUpdateStatus::Successful),
        last_update_status_reason: None,
        last_update_status_reason_code: None,
        package_type: Some(PackageType::Zip),
        architectures: Some(vec![record.architecture.clone()]),
        ephemeral_storage: Some(EphemeralStorage {
            size: record.ephemeral_storage_mb,
        }),
        snap_start: Some(SnapStartResponse {
            apply_on: Some(SnapStartApplyOn::None),
            optimization_status: Some(SnapStartOptimizationStatus::Off),
        }),
        runtime_version_config: Some(RuntimeVersionConfig {
            runtime_version_arn: Some(runtime_version_arn(record)),
        }),
        logging_config: Some(logging(record)),
    }
}

/// A function that was just changed (recorded by LocalStack: the reason is that of a creation).
pub(super) fn updating(record: &FunctionRecord) -> FunctionConfiguration {
    FunctionConfiguration {
        last_update_status: Some(LastUpdateStatus::InProgress),
        last_update_status_reason: Some("The function is being created.".to_owned()),
        last_update_status_reason_code: Some("Creating".to_owned()),
        ..active(record)
    }
}

/// The same with its version in the ARN.
pub(super) fn qualified(shown: FunctionConfiguration) -> FunctionConfiguration {
    let arn = shown.function_arn.zip(shown.version.as_ref());
    FunctionConfiguration {
        function_arn: arn.map(|(arn, version)| format!("{arn}:{version}")),
        ..shown
    }
}

fn logging(record: &FunctionRecord) -> LoggingConfig {
    let logging = &record.logging;
    let group = || format!("/aws/lambda/{}", record.config.name);
    LoggingConfig {
        log_format: Some(match logging.json {
            true => LogFormat::Json,
            false => LogFormat::Text,
        }),
        application_log_level: logging.application_level.clone(),
        system_log_level: logging.system_level.clone(),
        log_group: Some(logging.group.clone().unwrap_or_else(group)),
    }
}

/// An ARN of the right form; there is nothing behind it.
fn runtime_version_arn(record: &FunctionRecord) -> String {
    let region = record.config.region().unwrap_or("us-east-1");
    format!("arn:aws:lambda:{region}::runtime:{:0>64}", "")
}

/// `2025-11-25T00:39:45.123+0000`.
fn iso_time(ms: u64) -> String {
    format!("{}+0000", UtcTime::of_ms(ms))
}

#[cfg(test)]
mod tests {
    use super::iso_time;

    #[test]
    fn times_are_the_recorded_form() {
        assert_eq!(iso_time(1_764_031_185_123), "2025-11-25T00:39:45.123+0000");
        assert_eq!(iso_time(1_709_251_199_999), "2024-02-29T23:59:59.999+0000");
    }
}
