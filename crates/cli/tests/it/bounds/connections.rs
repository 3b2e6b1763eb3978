//! Connections: many, idle, slow, and more than there are descriptors.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use super::client::{Client, head, request};
use super::{scale, usage};
use crate::process::{Server, program};

const PUT: &str = "DynamoDB_20120810.PutItem";
const GET: &str = "DynamoDB_20120810.GetItem";

/// This process holds the other ends.
fn raise_own_limit() {
    let limit = getrlimit(Resource::Nofile);
    let highest = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, highest).expect("the limit can be raised");
}

#[test]
fn idle_connections_take_little() {
    raise_own_limit();
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &[]);
    server.create_table("table", false);
    server.put("table", "a", 1);
    let before = usage::of(server.pid());
    let count = scale(1_000, 10_000);
    let begun = Instant::now();
    let mut clients: Vec<Client> = Vec::with_capacity(count);
    // All but one of them: the server takes no more than 10,000.
    for _ in 0..count - 1 {
        let mut client = Client::connect(&server);
        client.dynamodb(
            "GetItem",
            &json!({"TableName": "table", "Key": {"id": {"S": "a"}}}),
        );
        clients.push(client);
    }
    let during = usage::of(server.pid());
    println!(
        "{count} idle connections in {:?}: {before:?} -> {during:?}",
        begun.elapsed()
    );
    // The connections that the preparations used may have been closed meanwhile.
    assert!(during.files + 16 >= before.files + count);
    assert!(during.files <= before.files + count + 16);
    assert!(during.threads <= before.threads + 2);
    // 64 KB each at most, in a debug build too.
    assert!(during.rss_mb <= before.rss_mb + count / 16 + 16);
    server.put("table", "b", 2);
    drop(clients);
    usage::eventually("the descriptors come back", || {
        usage::of(server.pid()).files <= before.files + 16
    });
    server.stop();
}

/// With fewer descriptors than connections, connections wait, nothing spins, and files can still be opened.
#[test]
fn a_low_limit_of_open_files_is_lived_with() {
    let data = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 100; exec \"$0\" \"$@\""]);
    command.arg(program());
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--request-timeout",
        "2s",
        "--data",
    ]);
    command.arg(data.path());
    let server = Server::of(command);
    server.create_table("table", true);
    let idle: Vec<Client> = (0..60).map(|_| Client::connect(&server)).collect();
    // Those that were accepted say nothing, and go when their time is over; then comes this one's turn.
    let ticks = usage::processor_ticks(server.pid());
    let begun = Instant::now();
    server.put("table", "a", 1);
    let waited = begun.elapsed();
    let ticks = usage::processor_ticks(server.pid()) - ticks;
    println!("behind 60 idle connections and 100 descriptors: {waited:?}, {ticks} ticks");
    assert!(
        ticks < 100,
        "a second of processor time while nothing was to be done"
    );
    drop(idle);
    server.put("table", "b", 2);
    server.stop();
}

#[test]
fn slow_senders_are_let_go_and_take_little() {
    raise_own_limit();
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &["--request-timeout", "2s"]);
    server.create_table("table", false);
    let before = usage::of(server.pid());
    let mut slow: Vec<Client> = (0..scale(200, 5_000))
        .map(|_| Client::connect(&server))
        .collect();
    let begun = Instant::now();
    // A byte now and then, for longer than the server is patient.
    let whole = request(PUT, &format!("{:16000}", ""));
    let (first, rest) = whole.split_at(200);
    for client in &mut slow {
        client.send(first).expect("nobody is let go yet");
    }
    let mut sent = 0;
    while begun.elapsed() < Duration::from_secs(4) {
        for client in &mut slow {
            // Fails once the server has closed.
            let _ = client.send(&rest[sent..=sent]);
        }
        sent += 1;
        usage::pause(Duration::from_millis(100));
    }
    let during = usage::of(server.pid());
    println!("{} slow senders: {before:?} -> {during:?}", slow.len());
    assert!(during.rss_mb <= before.rss_mb + slow.len() / 16 + 32);
    usage::eventually("slow senders are let go", || {
        usage::of(server.pid()).files <= before.files + 16
    });
    server.put("table", "a", 1);
    server.stop();
}

