//! The lives of processes: reuse, bounds, reload, reaping, and their end.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headwater_triggers::functions::{FunctionConfig, InvokeError};
use serde_json::{Value, json};

use crate::bench::{Bench, invocation, is_running, until};

fn pid(answer: &Value) -> u64 {
    answer["pid"].as_u64().unwrap()
}

/// An event that keeps a process busy until a file appears.
fn held(folder: &Path, name: &str) -> String {
    let begun = folder.join(format!("{name}.begun"));
    json!({ "do": "wait", "begun": begun, "file": folder.join("gate") }).to_string()
}

type Call = tokio::task::JoinHandle<Result<Value, InvokeError>>;

/// Starts an invocation and waits until the function has begun.
async fn begin(bench: &Arc<Bench>, function: &FunctionConfig, name: &str) -> Call {
    let folder = bench.path("");
    let begun = folder.join(format!("{name}.begun"));
    let call = {
        let (bench, function, event, id) = (
            Arc::clone(bench),
            function.clone(),
            held(&folder, name),
            name.to_owned(),
        );
        tokio::spawn(async move {
            bench
                .runtimes
                .invoke(&function, invocation(&id, &event))
                .await
                .map(|result| crate::bench::json(&result))
        })
    };
    until("the function begins", || begun.exists()).await;
    call
}

