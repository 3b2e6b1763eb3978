//! What the actors of one life of the database share.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use headwater_engine::{
    Action, BillingMode, Database, Direction, EngineError, Index, IndexKind, IndexProjection,
    ItemCommand, KeyRange, LogError, NewIndex, NewTable, PageRequest, ReturnValues, StreamView,
    Table, Throughput,
};
use headwater_expression::{Condition, ExpressionKind, Placeholders, Update};
use headwater_model::{
    AttributeValue, EncodedItem, Item, KeyAttribute, KeySchema, KeyType, ManualClock, Sequence,
    StorageKey,
};
use headwater_state::Remedy;
use headwater_streams::{Streams, StreamsOptions};
use tokio::sync::RwLockReadGuard;

use crate::archive::Archive;
use crate::ledger::{Ledger, Sighting};

/// The table whose stream is checked.
pub(crate) const MAIN: &str = "main";
/// A table without a stream; one item counts the commands of several items.
const TALLY: &str = "tally";

/// The attribute that holds the mark of the attempt that wrote the item.
pub(crate) const MARK: &str = "w";
/// The attribute that additions count in.
pub(crate) const VALUE: &str = "v";

/// How many keys the writers share; the first one is hot.
pub(crate) const KEYS: u64 = 9;

pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) streams: Streams,
    pub(crate) main: Arc<Table>,
    pub(crate) tally: Arc<Table>,
    pub(crate) stream: u32,
    pub(crate) arn: String,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) clock: ManualClock,
    /// The whole stream, if the log is trimmed.
    pub(crate) archive: Option<Arc<Archive>>,
    /// The actors are to come to an end.
    pub(crate) stop: AtomicBool,
    /// The disks are off: whatever fails now may fail.
    pub(crate) dark: AtomicBool,
    /// The log's disk goes off at some point: then older segments can't be read.
    pub(crate) log_goes_dark: AtomicBool,
    /// The state's disk fails at some point: whoever needs a page may be the first to meet it, before the applier does and
    /// ends the log.
    pub(crate) state_goes_dark: AtomicBool,
    /// A disk is full, and stays so until the end of this life.
    pub(crate) stays_full: AtomicBool,
}

/// Time between two looks for something that wakes nobody.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);
/// Whoever waits on a disk that stays full hears of it after a second; a busy machine may take longer.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// See [`World::moment`].
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    durable: Sequence,
    tick: u64,
}

impl World {
    /// Makes the tables, in the first life.
    pub(crate) async fn settle(database: &Database) -> Result<()> {
        let view = Some(StreamView::NewAndOldImages);
        let mut main = new_table(MAIN, view);
        // One that each write moves, and one of a few crowded partitions.
        main.indexes = vec![
            new_index("by-mark", MARK, KeyType::N, IndexProjection::All),
            new_index("by-value", VALUE, KeyType::N, IndexProjection::KeysOnly),
        ];
        database.create_table(main).await?;
        database.create_table(new_table(TALLY, None)).await?;
        Ok(())
    }

