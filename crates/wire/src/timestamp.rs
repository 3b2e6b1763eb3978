//! Points in time as the API writes them: epoch seconds, with a fraction only where there is one.

use headwater_model::CorruptItem;

use crate::json::{WriteJson, write_text};

/// Milliseconds since the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The whole second that holds this point, as stream records give it (streams.md section 3).
    pub fn floor_to_second(self) -> Timestamp {
        Timestamp(self.0.div_euclid(1000) * 1000)
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Reads a JSON number of epoch seconds, with fraction or exponent; rounded to the millisecond, and held at the
    /// ends of the range.
    pub(crate) fn from_json_number(text: &str) -> Option<Timestamp> {
        let seconds: f64 = text.parse().ok()?;
        // The cast saturates.
        Some(Timestamp((seconds * 1000.0).round() as i64))
    }
}

impl WriteJson for Timestamp {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ms = self.0.unsigned_abs();
        let (seconds, fraction) = (ms / 1000, ms % 1000);
        if fraction == 0 {
            write_text(out, format_args!("{sign}{seconds}"));
        } else {
            let text = format!("{fraction:03}");
            write_text(
                out,
                format_args!("{sign}{seconds}.{}", text.trim_end_matches('0')),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;
    use crate::json::WriteJson;

    #[test]
    fn writes_a_fraction_only_where_there_is_one() {
        for (ms, text) in [
            (0, "0"),
            (1_732_012_345_000, "1732012345"),
            (1_732_012_345_120, "1732012345.12"),
            (1_732_012_345_001, "1732012345.001"),
            (-1_500, "-1.5"),
        ] {
            let mut out = Vec::new();
            Timestamp(ms).write(&mut out).expect("written");
            assert_eq!(String::from_utf8_lossy(&out), text);
            assert_eq!(Timestamp::from_json_number(text), Some(Timestamp(ms)));
        }
    }

    #[test]
    fn reads_exponents_and_rounds_down_to_seconds() {
        let time = Timestamp::from_json_number("1.791316726480E9").expect("a time");
        assert_eq!(time, Timestamp(1_791_316_726_480));
        assert_eq!(time.floor_to_second(), Timestamp(1_791_316_726_000));
    }
}
