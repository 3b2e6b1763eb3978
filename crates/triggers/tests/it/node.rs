//! Node functions through the built-in loader.

use serde_json::{Value, json};

use crate::bench::{Bench, tail};

const CODE: &str = r#"
import { writeFileSync } from "node:fs";
export const echo = async (event, context) => {
  console.log("got %j", event);
  return { event, id: context.awsRequestId, arn: context.invokedFunctionArn, name: context.functionName,
           left: context.getRemainingTimeInMillis(), pid: process.pid };
};
export const callback = (event, context, done) => { setTimeout(() => done(null, "later"), 5); };
export const early = (event, context, done) => {
  context.callbackWaitsForEmptyEventLoop = false;
  setTimeout(() => {}, 1e6);
  done(null, "now");
};
export const promise = (event) => Promise.resolve(event.value);
export const nothing = () => {};
export const succeed = (event, context) => context.succeed({ fine: true });
export const failing = async () => { throw new RangeError("out of range"); };
export const failingCallback = (event, context, done) => done(new TypeError("called back"));
export const uncaught = () => new Promise(() => { setTimeout(() => { throw new Error("from a timer"); }, 1); });
export const rejected = () => new Promise(() => { setTimeout(() => { Promise.reject(new Error("nobody waits")); }, 1); });
export const never = () => new Promise(() => {});
export const cyclic = async () => { const a = {}; a.a = a; return a; };
export const big = async (event) => "x".repeat(event.length);
export const nested = { inner: { handler: async () => "nested" } };
"#;

