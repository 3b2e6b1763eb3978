//! Whether indexes and tables agree, in one snapshot of the state.

use bytes::Bytes;
use headwater_model::EncodedItem;
use headwater_state::Snapshot;

use crate::catalog::parse;
use crate::index::Index;
use crate::record::{CATALOG_TABLE, TableRecord, document_key, state_key};
use crate::time_to_live::{self, Expiry};

/// Whether an entry is what its index holds of the item that it names.
pub(super) fn entry_is_right(
    snapshot: &dyn Snapshot,
    table: u32,
    index: &Index,
    key: &[u8],
    entry: &EncodedItem,
) -> Result<(), String> {
    let table_key = index.schema().table_key(key);
    let table_key = table_key.map_err(|corrupt| corrupt.to_string())?;
    let stored = snapshot.get(&state_key(table, table_key));
    let Some(item) = stored.map_err(|error| error.to_string())? else {
        return Err("an entry of an item that is not there".to_owned());
    };
    let item = EncodedItem::from_bytes(Bytes::copy_from_slice(&item));
    match index.entry_if_fit(table_key, &item) {
        Ok(Some(own)) if own.key == key && own.item == *entry => Ok(()),
        Ok(_) => Err("the entry is not what the item gives".to_owned()),
        Err(corrupt) => Err(corrupt.to_string()),
    }
}

/// Whether an item's entry is there.
pub(super) fn item_is_indexed(
    snapshot: &dyn Snapshot,
    index: &Index,
    table_key: &[u8],
    item: &EncodedItem,
) -> Result<(), String> {
    let own = index.entry_if_fit(table_key, item);
    let Some(own) = own.map_err(|corrupt| corrupt.to_string())? else {
        return Ok(());
    };
    let stored = snapshot.get(&state_key(index.id(), &own.key));
    match stored.map_err(|error| error.to_string())? {
        Some(stored) if *stored == own.item.bytes()[..] => Ok(()),
        found => Err(format!(
            "index {} has {} of the item",
            index.record().name,
            if found.is_some() {
                "another entry"
            } else {
                "no entry"
            },
        )),
    }
}

/// Whether a time at which an item expires is the item's.
pub(super) fn expiry_is_right(
    snapshot: &dyn Snapshot,
    table: u32,
    expiry: &Expiry,
    key: &[u8],
) -> Result<(), String> {
    let table_key = time_to_live::table_key(key).ok_or("a time to live without an item")?;
    let stored = snapshot.get(&state_key(table, table_key));
    let Some(item) = stored.map_err(|error| error.to_string())? else {
        return Err("a time to live of an item that is not there".to_owned());
    };
    let item = EncodedItem::from_bytes(Bytes::copy_from_slice(&item));
    let own = expiry.key(table_key, &item);
    match own.map_err(|corrupt| corrupt.to_string())? {
        Some(own) if own == key => Ok(()),
        _ => Err("the time to live is not the item's".to_owned()),
    }
}

/// Whether the time at which an item expires is known.
pub(super) fn item_expires(
    snapshot: &dyn Snapshot,
    expiry: &Expiry,
    table_key: &[u8],
    item: &EncodedItem,
) -> Result<(), String> {
    let own = expiry.key(table_key, item);
    let Some(own) = own.map_err(|corrupt| corrupt.to_string())? else {
        return Ok(());
    };
    let stored = snapshot.get(&state_key(expiry.index, &own));
    match stored.map_err(|error| error.to_string())? {
        Some(_) => Ok(()),
        None => Err("the item's time to live is not known".to_owned()),
    }
}

/// Whether the index still follows its table's items.
pub(super) fn is_kept(snapshot: &dyn Snapshot, table: u32, index: u32) -> bool {
    let key = document_key::of(document_key::TABLE, table);
    let stored = snapshot.get(&state_key(CATALOG_TABLE, &key));
    let Ok(Some(document)) = stored else {
        return false;
    };
    let record = parse::<TableRecord>(&key, &document);
    record.is_ok_and(|record| {
        let expires = Expiry::of(&record).is_some_and(|expiry| expiry.index == index);
        let mut indexes = record.indexes.iter();
        expires || indexes.any(|found| found.id == index && found.is_kept())
    })
}
