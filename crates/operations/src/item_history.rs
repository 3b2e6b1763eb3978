//! What an item was, as far back as the log reaches: `POST /_headwater/history`, an extension.

use std::sync::Arc;

use headwater_engine::{ChangeKind, HistoryPage, Identity, Version};
use headwater_model::{CorruptItem, Sequence};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::GetItemInput;
use headwater_wire::json::{ArrayWriter, Json, ObjectWriter, write_string};

use crate::api::{Api, RequestContext, decode};
use crate::failure::{internal, of_items};
use crate::key;
use crate::table_name::table_name;

/// Histories that are read at once: others need the threads that may wait, too.
pub(crate) const TURNS: usize = 2;

impl Api {
    /// Answers `{"TableName", "Key", "Cursor"?}` with the changes of that item, oldest first, from the beginning of the log
    /// or from where the page before ended:
    /// `{"Versions": [{"SequenceNumber", "Ms", "EventName", "Service"?, "Item"?, "Before"?}], "Cursor"?, "SinceMs"}`.
    /// `Item` is the item after the change, `Before` the one before where the log kept it. With a `Cursor` there may be more,
    /// also if a page holds none.
    ///
    /// # Errors
    /// What GetItem answers to the same table and key; ValidationException for a cursor that is none.
    pub async fn item_history(
        &self,
        body: &[u8],
        context: &RequestContext,
    ) -> Result<Vec<u8>, ApiError> {
        let answer = self.history(body, context).await;
        self.once_durable(answer).await
    }

    async fn history(&self, body: &[u8], context: &RequestContext) -> Result<Vec<u8>, ApiError> {
        let after = decode(body, cursor)?;
        let input = decode(body, GetItemInput::decode)?;
        let table = self.table_of(table_name(&input.table_name, context)?, context)?;
        let key = key::of_key(table.schema(), &input.key)?;
        let database = self.database.clone();
        let turn = self.history_turns.clone().acquire_owned().await;
        let turn = turn.map_err(internal)?;
        // Goes with this call, also if it is given up.
        let asker = Arc::new(());
        let asked = Arc::downgrade(&asker);
        let read = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            database.history(&table, &key, after, &|| asked.strong_count() > 0)
        });
        let page = read.await.map_err(internal)?.map_err(of_items)?;
        drop(asker);
        written(&page).map_err(internal)
    }
}

fn cursor(json: &Json<'_>) -> Result<Sequence, ApiError> {
    match json.get("Cursor").filter(|cursor| !cursor.is_null()) {
        None => Ok(Sequence::ZERO),
        Some(cursor) => {
            let sequence = cursor.as_str().map(Sequence::parse);
            match sequence {
                Some(Ok(sequence)) => Ok(sequence),
                _ => Err(ApiError::validation(
                    "Cursor is none: give the Cursor of the page before, or none to begin.",
                )),
            }
        }
    }
}

fn written(page: &HistoryPage) -> Result<Vec<u8>, CorruptItem> {
    let mut out = Vec::new();
    let mut reply = ObjectWriter::new(&mut out);
    let mut versions = ArrayWriter::new(reply.name("Versions"));
    for version in &page.versions {
        write_version(versions.element(), version)?;
    }
    versions.finish();
    if let Some(next) = &page.next {
        write_string(reply.name("Cursor"), &next.to_string());
    }
    reply.put("SinceMs", &(page.since.ms() as i64))?;
    reply.finish();
    Ok(out)
}

fn write_version(out: &mut Vec<u8>, version: &Version) -> Result<(), CorruptItem> {
    let mut object = ObjectWriter::new(out);
    write_string(object.name("SequenceNumber"), &version.sequence.to_string());
    object.put("Ms", &(version.sequence.ms() as i64))?;
    let event = match version.kind {
        ChangeKind::Insert => "INSERT",
        ChangeKind::Modify => "MODIFY",
        ChangeKind::Remove => "REMOVE",
    };
    write_string(object.name("EventName"), event);
    if version.identity == Identity::TtlService {
        write_string(object.name("Service"), "TTL");
    }
    object.opt("Item", &version.item)?;
    object.opt("Before", &version.before)?;
    object.finish();
    Ok(())
}
