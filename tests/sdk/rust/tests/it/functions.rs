//! A handler built on `lambda_runtime`, invoked and fed by mappings.

use std::io::{Cursor, Write};
use std::path::PathBuf;

use aws_sdk_dynamodb::types::StreamViewType;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Environment, EventSourcePosition, FunctionCode, InvocationType, LogType, Runtime, State,
};
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use crate::items::put;
use crate::server::{Server, built};
use crate::tables::streamed;

const ROLE: &str = "arn:aws:iam::000000000000:role/test";
const BOTH: StreamViewType = StreamViewType::NewAndOldImages;

/// A zip with the handler as `bootstrap`.
fn package() -> Blob {
    let given = std::env::var_os("HEADWATER_TEST_HANDLER").map(PathBuf::from);
    let path = given.unwrap_or_else(|| built("bootstrap"));
    let binary = std::fs::read(&path).expect("cargo build -p headwater-sdk-handler");
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().unix_permissions(0o755);
    archive.start_file("bootstrap", options).expect("start");
    archive.write_all(&binary).expect("write");
    Blob::new(archive.finish().expect("finish").into_inner())
}

fn seen_path(server: &Server) -> PathBuf {
    server.folder.path().join("seen")
}

/// What the handler wrote down, line by line.
fn seen(server: &Server) -> Vec<String> {
    let text = std::fs::read_to_string(seen_path(server)).unwrap_or_default();
    text.lines().map(str::to_string).collect()
}

async fn create(server: &Server, fail_on: Option<&str>) {
    let mut environment =
        Environment::builder().variables("SEEN", seen_path(server).to_string_lossy());
    if let Some(value) = fail_on {
        environment = environment.variables("FAIL_ON", value);
    }
    let create = server.functions.create_function().function_name("handler");
    create
        .role(ROLE)
        .runtime(Runtime::from("provided.al2023"))
        .handler("bootstrap")
        .timeout(30)
        .code(FunctionCode::builder().zip_file(package()).build())
        .environment(environment.build())
        .send()
        .await
        .expect("create the function");
    server
        .until("the function to be active", async || {
            let get = server.functions.get_function().function_name("handler");
            let found = get.send().await.expect("get").configuration?;
            (found.state == Some(State::Active)).then_some(())
        })
        .await;
}

async fn map(server: &Server, arn: &str, retries: i32) -> String {
    let create = server.functions.create_event_source_mapping();
    let made = create
        .event_source_arn(arn)
        .function_name("handler")
        .starting_position(EventSourcePosition::TrimHorizon)
        .batch_size(10)
        .maximum_retry_attempts(retries)
        .send()
        .await
        .expect("create the mapping");
    let uuid = made.uuid.expect("an identifier");
    in_state(server, &uuid, "Enabled").await;
    uuid
}

async fn in_state(server: &Server, uuid: &str, state: &str) {
    server
        .until("the mapping's state", async || {
            let get = server.functions.get_event_source_mapping().uuid(uuid);
            let found = get.send().await.expect("get").state;
            (found.as_deref() == Some(state)).then_some(())
        })
        .await;
}

fn inserts(to: usize) -> Vec<String> {
    (0..to)
        .map(|at| format!("{} {at}", if at == 0 { "INSERT" } else { "MODIFY" }))
        .collect()
}

#[tokio::test]
async fn a_rust_handler_is_invoked() {
    let server = Server::start().await;
    create(&server, None).await;
    let invoke = || server.functions.invoke().function_name("handler");
    let payload = json!({"Records": []}).to_string();
    let answer = invoke().payload(Blob::new(payload)).log_type(LogType::Tail);
    let answer = answer.send().await.expect("invoke");
    assert_eq!((answer.status_code, answer.function_error()), (200, None));
    assert!(answer.log_result().is_some());
    let returned: Value =
        serde_json::from_slice(answer.payload.expect("a payload").as_ref()).expect("JSON");
    assert_eq!(returned["count"], 0);
    let dry = invoke().invocation_type(InvocationType::DryRun);
    assert_eq!(dry.send().await.expect("dry run").status_code, 204);
    server.stop().await;
}

