//! Functions that hang keep no others waiting.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::AbortHandle;

use super::a_moment;
use super::fake::{Answer, Fake, Seen};
use super::world::{FUNCTIONS, ROLE, World, numbered};

/// Items of each table: more than lanes, so that each lane has some.
const ITEMS: usize = 100;

async fn hanging() -> Fake {
    Fake::start(|_, _| Answer {
        hangs: true,
        ..Answer::of(200, "")
    })
    .await
}

/// Creates a function that never answers.
async fn hung_function(world: &World, fake: &Fake, name: &str) {
    let definition = json!({
        "FunctionName": name, "Role": ROLE, "Timeout": 900,
        "Code": {"S3Bucket": "headwater-webhook", "S3Key": fake.address()},
    });
    let reply = world.post(FUNCTIONS, definition).await;
    assert_eq!(reply.status, 201, "{reply:?}");
}

/// Maps a table of its own to a function, with ten lanes.
async fn map(world: &World, table: &str, function: &str, mut settings: Value) -> String {
    let stream = world.table(table).await;
    world.put_items(table, 0..ITEMS).await;
    settings["ParallelizationFactor"] = json!(10);
    settings["BatchSize"] = json!(1);
    world.map(&stream, function, settings).await
}

/// Delivers to a function that is well.
async fn deliver(world: &World) {
    let stream = world.table("well").await;
    let recorder = world.recorder("well").await;
    let uuid = world.map(&stream, "well", json!({"BatchSize": 1})).await;
    world.put_items("well", 0..3).await;
    assert_eq!(recorder.wait_for_ids(3).await, numbered(0..3));
    world.wait_for_result(&uuid, "OK").await;
}

