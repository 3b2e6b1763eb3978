//! ListBackups: backups in the order of their creation, a page at a time.

use headwater_engine::{BackupKind, BackupRecord};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{BackupTypeFilter, ListBackupsInput, ListBackupsOutput};
use headwater_wire::messages::backups as messages;

use crate::api::{Api, RequestContext};
use crate::backup_description::summary;
use crate::failure::of_tables;
use crate::table_name::table_name;

/// Backups in a page, also the default (the model).
const PAGE_MAX: usize = 100;

pub(crate) async fn list_backups(
    api: &Api,
    input: ListBackupsInput,
    context: &RequestContext,
) -> Result<ListBackupsOutput, ApiError> {
    let (from, to) = (input.time_range_lower_bound, input.time_range_upper_bound);
    if from.zip(to).is_some_and(|(from, to)| from.0 > to.0) {
        return Err(messages::bounds_reversed());
    }
    let table = input.table_name.as_deref();
    let table = table.map(|name| table_name(name, context)).transpose()?;
    let backups = api.database.backups(&context.namespace).await;
    let mut backups = backups.map_err(of_tables)?;
    backups.sort_by_cached_key(|backup| place(backup.arn()));
    let start = input.exclusive_start_backup_arn.map(place);
    let is_before = |start| backups.partition_point(|backup| place(backup.arn()) <= start);
    let behind = start.map_or(0, is_before);
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(PAGE_MAX);
    let wanted = |backup: &BackupRecord| {
        let created = i64::try_from(backup.created_ms).unwrap_or(i64::MAX);
        table.is_none_or(|table| backup.table.name == table)
            && from.is_none_or(|from| created >= from.0)
            && to.is_none_or(|to| created < to.0)
            && is_of_type(backup.kind, input.backup_type)
    };
    let mut page: Vec<_> = backups[behind..]
        .iter()
        .filter(|backup| wanted(backup))
        .take(limit + 1)
        .collect();
    let more = page.len() > limit;
    page.truncate(limit);
    Ok(ListBackupsOutput {
        last_evaluated_backup_arn: page.last().filter(|_| more).map(|backup| backup.arn()),
        backup_summaries: Some(page.into_iter().map(|backup| summary(backup)).collect()),
    })
}

/// Where a backup stands in the list, as its ARN says: its last part begins with the time of its creation, in thirteen digits
/// or, of later ones, fourteen. So whoever deletes a page goes on behind it.
fn place(arn: String) -> (u64, String, String) {
    let label = arn.rsplit('/').next().unwrap_or_default();
    let (created_ms, rest) = label.split_once('-').unwrap_or((label, ""));
    let created_ms = created_ms.parse().unwrap_or_default();
    (created_ms, rest.to_owned(), arn)
}

/// Without a wish those of users are listed (the model).
fn is_of_type(kind: BackupKind, wanted: Option<BackupTypeFilter>) -> bool {
    match wanted.unwrap_or(BackupTypeFilter::User) {
        BackupTypeFilter::All => true,
        BackupTypeFilter::User => kind == BackupKind::User,
        BackupTypeFilter::System => kind == BackupKind::System,
        BackupTypeFilter::AwsBackup => false,
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn backups_of_earlier_versions_stand_among_the_others() {
        let labels = [
            "1759999999999-ffffffff",
            "01760000000000-00000000",
            "1760000000000-00000001",
            "01760000000001-00000000",
        ];
        let places = labels.map(|label| {
            place(format!(
                "arn:aws:dynamodb:us-east-1:000000000000:table/t/backup/{label}"
            ))
        });
        assert!(places.is_sorted(), "{places:?}");
    }
}