#[tokio::test(flavor = "multi_thread")]
async fn answers_with_its_context() {
    let bench = Bench::new();
    let function = bench.function("f", "nodejs20.x", "index.echo", "index.mjs", CODE);
    let result = bench.invoke(&function, "{\"a\":\"\u{e9}\"}").await;
    let answer = crate::bench::json(&result);
    assert_eq!(answer["event"], json!({ "a": "\u{e9}" }));
    assert_eq!(
        (&answer["id"], &answer["name"]),
        (&json!("0f3a-1"), &json!("f"))
    );
    assert_eq!(answer["arn"], function.arn);
    let left_ms = answer["left"].as_u64().unwrap();
    assert!((10_000..=20_000).contains(&left_ms), "{left_ms}");
    assert!(
        tail(&result).contains("\t0f3a-1\tINFO\tgot {\"a\":\"\u{e9}\"}\n"),
        "{}",
        tail(&result)
    );
    assert_eq!(bench.answer(&function, "{}").await["pid"], answer["pid"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_style_of_handler_answers() {
    let bench = Bench::new();
    for (handler, event, answer) in [
        ("index.callback", "{}", json!("later")),
        ("index.early", "{}", json!("now")),
        ("index.promise", r#"{"value":[1]}"#, json!([1])),
        ("index.promise", "{}", json!(null)),
        ("index.nothing", "{}", json!(null)),
        ("index.succeed", "{}", json!({ "fine": true })),
        ("index.nested.inner.handler", "{}", json!("nested")),
    ] {
        let function = bench.function("f", "nodejs20.x", handler, "index.mjs", CODE);
        assert_eq!(bench.answer(&function, event).await, answer, "{handler}");
        assert_eq!(bench.answer(&function, event).await, answer, "{handler}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_module_loads() {
    let bench = Bench::new();
    let cjs = "exports.handler = async () => require('path').basename(__filename);";
    for (file, code) in [
        ("a.cjs", cjs),
        ("b.js", cjs),
        (
            "c.mjs",
            "export async function handler() { return 'c.mjs'; }",
        ),
    ] {
        let handler = format!("{}.handler", &file[..1]);
        let function = bench.function(&file[..1], "nodejs20.x", &handler, file, code);
        assert_eq!(bench.answer(&function, "{}").await, json!(file));
    }
    let function = bench.function(
        "sub",
        "nodejs20.x",
        "sub/b.handler",
        "package.json",
        r#"{"type":"module"}"#,
    );
    std::fs::create_dir(bench.path("sub/sub")).unwrap();
    std::fs::write(
        bench.path("sub/sub/b.js"),
        "export const handler = async () => import.meta.url.slice(-8);",
    )
    .unwrap();
    assert_eq!(bench.answer(&function, "{}").await, json!("sub/b.js"));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_error_bodies() {
    let bench = Bench::new();
    for (handler, kind, message) in [
        ("index.failing", "RangeError", "out of range"),
        ("index.failingCallback", "TypeError", "called back"),
        ("index.uncaught", "Error", "from a timer"),
        (
            "index.rejected",
            "Runtime.UnhandledPromiseRejection",
            "nobody waits",
        ),
        (
            "index.never",
            "Runtime.NodeJsExit",
            "the promise of the handler was never settled",
        ),
    ] {
        let function = bench.function("f", "nodejs20.x", handler, "index.mjs", CODE);
        for _ in 0..2 {
            let body = bench.failure(&function, "{}").await;
            assert_eq!(
                (&body["errorType"], &body["errorMessage"]),
                (&json!(kind), &json!(message)),
                "{handler}"
            );
            assert!(body["trace"].is_array());
        }
    }
    let function = bench.function("f", "nodejs20.x", "index.cyclic", "index.mjs", CODE);
    assert_eq!(
        bench.failure(&function, "{}").await["errorType"],
        "TypeError"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_over_the_limit_is_refused_and_the_process_lives_on() {
    let bench = Bench::new();
    let function = bench.function("f", "nodejs20.x", "index.big", "index.mjs", CODE);
    let fits = bench.invoke(&function, r#"{"length":6291554}"#).await;
    assert_eq!((fits.payload.len(), fits.function_error), (6_291_556, None));
    let result = bench.invoke(&function, r#"{"length":6291555}"#).await;
    let body = r#"{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}"#;
    assert_eq!(&result.payload[..], body.as_bytes());
    assert_eq!(
        bench.invoke(&function, r#"{"length":1}"#).await.process_id,
        fits.process_id
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn modules_that_do_not_load_are_init_errors() {
    let bench = Bench::new();
    for (handler, code, kind) in [
        ("missing.handler", "", "Runtime.ImportModuleError"),
        ("index.missing", CODE, "Runtime.HandlerNotFound"),
        (
            "index.handler",
            "export const handler = 1;",
            "Runtime.HandlerNotFound",
        ),
        (
            "index.handler",
            "import 'no-such-package';",
            "Runtime.ImportModuleError",
        ),
        (
            "index.handler",
            "export const handler = (",
            "Runtime.UserCodeSyntaxError",
        ),
        (
            "index.handler",
            "throw new URIError('at the top');",
            "URIError",
        ),
    ] {
        let function = bench.function("f", "nodejs20.x", handler, "index.mjs", code);
        assert_eq!(
            bench.failure(&function, "{}").await["errorType"],
            kind,
            "{handler}"
        );
    }
}

const LOGGING: &str = r#"
export const handler = async () => {
  console.log("one %s", "two");
  console.warn({ a: [1] });
  console.error("it went", new TypeError("wrong"));
  console.debug("below");
  throw new RangeError("out of range");
};
"#;

/// The lines of JSON in the end of a log.
fn json_lines(tail: &str) -> Vec<Value> {
    let lines = tail.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_lines_of_json_if_the_function_wants_that() {
    let bench = Bench::new();
    let mut function = bench.function("f", "nodejs20.x", "index.handler", "index.mjs", LOGGING);
    function.logging.json = true;
    let lines = json_lines(&tail(&bench.invoke(&function, "{}").await));
    let parts = |line: &Value| (line["level"].clone(), line["message"].clone());
    assert_eq!(parts(&lines[0]), (json!("INFO"), json!("one two")));
    assert_eq!(parts(&lines[1]), (json!("WARN"), json!({ "a": [1] })));
    assert_eq!(lines[2]["level"], "ERROR");
    assert_eq!(lines[2]["errorType"], "TypeError");
    assert_eq!(lines[2]["errorMessage"], "wrong");
    assert!(lines[2]["stackTrace"].is_array());
    assert_eq!(lines[3]["message"]["errorType"], "RangeError");
    assert_eq!(lines.len(), 4, "{lines:?}");
    for line in &lines {
        assert_eq!(line["requestId"], "0f3a-1");
        let time = line["timestamp"].as_str().unwrap();
        assert_eq!(time.len(), "2026-01-31T12:00:00.000Z".len(), "{time}");
    }
    function.logging.level = Some("ERROR".to_owned());
    let lines = json_lines(&tail(&bench.invoke(&function, "{}").await));
    assert!(
        lines.len() == 2 && lines.iter().all(|line| line["level"] == "ERROR"),
        "{lines:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_node_is_named() {
    let bench = Bench::with(|settings| settings.node = Some("/no/such/node".into()));
    let function = bench.function("f", "nodejs20.x", "index.echo", "index.mjs", CODE);
    let error = bench
        .try_invoke(&function, "{}")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("/no/such/node") && error.contains("https://nodejs.org"),
        "{error}"
    );
}
