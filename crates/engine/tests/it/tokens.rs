//! Tokens: a transaction that carries one happens once, over restarts too, and old tokens leave no trace.

use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use headwater_engine::{
    Action, Command, Database, EngineError, RequestToken, StreamView, Table, Transacted,
    VerificationStatus,
};
use headwater_expression::{Condition, ExpressionKind, Placeholders};
use headwater_model::limits::TRANSACTION_TOKEN_AGE_MS_MAX;
use headwater_model::{EncodedItem, ManualClock};
use headwater_state::{Batch, Direction, StateOptions};

use crate::support::{
    START_MS, command, create, get, item, open, options, put, records, verify, with_condition,
};

fn token(text: &str, payload: u128) -> Option<RequestToken> {
    Some(RequestToken::new("", text, payload))
}

/// Puts an item that may not be there yet: carried out twice, it would be refused.
fn put_new(table: &Arc<Table>, key: &str) -> Command {
    let action = Action::Put(EncodedItem::encode(&item(key, Some(1))));
    let mut placeholders = Placeholders::new(None, None).unwrap();
    let kind = ExpressionKind::Condition;
    let condition = Condition::parse(kind, "attribute_not_exists(pk)", &mut placeholders);
    with_condition(command(table, key, action), condition.unwrap())
}

fn check_new(table: &Arc<Table>, key: &str) -> Command {
    let mut command = put_new(table, key);
    command.items[0].action = Action::Check;
    command
}

async fn once(database: &Database, command: Command, text: &str) -> Transacted {
    database.transact(command, token(text, 7)).await.unwrap()
}

fn records_len(database: &Database, table: &Table) -> usize {
    records(database, table.record().stream.unwrap(), 100).len()
}

/// What the state holds under the table numbers of tokens.
fn tokens_in_state(folder: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let state = headwater_state::open_file(&folder.join("state"), StateOptions::default()).unwrap();
    let mut found = Vec::new();
    let from = (u32::MAX - 2).to_be_bytes();
    let (from, to) = (Bound::Included(&from[..]), Bound::Unbounded);
    let snapshot = state.snapshot();
    snapshot
        .scan(from, to, Direction::Forward, &mut |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

#[tokio::test]
async fn a_token_that_comes_again_changes_nothing_and_tells_the_sizes() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, options(1));
    let table = create(&database, "t", Some(StreamView::NewImage)).await;
    let first = once(&database, put_new(&table, "a"), "one").await;
    assert!(!first.repeated && first.outcomes[0].changed);
    put(&database, &table, "a", 2).await.unwrap();
    let again = once(&database, put_new(&table, "a"), "one").await;
    assert!(again.repeated && !again.outcomes[0].changed);
    assert_eq!(
        again.outcomes[0].new_size_bytes,
        first.outcomes[0].new_size_bytes
    );
    assert_eq!(get(&database, &table, "a"), Some(item("a", Some(2))));
    assert_eq!(records_len(&database, &table), 2);
    // Another request under the same token, and the same token of somebody else.
    let mismatch = database
        .transact(put_new(&table, "b"), token("one", 8))
        .await;
    assert!(matches!(mismatch, Err(EngineError::TokenMismatch)));
    let others = Some(RequestToken::new("somebody", "one", 8));
    let others = database.transact(put_new(&table, "b"), others).await;
    assert!(!others.unwrap().repeated);
}

#[tokio::test]
async fn a_transaction_that_was_refused_leaves_no_token() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, options(1));
    let table = create(&database, "t", None).await;
    put(&database, &table, "a", 1).await.unwrap();
    for _ in 0..2 {
        let refused = database
            .transact(put_new(&table, "a"), token("one", 7))
            .await;
        assert!(matches!(refused, Err(EngineError::Refused(_))));
    }
    let other = database
        .transact(put_new(&table, "b"), token("one", 8))
        .await;
    assert!(!other.unwrap().repeated);
}

#[tokio::test]
async fn a_transaction_that_changes_nothing_keeps_its_token() {
    let clock = ManualClock::new(START_MS);
    let database = open(None, &clock, options(1));
    let table = create(&database, "t", Some(StreamView::NewImage)).await;
    // The first token of a store brings an entry that says that it has tokens.
    once(&database, check_new(&table, "a"), "earlier").await;
    let entries = database.log().stats().entries;
    assert!(
        !once(&database, check_new(&table, "a"), "one")
            .await
            .repeated
    );
    assert_eq!(database.log().stats().entries, entries + 1);
    assert_eq!(records_len(&database, &table), 0);
    put(&database, &table, "a", 1).await.unwrap();
    // The check would fail now.
    assert!(
        once(&database, check_new(&table, "a"), "one")
            .await
            .repeated
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_callers_with_one_token_one_is_carried_out_and_the_others_wait_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, options(1));
    let table = create(&database, "t", Some(StreamView::NewImage)).await;
    for round in 0..20 {
        let (key, text) = (format!("k{round}"), format!("token {round}"));
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (database, table) = (database.clone(), table.clone());
            let (key, text) = (key.clone(), text.clone());
            callers.spawn(async move {
                let transacted = once(&database, put_new(&table, &key), &text).await;
                // Whoever was told of it finds it, so it is durable.
                assert_eq!(get(&database, &table, &key), Some(item(&key, Some(1))));
                transacted.repeated
            });
        }
        let mut carried_out = 0;
        while let Some(repeated) = callers.join_next().await {
            carried_out += usize::from(!repeated.unwrap());
        }
        assert_eq!(carried_out, 1, "round {round}");
    }
    assert_eq!(records_len(&database, &table), 20);
}

