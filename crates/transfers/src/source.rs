//! The objects of a source, read as streams: each record of them goes to a sink.

use std::io;

use headwater_engine::Table;
use headwater_model::Item;
use headwater_wire::dynamodb::{CsvOptions, InputCompressionType, InputFormat};
use tokio::sync::watch;

use crate::bucket::{Bucket, Object};
use crate::csv_rows::{Columns, CsvRows};
use crate::failure::Ended;
use crate::ion_items;
use crate::json_lines;
use crate::lines::{LINE_BYTES_MAX, Line, Lines};
use crate::object_reader;
use crate::record::Record;

/// How objects are read.
pub(crate) struct SourceFormat<'f> {
    pub(crate) format: InputFormat,
    pub(crate) csv: Option<&'f CsvOptions>,
    pub(crate) compression: InputCompressionType,
    /// The table whose keys give columns their types.
    pub(crate) table: &'f Table,
    pub(crate) stop: watch::Receiver<bool>,
}

/// Where a record stands, for people.
pub(crate) struct Place<'p> {
    pub(crate) object: &'p Object,
    pub(crate) unit: &'static str,
    pub(crate) number: u64,
    /// Decompressed bytes of the object up to here.
    pub(crate) bytes: u64,
}

/// Where an item came from, for people.
pub(crate) struct Origin {
    /// The object's key.
    pub(crate) object: String,
    pub(crate) unit: &'static str,
    pub(crate) number: u64,
}

impl Place<'_> {
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            object: self.object.key.clone(),
            unit: self.unit,
            number: self.number,
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.unit, self.number)
    }
}

/// Takes records.
pub(crate) trait Sink {
    /// Takes a record, or why there is none.
    fn take(&mut self, record: Result<Record, String>, place: &Place<'_>) -> Result<(), Ended>;

    /// Hears of the end of an object, which may be behind its last record.
    fn end(&mut self, place: &Place<'_>);
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

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Fault::Content(error)
    }
}

/// Reads an object. Where it can't be read on, its rest is one record that is none.
pub(crate) fn read_object(
    bucket: &dyn Bucket,
    object: &Object,
    how: &SourceFormat<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Ended> {
    let mut reading = Reading {
        place: Place {
            object,
            unit: "line",
            number: 0,
            bytes: 0,
        },
        sink,
    };
    let opened = object_reader::open(bucket, object, how.compression, how.stop.clone());
    let read = opened
        .map_err(Fault::Content)
        .and_then(|reader| match how.format {
            InputFormat::DynamodbJson => reading.lines(reader, json_lines::record),
            InputFormat::Ion => reading.lines(reader, ion_items::record),
            InputFormat::Csv => reading.rows(reader, how),
        });
    match read {
        Ok(()) => {
            reading.sink.end(&reading.place);
            Ok(())
        }
        Err(Fault::Ended(ended)) => Err(ended),
        Err(Fault::Content(_)) if *how.stop.borrow() => Err(Ended::Stopping),
        Err(Fault::Content(error)) => {
            reading.place.number += 1;
            let reason = format!("the object can't be read on from here: {error}");
            reading.sink.take(Err(reason), &reading.place)?;
            reading.sink.end(&reading.place);
            Ok(())
        }
    }
}

struct Reading<'r> {
    place: Place<'r>,
    sink: &'r mut dyn Sink,
}

impl Reading<'_> {
    /// A record a line.
    fn lines(
        &mut self,
        reader: impl io::BufRead,
        record: fn(&[u8]) -> Result<Record, String>,
    ) -> Result<(), Fault> {
        let mut lines = Lines::new(reader, LINE_BYTES_MAX);
        loop {
            let line = lines.next()?;
            let record = match line {
                None => return Ok(()),
                Some(Line::Whole(line)) if line.trim_ascii().is_empty() => None,
                Some(Line::Whole(line)) => Some(record(line)),
                Some(Line::TooLong) => {
                    Some(Err(format!("it is longer than {LINE_BYTES_MAX} bytes")))
                }
            };
            self.place.number += 1;
            self.place.bytes = lines.bytes();
            if let Some(record) = record {
                self.sink.take(record, &self.place)?;
            }
        }
    }

    /// A record a row, below the names of the columns unless the request gives them.
    fn rows(&mut self, reader: impl io::BufRead, how: &SourceFormat<'_>) -> Result<(), Fault> {
        self.place.unit = "row";
        let mut rows = CsvRows::new(reader, how.csv)?;
        let names = match how.csv.and_then(|options| options.header_list.clone()) {
            Some(names) => Ok(names),
            None => match rows.next()? {
                None => return Ok(()),
                Some(row) => {
                    self.place.number += 1;
                    Columns::names_of(&row)
                }
            },
        };
        let columns = names.and_then(|names| Columns::new(names, how.table));
        let columns = columns.map_err(io::Error::other)?;
        loop {
            let row = rows.next()?;
            let Some(row) = row else { return Ok(()) };
            let item: Result<Item, String> = columns.item(&row);
            self.place.number += 1;
            self.place.bytes = rows.bytes();
            self.sink.take(item.map(Record::of_item), &self.place)?;
        }
    }
}
