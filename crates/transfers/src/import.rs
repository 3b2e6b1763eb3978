//! Carrying out an import: the items of a source are put into the new table.
//!
//! What is no item of the table is counted, told in the log, and passed over.

use std::sync::Arc;

use headwater_engine::Table;
use headwater_model::EncodedItem;
use headwater_operations::check_put;
use headwater_wire::dynamodb::InputCompressionType;

use crate::buckets::WantedBucket;
use crate::failure::{Ended, ITEMS_REFUSED};
use crate::put_batch::{PutBatch, Written};
use crate::record::Record;
use crate::run::Run;
use crate::source::{Origin, Place, Sink, SourceFormat, read_object};

/// Refused items of a job that are told one by one.
const REFUSALS_TOLD_MAX: u64 = 100;

struct Import<'r> {
    run: &'r mut Run,
    table: Arc<Table>,
    batch: PutBatch,
    /// The first thing that was wrong, for people.
    first: Option<String>,
    /// Bytes of the objects before.
    bytes_before: u64,
}

/// Fills the table; whoever calls says when it is full. What it has done is in the counts.
pub(crate) fn import(run: &mut Run, table: &Arc<Table>) -> Result<(), Ended> {
    let request = run.job.import_request()?;
    let source = &request.s3_bucket_source;
    let buckets = run.buckets.clone();
    let wanted = WantedBucket {
        name: &source.s3_bucket,
        owner: source.s3_bucket_owner.as_deref(),
        encryption: None,
        encryption_key: None,
    };
    let bucket = buckets.open(&wanted, run.handle.clone(), run.stop())?;
    let objects = bucket.list(source.s3_key_prefix.as_deref().unwrap_or_default())?;
    let options = request.input_format_options.as_ref();
    let how = SourceFormat {
        format: request.input_format,
        csv: options.and_then(|options| options.csv.as_ref()),
        compression: request
            .input_compression_type
            .unwrap_or(InputCompressionType::None),
        table,
        stop: run.stop(),
    };
    let mut import = Import {
        run,
        table: table.clone(),
        batch: PutBatch::to_new_table(),
        first: None,
        bytes_before: 0,
    };
    for object in &objects {
        import.bytes_before = import.run.counts.bytes;
        read_object(bucket.as_ref(), object, &how, &mut import)?;
    }
    import.write_batch()?;
    match import.first {
        None => Ok(()),
        Some(first) => Err(Ended::failed(
            ITEMS_REFUSED,
            format!(
                "Some of the items failed validation checks and were not imported. Please check the server's log for more \
                 details. The first one: {first}"
            ),
        )),
    }
}

impl Sink for Import<'_> {
    fn take(&mut self, record: Result<Record, String>, place: &Place<'_>) -> Result<(), Ended> {
        self.run.counts.processed += 1;
        self.run.counts.bytes = self.bytes_before + place.bytes;
        let checked = record.and_then(|record| {
            let encoded = EncodedItem::encode(&record.item);
            let key = check_put(&self.table, &record.item, &encoded);
            let key = key.map_err(|error| error.message)?;
            Ok((key, encoded))
        });
        match checked {
            Ok((key, item)) => {
                self.batch.add(key, item, place.origin());
                self.run.counts.items += 1;
            }
            Err(reason) => self.refuse(&place.origin(), &reason),
        }
        if self.batch.is_full() {
            self.write_batch()?;
        }
        self.run.note()
    }

    fn end(&mut self, place: &Place<'_>) {
        self.run.counts.bytes = self.bytes_before + place.bytes;
    }
}

impl Import<'_> {
    fn write_batch(&mut self) -> Result<(), Ended> {
        let mut written = Written::default();
        let ended = self.batch.write(&self.table, self.run, &mut written);
        for (origin, error) in written.refused {
            // It was counted when it was added.
            self.run.counts.items -= 1;
            self.refuse(&origin, &error.message);
        }
        ended
    }

    fn refuse(&mut self, origin: &Origin, reason: &str) {
        let key = &origin.object;
        self.run.counts.errors += 1;
        if self.run.counts.errors <= REFUSALS_TOLD_MAX {
            let import = &self.run.job.arn;
            tracing::warn!(import, object = key, place = %origin, "an item was not imported");
            // It may tell values of the item.
            tracing::debug!(place = %origin, reason, "why it was not imported");
        }
        self.first
            .get_or_insert_with(|| format!("{origin} of {key}: {reason}"));
    }
}
