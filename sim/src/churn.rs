//! A table that comes and goes, with streams and an index that are switched on and off: what the catalog promised must hold
//! after every crash, and a table of the same name begins empty.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use headwater_engine::{
    Action, Command, Database, Direction, EngineError, IndexChange, IndexKind, IndexProjection,
    StreamChange, StreamView, TableChange,
};
use headwater_model::{EncodedItem, KeyType, SeededRng};

use crate::world::{
    World, entries, is_no_room, item_command, key_item, new_index, new_table, scan,
};

const NAME: &str = "churn";
const INDEX: &str = "by-key";

/// What its client knows of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// There is none.
    Absent,
    /// There is one with so many items and, or not, a stream.
    Present { items: u64, stream: bool },
    /// The last command was not answered.
    Unknown,
}

pub(crate) async fn run(world: Arc<World>, seed: u64, mut known: Known) -> Result<Known> {
    let rng = SeededRng::new(seed);
    for _ in 0..40 {
        if world.stopped() || known == Known::Unknown {
            break;
        }
        let stepped = world.answered(step(&world.database, &rng, known));
        known = match stepped.await? {
            Ok(known) => known,
            Err(error) if world.is_end(&error) => {
                world.ledger.log_failed();
                Known::Unknown
            }
            Err(error) if is_no_room(&error) => Known::Unknown,
            Err(_) if world.is_dark() => Known::Unknown,
            Err(error) => return Err(error).context("the table that comes and goes"),
        };
    }
    Ok(known)
}

async fn step(database: &Database, rng: &SeededRng, known: Known) -> Result<Known, EngineError> {
    let Known::Present { items, stream } = known else {
        let view = (rng.below(2) == 0).then_some(StreamView::KeysOnly);
        database.create_table(new_table(NAME, view)).await?;
        return Ok(Known::Present {
            items: 0,
            stream: view.is_some(),
        });
    };
    match rng.below(10) {
        0..6 => {
            put(database, items).await?;
            Ok(Known::Present {
                items: items + 1,
                stream,
            })
        }
        6..8 => {
            let change = match stream {
                true => StreamChange::Disable,
                false => StreamChange::Enable(StreamView::OldImage),
            };
            let change = TableChange {
                stream: Some(change),
                ..TableChange::default()
            };
            database.update_table("", NAME, change).await?;
            Ok(Known::Present {
                items,
                stream: !stream,
            })
        }
        8 => {
            toggle_index(database).await?;
            Ok(Known::Present { items, stream })
        }
        _ => match database.delete_table("", NAME).await {
            Ok(_) => Ok(Known::Absent),
            // Its index is being filled.
            Err(EngineError::IndexesBeingChanged { .. }) => Ok(Known::Present { items, stream }),
            Err(error) => Err(error),
        },
    }
}

/// Adds an index, or removes the one that is there, whether it is filled already or not.
async fn toggle_index(database: &Database) -> Result<(), EngineError> {
    let index = match database.table("", NAME)?.index(INDEX) {
        Some(_) => IndexChange::Delete(IndexKind::Global, INDEX.to_owned()),
        None => IndexChange::Create(new_index(INDEX, "pk", KeyType::S, IndexProjection::All)),
    };
    let change = TableChange {
        index: Some(index),
        ..TableChange::default()
    };
    database.update_table("", NAME, change).await?;
    Ok(())
}

async fn put(database: &Database, number: u64) -> Result<(), EngineError> {
    let table = database.table("", NAME)?;
    let key = format!("c{number}");
    let action = Action::Put(EncodedItem::encode(&key_item(&key)));
    // A text is always a key of this table.
    if let Ok(item) = item_command(&table, &key, action) {
        database.write(Command::single(item)).await?;
    }
    Ok(())
}

/// Compares the table with what its client knows; gives what is true now.
pub(crate) fn check(database: &Database, known: Known) -> Result<Known> {
    let found = match database.table("", NAME) {
        Ok(table) => {
            let items = scan(database, &table, Some(7), Direction::Forward)?.len() as u64;
            let counted = table.item_count();
            ensure!(
                items == counted,
                "churn has {items} items and counts {counted}"
            );
            if let Some(index) = table.index(INDEX).filter(|index| index.is_readable()) {
                let entries = entries(database, &table, &index)?.len() as u64;
                ensure!(
                    items == entries,
                    "churn has {items} items and {entries} entries in its index"
                );
            }
            let stream = table.record().stream.is_some();
            Known::Present { items, stream }
        }
        Err(EngineError::TableNotFound { .. }) => Known::Absent,
        Err(error) => return Err(error.into()),
    };
    ensure!(
        known == Known::Unknown || known == found,
        "the table that comes and goes is {found:?}, but was left as {known:?}"
    );
    Ok(found)
}
