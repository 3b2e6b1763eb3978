//! Rows of CSV, none of which takes more memory than a bound, and the items that they are.

use std::io::{self, BufRead, Chain, Cursor, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use headwater_engine::Table;
use headwater_model::{AttributeValue, Item, KeyType, Number};
use headwater_wire::dynamodb::CsvOptions;

use crate::lines::LINE_BYTES_MAX;

/// Columns of a row (the model allows 255 headers).
const COLUMNS_MAX: usize = 4096;
/// Bytes for which there is room at first.
const ROW_BYTES: usize = 64 << 10;

/// What spreadsheets begin a file with, to tell the order of its bytes.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads rows.
pub(crate) struct CsvRows<R> {
    reader: Chain<Cursor<Vec<u8>>, R>,
    core: Reader,
    fields: Vec<u8>,
    ends: Vec<usize>,
    /// Bytes that were read so far.
    bytes: u64,
}

/// A row.
pub(crate) enum Row<'r> {
    Whole(Vec<&'r [u8]>),
    /// One with more bytes or columns than the bounds.
    TooLong,
}

impl<R: BufRead> CsvRows<R> {
    /// Reads a file from its beginning.
    ///
    /// # Errors
    /// Those of the reader.
    pub(crate) fn new(mut reader: R, options: Option<&CsvOptions>) -> io::Result<Self> {
        let (head, bytes) = head(&mut reader)?;
        let delimiter = options.and_then(|options| options.delimiter.as_ref());
        let delimiter = delimiter.and_then(|text| text.bytes().next());
        Ok(CsvRows {
            reader: Cursor::new(head).chain(reader),
            core: ReaderBuilder::new()
                .delimiter(delimiter.unwrap_or(b','))
                .build(),
            fields: vec![0; ROW_BYTES],
            ends: vec![0; COLUMNS_MAX],
            bytes,
        })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next row that is not empty, if there is one.
    pub(crate) fn next(&mut self) -> io::Result<Option<Row<'_>>> {
        let (mut filled, mut columns, mut is_too_long) = (0, 0, false);
        loop {
            let ready = self.reader.fill_buf()?;
            let (fields, ends) = (&mut self.fields[filled..], &mut self.ends[columns..]);
            let (result, read, written, ended) = self.core.read_record(ready, fields, ends);
            self.reader.consume(read);
            self.bytes += read as u64;
            filled += written;
            columns += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.fields.len() < LINE_BYTES_MAX => {
                    let room = (self.fields.len() * 2).min(LINE_BYTES_MAX);
                    self.fields.resize(room, 0);
                }
                // What is behind the bound is passed over.
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    (filled, columns, is_too_long) = (0, 0, true);
                }
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
            }
        }
        if is_too_long {
            return Ok(Some(Row::TooLong));
        }
        let mut from = 0;
        let cells = self.ends[..columns].iter().map(|end| {
            let cell = &self.fields[from..*end];
            from = *end;
            cell
        });
        Ok(Some(Row::Whole(cells.collect())))
    }
}

/// The first bytes of a file behind its mark, if it has one, and how many bytes the mark took. The CSV reader would look
/// for a mark itself, but finds it only if it comes in one piece; in these bytes there is none.
fn head(reader: &mut impl BufRead) -> io::Result<(Vec<u8>, u64)> {
    let mut head = Vec::new();
    reader.take(MARK.len() as u64).read_to_end(&mut head)?;
    if head != MARK {
        return Ok((head, 0));
    }
    head.clear();
    reader.take(1).read_to_end(&mut head)?;
    Ok((head, MARK.len() as u64))
}

/// What the columns of a file are.
pub(crate) struct Columns {
    names: Vec<String>,
    /// The types of those that are keys; all others are strings.
    keys: Vec<Option<(KeyType, bool)>>,
}

impl Columns {
    /// Columns of these names, for a table.
    pub(crate) fn new(names: Vec<String>, table: &Table) -> Result<Self, String> {
        for (place, name) in names.iter().enumerate() {
            if name.is_empty() {
                return Err("a column has no name".to_owned());
            }
            if names[..place].contains(name) {
                return Err(format!("two columns are called {name}"));
            }
        }
        let record = table.record();
        let of_indexes = record.indexes.iter();
        let of_indexes: Vec<_> = of_indexes
            .flat_map(|index| index.partition().into_iter().chain(index.sort()))
            .collect();
        let key_of = |name: &String| {
            let of_table = table.schema().attributes().find(|key| key.name == *name);
            let of_index = || of_indexes.iter().find(|key| key.name == *name);
            let found = of_table.map(|key| (key.kind, true));
            found.or_else(|| of_index().map(|key| (key.kind, false)))
        };
        let keys = names.iter().map(key_of).collect();
        Ok(Columns { names, keys })
    }

