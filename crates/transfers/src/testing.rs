//! The readers of data files by themselves: what fuzz targets call.

use std::io::{self, BufReader};

use headwater_model::{CorruptItem, EncodedItem, Item};
use headwater_wire::dynamodb::{CsvOptions, ExportFormat};

use crate::csv_rows::{CsvRows, Row};
use crate::export_line::write_line;
use crate::{ion_items, json_lines};

/// The item of a line in one of the formats.
///
/// # Errors
/// Why the line has none, in the words of an import's log.
pub fn item_of_line(format: ExportFormat, line: &[u8]) -> Result<Item, String> {
    let record = match format {
        ExportFormat::DynamodbJson => json_lines::record(line),
        ExportFormat::Ion => ion_items::record(line),
    };
    record.map(|record| record.item)
}

/// The line of an item as an export writes it, with its end.
///
/// # Errors
/// If the item does not decode.
pub fn line_of_item(format: ExportFormat, item: &Item) -> Result<Vec<u8>, CorruptItem> {
    let mut line = Vec::new();
    write_line(&mut line, format, &EncodedItem::encode(item))?;
    Ok(line)
}

/// The cells of a row; `None` stands for a row with more bytes or columns than the bounds.
pub type CsvCells = Option<Vec<Vec<u8>>>;

/// The rows of a CSV file that comes in pieces of so many bytes.
///
/// # Errors
/// None: what is read lies in memory.
pub fn csv_rows(file: &[u8], delimiter: char, piece_bytes: usize) -> io::Result<Vec<CsvCells>> {
    let options = CsvOptions {
        delimiter: Some(delimiter.to_string()),
        ..CsvOptions::default()
    };
    let reader = BufReader::with_capacity(piece_bytes, file);
    let mut rows = CsvRows::new(reader, Some(&options))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(match row {
            Row::Whole(cells) => Some(cells.into_iter().map(<[u8]>::to_vec).collect()),
            Row::TooLong => None,
        });
    }
    Ok(all)
}