    pub(crate) async fn of(
        database: Database,
        ledger: Arc<Ledger>,
        clock: ManualClock,
        archive: Option<Arc<Archive>>,
    ) -> Result<Self> {
        let main = database.table("", MAIN)?;
        let stream = main.record().stream.context("the stream is gone")?;
        let all = database.streams().await?;
        let record = all.iter().find(|record| record.id == stream);
        let arn = record.context("the stream's record is gone")?.arn();
        Ok(World {
            streams: Streams::new(database.clone(), StreamsOptions::default()),
            tally: database.table("", TALLY)?,
            main,
            stream,
            arn,
            ledger,
            clock,
            archive,
            stop: AtomicBool::new(false),
            dark: AtomicBool::new(false),
            log_goes_dark: AtomicBool::new(false),
            state_goes_dark: AtomicBool::new(false),
            stays_full: AtomicBool::new(false),
            database,
        })
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    pub(crate) fn is_dark(&self) -> bool {
        self.dark.load(Ordering::SeqCst)
    }

    /// Whether an error says that this life is over for writers: the log takes no more, or the state has failed.
    pub(crate) fn is_end(&self, error: &EngineError) -> bool {
        is_end_of_log(error) || self.is_failed_state(error)
    }

    /// Whether an error says that the state has failed, in a life in which it is told to. A failed log is none: reading goes
    /// on then.
    pub(crate) fn is_failed_state(&self, error: &EngineError) -> bool {
        let failed = matches!(error, EngineError::State(error) if error.remedy() == Remedy::Reopen);
        failed && self.state_goes_dark.load(Ordering::SeqCst)
    }

    /// Moves the clock on by some milliseconds.
    pub(crate) fn advance_ms(&self, by_ms: u64) {
        match &self.archive {
            Some(archive) => archive.advance_ms(by_ms),
            None => self.clock.advance_ms(by_ms),
        }
    }

    /// Held by a write, so that the clock does not jump meanwhile if the log is trimmed.
    pub(crate) async fn writes(&self) -> Option<RwLockReadGuard<'_, ()>> {
        match &self.archive {
            Some(archive) => Some(archive.writes.read().await),
            None => None,
        }
    }

    /// Whether an error says that the stream can't be read now: its log has failed or is off, or listing shards waits for
    /// room.
    pub(crate) fn may_be_unreadable(&self, error: &anyhow::Error) -> bool {
        let of_engine = error.downcast_ref::<EngineError>();
        let of_log = error.downcast_ref::<LogError>();
        let is_end = of_engine.is_some_and(|error| self.is_end(error) || is_no_room(error));
        let is_off = of_log.is_some() && self.log_goes_dark.load(Ordering::SeqCst);
        is_end || is_off || self.is_over()
    }

    /// Whether nothing can be written any more in this life.
    pub(crate) fn is_over(&self) -> bool {
        self.is_dark() || self.database.log().poisoned().is_some()
    }

    /// Waits for room on the disks; whether there will be any.
    pub(crate) async fn await_room(&self) -> bool {
        while self.database.no_room().is_some() {
            if self.stays_full.load(Ordering::SeqCst) || self.is_over() {
                return false;
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        true
    }

    /// Carries something out. On a disk that stays full it has an answer as well, and not by the end of this life alone.
    pub(crate) async fn answered<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        let unanswered = async {
            while !self.stays_full.load(Ordering::SeqCst) {
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
            tokio::time::sleep(ANSWER_MAX).await;
        };
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = unanswered => bail!("no answer on a disk that stays full"),
        }
    }

    /// The moment before a read.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            durable: self.database.log().durable(),
            tick: self.ledger.tick(),
        }
    }

    /// Notes a read that began at `before` and is over now.
    pub(crate) fn saw(&self, key: String, mark: Option<i64>, before: Moment) {
        self.ledger.saw(Sighting {
            key,
            mark,
            from: before.durable,
            to: self.database.log().durable(),
            sent: before.tick,
        });
    }

    pub(crate) fn key(&self, key: &str) -> Result<StorageKey> {
        storage_key(&self.main, key)
    }

    /// The mark of the item that is there.
    pub(crate) async fn look(&self, key: &str) -> Result<Option<i64>> {
        let item = self.database.get(&self.main, &self.key(key)?).await?;
        item.as_ref().map(mark_of).transpose()
    }
}

/// Whether an error says that the log takes no more.
fn is_end_of_log(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::Log(LogError::Poisoned { .. } | LogError::Closed)
    )
}

/// Whether an error says that a disk is full: nobody knows then whether a write will be there.
pub(crate) fn is_no_room(error: &EngineError) -> bool {
    matches!(error, EngineError::Log(LogError::NoRoom { .. }))
}

pub(crate) fn new_table(name: &str, stream: Option<StreamView>) -> NewTable {
    NewTable {
        namespace: String::new(),
        name: name.to_owned(),
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        schema: KeySchema::new(KeyAttribute::new("pk", KeyType::S), None),
        billing: BillingMode::PayPerRequest,
        throughput: Throughput::default(),
        on_demand: None,
        warm: Throughput::default(),
        deletion_protection: false,
        table_class: None,
        encryption: None,
        tags: Vec::new(),
        policy: None,
        indexes: Vec::new(),
        stream,
        retention_ms: None,
    }
}

