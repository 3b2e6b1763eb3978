//! Whether what concurrent clients see has an order: histories of the real binary over HTTP, with `kill -9` in between.
//!
//! Each history has a partition of its own, with items that hold a number and lists that are appended to. Clients read and
//! write them by every operation there is for it; each notes when it called and was answered. What was not answered
//! because the server died may have happened or not; half of the transactions among it are sent again with their token
//! when the server is back, and happen once. At the end all is read, and two checks look for an order:
//! - each item by itself: [`linear`] puts every operation at one moment between call and answer, those of batches and
//!   transactions too;
//! - the lists together: [`lists`] does the same for transactions as wholes, and names what has no order.

mod cycles;
mod item;
mod item_work;
mod linear;
mod list_work;
mod lists;
mod notes;
mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use headwater_model::SeededRng;
use serde_json::json;

use crate::folder::in_folder;
use crate::kill::{Client, Server, joined, pause, verify};
use item::ItemOperation;
use linear::{Call, Disorder};
use lists::End;
use notes::Notes;
use worker::{INDEX, TABLE, Transact, Worker};

const CLIENTS: u64 = 8;
/// Longest time between a start and a kill, or the end of the history.
const LIFE_MS_MAX: u64 = 200;
/// Farthest that a server's clock is off: less than half of the time in which tokens count.
const CLOCK_OFF_MS_MAX: u64 = 120_000;

/// What a run did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Histories that have an order.
    pub histories: u64,
    /// `kill -9` of the server under load.
    pub kills: u64,
    /// Operations on items.
    pub operations: usize,
    /// Of them, those without an answer.
    pub operations_lost: usize,
    /// Reads and writes of lists, alone or together.
    pub transactions: usize,
    /// Of them, those that were refused.
    pub refused: usize,
    /// Of them, those without an answer.
    pub transactions_lost: usize,
    /// Transactions that were sent again after a kill.
    pub repeated: u64,
    /// How often one transaction has to be before another.
    pub edges: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} histories and {} kills: {} operations on items ({} without an answer), {} on lists ({} refused, {} without \
             an answer), {} transactions sent again, {} times one before another; all have an order",
            self.histories,
            self.kills,
            self.operations,
            self.operations_lost,
            self.transactions,
            self.refused,
            self.transactions_lost,
            self.repeated,
            self.edges
        )
    }
}

/// Runs so many histories, with so many kills spread over them.
///
/// # Errors
/// What has no order; the folder is kept then.
pub fn run(binary: &Path, histories: u64, kills: u64, seed: u64) -> Result<Report> {
    in_folder("headwater-histories-", |folder| {
        let mut campaign = Campaign {
            binary,
            data: folder.join("data"),
            rng: SeededRng::new(seed),
            report: Report::default(),
        };
        campaign.run(histories, kills)
    })
}

struct Campaign<'a> {
    binary: &'a Path,
    data: PathBuf,
    rng: SeededRng,
    report: Report,
}

