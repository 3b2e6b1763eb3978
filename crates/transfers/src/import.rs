//! Carrying out an import: each object of the source is read as a stream, and its items are put into the new table.
//!
//! What is no item of the table is counted, told in the log, and passed over.

use std::io;
use std::sync::Arc;

use headwater_engine::Table;
use headwater_model::{EncodedItem, Item};
use headwater_operations::check_put;
use headwater_wire::dynamodb::{CsvOptions, ImportTableInput, InputCompressionType, InputFormat};

use crate::bucket::{Bucket, Object};
use crate::buckets::WantedBucket;
use crate::csv_rows::{Columns, CsvRows};
use crate::failure::{Ended, ITEMS_REFUSED};
use crate::import_batch::ImportBatch;
use crate::ion_items;
use crate::json_lines;
use crate::lines::{LINE_BYTES_MAX, Line, Lines};
use crate::object_reader;
use crate::run::Run;

/// Refused items of a job that are told one by one.
const REFUSALS_TOLD_MAX: u64 = 100;

/// The first thing that was wrong, for people.
type FirstRefusal = Option<String>;

struct Import<'r> {
    run: &'r mut Run,
    table: Arc<Table>,
    batch: ImportBatch,
    first: FirstRefusal,
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
    let bucket = buckets.open(&wanted, run.handle.clone())?;
    let objects = bucket.list(source.s3_key_prefix.as_deref().unwrap_or_default())?;
    let mut import = Import {
        run,
        table: table.clone(),
        batch: ImportBatch::default(),
        first: None,
    };
    for object in &objects {
        import.object(bucket.as_ref(), object, &request)?;
    }
    import.batch.write(&import.table, import.run)?;
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

impl Import<'_> {
    fn object(
        &mut self,
        bucket: &dyn Bucket,
        object: &Object,
        request: &ImportTableInput,
    ) -> Result<(), Ended> {
        let compression = request
            .input_compression_type
            .unwrap_or(InputCompressionType::None);
        let bytes = self.run.counts.bytes;
        let opened = object_reader::open(bucket, object, compression, self.run.stop());
        let read = opened
            .map_err(Fault::Content)
            .and_then(|reader| match request.input_format {
                InputFormat::DynamodbJson => self.lines(reader, json_lines::item, object, bytes),
                InputFormat::Ion => self.lines(reader, ion_items::item, object, bytes),
                InputFormat::Csv => {
                    let options = request.input_format_options.as_ref();
                    let options = options.and_then(|options| options.csv.as_ref());
                    self.csv(reader, options, object, bytes)
                }
            });
        match read {
            Ok(()) => Ok(()),
            Err(Fault::Ended(ended)) => Err(ended),
            // What comes behind can't be read; what came before is imported.
            Err(Fault::Content(error)) => {
                self.run.check()?;
                self.run.counts.processed += 1;
                self.refuse(object, "its rest", &error.to_string());
                Ok(())
            }
        }
    }

    /// An item a line.
    fn lines(
        &mut self,
        reader: impl io::BufRead,
        item: fn(&[u8]) -> Result<Item, String>,
        object: &Object,
        bytes_before: u64,
    ) -> Result<(), Fault> {
        let mut lines = Lines::new(reader, LINE_BYTES_MAX);
        let mut number = 0_u64;
        loop {
            let line = lines.next().map_err(Fault::Content)?;
            number += 1;
            let item = match line {
                None => break,
                Some(Line::Whole(line)) if line.trim_ascii().is_empty() => continue,
                Some(Line::Whole(line)) => item(line),
                Some(Line::TooLong) => Err(format!("it is longer than {LINE_BYTES_MAX} bytes")),
            };
            self.run.counts.bytes = bytes_before + lines.bytes();
            self.take(item, object, &format!("line {number}"))?;
        }
        self.run.counts.bytes = bytes_before + lines.bytes();
        Ok(())
    }

    /// An item a row, below the names of the columns unless the request gives them.
    fn csv(
        &mut self,
        reader: impl io::BufRead,
        options: Option<&CsvOptions>,
        object: &Object,
        bytes_before: u64,
    ) -> Result<(), Fault> {
        let mut rows = CsvRows::new(reader, options);
        let mut number = 0_u64;
        let names = match options.and_then(|options| options.header_list.clone()) {
            Some(names) => Ok(names),
            None => {
                number += 1;
                match rows.next().map_err(Fault::Content)? {
                    None => return Ok(()),
                    Some(row) => Columns::names_of(&row),
                }
            }
        };
        let columns = names.and_then(|names| Columns::new(names, &self.table));
        let columns = columns.map_err(|error| Fault::Content(io::Error::other(error)))?;
        loop {
            number += 1;
            let row = rows.next().map_err(Fault::Content)?;
            let Some(row) = row else { break };
            let item = columns.item(&row);
            self.run.counts.bytes = bytes_before + rows.bytes();
            self.take(item, object, &format!("row {number}"))?;
        }
        self.run.counts.bytes = bytes_before + rows.bytes();
        Ok(())
    }

    /// Takes an item, or what is none.
    fn take(
        &mut self,
        item: Result<Item, String>,
        object: &Object,
        place: &str,
    ) -> Result<(), Fault> {
        self.run.counts.processed += 1;
        let checked = item.and_then(|item| {
            let encoded = EncodedItem::encode(&item);
            let key = check_put(&self.table, &item, &encoded);
            let key = key.map_err(|error| error.message)?;
            Ok((key, encoded))
        });
        match checked {
            Ok((key, item)) => {
                self.batch.add(key, item);
                self.run.counts.items += 1;
            }
            Err(reason) => self.refuse(object, place, &reason),
        }
        if self.batch.is_full() {
            self.batch.write(&self.table, self.run)?;
        }
        Ok(self.run.note()?)
    }

    fn refuse(&mut self, object: &Object, place: &str, reason: &str) {
        let Object { key, .. } = object;
        self.run.counts.errors += 1;
        if self.run.counts.errors <= REFUSALS_TOLD_MAX {
            let import = &self.run.job.arn;
            tracing::warn!(
                import,
                object = key,
                place,
                reason,
                "an item was not imported"
            );
        }
        self.first
            .get_or_insert_with(|| format!("{place} of {key}: {reason}"));
    }
}

/// Why an object is not read to its end.
enum Fault {
    Ended(Ended),
    Content(io::Error),
}

impl From<Ended> for Fault {
    fn from(ended: Ended) -> Self {
        Fault::Ended(ended)
    }
}