/// A global index by one attribute.
pub(crate) fn new_index(
    name: &str,
    attribute: &str,
    kind: KeyType,
    projection: IndexProjection,
) -> NewIndex {
    NewIndex {
        name: name.to_owned(),
        kind: IndexKind::Global,
        partition: vec![KeyAttribute::new(attribute, kind)],
        sort: Vec::new(),
        projection,
        throughput: Throughput::default(),
        on_demand: None,
        warm: Throughput::default(),
        vector: None,
    }
}

pub(crate) fn key_item(key: &str) -> Item {
    let mut item = Item::new();
    item.insert("pk".to_owned(), AttributeValue::S(key.to_owned()));
    item
}

pub(crate) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.into())
}

pub(crate) fn storage_key(table: &Table, key: &str) -> Result<StorageKey> {
    Ok(table.schema().storage_key_of_key(&key_item(key))?)
}

/// The number in an attribute of an item; 0 if there is none.
pub(crate) fn number_of(item: &EncodedItem, name: &str) -> Result<i64> {
    match item.get(name)? {
        Some(AttributeValue::N(number)) => number.to_i64().context("a number out of range"),
        None => Ok(0),
        Some(other) => bail!("{name} is {other:?}"),
    }
}

/// The mark of the attempt that wrote an item.
pub(crate) fn mark_of(item: &EncodedItem) -> Result<i64> {
    number_of(item, MARK)
}

pub(crate) fn item_command(table: &Arc<Table>, key: &str, action: Action) -> Result<ItemCommand> {
    Ok(ItemCommand {
        table: table.clone(),
        key: storage_key(table, key)?,
        condition: None,
        action,
        returns: ReturnValues::None,
        return_item_on_failure: false,
    })
}

fn placeholders(values: &[(&str, i64)]) -> Result<Placeholders> {
    let values = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), number(*value)))
        .collect();
    Ok(Placeholders::new(None, Some(values))?)
}

pub(crate) fn update(text: &str, values: &[(&str, i64)]) -> Result<Update> {
    let mut placeholders = match values {
        [] => Placeholders::new(None, None)?,
        values => placeholders(values)?,
    };
    Ok(Update::parse(text, &mut placeholders)?)
}

pub(crate) fn condition(text: &str, values: &[(&str, i64)]) -> Result<Condition> {
    let mut placeholders = match values {
        [] => Placeholders::new(None, None)?,
        values => placeholders(values)?,
    };
    Ok(Condition::parse(
        ExpressionKind::Condition,
        text,
        &mut placeholders,
    )?)
}

/// All items of a table, in pages of `limit`.
pub(crate) fn scan(
    database: &Database,
    table: &Table,
    limit: Option<usize>,
    direction: Direction,
) -> Result<Vec<EncodedItem>> {
    pages(database, table, None, limit, direction)
}

/// All entries of an index, in pages.
pub(crate) fn entries(
    database: &Database,
    table: &Table,
    index: &Index,
) -> Result<Vec<EncodedItem>> {
    pages(database, table, Some(index), Some(7), Direction::Forward)
}

fn pages(
    database: &Database,
    table: &Table,
    index: Option<&Index>,
    limit: Option<usize>,
    direction: Direction,
) -> Result<Vec<EncodedItem>> {
    let mut range = KeyRange {
        from: Bound::Unbounded,
        to: Bound::Unbounded,
    };
    let mut items = Vec::new();
    loop {
        let request = PageRequest {
            range: range.clone(),
            direction,
            limit,
            bytes_max: usize::MAX,
            filter: None,
            items: true,
            index,
            fetch: false,
        };
        let page = database.page(table, &request)?;
        items.extend(page.items);
        let Some(last) = page.last_key else {
            return Ok(items);
        };
        match direction {
            Direction::Forward => range.from = Bound::Excluded(last),
            Direction::Backward => range.to = Bound::Excluded(last),
        }
    }
}
