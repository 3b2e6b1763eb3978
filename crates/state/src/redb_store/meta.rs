//! What a store knows of itself: its format, its position, and whose state it is. Numbers in a table beside
//! the data.

use super::DATA;
use super::value::ValueForm;
use crate::StateError;
use redb::{Database, ReadTransaction, ReadableDatabase, TableDefinition, WriteTransaction};

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const POSITION: &str = "position";
const FORMAT: &str = "format";
const STORE_ID_HIGH: &str = "store-id-high";
const STORE_ID_LOW: &str = "store-id-low";

/// Values alone; the first version wrote this. Files of it stay as they are.
const FORMAT_PLAIN: u64 = 1;
/// Values with checksums.
const FORMAT_CHECKED: u64 = 2;

pub(super) fn format_of(form: ValueForm) -> u64 {
    match form {
        ValueForm::Plain => FORMAT_PLAIN,
        ValueForm::Checked => FORMAT_CHECKED,
    }
}

/// The form of the values, as the file's format says. A new file is given one, and its tables, durably.
pub(super) fn form(database: &Database, checksums: bool) -> Result<ValueForm, StateError> {
    match stored_format(database)? {
        Some(FORMAT_PLAIN) => Ok(ValueForm::Plain),
        Some(FORMAT_CHECKED) => Ok(ValueForm::Checked),
        Some(found) => Err(StateError::UnknownFormat {
            found,
            known: FORMAT_CHECKED,
        }),
        None => {
            let form = match checksums {
                true => ValueForm::Checked,
                false => ValueForm::Plain,
            };
            create_tables(database, form)?;
            Ok(form)
        }
    }
}

fn create_tables(database: &Database, form: ValueForm) -> Result<(), StateError> {
    let error = |e: redb::Error| StateError::from_redb("creating", e);
    let mut transaction = database.begin_write().map_err(|e| error(e.into()))?;
    transaction.set_quick_repair(true);
    transaction.open_table(DATA).map_err(|e| error(e.into()))?;
    write(&transaction, &[(FORMAT, format_of(form))])?;
    transaction.commit().map_err(|e| error(e.into()))
}

fn stored_format(database: &Database) -> Result<Option<u64>, StateError> {
    let transaction = database
        .begin_read()
        .map_err(|e| StateError::from_redb("reading the format", e))?;
    read(&transaction, FORMAT)
}

/// The position that the content stands for; 0 in a new store.
pub(super) fn position(transaction: &ReadTransaction) -> Result<u64, StateError> {
    Ok(read(transaction, POSITION)?.unwrap_or(0))
}

pub(super) fn write_position(
    transaction: &WriteTransaction,
    position: u64,
) -> Result<(), StateError> {
    write(transaction, &[(POSITION, position)])
}

/// Compares the identity that is stored with `store_id`; false if there is none.
///
/// # Errors
/// [`StateError::OtherStore`] if it is another one.
pub(super) fn is_claimed(database: &Database, store_id: [u8; 16]) -> Result<bool, StateError> {
    let error = |e: redb::Error| StateError::from_redb("reading the identity", e);
    let (high, low) = halves(store_id);
    let transaction = database.begin_read().map_err(|e| error(e.into()))?;
    let found = (
        read(&transaction, STORE_ID_HIGH)?,
        read(&transaction, STORE_ID_LOW)?,
    );
    match found {
        (None, None) => Ok(false),
        found if found == (Some(high), Some(low)) => Ok(true),
        _ => Err(StateError::OtherStore),
    }
}

fn halves(store_id: [u8; 16]) -> (u64, u64) {
    let whole = u128::from_be_bytes(store_id);
    ((whole >> 64) as u64, whole as u64)
}

/// Compares the identity that is stored with `store_id`, or stores it if there is none.
pub(super) fn claim(database: &Database, store_id: [u8; 16]) -> Result<(), StateError> {
    if is_claimed(database, store_id)? {
        return Ok(());
    }
    let error = |e: redb::Error| StateError::from_redb("writing the identity", e);
    let (high, low) = halves(store_id);
    let mut transaction = database.begin_write().map_err(|e| error(e.into()))?;
    transaction.set_quick_repair(true);
    write(&transaction, &[(STORE_ID_HIGH, high), (STORE_ID_LOW, low)])?;
    transaction.commit().map_err(|e| error(e.into()))
}

fn read(transaction: &ReadTransaction, name: &str) -> Result<Option<u64>, StateError> {
    let error = |e: redb::Error| StateError::from_redb("reading what the store says of itself", e);
    let meta = match transaction.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(e) => return Err(error(e.into())),
    };
    let found = meta.get(name).map_err(|e| error(e.into()))?;
    Ok(found.map(|guard| guard.value()))
}

fn write(transaction: &WriteTransaction, values: &[(&str, u64)]) -> Result<(), StateError> {
    let error = |e: redb::Error| StateError::from_redb("writing what the store says of itself", e);
    let mut table = transaction.open_table(META).map_err(|e| error(e.into()))?;
    for (name, value) in values {
        table.insert(*name, *value).map_err(|e| error(e.into()))?;
    }
    Ok(())
}