#[test]
fn readers_that_do_not_read_are_let_go_and_take_little() {
    raise_own_limit();
    let data = tempfile::tempdir().expect("a folder");
    let settings = [
        "--request-timeout",
        "2s",
        "--replies-mb",
        "16",
        "--wait-max",
        "10s",
    ];
    let server = Server::with(data.path(), &settings);
    server.create_table("table", false);
    let mut client = Client::connect(&server);
    let key = json!({"id": {"S": "a"}});
    let item = json!({"id": {"S": "a"}, "v": {"S": "x".repeat(390_000)}});
    client.dynamodb("PutItem", &json!({"TableName": "table", "Item": item}));
    let get = json!({"TableName": "table", "Key": key}).to_string();
    let before = usage::of(server.pid());
    // Each asks for more than the system's buffers take in.
    let asks = request(GET, &get).repeat(12);
    let mut idle: Vec<Client> = (0..scale(50, 2_000))
        .map(|_| Client::connect_narrow(&server))
        .collect();
    for client in &mut idle {
        client.send(&asks).expect("sent");
    }
    let (mut throttled, mut served) = (0, 0);
    let begun = Instant::now();
    while usage::of(server.pid()).files > before.files + 16 {
        assert!(
            begun.elapsed() < crate::process::PATIENCE,
            "nobody was let go"
        );
        let answer = client.ask(GET, &get);
        if answer.is_throttled() {
            throttled += 1;
        } else {
            assert_eq!(answer.status, 200);
            served += 1;
        }
    }
    let peak = usage::peak_rss_mb(server.pid());
    println!(
        "{} readers that do not read: {served} others served, {throttled} throttled in {:?}, peak {peak} MB, {before:?}",
        idle.len(),
        begun.elapsed()
    );
    assert!(peak <= before.rss_mb + 16 + 64 + idle.len() / 8);
    assert_eq!(client.ask(GET, &get).status, 200);
    server.stop();
}

#[test]
fn bodies_of_16_mb_share_their_memory() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::with(data.path(), &["--bodies-mb", "72"]);
    server.create_table("table", false);
    let before = usage::of(server.pid());
    // The shape that makes the largest tree: many small values.
    let filler = "0,".repeat(2_000_000);
    let pad = " ".repeat(16_000_000 - filler.len() - 200);
    let body = format!(
        r#"{{"TableName":"table","Item":{{"id":{{"S":"a"}},"v":{{"L":[{filler}0]}}}}{pad}}}"#
    );
    let head = head(PUT, body.len());
    let clients = scale(12, 100);
    let begun = Instant::now();
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let sends = |_| {
            scope.spawn(|| {
                let mut client = Client::connect(&server);
                // One that is refused is closed before all of it was sent.
                let sent = client
                    .send(head.as_bytes())
                    .and_then(|()| client.send(body.as_bytes()));
                match client.answer() {
                    Ok(answer) => answer.status,
                    Err(_) if sent.is_err() => 0,
                    Err(error) => panic!("sent whole and not answered: {error}"),
                }
            })
        };
        let sending: Vec<_> = (0..clients).map(sends).collect();
        sending
            .into_iter()
            .map(|it| it.join().expect("an answer"))
            .collect()
    });
    let peak = usage::peak_rss_mb(server.pid());
    let refused = answers.iter().filter(|status| **status == 0).count();
    println!(
        "{clients} bodies of 16 MB in {:?}: {refused} cut off, peak {peak} MB, before {before:?}",
        begun.elapsed()
    );
    assert!(answers.iter().all(|status| matches!(status, 0 | 400)));
    // Bodies while they are gathered and put together, and a tree for each processor.
    assert!(peak <= before.rss_mb + 2 * 72 + 700, "{peak} MB");
    server.put("table", "a", 1);
    server.stop();
}
