//! Carrying out a bulk put: the items of a source are put into a table that others use, as PutItem would put them, some at a
//! time; those with a condition one by one, in the order of their object.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headwater_engine::{Action, Command, EngineError, ItemCommand, Refusal, ReturnValues, Table};
use headwater_model::{EncodedItem, StorageKey};
use headwater_operations::{PutCondition, check_put, put_condition, put_refusal};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    BulkOperationInputFormat, InputCompressionType, InputFormat, OutputTypeEnum,
    StartBulkPutItemsInput,
};
use headwater_wire::json::write_string;
use headwater_wire::write_item;

use crate::buckets::WantedBucket;
use crate::data_files::DataFiles;
use crate::failure::Ended;
use crate::put_batch::{Amounts, PutBatch, RETRY_INTERVAL, Written, is_for_now, write_units};
use crate::record::Record;
use crate::run::Run;
use crate::source::{Origin, Place, Sink, SourceFormat, read_object};

struct BulkPut<'r, 'b> {
    run: &'r mut Run,
    table: Arc<Table>,
    batch: PutBatch,
    pace: Option<Pace>,
    errors: Option<DataFiles<'b>>,
    failed_conditions: Option<DataFiles<'b>>,
}

/// Keeps a job below so many write units a second.
struct Pace {
    units_per_second: u64,
    began: Instant,
    units: u64,
}

/// Puts all of it; what it has done is in the counts.
pub(crate) fn bulk_put(run: &mut Run) -> Result<(), Ended> {
    let request = run.job.bulk_request()?;
    let table = run.database().table(&run.job.namespace, &run.job.table);
    let table = table
        .ok()
        .filter(|table| table.record().uuid == run.job.table_id);
    let table = table.ok_or_else(|| {
        Ended::failed(
            "ResourceNotFoundException",
            "the table was deleted before the operation began",
        )
    })?;
    let buckets = run.buckets.clone();
    let input = &request.input_s3_configuration;
    let wanted = WantedBucket {
        name: &input.s3_bucket,
        owner: input.s3_bucket_owner.as_deref(),
        encryption: None,
        encryption_key: None,
    };
    let source = buckets.open(&wanted, run.handle.clone(), run.stop())?;
    let objects = source.list(input.s3_key_prefix.as_deref().unwrap_or_default())?;
    run.counts.total_bytes = objects.iter().map(|object| object.bytes).sum();
    let output = &request.output_s3_configuration;
    let wanted = WantedBucket {
        name: output.s3_bucket.as_deref().unwrap_or_default(),
        owner: output.s3_bucket_owner.as_deref(),
        encryption: output.s3_sse_algorithm,
        encryption_key: output.s3_sse_kms_key_id.as_deref(),
    };
    let reports = buckets.open(&wanted, run.handle.clone(), run.stop())?;
    let folder = run.job.report_folder()?;
    let report = |kind, name| match reports_of(&request, kind) {
        true => {
            let folder = format!("{folder}/{name}");
            DataFiles::begin(reports.as_ref(), &folder, &run.job.arn, ".json.gz").map(Some)
        }
        false => Ok(None),
    };
    let errors = report(OutputTypeEnum::Error, "error")?;
    let failed_conditions = report(
        OutputTypeEnum::ConditionCheckFailure,
        "condition-check-failure",
    )?;
    let how = SourceFormat {
        format: match input.input_format {
            BulkOperationInputFormat::DynamodbJson => InputFormat::DynamodbJson,
            BulkOperationInputFormat::Ion => InputFormat::Ion,
        },
        csv: None,
        compression: input
            .input_compression_type
            .unwrap_or(InputCompressionType::None),
        table: &table,
        stop: run.stop(),
    };
    let units = request.max_write_request_units;
    let units = units.and_then(|units| u64::try_from(units).ok());
    let mut put = BulkPut {
        run,
        table: table.clone(),
        batch: PutBatch::default(),
        pace: units.map(Pace::new),
        errors,
        failed_conditions,
    };
    let done = objects
        .iter()
        .try_for_each(|object| read_object(source.as_ref(), object, &how, &mut put));
    // What was refused is told of a job that is cancelled, too.
    if !matches!(done, Err(Ended::Stopping)) {
        let written = done.is_ok().then(|| put.write_batch()).transpose();
        for files in [put.errors, put.failed_conditions].into_iter().flatten() {
            files.finish_unless_empty()?;
        }
        written?;
    }
    done
}

fn reports_of(request: &StartBulkPutItemsInput, kind: OutputTypeEnum) -> bool {
    request.output_s3_configuration.output_type.contains(&kind)
}

