//! What was measured, and what was aimed at: a table for people, JSON for programs.

use crate::latency::Percentiles;
use serde_json::{Value, json};

/// One line of the report. What a measurement does not have is absent.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Operations per second.
    pub rate: Option<f64>,
    /// The rate as a share of the floor's.
    pub floor_share: Option<f64>,
    /// Latencies.
    pub latency: Option<Percentiles>,
    /// CPU microseconds of the server per operation.
    pub server_cpu: Option<f64>,
    /// CPU microseconds of this driver per operation.
    pub driver_cpu: Option<f64>,
    /// Bytes written to the disk, per operation.
    pub written: Option<f64>,
    /// Bytes that the kernel charges the server with, per operation.
    pub process_written: Option<f64>,
    /// A single value with its unit, for what is no rate.
    pub value: Option<(f64, &'static str)>,
}

impl Row {
    /// A row without values yet.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// A row of one value.
    pub fn of_value(name: &str, value: f64, unit: &'static str) -> Self {
        Self {
            value: Some((value, unit)),
            ..Self::named(name)
        }
    }

    /// The same row with its rate compared with the floor's.
    pub fn beside(mut self, floor: &Self) -> Self {
        self.floor_share = match (self.rate, floor.rate) {
            (Some(rate), Some(floor)) => Some(rate / floor),
            _ => None,
        };
        self
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "operations_per_second": self.rate,
            "share_of_floor": self.floor_share,
            "latency_us": self.latency.map(|l| json!({
                "samples": l.samples, "p50": l.p50, "p99": l.p99, "p99.9": l.p999, "max": l.max,
            })),
            "server_cpu_us_per_operation": self.server_cpu,
            "driver_cpu_us_per_operation": self.driver_cpu,
            "written_bytes_per_operation": self.written,
            "charged_bytes_per_operation": self.process_written,
            "value": self.value.map(|(value, _)| value),
            "unit": self.value.map(|(_, unit)| unit),
        })
    }
}

/// An aim and what was reached.
#[derive(Clone, Debug)]
pub struct Aim {
    /// What is aimed at.
    pub text: &'static str,
    /// What was reached, `None` if it was not measured in this run.
    pub reached: Option<f64>,
    /// How to show it.
    pub unit: &'static str,
    /// Whether that is enough.
    pub met: bool,
}

impl Aim {
    /// An aim at no less than `bound`.
    pub fn at_least(
        text: &'static str,
        reached: Option<f64>,
        bound: f64,
        unit: &'static str,
    ) -> Self {
        let met = reached.is_some_and(|value| value >= bound);
        Self {
            text,
            reached,
            unit,
            met,
        }
    }

    /// An aim at no more than `bound`.
    pub fn at_most(
        text: &'static str,
        reached: Option<f64>,
        bound: f64,
        unit: &'static str,
    ) -> Self {
        let met = reached.is_some_and(|value| value <= bound);
        Self {
            text,
            reached,
            unit,
            met,
        }
    }

    fn verdict(&self) -> &'static str {
        match (self.reached, self.met) {
            (None, _) => "not measured",
            (Some(_), true) => "met",
            (Some(_), false) => "missed",
        }
    }
}

/// Everything measured in one run.
#[derive(Default)]
pub struct Report {
    /// On what machine and how it was measured.
    pub conditions: String,
    /// In the order of measuring.
    pub rows: Vec<Row>,
    /// Measurements that failed, and why.
    pub failures: Vec<(String, String)>,
}

impl Report {
    /// Adds what a measurement gave, and shows a failure at once.
    pub fn add(&mut self, name: &str, outcome: anyhow::Result<Vec<Row>>) {
        match outcome {
            Ok(rows) => {
                for row in &rows {
                    eprintln!("{}", line_of(row));
                }
                self.rows.extend(rows);
            }
            Err(error) => {
                let reason = format!("{error:#}");
                eprintln!("{name}: failed: {reason}");
                self.failures.push((name.to_owned(), reason));
            }
        }
    }

    /// The row of that name.
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// For people.
    pub fn print(&self, aims: &[Aim]) {
        println!("{}\n\n{HEADING}", self.conditions);
        for row in &self.rows {
            println!("{}", line_of(row));
        }
        println!(
            "\nLatencies and CPU in microseconds, CPU per operation. Rates are medians of paired slices. \
             Bytes are what the disk was sent, by whomever."
        );
        println!("\n{:<66} {:>14}  verdict", "aim", "reached");
        for aim in aims {
            let reached = aim
                .reached
                .map_or_else(|| "-".to_owned(), |v| format!("{} {}", short(v), aim.unit));
            println!("{:<66} {reached:>14}  {}", aim.text, aim.verdict());
        }
        for (name, reason) in &self.failures {
            println!("\nFAILED {name}: {reason}");
        }
    }

    /// For programs.
    pub fn to_json(&self, aims: &[Aim]) -> Value {
        json!({
            "conditions": self.conditions,
            "rows": self.rows.iter().map(Row::to_json).collect::<Vec<_>>(),
            "aims": aims.iter().map(|aim| json!({
                "aim": aim.text, "reached": aim.reached, "unit": aim.unit, "verdict": aim.verdict(),
            })).collect::<Vec<_>>(),
            "failures": self.failures.iter().map(|(name, reason)| json!({
                "name": name, "reason": reason,
            })).collect::<Vec<_>>(),
        })
    }
}

const HEADING: &str = "measurement                        ops/s  x floor       p50       p99     p99.9  server CPU  driver CPU  bytes/op";

fn line_of(row: &Row) -> String {
    if let Some((value, unit)) = row.value {
        return format!("{:<30} {:>9} {unit}", row.name, short(value));
    }
    let cell = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short);
    let share = row
        .floor_share
        .map_or_else(|| "-".to_owned(), |share| format!("{share:.2}"));
    format!(
        "{:<30} {:>9} {share:>8} {:>9} {:>9} {:>9} {:>11} {:>11} {:>9}",
        row.name,
        cell(row.rate),
        cell(row.latency.map(|l| l.p50)),
        cell(row.latency.map(|l| l.p99)),
        cell(row.latency.map(|l| l.p999)),
        cell(row.server_cpu),
        cell(row.driver_cpu),
        cell(row.written),
    )
}

fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