/// Ends a world whose calls never end: the clock runs through the time that they are given.
async fn close(world: World) {
    let clock = world.clock.clone();
    let ticking: AbortHandle = tokio::spawn(async move {
        loop {
            clock.advance_ms(100);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .abort_handle();
    world.close().await;
    ticking.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_hang_in_all_lanes_leave_others_their_turn() {
    let (world, fake) = (World::new().await, hanging().await);
    for number in 0..4 {
        let name = format!("hung-{number}");
        hung_function(&world, &fake, &name).await;
        map(&world, &name, &name, json!({})).await;
    }
    // Of 32 processes 16 are for all, and at least three of the functions have one more.
    fake.wait_for(19).await;
    a_moment().await;
    deliver(&world).await;
    let calls = fake.seen().len();
    assert!((19..=20).contains(&calls), "{calls}");
    // Something is left for what is invoked otherwise, too.
    let event = json!({"Records": []});
    let path = format!("{FUNCTIONS}/well/invocations");
    assert_eq!(world.post(&path, event).await.status, 200);
    close(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_function_that_hangs_keeps_no_turn() {
    let (world, fake) = (World::new().await, hanging().await);
    hung_function(&world, &fake, "hung").await;
    let mut mappings = Vec::new();
    for number in 0..4 {
        mappings.push(map(&world, &format!("hung-{number}"), "hung", json!({})).await);
    }
    fake.wait_for(10).await;
    a_moment().await;
    assert_eq!(fake.seen().len(), 10);
    deliver(&world).await;
    for uuid in mappings {
        let status = world.manage("GET", &format!("triggers/{uuid}")).await;
        assert_eq!(status["shards"][0]["lastError"], Value::Null, "{status}");
    }
    close(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_becomes_too_old_before_its_turn_is_given_up() {
    let (world, fake) = (World::new().await, hanging().await);
    hung_function(&world, &fake, "hung").await;
    map(&world, "first", "hung", json!({})).await;
    fake.wait_for(10).await;
    let settings = json!({"MaximumRecordAgeInSeconds": 60});
    let second = map(&world, "second", "hung", settings).await;
    // Every lane has a batch that waits for its turn, and further ones behind it.
    world
        .status_until(&second, |status| {
            let waiting = &status["shards"][0]["readAhead"];
            waiting.as_u64().is_some_and(|waiting| waiting > 0)
        })
        .await;
    a_moment().await;
    world.clock.advance_ms(61_000);
    world.wait_for_letters(ITEMS).await;
    let letters = world.dead_letters().await;
    for letter in letters {
        assert_eq!(letter["condition"], "RecordAgeExceeded", "{letter}");
    }
    assert_eq!(fake.seen().len(), 10);
    close(world).await;
}

/// Lets a batch of two records, of which one is forty seconds older than the other and may be sixty seconds old at most, wait
/// for its turn, and the next one behind it; gives its mapping. All turns are taken, at `fake`, which hangs.
async fn batch_of_two_ages(world: &World, fake: &Fake) -> String {
    hung_function(world, fake, "f").await;
    let stream = world.table("second").await;
    world.put_items("second", 0..1).await;
    world.clock.advance_ms(40_000);
    world.put_items("second", 1..3).await;
    map(world, "first", "f", json!({})).await;
    fake.wait_for(10).await;
    let settings = json!({"MaximumRecordAgeInSeconds": 60, "BatchSize": 2});
    let second = world.map(&stream, "f", settings).await;
    world
        .status_until(&second, |status| status["shards"][0]["readAhead"] == 1)
        .await;
    a_moment().await;
    second
}

/// The last record of a batch was young enough, and the first ones of it were delivered with it however old they were.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_become_too_old_before_their_turn_are_not_delivered() {
    let world = World::new().await;
    let is_first = |seen: &Seen| seen.text().contains("table/first/");
    let fake = Fake::start(move |_, seen| Answer {
        hangs: is_first(seen),
        ..Answer::of(200, "")
    })
    .await;
    let second = batch_of_two_ages(&world, &fake).await;
    world.clock.advance_ms(31_000);
    a_moment().await;
    fake.release();
    world.wait_for_letters(1).await;
    let letters = world.dead_letters().await;
    assert_eq!(letters[0]["condition"], "RecordAgeExceeded");
    assert_eq!(letters[0]["mapping"], json!(second));
    world.wait_for_result(&second, "OK").await;
    let calls = fake.seen();
    let call = calls.iter().find(|seen| !is_first(seen)).unwrap();
    let event: Value = serde_json::from_slice(&call.body).unwrap();
    let records = event["Records"].as_array().unwrap();
    assert_eq!(records.len(), 1, "{event}");
    assert_eq!(
        records[0]["dynamodb"]["Keys"]["id"]["S"],
        numbered(1..2)[0],
        "{event}"
    );
    world.close().await;
}

/// Where turns are rare, a batch that lost its turn would be too old as a whole before the next one, and so would each after
/// it: nothing of them would ever go out.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_a_batch_that_became_too_old_in_part_keeps_its_turn() {
    let (world, first) = (World::new().await, hanging().await);
    let second = batch_of_two_ages(&world, &first).await;
    // More batches than there are turns wait behind it.
    let third = map(&world, "third", "f", json!({})).await;
    world
        .status_until(&third, |status| {
            let waiting = &status["shards"][0]["readAhead"];
            waiting.as_u64().is_some_and(|waiting| waiting > 0)
        })
        .await;
    a_moment().await;
    world.clock.advance_ms(31_000);
    // Whoever gets a turn now keeps it, but for that one.
    let then = Fake::start(|_, seen| Answer {
        hangs: !seen.text().contains("table/second/"),
        ..Answer::of(200, "")
    })
    .await;
    let code = json!({"S3Bucket": "headwater-webhook", "S3Key": then.address()});
    let updated = world.put(&format!("{FUNCTIONS}/f/code"), code).await;
    assert_eq!(updated.status, 200, "{updated:?}");
    first.release();
    world.wait_for_result(&second, "OK").await;
    let calls = then.seen();
    let mut of_second = calls
        .iter()
        .filter(|seen| seen.text().contains("table/second/"));
    let event: Value = serde_json::from_slice(&of_second.next().unwrap().body).unwrap();
    assert_eq!(super::world::ids(&event), numbered(1..2));
    let letters = world.dead_letters().await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["records"], 1);
    assert_eq!(letters[0]["condition"], "RecordAgeExceeded");
    close(world).await;
}
