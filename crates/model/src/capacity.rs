//! Capacity units (dynamodb-api.md section 5). Transactions count both kinds twice; that, and
//! what an operation is charged for, is the caller's to know.

use crate::limits::{READ_UNIT_BYTES, WRITE_UNIT_BYTES};

/// Units for reading `size_bytes`: one for each 4 KB begun, half of that if not strongly
/// consistent. Nothing read counts as one unit (or half).
pub fn read_units(size_bytes: usize, consistent: bool) -> f64 {
    let units = whole_units(size_bytes, READ_UNIT_BYTES);
    if consistent { units } else { units / 2.0 }
}

/// Units for writing an item of `size_bytes`, the larger of before and after: one for each 1 KB
/// begun. Nothing written counts as one unit.
pub fn write_units(size_bytes: usize) -> f64 {
    whole_units(size_bytes, WRITE_UNIT_BYTES)
}

fn whole_units(size_bytes: usize, unit_bytes: usize) -> f64 {
    size_bytes.div_ceil(unit_bytes).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::{read_units, write_units};

    #[test]
    fn reads_round_up_to_4_kb_and_halve_when_eventual() {
        for (size_bytes, strong) in [(0, 1.0), (1, 1.0), (4096, 1.0), (4097, 2.0), (12288, 3.0)] {
            assert_eq!(read_units(size_bytes, true), strong);
            assert_eq!(read_units(size_bytes, false), strong / 2.0);
        }
    }

    #[test]
    fn writes_round_up_to_1_kb() {
        for (size_bytes, units) in [(0, 1.0), (1024, 1.0), (1025, 2.0), (409_600, 400.0)] {
            assert_eq!(write_units(size_bytes), units);
        }
    }
}