#[tokio::test]
async fn a_rust_handlers_failure_is_told() {
    let server = Server::start().await;
    create(&server, None).await;
    let invoke = server.functions.invoke().function_name("handler");
    let answer = invoke.payload(Blob::new("\"no event\"")).send().await;
    let answer = answer.expect("invoke");
    assert_eq!(answer.status_code, 200);
    assert_eq!(answer.function_error(), Some("Unhandled"));
    let body: Value =
        serde_json::from_slice(answer.payload.expect("a payload").as_ref()).expect("JSON");
    assert!(body["errorMessage"].is_string(), "{body}");
    server.stop().await;
}

#[tokio::test]
async fn a_rust_handler_receives_every_change_in_order() {
    let server = Server::start().await;
    let arn = streamed(&server, "table", BOTH).await;
    for v in 0..20 {
        put(&server, "table", v).await;
    }
    create(&server, None).await;
    map(&server, &arn, 0).await;
    for v in 20..30 {
        put(&server, "table", v).await;
    }
    let server_ref = &server;
    let found = server
        .until("all records", async || {
            let found = seen(server_ref);
            (found.len() >= 30).then_some(found)
        })
        .await;
    assert_eq!(found, inserts(30));
    server.stop().await;
}

#[tokio::test]
async fn two_retries_are_three_calls() {
    let server = Server::start().await;
    let arn = streamed(&server, "table", BOTH).await;
    create(&server, Some("0")).await;
    map(&server, &arn, 2).await;
    put(&server, "table", 0).await;
    let server_ref = &server;
    server
        .until("three calls", async || {
            (seen(server_ref).len() == 3).then_some(())
        })
        .await;
    put(&server, "table", 1).await;
    let found = server
        .until("the next record", async || {
            let found = seen(server_ref);
            found.contains(&"MODIFY 1".to_string()).then_some(found)
        })
        .await;
    assert_eq!(found, ["INSERT 0", "INSERT 0", "INSERT 0", "MODIFY 1"]);
    server.stop().await;
}

#[tokio::test]
async fn a_mapping_resumes_after_disabling_and_restarting() {
    let server = Server::start().await;
    let arn = streamed(&server, "table", BOTH).await;
    create(&server, None).await;
    let uuid = map(&server, &arn, 0).await;
    put(&server, "table", 0).await;
    let server_ref = &server;
    server
        .until("the first record", async || {
            (seen(server_ref).len() == 1).then_some(())
        })
        .await;
    let update = server.functions.update_event_source_mapping().uuid(&uuid);
    update.enabled(false).send().await.expect("disable");
    in_state(&server, &uuid, "Disabled").await;
    put(&server, "table", 1).await;
    let server = server.restart().await;
    let update = server.functions.update_event_source_mapping().uuid(&uuid);
    update.enabled(true).send().await.expect("enable");
    put(&server, "table", 2).await;
    let server_ref = &server;
    let found = server
        .until("the other records", async || {
            let found = seen(server_ref);
            found.contains(&"MODIFY 2".to_string()).then_some(found)
        })
        .await;
    let mut distinct = found.clone();
    distinct.dedup();
    assert_eq!(distinct, inserts(3));
    server.stop().await;
}

#[tokio::test]
async fn function_errors_are_typed() {
    let server = Server::start().await;
    let get = server.functions.get_function().function_name("missing");
    let error = get.send().await.expect_err("missing").into_service_error();
    assert!(error.is_resource_not_found_exception());
    let arn = streamed(&server, "table", BOTH).await;
    let create = server.functions.create_event_source_mapping();
    let create = create.event_source_arn(arn).function_name("missing");
    let create = create.starting_position(EventSourcePosition::Latest);
    let error = create
        .send()
        .await
        .expect_err("missing")
        .into_service_error();
    assert!(error.is_invalid_parameter_value_exception());
    assert_eq!(error.message(), Some("Function does not exist"));
    let get = server.functions.get_event_source_mapping();
    let get = get.uuid("00000000-0000-4000-8000-000000000000");
    let error = get.send().await.expect_err("missing").into_service_error();
    let text = error.meta().message();
    assert_eq!(text, Some("The resource you requested does not exist."));
    server.stop().await;
}
