//! What the engine refuses, and why. Which sentence a client sees for it is decided above.

use headwater_changelog::LogError;
use headwater_expression::StepsUsedUp;
use headwater_model::{CorruptItem, CorruptKey, Sequence};
use headwater_state::StateError;

use crate::command::Refusal;
use crate::kinesis::KinesisRefusal;
use crate::policies::PolicyMismatch;
use crate::record::TableStatus;
use crate::throughput_changes::TooManyDecreases;
use crate::throughput_limits::Throttled;

/// Everything that can go wrong in the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no such table, or it is not usable yet or any more.
    #[error("table {name} not found")]
    TableNotFound {
        /// The table's name.
        name: String,
    },
    /// A table of that name exists.
    #[error("table {name} already exists")]
    TableExists {
        /// The table's name.
        name: String,
    },
    /// The table is being created, changed or deleted.
    #[error("table {name} is {}", .status.as_str())]
    TableInUse {
        /// The table's name.
        name: String,
        /// What it is doing.
        status: TableStatus,
    },
    /// A stream is enabled already.
    #[error("table {name} already has an enabled stream")]
    StreamEnabled {
        /// The table's name.
        name: String,
    },
    /// No stream is enabled.
    #[error("table {name} has no stream to disable")]
    StreamNotEnabled {
        /// The table's name.
        name: String,
    },
    /// The table would have more tags than a table can have.
    #[error("table {name} would have too many tags")]
    TooManyTags {
        /// The table's name.
        name: String,
    },
    /// A tag would change that has to stay as it is.
    #[error("a tag of table {name} can't change")]
    FixedTag {
        /// The table's name.
        name: String,
    },
    /// The definition is not the one that the change was made for ([`crate::TableChange::seen`]).
    #[error("table {name} was changed meanwhile")]
    TableChanged {
        /// The table's name.
        name: String,
    },
    /// The table has an index of that name.
    #[error("table {name} already has an index {index}")]
    IndexExists {
        /// The table's name.
        name: String,
        /// The index's name.
        index: String,
    },
    /// The table has no index of that kind and name.
    #[error("table {name} has no index {index}")]
    IndexNotFound {
        /// The table's name.
        name: String,
        /// The index's name.
        index: String,
    },
    /// Another index of the table is being filled.
    #[error("another index of table {name} is being created")]
    IndexBeingCreated {
        /// The table's name.
        name: String,
    },
    /// An index of the table is being filled; it can't be deleted now.
    #[error("indexes of table {name} are being changed")]
    IndexesBeingChanged {
        /// The table's name.
        name: String,
    },
    /// The index does not hold all its entries yet.
    #[error("index {index} is being filled")]
    IndexBackfilling {
        /// The index's name.
        index: String,
    },
    /// Provisioned throughput went down too often.
    #[error(transparent)]
    TooManyDecreases(#[from] TooManyDecreases),
    /// Throughput would be exceeded, of the item commands that say by which; nothing was changed.
    #[error("throughput is exceeded")]
    Throttled(Vec<Option<Throttled>>),
    /// The results of a search are too large for one answer.
    #[error("the results of a search are over {bytes_max} bytes")]
    SearchTooLarge {
        /// Most bytes that they may be.
        bytes_max: usize,
    },
    /// There is no such backup.
    #[error("backup not found")]
    BackupNotFound,
    /// The backup is being made, or a table is being restored from it.
    #[error("the backup is in use")]
    BackupInUse,
    /// The log does not say what items were before.
    #[error(
        "the log has changes without the item before, made before point-in-time recovery was enabled"
    )]
    NoHistory,
    /// Items of the table expire already.
    #[error("time to live is enabled already, by the attribute {attribute}")]
    TimeToLiveEnabled {
        /// By which attribute.
        attribute: String,
    },
    /// Items of the table don't expire.
    #[error("time to live is disabled already")]
    TimeToLiveDisabled,
    /// Contributor insights can't be turned on yet, or any more.
    #[error("contributor insights need an active table and index")]
    InsightsNotReady {
        /// Of what the status is not ACTIVE: `Table` or `Index`.
        of: &'static str,
    },
    /// A Kinesis destination is not in the state for a change.
    #[error(transparent)]
    Kinesis(#[from] KinesisRefusal),
    /// Another resource policy is there than a change expects.
    #[error(transparent)]
    Policy(#[from] PolicyMismatch),
    /// Deletion protection is on.
    #[error("table {name} is protected against deletion")]
    DeletionProtected {
        /// The table's name.
        name: String,
    },
    /// The shard is not there or not open.
    #[error("shard {number} is not an open shard of the stream")]
    ShardNotOpen {
        /// Number of the shard.
        number: u32,
    },
    /// The stream has as many open shards as it may have.
    #[error("a stream has {most} open shards at most")]
    TooManyShards {
        /// How many.
        most: usize,
    },
    /// As many shards of disabled streams are kept as may be.
    #[error("there are {most} shards of disabled streams within their retention")]
    TooManyDisabledShards {
        /// How many may be kept.
        most: usize,
    },
    /// The command was refused: one entry per item command, in order.
    #[error("the command was refused")]
    Refused(Vec<Option<Refusal>>),
    /// The items of a transaction would be larger together than they may be.
    #[error("the items of the transaction are too large together")]
    TransactionTooLarge,
    /// What the conditions of a command, or a filter and one item, compare is too much.
    #[error(transparent)]
    ConditionTooCostly(#[from] StepsUsedUp),
    /// The token of a transaction was used for another one.
    #[error("the token was used for another transaction")]
    TokenMismatch,
    /// A stored token of a transaction does not decode.
    #[error("the stored token of a transaction is damaged; run `headwater verify`")]
    Token,
    /// The log does not take or give what it should.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The state store does not take or give what it should.
    #[error(transparent)]
    State(#[from] StateError),
    /// A stored item does not decode.
    #[error("a stored item is damaged: {0}; run `headwater verify`")]
    Item(#[from] CorruptItem),
    /// A stored key does not decode.
    #[error("a stored key is damaged: {0}; run `headwater verify`")]
    Key(#[from] CorruptKey),
    /// A catalog document does not decode.
    #[error("the catalog document {key} is damaged: {reason}; run `headwater verify`")]
    Catalog {
        /// The document's key, printable.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The store uses what this version does not know, and would not follow.
    #[error(
        "the store uses {}, which this version of Headwater ({}) does not know; use the version that wrote it, or a later one",
        .names.join(" and "),
        env!("CARGO_PKG_VERSION")
    )]
    UnknownFeatures {
        /// The features' names in the catalog.
        names: Vec<String>,
    },
    /// The state is ahead of the log: files of two stores were mixed, or log files were removed.
    #[error(
        "the state holds position {state} but the log ends at {log}: log files are missing; restore them, or start with an empty data folder"
    )]
    StateAheadOfLog {
        /// Position of the state.
        state: u64,
        /// Last position of the log.
        log: u64,
    },
    /// The state ends before the log begins: the state file was lost or replaced by an older one, and the
    /// part of the log that would bring it up to date was trimmed.
    #[error("{}", state_behind(.state, .oldest))]
    StateBehindLog {
        /// Position of the state; zero if it holds nothing.
        state: Sequence,
        /// Where the log begins.
        oldest: Sequence,
    },
    /// A file could not be used.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        error: std::io::Error,
    },
}

/// What happened, and what to do: the items of this store are not in its files any more.
pub(crate) fn state_behind(state: &Sequence, oldest: &Sequence) -> String {
    let found = match *state {
        Sequence::ZERO => "the state file is missing or empty".to_owned(),
        state => format!("the state file is an older one: it ends at {state}"),
    };
    format!(
        "{found}, and the log, which begins at {oldest}, no longer holds what is needed to rebuild it: \
         put back the file `state` that belongs to this log, or a copy of the whole data folder; \
         to begin without the data, start with an empty data folder"
    )
}