#[tokio::test]
async fn tokens_count_for_ten_minutes_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let mut database = open(Some(folder.path()), &clock, options(1));
    let mut table = create(&database, "t", Some(StreamView::NewImage)).await;
    once(&database, check_new(&table, "a"), "one").await;
    let step_ms = TRANSACTION_TOKEN_AGE_MS_MAX / 4;
    for _ in 0..3 {
        clock.advance_ms(step_ms);
        database.close();
        drop((table, database));
        database = open(Some(folder.path()), &clock, options(1));
        table = database.table("", "t").unwrap();
        assert!(
            once(&database, check_new(&table, "a"), "one")
                .await
                .repeated
        );
    }
    // The log goes on from its last entry, even if the clock went back.
    put(&database, &table, "b", 1).await.unwrap();
    clock.advance_ms(step_ms - 1);
    assert!(
        once(&database, check_new(&table, "a"), "one")
            .await
            .repeated
    );
    clock.advance_ms(1);
    assert!(
        !once(&database, check_new(&table, "a"), "one")
            .await
            .repeated
    );
    clock.set_ms(START_MS);
    assert!(
        once(&database, check_new(&table, "a"), "one")
            .await
            .repeated
    );
    let other = database
        .transact(check_new(&table, "a"), token("one", 8))
        .await;
    assert!(matches!(other, Err(EngineError::TokenMismatch)));
}

#[tokio::test]
async fn old_tokens_are_collected_and_verification_misses_none() {
    const TOKENS: usize = 1_200;
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, options(1));
    let table = create(&database, "t", Some(StreamView::NewImage)).await;
    for index in 0..TOKENS {
        once(&database, check_new(&table, "a"), &format!("old {index}")).await;
    }
    clock.advance_ms(TRANSACTION_TOKEN_AGE_MS_MAX);
    // One that was collected or is to be, and is used again.
    assert!(
        !once(&database, check_new(&table, "a"), "old 7")
            .await
            .repeated
    );
    for index in 0..10 {
        put(&database, &table, "b", index).await.unwrap();
        applied(&database).await;
    }
    assert!(
        once(&database, check_new(&table, "a"), "old 7")
            .await
            .repeated
    );
    assert_eq!(database.start_verification().unwrap().ok(), Some(()));
    let live = loop {
        match database.verification() {
            VerificationStatus::Done { verified, .. } => break verified,
            VerificationStatus::Failed { reason } => panic!("{reason}"),
            _ => tokio::task::yield_now().await,
        }
    };
    assert!(live.is_clean(), "{live:?}");
    database.close();
    drop((table, database));
    let stopped = verify(folder.path()).unwrap();
    assert!(stopped.is_clean(), "{stopped:?}");
    assert!(stopped.keys_compared as usize > TOKENS);
    assert_eq!(stopped.items, 1);
    assert_eq!(tokens_in_state(folder.path()).len(), 2);
    // A state that is built anew from the log collects them again as the log goes on.
    std::fs::remove_file(folder.path().join("state")).unwrap();
    let database = open(Some(folder.path()), &clock, options(1));
    let table = database.table("", "t").unwrap();
    assert!(
        once(&database, check_new(&table, "a"), "old 7")
            .await
            .repeated
    );
    for index in 0..10 {
        put(&database, &table, "c", index).await.unwrap();
        applied(&database).await;
    }
    database.close();
    drop((table, database));
    assert!(verify(folder.path()).unwrap().is_clean());
    assert_eq!(tokens_in_state(folder.path()).len(), 2);
}

#[tokio::test]
async fn damaged_and_missing_tokens_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, options(1));
    let table = create(&database, "t", None).await;
    once(&database, check_new(&table, "a"), "one").await;
    database.close();
    drop((table, database));
    assert!(verify(folder.path()).unwrap().is_clean());
    let keys = tokens_in_state(folder.path());
    let [(age_key, time), (token_key, value)] = &keys[..] else {
        panic!("{keys:?}");
    };
    let (differ, lost) = ("hold different values", "the state has none");
    let (damaged, unknown_age) = ("is damaged", "nothing finds the token");
    for (key, good, bad, detail) in [
        (token_key, value, Some(&b"x"[..]), damaged),
        (token_key, value, Some(&[0; 28]), differ),
        (token_key, value, None, lost),
        (age_key, time, Some(b"x"), damaged),
        (age_key, time, None, unknown_age),
    ] {
        write(folder.path(), key, bad);
        let verified = verify(folder.path()).unwrap();
        let mut findings = verified.findings.iter().map(ToString::to_string);
        assert!(
            findings.any(|found| found.contains("tokens of") && found.contains(detail)),
            "{detail} not in {verified:?}"
        );
        write(folder.path(), key, Some(good));
    }
    assert!(verify(folder.path()).unwrap().is_clean());
}

/// Writes into the state behind the server's back.
fn write(folder: &Path, key: &[u8], value: Option<&[u8]>) {
    let state = headwater_state::open_file(&folder.join("state"), StateOptions::default()).unwrap();
    let mut batch = Batch::new();
    let key = Bytes::copy_from_slice(key);
    match value {
        Some(value) => batch.put(key, Bytes::copy_from_slice(value)),
        None => batch.delete(key),
    }
    state.apply(batch, state.position()).unwrap();
    state.checkpoint().unwrap();
}

/// Waits until the state holds all that is durable.
async fn applied(database: &Database) {
    while database.applied() < database.log().durable() {
        tokio::task::yield_now().await;
    }
}