    /// The names in the first row of a file.
    pub(crate) fn names_of(row: &Row<'_>) -> Result<Vec<String>, String> {
        let Row::Whole(cells) = row else {
            return Err("the header is too long".to_owned());
        };
        let name = |cell: &&[u8]| {
            let text = std::str::from_utf8(cell).map_err(|error| error.to_string())?;
            Ok(text.to_owned())
        };
        cells.iter().map(name).collect()
    }

    /// The item of a row, or why there is none.
    pub(crate) fn item(&self, row: &Row<'_>) -> Result<Item, String> {
        let Row::Whole(cells) = row else {
            return Err(format!(
                "it is longer than {LINE_BYTES_MAX} bytes, or has more than {COLUMNS_MAX} columns"
            ));
        };
        if cells.len() != self.names.len() {
            let (has, wanted) = (cells.len(), self.names.len());
            return Err(format!("it has {has} columns, and the header has {wanted}"));
        }
        let mut attributes = Vec::with_capacity(cells.len());
        for ((name, key), cell) in self.names.iter().zip(&self.keys).zip(cells) {
            let text = std::str::from_utf8(cell);
            let text = text.map_err(|error| format!("column {name}: {error}"))?;
            let value = match key {
                // An item without the key of an index is not in the index; none can have an empty one.
                Some((_, false)) if text.is_empty() => continue,
                Some((kind, _)) => key_value(*kind, text),
                None => Ok(AttributeValue::S(text.to_owned())),
            };
            let value = value.map_err(|error| format!("column {name}: {error}"))?;
            attributes.push((name.clone(), value));
        }
        // All at once: each that comes between others would move those behind it.
        Ok(attributes.into_iter().collect())
    }
}

fn key_value(kind: KeyType, text: &str) -> Result<AttributeValue, String> {
    match kind {
        KeyType::S => Ok(AttributeValue::S(text.to_owned())),
        KeyType::N => Number::parse(text)
            .map(AttributeValue::N)
            .map_err(|error| error.to_string()),
        KeyType::B => STANDARD
            .decode(text)
            .map(|bytes| AttributeValue::B(bytes.into()))
            .map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use headwater_wire::dynamodb::CsvOptions;

    use super::{CsvRows, LINE_BYTES_MAX, Row};

    fn rows(text: &[u8], delimiter: &str) -> Vec<String> {
        let options = CsvOptions {
            delimiter: Some(delimiter.to_owned()),
            ..CsvOptions::default()
        };
        let reader = BufReader::with_capacity(3, text);
        let mut rows = CsvRows::new(reader, Some(&options)).unwrap();
        let mut seen = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            seen.push(match row {
                Row::Whole(cells) => {
                    let cells: Vec<_> = cells
                        .iter()
                        .map(|cell| String::from_utf8_lossy(cell))
                        .collect();
                    cells.join("|")
                }
                Row::TooLong => "!".to_owned(),
            });
        }
        assert_eq!(rows.bytes(), text.len() as u64);
        seen
    }

    #[test]
    fn rows_are_quoted_and_delimited() {
        assert_eq!(
            rows(b"a,b\r\n1,\"x, \"\"y\"\"\nz\"\n\n2,", ","),
            ["a|b", "1|x, \"y\"\nz", "2|"]
        );
        assert_eq!(rows(b"a;b\n1;2,3", ";"), ["a|b", "1|2,3"]);
        assert_eq!(rows(b"", ","), Vec::<String>::new());
    }

    #[test]
    fn the_mark_of_a_file_is_no_part_of_its_first_cell() {
        assert_eq!(rows(b"\xef\xbb\xbfa,b\n1,2", ","), ["a|b", "1|2"]);
        assert_eq!(rows(b"\xef\xbb\xbf", ","), Vec::<String>::new());
        // Only the first is one.
        assert_eq!(rows(b"\xef\xbb\xbf\xef\xbb\xbfa", ","), ["\u{feff}a"]);
        assert_eq!(rows(b"\xef\xbba", ","), ["\u{fffd}a"]);
    }

    #[test]
    fn rows_are_bounded() {
        let mut text = b"a,b\n\"".to_vec();
        text.resize(LINE_BYTES_MAX * 2, b'x');
        text.extend_from_slice(b"\",c\n1,2\n");
        text.extend_from_slice(&b",".repeat(10_000));
        text.extend_from_slice(b"\n3,4");
        let options = CsvOptions::default();
        let mut rows = CsvRows::new(&text[..], Some(&options)).unwrap();
        let mut kinds = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            kinds.push(matches!(row, Row::Whole(_)));
        }
        assert_eq!(kinds, [true, false, true, false, true]);
        assert!(rows.fields.len() <= LINE_BYTES_MAX);
    }
}