impl Campaign<'_> {
    fn run(&mut self, histories: u64, kills: u64) -> Result<Report> {
        let mut server = self.start()?;
        create_table(&mut Client::new(server.address()))?;
        for history in 0..histories {
            let its_kills = kills * (history + 1) / histories - kills * history / histories;
            server = self
                .history(server, history, its_kills)
                .with_context(|| format!("history {history}"))?;
        }
        let status = server.stop()?;
        ensure!(status.success(), "the server stopped with {status}");
        verify(self.binary, &self.data, true)?;
        Ok(self.report)
    }

    fn start(&self) -> Result<Server> {
        let off_ms = self.rng.below(2 * CLOCK_OFF_MS_MAX) as i64 - CLOCK_OFF_MS_MAX as i64;
        let offset = format!("--test-clock-offset={off_ms}ms");
        Server::start(self.binary, &self.data, &["--test-clock", &offset])
    }

    fn history(&mut self, mut server: Server, history: u64, kills: u64) -> Result<Server> {
        let notes = Arc::new(Notes::default());
        let partition = format!("history-{history}");
        let mut unanswered = Vec::new();
        for life in 0..=kills {
            let dies = life < kills;
            let workers = self.workers(&server, &notes, &partition, unanswered);
            unanswered = self.live(&mut server, workers, dies)?;
            if dies {
                self.report.kills += 1;
                server = self.start()?;
            }
        }
        // One client finishes what is left, reads everything, and knows what came of it.
        let mut last = self
            .workers(&server, &notes, &partition, Vec::new())
            .remove(0);
        for transact in unanswered {
            last.transact(transact)?;
        }
        last.read_all()?;
        self.check(&notes)?;
        Ok(server)
    }

    fn workers(
        &self,
        server: &Server,
        notes: &Arc<Notes>,
        partition: &str,
        unanswered: Vec<Transact>,
    ) -> Vec<Worker> {
        let mut unanswered = unanswered.into_iter();
        let worker = |_| Worker {
            client: Client::new(server.address()),
            rng: SeededRng::new(self.rng.below(u64::MAX)),
            notes: notes.clone(),
            partition: partition.to_owned(),
            known: BTreeMap::new(),
            unanswered: unanswered.next(),
        };
        (0..CLIENTS).map(worker).collect()
    }

    /// Clients at work for a while; gives the transactions that are to be sent again.
    fn live(&self, server: &mut Server, workers: Vec<Worker>, dies: bool) -> Result<Vec<Transact>> {
        let over = Arc::new(AtomicBool::new(false));
        let killed = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = workers
            .into_iter()
            .map(|worker| {
                let (over, killed) = (over.clone(), killed.clone());
                thread::spawn(move || worker.run(&over, &killed))
            })
            .collect();
        pause(Duration::from_millis(20 + self.rng.below(LIFE_MS_MAX)));
        server.check_alive()?;
        match dies {
            // From here on a closed connection is no failure.
            true => {
                killed.store(true, Ordering::SeqCst);
                server.kill()?;
            }
            false => over.store(true, Ordering::SeqCst),
        }
        let mut unanswered = Vec::new();
        for thread in threads {
            unanswered.extend(joined(thread)?.context("a client")?);
        }
        Ok(unanswered)
    }

    fn check(&mut self, notes: &Notes) -> Result<()> {
        let (items, transactions) = notes.taken();
        for (item, calls) in &items {
            check_item(item, calls)?;
            self.report.operations += calls.len();
            let lost = calls.iter().filter(|call| call.ended.is_none());
            self.report.operations_lost += lost.count();
        }
        let checked = lists::check(&transactions).map_err(|anomaly| anyhow!("{anomaly}"))?;
        let ended = |end: End| {
            transactions
                .iter()
                .filter(move |one| one.end == end)
                .count()
        };
        self.report.histories += 1;
        self.report.transactions += transactions.len();
        self.report.refused += ended(End::Refused);
        self.report.transactions_lost += ended(End::Lost);
        self.report.repeated += notes.repeated();
        self.report.edges += checked.edges;
        Ok(())
    }
}

fn check_item(item: &str, calls: &[Call<ItemOperation>]) -> Result<()> {
    match linear::check(calls, &None) {
        Ok(()) => Ok(()),
        Err(Disorder::None(shown)) => {
            bail!("the operations on {item} have no order; the longest one ends with\n{shown}")
        }
        Err(Disorder::NotFound) => bail!("no order of the operations on {item} was found in time"),
    }
}

fn create_table(client: &mut Client) -> Result<()> {
    let attributes = ["pk", "sk", "g"];
    let attributes = attributes.map(|name| json!({"AttributeName": name, "AttributeType": "S"}));
    let key = |partition: &str| {
        json!([
            {"AttributeName": partition, "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ])
    };
    let table = json!({
        "TableName": TABLE,
        "AttributeDefinitions": attributes,
        "KeySchema": key("pk"),
        "BillingMode": "PAY_PER_REQUEST",
        "GlobalSecondaryIndexes": [{
            "IndexName": INDEX,
            "KeySchema": key("g"),
            "Projection": {"ProjectionType": "ALL"},
        }],
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    });
    client.dynamodb("CreateTable", &table)?;
    Ok(())
}
