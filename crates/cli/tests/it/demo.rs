//! `headwater demo --once`.

use crate::process::{Server, output, text, unread};

fn passes(arguments: &[&str]) -> String {
    let all = [&["demo", "--once", "--listen", "127.0.0.1:0"], arguments].concat();
    let output = output(&all);
    let (printed, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{printed}\n{errors}");
    assert!(!printed.contains("FAILED") && printed.contains("ok  each change reached the handler"));
    printed
}

#[test]
fn whatever_runtime_is_installed() {
    let printed = passes(&[]);
    assert!(printed.contains("durability sync"), "{printed}");
}

#[test]
fn the_compiled_in_handler() {
    let printed = passes(&["--handler", "built-in", "--durability", "memory"]);
    assert!(printed.contains("the compiled-in handler") && printed.contains("all in memory"));
    // 3,376 inserted, 1,126 changed, 338 deleted, 113 changed at the end.
    assert!(printed.contains("received 4,953 records"), "{printed}");
}

#[test]
fn nobody_reads() {
    let all = ["demo", "--once", "--listen", "127.0.0.1:0"];
    let handler = ["--handler", "built-in", "--durability", "memory"];
    assert_eq!(unread(&[all, handler].concat()).code(), Some(0));
}

#[test]
fn a_folder_that_has_the_table_is_refused_with_advice() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), "127.0.0.1:0");
    server.create_table("airports", false);
    server.stop();
    let data = folder.path().to_str().expect("a path");
    let output = output(&[
        "demo",
        "--once",
        "--listen",
        "127.0.0.1:0",
        "--handler",
        "built-in",
        "--data",
        data,
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("name an empty folder with --data"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_taken_port_is_named_with_advice() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), "127.0.0.1:0");
    let output = output(&[
        "demo",
        "--once",
        "--handler",
        "built-in",
        "--listen",
        server.address(),
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("--listen"),
        "{}",
        text(&output.stderr)
    );
    server.stop();
}
