//! What clients did in one history, when, and what they were told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::item::{Answer, Deed, ItemOperation, Shown, Value};
use super::linear::Call;
use super::lists::{End, Transaction};

/// The notes of one history, shared by its clients.
#[derive(Default)]
pub(super) struct Notes {
    /// Moments in the order in which they were.
    ticks: AtomicU64,
    /// Every number is used once.
    numbers: AtomicU64,
    items: Mutex<BTreeMap<String, Vec<Call<ItemOperation>>>>,
    transactions: Mutex<Vec<Transaction>>,
    /// Transactions that were sent again with their token after a crash, and then answered.
    repeated: AtomicU64,
}

/// An operation on an item that was sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) item: String,
    pub(super) deed: Deed,
    pub(super) expects: Option<Value>,
}

impl Sent {
    pub(super) fn look(item: &str) -> Self {
        Sent {
            item: item.to_owned(),
            deed: Deed::Look,
            expects: None,
        }
    }
}

impl Notes {
    /// A moment now: whoever takes one later gets a greater one.
    pub(super) fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }

    /// A number that nobody had before.
    pub(super) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// An operation on an item, called at `begun` and answered now, unless the answer is lost.
    pub(super) fn item(&self, sent: &Sent, begun: u64, answer: Answer) {
        let operation = ItemOperation {
            deed: sent.deed,
            expects: sent.expects,
            answer,
        };
        let ended = (answer != Answer::Lost).then(|| self.tick());
        let mut items = self.items.lock();
        items.entry(sent.item.clone()).or_default().push(Call {
            operation,
            begun,
            ended,
        });
    }

    /// An item was seen.
    pub(super) fn seen(&self, item: &str, begun: u64, value: Value) {
        let answer = Answer::Done(Shown::Before(value));
        self.item(&Sent::look(item), begun, answer);
    }

    pub(super) fn transaction(&self, transaction: Transaction) {
        self.transactions.lock().push(transaction);
    }

    /// Lists were seen as of one moment, since `begun`.
    pub(super) fn read(&self, begun: u64, reads: Vec<(String, Vec<u64>)>) {
        let end = End::Done(self.tick());
        self.transaction(Transaction {
            begun,
            end,
            reads,
            appends: Vec::new(),
        });
    }

    pub(super) fn was_repeated(&self) {
        self.repeated.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn repeated(&self) -> u64 {
        self.repeated.load(Ordering::Relaxed)
    }

    /// The calls by item, and the transactions.
    pub(super) fn taken(&self) -> (BTreeMap<String, Vec<Call<ItemOperation>>>, Vec<Transaction>) {
        let items = std::mem::take(&mut *self.items.lock());
        (items, std::mem::take(&mut *self.transactions.lock()))
    }
}
