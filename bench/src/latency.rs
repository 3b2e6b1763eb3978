//! Latencies and their percentiles.

use std::time::Duration;

/// Percentiles of one measurement, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percentiles {
    /// How many samples there were.
    pub samples: usize,
    /// Half are below.
    pub p50: f64,
    /// One in a hundred is above.
    pub p99: f64,
    /// One in a thousand is above.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

/// Percentiles of samples in nanoseconds.
pub fn percentiles(mut nanoseconds: Vec<u32>) -> Percentiles {
    nanoseconds.sort_unstable();
    let at = |share: f64| match nanoseconds.len() {
        0 => f64::NAN,
        count => {
            let index = ((count as f64 * share) as usize).min(count - 1);
            f64::from(nanoseconds[index]) / 1000.0
        }
    };
    Percentiles {
        samples: nanoseconds.len(),
        p50: at(0.5),
        p99: at(0.99),
        p999: at(0.999),
        max: at(1.0),
    }
}

/// A duration as a sample.
pub fn sample(duration: Duration) -> u32 {
    u32::try_from(duration.as_nanos()).unwrap_or(u32::MAX)
}

/// The middle value, NaN of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_thousand() {
        let found = percentiles((1..=1000).rev().map(|n| n * 1000).collect());
        assert_eq!((found.p50, found.p99, found.p999), (501.0, 991.0, 1000.0));
        assert!(percentiles(Vec::new()).p50.is_nan());
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