fn open_gate(bench: &Bench) {
    fs::write(bench.path("gate"), "").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_serves_one_caller() {
    let bench = Bench::new();
    let function = bench.provided("f");
    let first = pid(&bench.answer(&function, "{}").await);
    for _ in 0..50 {
        assert_eq!(pid(&bench.answer(&function, "{}").await), first);
    }
    assert_eq!(bench.runtimes.processes().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrency_is_bounded_per_function() {
    let bench = Arc::new(Bench::with(|settings| {
        settings.processes_per_function_max = 2;
        settings.queue_wait = Duration::ZERO;
    }));
    let function = bench.provided("f");
    let first = begin(&bench, &function, "one").await;
    let second = begin(&bench, &function, "two").await;
    assert_eq!(bench.runtimes.processes().len(), 2);
    let refused = bench.try_invoke(&function, "{}").await;
    assert!(
        matches!(refused, Err(InvokeError::Throttled { .. })),
        "{refused:?}"
    );
    let other = bench.provided("g");
    bench.answer(&other, "{}").await;

    open_gate(&bench);
    let (first, second) = (
        first.await.unwrap().unwrap(),
        second.await.unwrap().unwrap(),
    );
    assert_ne!(pid(&first), pid(&second));
    bench.answer(&function, "{}").await;
    assert_eq!(bench.runtimes.processes().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_wait_for_a_free_process() {
    let bench = Arc::new(Bench::with(|settings| {
        settings.processes_per_function_max = 1
    }));
    let function = bench.provided("f");
    let first = begin(&bench, &function, "one").await;
    let waiting = {
        let (bench, function) = (Arc::clone(&bench), function.clone());
        tokio::spawn(async move { bench.answer(&function, "{}").await })
    };
    open_gate(&bench);
    assert_eq!(
        pid(&first.await.unwrap().unwrap()),
        pid(&waiting.await.unwrap())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_processes_make_room_for_other_functions() {
    let bench = Bench::with(|settings| settings.processes_max = 2);
    let functions = [
        bench.provided("a"),
        bench.provided("b"),
        bench.provided("c"),
    ];
    let mut pids = Vec::new();
    for function in &functions {
        pids.push(pid(&bench.answer(function, "{}").await));
    }
    until("the oldest one ends", || {
        bench.runtimes.processes().len() == 2
    })
    .await;
    assert_eq!(pids.map_running(), [false, true, true]);
}

trait Pids {
    fn map_running(&self) -> Vec<bool>;
}

impl Pids for Vec<u64> {
    fn map_running(&self) -> Vec<bool> {
        self.iter().map(|pid| is_running(*pid)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_code_is_reloaded_and_running_calls_finish() {
    let bench = Arc::new(Bench::new());
    let function = bench.provided("f");
    let old = pid(&bench.answer(&function, "{}").await);
    let running = begin(&bench, &function, "one").await;
    fs::write(bench.path("f/new-module.py"), "").unwrap();
    open_gate(&bench);
    assert_eq!(pid(&running.await.unwrap().unwrap()), old);
    // The folder is looked at a few times per second, when there is a call.
    let replaced = async {
        while is_running(old) {
            bench.answer(&function, "{}").await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), replaced).await;
    assert!(in_time.is_ok(), "the old process was never replaced");
    let answer = bench.answer(&function, "{}").await;
    let files = answer["files"].as_array().unwrap();
    assert!(files.contains(&json!("new-module.py")), "{answer}");
    let new = pid(&answer);

    let updated = FunctionConfig {
        revision: "2".to_owned(),
        ..function
    };
    assert_ne!(pid(&bench.answer(&updated, "{}").await), new);
    until("the outdated process ends", || !is_running(new)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_processes_end_in_time() {
    let bench = Bench::with(|settings| settings.idle_timeout = Duration::from_millis(50));
    let function = bench.provided("f");
    let first = pid(&bench.answer(&function, "{}").await);
    until("the idle process ends", || {
        bench.runtimes.processes().is_empty()
    })
    .await;
    assert!(!is_running(first));
    assert_ne!(pid(&bench.answer(&function, "{}").await), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn retired_functions_have_no_processes() {
    let bench = Bench::new();
    let function = bench.provided("f");
    bench.answer(&function, "{}").await;
    bench.runtimes.retire(&function).await;
    until("the process ends", || bench.runtimes.processes().is_empty()).await;
    assert!(bench.runtimes.log(&function).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_kills_the_whole_group() {
    let bench = Bench::new();
    let mut function = bench.provided("f");
    function.timeout_s = 1;
    let spawned = bench.answer(&function, r#"{"do":"spawn"}"#).await;
    let child = spawned["child"].as_u64().unwrap();
    assert!(is_running(pid(&spawned)) && is_running(child));
    assert_eq!(
        bench.failure(&function, r#"{"do":"sleep"}"#).await["errorType"],
        "Sandbox.Timedout"
    );
    until("the group ends", || {
        !is_running(pid(&spawned)) && !is_running(child)
    })
    .await;
    assert_ne!(pid(&bench.answer(&function, "{}").await), pid(&spawned));
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_runtimes_leaves_nothing() {
    let bench = Bench::new();
    let spawned = bench
        .answer(&bench.provided("f"), r#"{"do":"spawn"}"#)
        .await;
    let pids = [pid(&spawned), spawned["child"].as_u64().unwrap()];
    drop(bench);
    until("all processes end", || {
        !pids.iter().any(|pid| is_running(*pid))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_ends_running_calls() {
    let bench = Arc::new(Bench::new());
    let function = bench.provided("f");
    let call = begin(&bench, &function, "one").await;
    let process = bench.runtimes.processes().remove(0);
    bench.runtimes.shutdown().await;
    assert!(bench.runtimes.processes().is_empty());
    assert!(!is_running(process.process_id.into()));
    assert!(matches!(
        call.await.unwrap(),
        Err(InvokeError::ShuttingDown)
    ));
    assert!(matches!(
        bench.try_invoke(&function, "{}").await,
        Err(InvokeError::ShuttingDown)
    ));
    bench.runtimes.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_does_not_end_the_call() {
    let bench = Arc::new(Bench::new());
    let function = bench.provided("f");
    let call = begin(&bench, &function, "one").await;
    call.abort();
    open_gate(&bench);
    until("the invocation ends", || {
        bench
            .runtimes
            .log(&function)
            .iter()
            .any(|line| line.text == "END RequestId: one")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_see_lines() {
    let bench = Bench::new();
    let mut lines = bench.runtimes.follow();
    let function = bench.provided("f");
    bench.answer(&function, "{}").await;
    let line = lines.recv().await.unwrap();
    assert_eq!(
        (&*line.function, line.request_id.as_deref()),
        ("f", Some("0f3a-1"))
    );
    assert_eq!(line.text, "START RequestId: 0f3a-1 Version: $LATEST");
}

/// The payload of a caller who went away while it waited for a process stayed until the wait was over.
#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_while_waiting_leaves_nothing_behind() {
    let bench = Arc::new(Bench::with(|settings| settings.processes_max = 1));
    let function = bench.provided("f");
    let busy = begin(&bench, &function, "busy").await;
    let mut waiting = invocation("waiting", "{}");
    let payload = bytes::Bytes::from(vec![b' '; 1_000]);
    waiting.payload = payload.clone();
    {
        let call = bench.runtimes.invoke(&function, waiting);
        let call = std::pin::pin!(call);
        assert!(poll_once(call).await.is_none());
    }
    assert!(payload.is_unique());
    open_gate(&bench);
    busy.await.unwrap().unwrap();
}

async fn poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
