//! The files of the change log. The first byte says whether checksums are mended, so that what is behind them
//! is reached.

use headwater_changelog::fuzzing;

fn with_mode(data: &[u8], read: fn(&[u8], bool) -> bool) {
    if let Some((mode, bytes)) = data.split_first() {
        read(bytes, mode & 1 == 1);
    }
}

/// A block: header, compression, entries, changes.
pub(crate) fn block(data: &[u8]) {
    with_mode(data, fuzzing::block);
}

/// The entries of a block's body.
pub(crate) fn entries(data: &[u8]) {
    fuzzing::entries(data);
}

/// A footer with its trailer.
pub(crate) fn footer(data: &[u8]) {
    with_mode(data, fuzzing::footer);
}

/// A segment's file: its header alone, then checked, opened and read as a log.
pub(crate) fn segment(data: &[u8]) {
    with_mode(data, fuzzing::segment_header);
    with_mode(data, fuzzing::log);
}
