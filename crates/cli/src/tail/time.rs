//! Moments as people write them: RFC 3339, or how long ago.

const MS_PER_DAY: i64 = 86_400_000;

/// A moment that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Milliseconds since 1970.
    At(i64),
    /// So many milliseconds before now.
    Ago(i64),
}

/// Reads `2026-01-31T12:00:00Z`, with an offset or a fraction too, `2026-01-31`, or `10m`.
pub(super) fn parse(text: &str) -> Option<Moment> {
    if let Some(ms) = crate::settings::duration_ms(text) {
        return Some(Moment::Ago(i64::try_from(ms).ok()?));
    }
    let days = days(text.get(..10)?)?;
    let rest = &text[10..];
    if rest.is_empty() {
        return Some(Moment::At(days * MS_PER_DAY));
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, offset_minutes) = split_offset(rest)?;
    Some(Moment::At(
        days * MS_PER_DAY + time_ms(time)? - offset_minutes * 60_000,
    ))
}

/// `2026-01-31T12:00:00Z`.
pub(super) fn text(epoch_s: i64) -> String {
    let (year, month, day) = civil(epoch_s.div_euclid(86_400));
    let second = epoch_s.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn number(text: &str, width: usize, most: i64) -> Option<i64> {
    let digits = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = digits.then(|| text.parse().ok())??;
    (value <= most).then_some(value)
}

/// Days since 1970 of `YYYY-MM-DD`.
fn days(date: &str) -> Option<i64> {
    let mut parts = date.splitn(3, '-');
    let year = number(parts.next()?, 4, 9999)?;
    let month = number(parts.next()?, 2, 12)?;
    let day = number(parts.next()?, 2, 31)?;
    // Years begin in March here, so that the leap day is the last.
    let shifted = year - i64::from(month <= 2);
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100
        + day_of_year
        - 719_468;
    (civil(days) == (year, month, day)).then_some(days)
}

fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = (shifted + 2) % 12 + 1;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Milliseconds of `HH:MM`, `HH:MM:SS` or `HH:MM:SS.fff`.
fn time_ms(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = whole.splitn(3, ':');
    let hour = number(parts.next()?, 2, 23)?;
    let minute = number(parts.next()?, 2, 59)?;
    let second = parts
        .next()
        .map_or(Some(0), |second| number(second, 2, 60))?;
    let fraction = number(fraction, fraction.len(), i64::MAX).map(|_| format!("{fraction:0<3}"))?;
    Some((hour * 3600 + minute * 60 + second) * 1000 + fraction[..3].parse::<i64>().ok()?)
}

/// Takes `Z` or `+02:00` off the end; none means UTC.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let Some(at) = text.rfind(['+', '-']) else {
        return Some((text, 0));
    };
    let (hours, minutes) = text[at + 1..].split_once(':')?;
    let minutes = number(hours, 2, 23)? * 60 + number(minutes, 2, 59)?;
    let sign = if text[at..].starts_with('-') { -1 } else { 1 };
    Some((&text[..at], sign * minutes))
}

#[cfg(test)]
mod tests {
    use super::{Moment, parse, text};

    #[test]
    fn moments() {
        for (given, expected) in [
            ("10m", Some(Moment::Ago(600_000))),
            ("1970-01-01", Some(Moment::At(0))),
            ("1970-01-02T00:00:01Z", Some(Moment::At(86_401_000))),
            (
                "2024-02-29T23:59:59.5Z",
                Some(Moment::At(1_709_251_199_500)),
            ),
            ("2024-02-29 23:59", Some(Moment::At(1_709_251_140_000))),
            (
                "2024-03-01T01:30:00+02:00",
                Some(Moment::At(1_709_249_400_000)),
            ),
            (
                "2024-02-29T21:30:00-02:00",
                Some(Moment::At(1_709_249_400_000)),
            ),
            ("2023-02-29", None),
            ("2023-13-01", None),
            ("2023-01-01T24:00:00Z", None),
            ("2023-01-01Tnoon", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(parse(given), expected, "{given}");
        }
    }

    #[test]
    fn text_reads_back() {
        for epoch_s in [0, 951_782_400, 1_709_251_199, 4_102_444_800] {
            assert_eq!(
                parse(&text(epoch_s)),
                Some(Moment::At(epoch_s * 1000)),
                "{}",
                text(epoch_s)
            );
        }
        assert_eq!(text(1_709_251_199), "2024-02-29T23:59:59Z");
    }
}
