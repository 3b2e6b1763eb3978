//! The environment of a function's process: the service's variables, the function's own, and
//! next to nothing of the server's.

use std::ffi::OsString;

use super::config::FunctionConfig;
use super::settings::RuntimeSettings;
use super::timestamp;

/// The only variables of the server that a function sees.
const INHERITED: [&str; 3] = ["PATH", "HOME", "LANG"];
/// On the service functions always have one, and some read it unasked.
const SESSION_TOKEN: &str = "local";

/// What a process takes over from the server.
pub(super) fn inherited() -> impl Iterator<Item = (OsString, OsString)> {
    INHERITED
        .into_iter()
        .filter_map(|name| Some((name.into(), std::env::var_os(name)?)))
}

/// All variables of a process (triggers.md section 9). Later ones win: a function may replace
/// what is inherited and where its SDKs go, but not what belongs to the runtime.
pub(super) fn variables(
    config: &FunctionConfig,
    settings: &RuntimeSettings,
    runtime_api: &str,
    log_stream: &str,
) -> Vec<(OsString, OsString)> {
    let mut variables: Vec<(OsString, OsString)> = inherited().collect();
    let mut set = |name: &str, value: &str| variables.push((name.into(), value.into()));
    set("TZ", ":UTC");
    set("PYTHONUNBUFFERED", "1");
    if let Some(url) = &settings.endpoint_url {
        set("AWS_ENDPOINT_URL", url);
        set("AWS_ENDPOINT_URL_DYNAMODB", url);
        set("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", url);
        set("AWS_ENDPOINT_URL_LAMBDA", url);
    }
    for (name, value) in &config.environment {
        set(name, value);
    }
    let region = config.region().unwrap_or(&settings.region);
    set("AWS_REGION", region);
    set("AWS_DEFAULT_REGION", region);
    set("AWS_ACCESS_KEY_ID", access_key_id(config, settings));
    set(
        "AWS_SECRET_ACCESS_KEY",
        &settings.credentials.secret_access_key,
    );
    let token = settings.credentials.session_token.as_deref();
    set("AWS_SESSION_TOKEN", token.unwrap_or(SESSION_TOKEN));
    set("AWS_LAMBDA_RUNTIME_API", runtime_api);
    set("AWS_LAMBDA_FUNCTION_NAME", &config.name);
    set(
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        &config.memory_mb.to_string(),
    );
    set("AWS_LAMBDA_FUNCTION_VERSION", &config.version);
    set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
    let logging = &config.logging;
    let group = logging.group.clone();
    let group = group.unwrap_or_else(|| format!("/aws/lambda/{}", config.name));
    set("AWS_LAMBDA_LOG_GROUP_NAME", &group);
    let format = if logging.json { "JSON" } else { "Text" };
    set("AWS_LAMBDA_LOG_FORMAT", format);
    if let Some(level) = logging.level() {
        set("AWS_LAMBDA_LOG_LEVEL", level);
    }
    set("AWS_LAMBDA_LOG_STREAM_NAME", log_stream);
    set(
        "AWS_EXECUTION_ENV",
        &format!("AWS_Lambda_{}", config.runtime),
    );
    set("_HANDLER", &config.handler);
    variables.push(("LAMBDA_TASK_ROOT".into(), config.code.directory().into()));
    variables
}

/// That of the function's namespace, so that its SDKs find the tables that are there.
fn access_key_id<'c>(config: &'c FunctionConfig, settings: &'c RuntimeSettings) -> &'c str {
    // Keys may have slashes, regions have none.
    match config.namespace.rsplit_once('/') {
        Some((access_key_id, _)) => access_key_id,
        None => &settings.credentials.access_key_id,
    }
}

/// `2026/01/31/[$LATEST]` and 32 hexadecimal digits.
pub(super) fn log_stream(version: &str, now_ms: u64, number: u64) -> String {
    format!(
        "{}/[{version}]{now_ms:016x}{number:016x}",
        timestamp::day(now_ms)
    )
}
