//! Python functions through the real awslambdaric.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use headwater_triggers::functions::{InvokeError, SetupError};

use crate::bench::{Bench, invocation, json, tail};

const CODE: &str = r#"
import os, sys, time

def handler(event, context):
    print("got", event)
    print("to stderr", file=sys.stderr)
    print("then stdout")
    return {"event": event, "id": context.aws_request_id, "arn": context.invoked_function_arn,
            "memory": context.memory_limit_in_mb, "left": context.get_remaining_time_in_millis()}

def failing(event, context):
    raise ValueError("no such thing: \u00e9")

def sleeping(event, context):
    print("asleep")
    time.sleep(1000)

def printing(event, context):
    while True:
        os.write(1, b"x\n" * 16384)

def environment(event, context):
    return dict(os.environ)

def unserialisable(event, context):
    return object()
"#;

#[tokio::test(flavor = "multi_thread")]
async fn answers_with_its_context_and_log() {
    let bench = Bench::python(|_| {});
    let function = bench.function("f", "python3.11", "app.handler", "app.py", CODE);
    let result = bench.invoke(&function, r#"{"a":1}"#).await;
    let answer = json(&result);
    assert_eq!(answer["event"]["a"], 1);
    assert_eq!(
        (&answer["id"], &answer["arn"]),
        (&"0f3a-1".into(), &function.arn.clone().into())
    );
    assert_eq!(answer["memory"], "512");
    let left_ms = answer["left"].as_u64().unwrap();
    assert!((10_000..=20_000).contains(&left_ms), "{left_ms}");
    assert!(result.init_duration_ms.unwrap() > 0.0 && result.max_memory_mb > 5);

    let tail = tail(&result);
    let lines: Vec<&str> = tail.lines().collect();
    let printed = [
        "START RequestId: 0f3a-1 Version: $LATEST",
        "got {'a': 1}",
        "to stderr",
        "then stdout",
        "END RequestId: 0f3a-1",
    ];
    assert_eq!(lines[..5], printed);
    assert!(
        lines[5].starts_with("REPORT RequestId: 0f3a-1\tDuration: "),
        "{tail}"
    );
    assert!(
        lines[5].contains("\tMemory Size: 512 MB\t") && lines[5].contains("\tInit Duration: "),
        "{tail}"
    );

    let warm = bench.invoke(&function, "{}").await;
    assert!(warm.init_duration_ms.is_none());
    assert_eq!(warm.process_id, result.process_id);
    assert_eq!(bench.runtimes.log(&function).len(), 12);
}

/// Its pipe was never empty, so that reading it never let anything else run: no time-out, no other request.
#[test]
fn printing_without_end_leaves_the_thread_to_others() {
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let body = runtime.block_on(async {
            let bench = Bench::python(|_| {});
            let mut function = bench.function("f", "python3.11", "app.printing", "app.py", CODE);
            function.timeout_s = 1;
            bench.failure(&function, "{}").await
        });
        ended.send(body)
    });
    let body = end.recv_timeout(std::time::Duration::from_secs(20));
    let body = body.expect("the end of a time of one second is seen");
    assert!(
        body["errorMessage"].as_str().unwrap().contains("timed out"),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_is_the_error_body_and_the_process_lives_on() {
    let bench = Bench::python(|_| {});
    let function = bench.function("f", "python3.11", "app.failing", "app.py", CODE);
    let result = bench.invoke(&function, "{}").await;
    let body = json(&result);
    assert_eq!(result.function_error.unwrap().as_str(), "Unhandled");
    assert_eq!(body["errorType"], "ValueError");
    assert_eq!(body["errorMessage"], "no such thing: \u{e9}");
    assert!(
        body["stackTrace"][0]
            .as_str()
            .unwrap()
            .contains("in failing"),
        "{body}"
    );
    assert!(
        tail(&result).contains("[ERROR] ValueError: no such thing"),
        "{}",
        tail(&result)
    );
    assert_eq!(
        bench.invoke(&function, "{}").await.process_id,
        result.process_id
    );

    let function = bench.function("g", "python3.11", "app.unserialisable", "app.py", CODE);
    assert_eq!(
        bench.failure(&function, "{}").await["errorType"],
        "Runtime.MarshalError"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_fails_is_the_runtimes_own_body() {
    let bench = Bench::python(|_| {});
    let function = bench.function(
        "f",
        "python3.11",
        "app.handler",
        "app.py",
        "import no_such_module\n",
    );
    let result = bench.invoke(&function, "{}").await;
    let body = json(&result);
    assert_eq!(body["errorType"], "Runtime.ImportModuleError");
    assert_eq!(
        body["errorMessage"],
        "Unable to import module 'app': No module named 'no_such_module'"
    );
    assert_eq!(
        (&body["requestId"], body["stackTrace"].is_array()),
        (&"".into(), true)
    );
    assert!(
        tail(&result).contains("\tStatus: error\tError Type: Runtime.ImportModuleError\t"),
        "{}",
        tail(&result)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_is_the_recorded_body() {
    let bench = Bench::python(|_| {});
    let mut function = bench.function("f", "python3.11", "app.sleeping", "app.py", CODE);
    function.timeout_s = 1;
    let result = bench.invoke(&function, "{}").await;
    let body = r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 0f3a-1 Error: Task timed out after 1.00 seconds"}"#;
    assert_eq!(&result.payload[..], body.as_bytes());
    let tail = tail(&result);
    assert!(
        tail.contains("asleep\n") && tail.contains(" 0f3a-1 Task timed out after 1.00 seconds\n"),
        "{tail}"
    );
    assert!(tail.contains("\tStatus: timeout\t"), "{tail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_the_services_and_nothing_of_ours() {
    let bench =
        Bench::python(|settings| settings.endpoint_url = Some("http://127.0.0.1:8000".to_owned()));
    let mut function = bench.function("f", "python3.11", "app.environment", "app.py", CODE);
    function.environment.insert("TABLE".into(), "users".into());
    let mut call = invocation("0f3a-1", "{}");
    call.trace_id = Some("Root=1-2-3".to_owned());
    let answer = json(&bench.runtimes.invoke(&function, call).await.unwrap());
    let variable = |name: &str| {
        answer[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name} is not set"))
            .to_owned()
    };
    for (name, value) in [
        ("_HANDLER", "app.environment"),
        ("_X_AMZN_TRACE_ID", "Root=1-2-3"),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/f"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SESSION_TOKEN", "local"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:8000"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:8000"),
        ("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:8000"),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_python3.11"),
        ("TZ", ":UTC"),
        ("TABLE", "users"),
    ] {
        assert_eq!(variable(name), value, "{name}");
    }
    assert_eq!(
        variable("LAMBDA_TASK_ROOT"),
        bench.path("f").display().to_string()
    );
    let stream = variable("AWS_LAMBDA_LOG_STREAM_NAME");
    assert!(
        stream.contains("/[$LATEST]") && stream.len() == "2026/01/31/[$LATEST]".len() + 32,
        "{stream}"
    );
    assert!(
        std::env::var_os("CARGO_MANIFEST_DIR").is_some(),
        "the test needs a variable that must not be seen"
    );
    let ours: Vec<&String> = answer
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| name.starts_with("CARGO"))
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named() {
    let bench = Bench::with(|settings| settings.python = Some("/no/such/python".into()));
    let function = bench.function("f", "python3.12", "app.handler", "app.py", CODE);
    let error = bench.try_invoke(&function, "{}").await.unwrap_err();
    assert!(
        matches!(error, InvokeError::Setup(SetupError::PythonMissing { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("/no/such/python"), "{error}");

    let stub = bench.path("python-without-client");
    let bench = Bench::with(|settings| settings.python = Some(stub.clone()));
    fs::create_dir_all(stub.parent().unwrap()).unwrap();
    fs::write(
        &stub,
        "#!/bin/sh\necho /opt/python\necho 3.12.1\necho False\n",
    )
    .unwrap();
    fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
    let error = bench.runtimes.check(&function).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`/opt/python -m pip install awslambdaric`"),
        "{error}"
    );
}
