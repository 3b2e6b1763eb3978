//! A bootstrap of our own: the Runtime API's edges, crashes and limits.

use std::fs;

use headwater_triggers::functions::CodeSource;
use serde_json::json;

use crate::bench::{Bench, invocation, json, tail};

fn exit_body(reason: &str) -> String {
    format!(
        r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 0f3a-1 Error: {reason}"}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_an_invocation() {
    let bench = Bench::new();
    let function = bench.provided("f");
    let mut call = invocation("0f3a-1", r#"{"do":"headers"}"#);
    call.client_context = Some(r#"{"custom":{}}"#.to_owned());
    let headers = json(&bench.runtimes.invoke(&function, call).await.unwrap());
    assert_eq!(headers["lambda-runtime-aws-request-id"], "0f3a-1");
    assert_eq!(headers["lambda-runtime-invoked-function-arn"], function.arn);
    assert_eq!(headers["lambda-runtime-client-context"], r#"{"custom":{}}"#);
    assert_eq!(headers["content-type"], "application/json");
    let deadline_ms: u64 = headers["lambda-runtime-deadline-ms"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let left_ms = deadline_ms.saturating_sub((crate::bench::clock())());
    assert!((1..=20_000).contains(&left_ms), "{left_ms}");
    assert!(headers["lambda-runtime-cognito-identity"].is_null());
    let mut call = invocation("0f3a-2", r#"{"do":"headers"}"#);
    call.trace_id = Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1".to_owned());
    let traced = json(&bench.runtimes.invoke(&function, call).await.unwrap());
    assert_eq!(
        traced["lambda-runtime-trace-id"],
        "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_belong_to_no_trace_have_one_of_their_own() {
    let bench = Bench::new();
    let function = bench.provided("f");
    let mut roots = Vec::new();
    for request in ["0f3a-1", "0f3a-2"] {
        let call = invocation(request, r#"{"do":"headers"}"#);
        let headers = json(&bench.runtimes.invoke(&function, call).await.unwrap());
        let trace = headers["lambda-runtime-trace-id"].as_str().unwrap();
        let parts: Vec<&str> = trace.split(';').collect();
        let [root, parent, "Sampled=0"] = parts[..] else {
            panic!("{trace}");
        };
        let hex = |text: &str, prefix: &str, digits: usize| {
            let text = text.strip_prefix(prefix).unwrap().to_owned();
            assert!(text.bytes().all(|byte| byte.is_ascii_hexdigit()), "{trace}");
            assert_eq!(text.len(), digits, "{trace}");
            text
        };
        let (time, unique) = root.split_at("Root=1-12345678".len());
        let seconds = u64::from_str_radix(&hex(time, "Root=1-", 8), 16).unwrap();
        assert!(crate::bench::clock()() / 1_000 - seconds < 60, "{trace}");
        hex(parent, "Parent=", 16);
        roots.push(hex(unique, "-", 24));
    }
    assert_ne!(roots[0], roots[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_have_the_access_key_of_their_namespace() {
    let bench = Bench::new();
    let mut function = bench.provided("f");
    for (namespace, key) in [
        ("", "local"),
        ("alice/eu-central-1", "alice"),
        ("team/bob/eu-central-1", "team/bob"),
    ] {
        function.namespace = namespace.to_owned();
        let variables = bench.answer(&function, r#"{"do":"environment"}"#).await;
        assert_eq!(variables["AWS_ACCESS_KEY_ID"], key, "{namespace}");
        assert_eq!(variables["AWS_REGION"], "eu-central-1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn misuse_is_refused() {
    let bench = Bench::new();
    let answer = bench
        .answer(&bench.provided("f"), r#"{"do":"misuse"}"#)
        .await;
    assert_eq!(answer, json!([400, 400, 403, 403, 404, 403, 403]));
}

#[tokio::test(flavor = "multi_thread")]
async fn crashes_are_the_recorded_bodies() {
    let bench = Bench::new();
    let function = bench.provided("f");
    for (event, reason) in [
        (
            r#"{"do":"exit","status":127}"#,
            "Runtime exited with error: exit status 127",
        ),
        (
            r#"{"do":"exit","status":0}"#,
            "Runtime exited without providing a reason",
        ),
        (
            r#"{"do":"signal","signal":9}"#,
            "Runtime exited with error: signal: killed",
        ),
        (
            r#"{"do":"signal","signal":11}"#,
            "Runtime exited with error: signal: segmentation fault",
        ),
    ] {
        let result = bench.invoke(&function, event).await;
        assert_eq!(String::from_utf8_lossy(&result.payload), exit_body(reason));
        assert_eq!(result.error_type.as_deref(), Some("Runtime.ExitError"));
        assert_eq!(
            tail(&result).contains("about to exit\nEND"),
            event.contains("exit"),
            "{}",
            tail(&result)
        );
    }
    assert_eq!(bench.answer(&function, "{}").await["event"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_before_the_first_call_is_an_exit_error() {
    let bench = Bench::new();
    let function = bench.provided("f");
    fs::write(bench.path("f/refuse-to-start"), "3").unwrap();
    let result = bench.invoke(&function, "{}").await;
    assert_eq!(
        String::from_utf8_lossy(&result.payload),
        exit_body("Runtime exited with error: exit status 3")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_that_is_not_there_or_cannot_run() {
    let bench = Bench::new();
    let function = bench.function("none", "provided.al2023", "any", "other", "");
    let body = bench.failure(&function, "{}").await;
    assert_eq!(body["errorType"], "Runtime.InvalidEntrypoint");
    let function = bench.provided("broken");
    fs::write(bench.path("broken/bootstrap"), "#!/no/such/interpreter\n").unwrap();
    let result = bench.invoke(&function, "{}").await;
    assert_eq!(
        String::from_utf8_lossy(&result.payload),
        exit_body("Runtime exited with error: exit status 127")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_leaves_after_its_answer_is_replaced() {
    let bench = Bench::new();
    let function = bench.provided("f");
    for _ in 0..5 {
        assert_eq!(
            bench.answer(&function, r#"{"do":"leave"}"#).await["event"]["do"],
            "leave"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_over_the_limit_ends_the_process() {
    let bench = Bench::new();
    let mut function = bench.provided("f");
    function.memory_mb = 128;
    let result = bench
        .invoke(&function, r#"{"do":"eat","megabytes":200}"#)
        .await;
    assert_eq!(
        String::from_utf8_lossy(&result.payload),
        exit_body("Runtime exited with error: signal: killed")
    );
    assert!(result.max_memory_mb > 128, "{}", result.max_memory_mb);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn functions_are_the_first_to_go_when_the_machine_has_no_memory() {
    let bench = Bench::new();
    let function = bench.provided("f");
    assert_eq!(bench.answer(&function, r#"{"do":"oom"}"#).await, 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_code_folder_is_named() {
    let bench = Bench::new();
    let mut function = bench.provided("f");
    function.code = CodeSource::Directory {
        path: bench.path("gone"),
        reload: true,
    };
    let error = bench
        .try_invoke(&function, "{}")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("gone of function f does not exist"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn request_ids_that_are_no_ids_are_refused() {
    let bench = Bench::new();
    let function = bench.provided("f");
    for id in ["", "a/b", "a b", "a\n"] {
        assert!(
            bench
                .runtimes
                .invoke(&function, invocation(id, "{}"))
                .await
                .is_err(),
            "{id:?}"
        );
    }
}
