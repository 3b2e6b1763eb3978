//! Tables of the server's own: functions, mappings, checkpoints, settings. They live in a namespace that no
//! client can name, go through the same door as every write, and so have the same durability.

use std::sync::Arc;

use bytes::Bytes;
use headwater_engine::{
    Action, BillingMode, Command, Database, EngineError, ItemCommand, KeyRange, LogError, NewTable,
    PageRequest, ReturnValues, Table, TableStatus, Throughput,
};
use headwater_model::{
    AttributeValue, CorruptItem, EncodedItem, Item, KeyAttribute, KeyError, KeySchema, KeyType,
    StorageKey,
};
use std::ops::Bound;
use tokio::sync::OnceCell;

/// Where system tables live. No request has this namespace.
pub const SYSTEM_NAMESPACE: &str = "$headwater";

const KEY: &str = "key";
const DOCUMENT: &str = "document";
/// Bytes that are read of a system table at once.
const SCAN_BYTES: usize = 1 << 20;

/// Why a system table refused.
#[derive(Debug, thiserror::Error)]
pub enum SystemTableError {
    /// The key is empty or longer than keys may be.
    #[error("a key of a system table is not usable: {0}")]
    Key(#[from] KeyError),
    /// A stored item is not one of this room's.
    #[error("an item of a system table is damaged: {0}; run `headwater verify`")]
    Item(#[from] CorruptItem),
    /// A stored item lacks a part.
    #[error("an item of the system table {table} has no {attribute}; run `headwater verify`")]
    Incomplete {
        /// The table.
        table: String,
        /// What it lacks.
        attribute: &'static str,
    },
    /// The engine refused.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl SystemTableError {
    /// Whether the outcome is open: what was refused may wait for room on the disk, and come to be when there is some.
    pub fn may_come_to_be(&self) -> bool {
        matches!(
            self,
            Self::Engine(EngineError::Log(LogError::NoRoom { .. }))
        )
    }
}

/// A map from keys to documents that is as durable as any table. Clones share it. The table itself is made
/// by the first document, so that opening writes nothing.
#[derive(Clone)]
pub struct SystemTable {
    database: Database,
    name: Arc<str>,
    table: Arc<OnceCell<Arc<Table>>>,
    schema: Arc<KeySchema>,
}

impl SystemTable {
    /// Opens the system table `name`, which may not be there yet.
    ///
    /// # Errors
    /// [`SystemTableError::Engine`].
    pub async fn open(database: &Database, name: &str) -> Result<Self, SystemTableError> {
        let table = match database.table(SYSTEM_NAMESPACE, name) {
            Ok(table) => {
                wait_until_usable(database, &table).await;
                OnceCell::new_with(Some(table))
            }
            Err(EngineError::TableNotFound { .. }) => OnceCell::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(SystemTable {
            database: database.clone(),
            name: name.into(),
            table: Arc::new(table),
            schema: Arc::new(schema()),
        })
    }

    /// The table, made if it is not there.
    async fn made(&self) -> Result<&Arc<Table>, EngineError> {
        let make = || async {
            let table = create(&self.database, &self.name).await?;
            wait_until_usable(&self.database, &table).await;
            Ok(table)
        };
        self.table.get_or_try_init(make).await
    }

    /// Puts a document in place of what is there. It is durable when this returns.
    ///
    /// # Errors
    /// [`SystemTableError::Key`]; [`SystemTableError::Engine`], also for a document over 400 KB.
    pub async fn put(&self, key: &str, document: impl Into<Bytes>) -> Result<(), SystemTableError> {
        let item = Item::from([
            (KEY, AttributeValue::S(key.to_owned())),
            (DOCUMENT, AttributeValue::B(document.into())),
        ]);
        let action = Action::Put(EncodedItem::encode(&item));
        let table = self.made().await?.clone();
        self.write(table, key, action, ReturnValues::None).await?;
        Ok(())
    }

    /// The document under a key.
    ///
    /// # Errors
    /// [`SystemTableError::Key`], [`SystemTableError::Engine`]; damage.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, SystemTableError> {
        let Some(table) = self.table.get() else {
            return Ok(None);
        };
        let key = self.storage_key(key)?;
        let item = self.database.get(table, &key).await?;
        let entry = item.map(|item| self.entry(&item)).transpose()?;
        Ok(entry.map(|(_, document)| document))
    }

    /// As [`SystemTable::get`], but what is being put or removed counts too: for whoever changes what is there, also when the
    /// last one who did went away before it was durable. It is durable when this returns.
    ///
    /// # Errors
    /// As [`SystemTable::get`].
    pub async fn newest(&self, key: &str) -> Result<Option<Bytes>, SystemTableError> {
        let Some(table) = self.table.get() else {
            return Ok(None);
        };
        let wanted = [(table.clone(), self.storage_key(key)?)];
        let item = self.database.get_together(&wanted).await?.pop().flatten();
        let entry = item.map(|item| self.entry(&item)).transpose()?;
        Ok(entry.map(|(_, document)| document))
    }

    /// Removes the document under a key; whether there was one.
    ///
    /// # Errors
    /// [`SystemTableError::Key`], [`SystemTableError::Engine`].
    pub async fn delete(&self, key: &str) -> Result<bool, SystemTableError> {
        let Some(table) = self.table.get() else {
            return Ok(false);
        };
        let old = self.write(table.clone(), key, Action::Delete, ReturnValues::AllOld);
        Ok(old.await?.is_some())
    }

    /// All documents, in the order of their keys.
    ///
    /// # Errors
    /// [`SystemTableError::Engine`]; damage.
    pub async fn scan_all(&self) -> Result<Vec<(String, Bytes)>, SystemTableError> {
        let add = |all: &mut Vec<_>, key, document| {
            all.push((key, document));
            Ok::<_, SystemTableError>(())
        };
        let mut all = self.fold(Vec::new(), add).await?;
        all.sort();
        Ok(all)
    }

    /// Goes through all documents, in no order, on a thread that may wait for the disk; holds a page of them.
    ///
    /// # Errors
    /// [`SystemTableError::Engine`]; damage; what `step` gives.
    pub async fn fold<T, E>(
        &self,
        start: T,
        mut step: impl FnMut(&mut T, String, Bytes) -> Result<(), E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<SystemTableError> + Send + 'static,
    {
        let this = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut folded = start;
            let Some(table) = this.table.get() else {
                return Ok(folded);
            };
            let mut from = Bound::Unbounded;
            loop {
                let page = this.database.page(table, &page_from(from));
                let page = page.map_err(SystemTableError::from)?;
                for item in &page.items {
                    let (key, document) = this.entry(item)?;
                    step(&mut folded, key, document)?;
                }
                match page.last_key {
                    Some(key) => from = Bound::Excluded(key),
                    None => return Ok(folded),
                }
            }
        });
        read.await.unwrap_or_else(|error| {
            let what = format!("reading the system table {}", self.name);
            let error = error.into();
            Err(SystemTableError::from(EngineError::Io { what, error }).into())
        })
    }

    async fn write(
        &self,
        table: Arc<Table>,
        key: &str,
        action: Action,
        returns: ReturnValues,
    ) -> Result<Option<EncodedItem>, SystemTableError> {
        let command = Command::single(ItemCommand {
            table,
            key: self.storage_key(key)?,
            condition: None,
            action,
            returns,
            return_item_on_failure: false,
        });
        let outcomes = self.database.write(command).await?;
        Ok(outcomes
            .into_iter()
            .next()
            .and_then(|outcome| outcome.attributes))
    }

    fn storage_key(&self, key: &str) -> Result<StorageKey, KeyError> {
        let key = Item::from([(KEY, AttributeValue::S(key.to_owned()))]);
        self.schema.storage_key_of_key(&key)
    }

    fn entry(&self, item: &EncodedItem) -> Result<(String, Bytes), SystemTableError> {
        let lacks = |attribute| SystemTableError::Incomplete {
            table: self.name.to_string(),
            attribute,
        };
        let Some(AttributeValue::S(key)) = item.get(KEY)? else {
            return Err(lacks(KEY));
        };
        let Some(AttributeValue::B(document)) = item.get(DOCUMENT)? else {
            return Err(lacks(DOCUMENT));
        };
        Ok((key, document))
    }
}

fn schema() -> KeySchema {
    KeySchema::new(KeyAttribute::new(KEY, KeyType::S), None)
}

async fn create(database: &Database, name: &str) -> Result<Arc<Table>, EngineError> {
    let new = NewTable {
        namespace: SYSTEM_NAMESPACE.to_owned(),
        name: name.to_owned(),
        region: "local".to_owned(),
        account: database.options().account.clone(),
        schema: schema(),
        billing: BillingMode::PayPerRequest,
        throughput: Throughput::default(),
        on_demand: None,
        warm: Throughput::default(),
        deletion_protection: true,
        table_class: None,
        encryption: None,
        tags: Vec::new(),
        policy: None,
        indexes: Vec::new(),
        stream: None,
        retention_ms: None,
    };
    match database.create_table(new).await {
        Ok(view) => Ok(view.table),
        // Somebody else was first.
        Err(EngineError::TableExists { name }) => database.table(SYSTEM_NAMESPACE, &name),
        Err(error) => Err(error),
    }
}

/// Waits out the phase in which a new table is not usable.
async fn wait_until_usable(database: &Database, table: &Table) {
    let clock = database.clock();
    while let (TableStatus::Creating, Some((_, until_ms))) = (
        table.record().status(clock.now_ms()),
        table.record().transition,
    ) {
        clock.sleep_until(until_ms).await;
    }
}

fn page_from(from: Bound<Vec<u8>>) -> PageRequest<'static> {
    PageRequest {
        range: KeyRange {
            from,
            to: Bound::Unbounded,
        },
        direction: headwater_engine::Direction::Forward,
        limit: None,
        bytes_max: SCAN_BYTES,
        filter: None,
        items: true,
        index: None,
        fetch: false,
    }
}
