//! Metrics of mappings and of the dead-letter store, in the text form that Prometheus reads. There are as many lines as
//! mappings, times the families.

use std::fmt::Write as _;

use headwater_triggers::{MappingNumbers, TriggerNumbers};

/// Name, help text and value of a family of counters.
type Family = (&'static str, &'static str, fn(&MappingNumbers) -> u64);

const COUNTERS: [Family; 8] = [
    (
        "invocations",
        "Invocations for event source mappings that reached the function and ended",
        |mapping| mapping.invocations,
    ),
    (
        "errors",
        "Those of them that failed or named failed records",
        |mapping| mapping.errors,
    ),
    (
        "unreached",
        "Times that the function was not reached",
        |mapping| mapping.unreached,
    ),
    ("records", "Records that are done", |mapping| {
        mapping.records
    }),
    (
        "filtered_records",
        "Records that no filter let through",
        |mapping| mapping.filtered_records,
    ),
    ("dropped_records", "Records that were given up", |mapping| {
        mapping.dropped_records
    }),
    (
        "destination_batches",
        "Batches that were given up and that a destination took",
        |mapping| mapping.destination_batches,
    ),
    (
        "destination_failures",
        "Batches that were given up and that a destination did not take",
        |mapping| mapping.destination_failures,
    ),
];

/// Writes all families.
pub(crate) fn write(out: &mut String, numbers: &TriggerNumbers) {
    for (name, help, value) in COUNTERS {
        let name = format!("headwater_trigger_{name}_total");
        head(out, &name, "counter", help);
        for mapping in &numbers.mappings {
            sample(out, &name, mapping, value(mapping));
        }
    }
    let name = "headwater_trigger_iterator_age_milliseconds";
    let help = "Age of the last record of the last batch when it was done";
    head(out, name, "gauge", help);
    for mapping in &numbers.mappings {
        if let Some(age_ms) = mapping.iterator_age_ms {
            sample(out, name, mapping, age_ms);
        }
    }
    let name = "headwater_trigger_in_flight";
    head(out, name, "gauge", "Batches that are at the function");
    for mapping in &numbers.mappings {
        sample(out, name, mapping, mapping.in_flight);
    }
    let name = "headwater_dead_letters";
    head(out, name, "gauge", "Batches in the dead-letter store");
    let _ = writeln!(out, "{name} {}", numbers.dead_letters);
    let name = "headwater_dead_letters_pushed_out_total";
    let help = "Batches that made room in the dead-letter store for others";
    head(out, name, "counter", help);
    let _ = writeln!(out, "{name} {}", numbers.dead_letters_pushed_out);
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}");
    let _ = writeln!(out, "# TYPE {name} {kind}");
}

fn sample(out: &mut String, name: &str, mapping: &MappingNumbers, value: u64) {
    let _ = writeln!(
        out,
        "{name}{{mapping=\"{}\",function=\"{}\",table=\"{}\"}} {value}",
        escaped(&mapping.uuid),
        escaped(&mapping.function),
        escaped(&mapping.table)
    );
}

/// A label's value, as the text form wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mapping_has_its_lines() {
        let busy = MappingNumbers {
            uuid: "u".to_owned(),
            function: "f:live".to_owned(),
            table: "t\"\\".to_owned(),
            invocations: 5,
            errors: 2,
            unreached: 1,
            records: 40,
            filtered_records: 3,
            dropped_records: 7,
            destination_batches: 8,
            destination_failures: 9,
            iterator_age_ms: Some(250),
            in_flight: 2,
        };
        let idle = MappingNumbers {
            uuid: "i".to_owned(),
            ..MappingNumbers::default()
        };
        let numbers = TriggerNumbers {
            mappings: vec![busy, idle],
            dead_letters: 4,
            dead_letters_pushed_out: 6,
        };
        let mut out = String::new();
        write(&mut out, &numbers);
        let labels = r#"{mapping="u",function="f:live",table="t\"\\"}"#;
        for (name, value) in [
            ("trigger_invocations_total", 5),
            ("trigger_errors_total", 2),
            ("trigger_unreached_total", 1),
            ("trigger_records_total", 40),
            ("trigger_filtered_records_total", 3),
            ("trigger_dropped_records_total", 7),
            ("trigger_destination_batches_total", 8),
            ("trigger_destination_failures_total", 9),
            ("trigger_iterator_age_milliseconds", 250),
            ("trigger_in_flight", 2),
        ] {
            let line = format!("headwater_{name}{labels} {value}\n");
            assert!(out.contains(&line), "{line}{out}");
        }
        assert!(out.contains("\nheadwater_dead_letters 4\n"), "{out}");
        assert!(
            out.contains("\nheadwater_dead_letters_pushed_out_total 6\n"),
            "{out}"
        );
        // Nothing was done: there is no age.
        let of_idle = out.lines().filter(|line| line.contains("mapping=\"i\""));
        assert_eq!(of_idle.count(), 9);
    }
}
