//! Ten times as many writers as there are places: what is taken is answered in time, the rest is told to come
//! again, and who comes again gets through.

use std::time::{Duration, Instant};

use serde_json::json;

use super::client::Client;
use super::{scale, usage};
use crate::process::Server;

const PUT: &str = "DynamoDB_20120810.PutItem";
const PLACES: usize = 4;
const ROUNDS: usize = 4;

/// What some clients did in some time.
#[derive(Default)]
struct Done {
    served: Vec<Duration>,
    refused: Vec<Duration>,
}

impl Done {
    fn add(&mut self, other: Done) {
        self.served.extend(other.served);
        self.refused.extend(other.refused);
    }
}

fn p99(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    let at = times.len() * 99 / 100;
    times.get(at).copied().unwrap_or_default()
}

fn put(client: &mut Client, name: &str, count: usize) -> bool {
    let item = json!({"id": {"S": format!("{name}-{count}")}, "v": {"S": "x".repeat(1_000)}});
    let answer = client.ask(
        PUT,
        &json!({"TableName": "table", "Item": item}).to_string(),
    );
    assert!(
        answer.status == 200 || answer.is_throttled(),
        "{}",
        answer.error()
    );
    answer.status == 200
}

fn load(server: &Server, clients: usize, time: Duration) -> Done {
    let work = |number: usize| {
        let (mut client, mut done) = (Client::connect(server), Done::default());
        let begun = Instant::now();
        for count in 0.. {
            let asked = Instant::now();
            if asked - begun > time {
                break;
            }
            if put(&mut client, &number.to_string(), count) {
                done.served.push(asked.elapsed());
            } else {
                done.refused.push(asked.elapsed());
                // As short as no SDK waits: this is the worst that clients can do.
                usage::pause(Duration::from_millis(5));
            }
        }
        done
    };
    let work = &work;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..clients)
            .map(|number| scope.spawn(move || work(number)))
            .collect();
        clients
            .into_iter()
            .fold(Done::default(), |mut all, client| {
                let done = client.join().expect("a client");
                all.served.extend(done.served);
                all.refused.extend(done.refused);
                all
            })
    })
}

#[test]
fn overload_is_refused_before_it_makes_all_wait() {
    let data = tempfile::tempdir().expect("a folder");
    let places = PLACES.to_string();
    let settings = [
        "--writes-max",
        &places,
        "--wait-max",
        "1s",
        // What is kept of what was written is not what overload costs.
        "--cache-mb",
        "32",
    ];
    let server = Server::with(data.path(), &settings);
    server.create_table("table", false);
    let before = usage::of(server.pid());
    let time = Duration::from_millis(scale(500, 15_000) as u64);
    let (mut alone, mut crowd, mut tries) = (Done::default(), Done::default(), 0);
    // By turns, so that what else the machine does is in both.
    for _ in 0..ROUNDS {
        alone.add(load(&server, PLACES, time));
        std::thread::scope(|scope| {
            let many = scope.spawn(|| load(&server, 10 * PLACES, time));
            tries = tries.max(retrying(&server));
            crowd.add(many.join().expect("the crowd"));
        });
    }
    let usage = usage::of(server.pid());
    let rate = |done: &Done| done.served.len() as f64 / (ROUNDS as f64 * time.as_secs_f64());
    let (alone_rate, crowd_rate) = (rate(&alone), rate(&crowd));
    let (alone_p99, served_p99) = (p99(&mut alone.served), p99(&mut crowd.served));
    let refused_p99 = p99(&mut crowd.refused);
    println!(
        "{PLACES} clients: {alone_rate:.0} puts/s, p99 {alone_p99:?}; 10 times as many: {crowd_rate:.0} puts/s, \
         p99 {served_p99:?}, {} refused, p99 {refused_p99:?}; at most {tries} tries; {before:?} -> {usage:?}",
        crowd.refused.len()
    );
    assert!(!crowd.refused.is_empty());
    assert!(served_p99 < 10 * alone_p99 + Duration::from_secs(1));
    assert!(refused_p99 < 10 * alone_p99 + Duration::from_secs(1));
    assert!(crowd_rate > alone_rate / 5.0);
    assert!(usage.rss_mb <= before.rss_mb + 128);
    server.stop();
}

/// A client that waits longer each time, as SDKs do, gets all of its writes through; the most tries it needed.
fn retrying(server: &Server) -> usize {
    let mut client = Client::connect(server);
    let mut most = 0;
    for count in 0..20 {
        let mut tries = 1;
        while !put(&mut client, "retrying", count) {
            usage::pause(Duration::from_millis(2 << tries.min(6)));
            tries += 1;
        }
        most = most.max(tries);
    }
    most
}
