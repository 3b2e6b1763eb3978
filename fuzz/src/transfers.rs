//! Data files that imports and bulk puts read.

use headwater_model::Item;
use headwater_transfers::testing::{csv_rows, item_of_line, line_of_item};
use headwater_wire::dynamodb::ExportFormat;

/// Pieces in which a file may come.
const PIECES_BYTES: [usize; 3] = [1, 7, 64 << 10];

const DELIMITERS: [char; 5] = [',', '\t', ':', ';', '|'];

/// A line in both formats: an item that is read is the same after it was exported, in either.
pub(crate) fn line(data: &[u8]) {
    for format in [ExportFormat::DynamodbJson, ExportFormat::Ion] {
        if let Ok(item) = item_of_line(format, data) {
            exported(ExportFormat::DynamodbJson, &item);
            exported(ExportFormat::Ion, &item);
        }
    }
}

fn exported(format: ExportFormat, item: &Item) {
    let line = line_of_item(format, item).unwrap_or_default();
    let line = line.strip_suffix(b"\n").unwrap_or_default();
    assert!(!line.contains(&b'\n'), "a line is one line");
    assert_eq!(item_of_line(format, line).as_ref(), Ok(item));
}

/// A file whose first byte chooses the delimiter: its rows are the same in whatever pieces it comes, and hold no more
/// than the file does.
pub(crate) fn csv_file(data: &[u8]) {
    let Some((first, file)) = data.split_first() else {
        return;
    };
    let delimiter = DELIMITERS[usize::from(*first) % DELIMITERS.len()];
    let read = PIECES_BYTES.map(|bytes| csv_rows(file, delimiter, bytes).unwrap_or_default());
    assert_eq!(read[0], read[1]);
    assert_eq!(read[1], read[2]);
    let cells = read[0].iter().flatten().flatten();
    let bytes: usize = cells.map(Vec::len).sum();
    assert!(bytes <= file.len());
}
