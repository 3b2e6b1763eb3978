//! A server that is killed with SIGKILL leaves no function behind.

use std::fs;
use std::process::{Command, Stdio};

use crate::bench::{Bench, is_running, until};

/// Names a file for the process ids; set only for the server of this test.
const REPORT: &str = "HEADWATER_TEST_ORPHANS_REPORT";

/// Not a test of its own: the server that the other one starts and kills.
#[tokio::test(flavor = "multi_thread")]
async fn server() {
    let Some(report) = std::env::var_os(REPORT) else {
        return;
    };
    let bench = Bench::new();
    let function = bench.provided("f");
    let idle = bench.answer(&bench.provided("g"), "{}").await["pid"].clone();
    let partial = bench.path("partial");
    let call = bench.answer(&function, r#"{"do":"sleep"}"#);
    let announce = async {
        until("both processes run", || {
            bench.runtimes.log(&function).len() == 2
        })
        .await;
        let pids: Vec<String> = bench
            .runtimes
            .processes()
            .iter()
            .map(|p| p.process_id.to_string())
            .collect();
        assert!(pids.contains(&idle.to_string()) && pids.len() == 2);
        fs::write(&partial, pids.join(" ")).unwrap();
        fs::rename(&partial, report).unwrap();
    };
    tokio::join!(call, announce);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_a_killed_server() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("pids");
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "orphans::server", "--nocapture"])
        .env(REPORT, &report)
        .env("TMPDIR", folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until("the server has two processes", || report.exists()).await;
    let pids: Vec<u64> = fs::read_to_string(&report)
        .unwrap()
        .split(' ')
        .map(|pid| pid.parse().unwrap())
        .collect();
    assert!(pids.iter().all(|pid| is_running(*pid)));
    server.kill().unwrap();
    server.wait().unwrap();
    until("they are gone", || !pids.iter().any(|pid| is_running(*pid))).await;
}