impl Sink for BulkPut<'_, '_> {
    fn take(&mut self, record: Result<Record, String>, place: &Place<'_>) -> Result<(), Ended> {
        self.run.counts.processed += 1;
        let record = record.map_err(ApiError::validation);
        let checked = record.and_then(|record| {
            let encoded = EncodedItem::encode(&record.item);
            let key = check_put(&self.table, &record.item, &encoded)?;
            let condition = record
                .condition
                .map(|given| put_condition(&given.expression, given.names, given.values));
            Ok((key, encoded, condition.transpose()?))
        });
        match checked {
            Ok((key, item, None)) => {
                self.batch.add(key, item, place.origin());
                if self.batch.is_full() {
                    self.write_batch()?;
                }
            }
            Ok((key, item, Some(condition))) => {
                self.write_batch()?;
                self.write_one((key, item, condition), place.origin())?;
            }
            Err(error) => self.refuse(&place.origin(), &error)?,
        }
        self.run.note()
    }

    fn end(&mut self, place: &Place<'_>) {
        self.run.counts.bytes += place.object.bytes;
    }
}

impl BulkPut<'_, '_> {
    fn write_batch(&mut self) -> Result<(), Ended> {
        let mut written = Written::default();
        let ended = self.batch.write(&self.table, self.run, &mut written);
        for (origin, error) in &written.refused {
            self.refuse(origin, error)?;
        }
        self.count(written.amounts);
        ended
    }

    fn refuse(&mut self, origin: &Origin, error: &ApiError) -> Result<(), Ended> {
        self.run.counts.errors += 1;
        if let Some(files) = &mut self.errors {
            files.add(&error_line(origin, error))?;
        }
        Ok(())
    }

    fn write_one(
        &mut self,
        (key, item, condition): (StorageKey, EncodedItem, PutCondition),
        origin: Origin,
    ) -> Result<(), Ended> {
        let command = Command::single(ItemCommand {
            table: self.table.clone(),
            key,
            condition: Some(condition),
            action: Action::Put(item.clone()),
            returns: ReturnValues::None,
            return_item_on_failure: true,
        });
        let (bytes, units) = (item.size_bytes(), write_units(item.size_bytes()));
        loop {
            self.run.check()?;
            let written = self.run.database().write(command.clone());
            match self.run.handle.block_on(written) {
                Ok(_) => {
                    let (items, bytes) = (1, bytes as u64);
                    self.count(Amounts {
                        items,
                        bytes,
                        units,
                    });
                    return Ok(());
                }
                Err(EngineError::Refused(refusals)) => {
                    let refusal = refusals.into_iter().flatten().next();
                    match refusal {
                        Some(Refusal::ConditionFailed { item: there, .. }) => {
                            self.run.counts.failed_conditions += 1;
                            self.count(Amounts {
                                units,
                                ..Amounts::default()
                            });
                            if let Some(files) = &mut self.failed_conditions {
                                files.add(&condition_line(&item, there.as_ref())?)?;
                            }
                        }
                        Some(refusal) => self.refuse(&origin, &put_refusal(refusal))?,
                        None => {}
                    }
                    return Ok(());
                }
                Err(error) if is_for_now(&error) => {
                    self.run.handle.block_on(tokio::time::sleep(RETRY_INTERVAL));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Counts what was written, and waits if that was too much for the time.
    fn count(&mut self, amounts: Amounts) {
        self.run.counts.items += amounts.items;
        self.run.counts.written_bytes += amounts.bytes;
        if let Some(pace) = &mut self.pace
            && let Some(pause) = pace.pause(amounts.units)
        {
            self.run.handle.block_on(tokio::time::sleep(pause));
        }
    }
}

impl Pace {
    fn new(units_per_second: u64) -> Self {
        Pace {
            units_per_second: units_per_second.max(1),
            began: Instant::now(),
            units: 0,
        }
    }

    /// How long to wait after so many more units.
    fn pause(&mut self, units: u64) -> Option<Duration> {
        self.units += units;
        let due_ms = self.units.saturating_mul(1000) / self.units_per_second;
        Duration::from_millis(due_ms).checked_sub(self.began.elapsed())
    }
}

fn error_line(origin: &Origin, error: &ApiError) -> Vec<u8> {
    let mut line = br#"{"S3Key":"#.to_vec();
    write_string(&mut line, &origin.object);
    let (number, code) = (origin.number, error.kind.code());
    line.extend_from_slice(
        format!(r#","Line":{number},"ErrorCode":"{code}","ErrorMessage":"#).as_bytes(),
    );
    write_string(&mut line, &error.message);
    line.extend_from_slice(b"}\n");
    line
}

fn condition_line(item: &EncodedItem, there: Option<&EncodedItem>) -> Result<Vec<u8>, Ended> {
    let damaged = |_| Ended::failed("InternalError", "an item of the table is damaged");
    let mut line = br#"{"Item":"#.to_vec();
    write_item(&mut line, item.as_ref()).map_err(damaged)?;
    if let Some(there) = there {
        line.extend_from_slice(br#","ExistingItem":"#);
        write_item(&mut line, there.as_ref()).map_err(damaged)?;
    }
    line.extend_from_slice(b"}\n");
    Ok(line)
}
