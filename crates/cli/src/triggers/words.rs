//! How times, ARNs and errors of functions are put for people.

use headwater_model::UtcTime;
use serde_json::{Deserializer, Value};

use crate::grid::safe;

/// Characters of a UUID that tables show; commands take any beginning that fits one only.
pub(crate) const UUID_CHARS: usize = 8;

/// A time span: `250 ms`, `3.2 s`, `4m 10s`, `3h 5m`, `2d 4h`.
pub(crate) fn span(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds}.{} s", ms % 1_000 / 100),
        60..3_600 => format!("{minutes}m {}s", seconds % 60),
        3_600..86_400 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{}d {}h", hours / 24, hours % 24),
    }
}

/// `2026-01-31T12:00:00Z`.
pub(crate) fn moment(ms: u64) -> String {
    let text = UtcTime::of_ms(ms).to_string();
    let seconds = text.split('.').next().unwrap_or_default();
    format!("{seconds}Z")
}

/// The function's name in its ARN, with its qualifier.
pub(crate) fn function(arn: &str) -> String {
    safe(
        arn.split_once(":function:")
            .map_or(arn, |(_, function)| function),
    )
}

/// The table's name in a stream's ARN.
pub(crate) fn table(arn: &str) -> String {
    safe(arn.split('/').nth(1).unwrap_or(arn))
}

pub(crate) fn short(uuid: &str) -> String {
    uuid.chars().take(UUID_CHARS).collect()
}

/// An error in one line. A runtime's error is a JSON object, which may have been cut: `ValueError: no good`.
pub(crate) fn error(text: &str) -> String {
    let said = member(text, "errorMessage");
    match (member(text, "errorType"), said) {
        (Some(kind), Some(said)) if !said.is_empty() => safe(&format!("{kind}: {said}")),
        (Some(only), _) | (None, Some(only)) => safe(&only),
        (None, None) => safe(text),
    }
}

/// The text behind the first `"name":`.
fn member(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("\"{name}\":"))?;
    match Deserializer::from_str(rest).into_iter::<Value>().next() {
        Some(Ok(Value::String(value))) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (ms, expected) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (3_290, "3.2 s"),
            (250_000, "4m 10s"),
            (11_100_000, "3h 5m"),
            (187_200_000, "2d 4h"),
        ] {
            assert_eq!(span(ms), expected);
        }
    }

    #[test]
    fn moments_have_no_fraction() {
        assert_eq!(moment(1_709_251_199_500), "2024-02-29T23:59:59Z");
    }

    #[test]
    fn names_in_arns() {
        assert_eq!(function("arn:aws:lambda:r:1:function:f:live"), "f:live");
        assert_eq!(table("arn:aws:dynamodb:r:1:table/users/stream/x"), "users");
        assert_eq!(table("other"), "other");
    }

    #[test]
    fn errors_of_runtimes_are_read_even_if_cut() {
        let whole =
            r#"{"errorMessage": "no \"good\"", "errorType": "ValueError", "stackTrace": []}"#;
        assert_eq!(error(whole), "ValueError: no \"good\"");
        let cut = r#"{"errorType":"Error","errorMessage":"no","trace":["Error: n"#;
        assert_eq!(error(cut), "Error: no");
        assert_eq!(error(r#"{"errorMessage": "#), r#"{"errorMessage": "#);
        assert_eq!(error("busy\u{7}"), "busy\\u{7}");
    }
}
