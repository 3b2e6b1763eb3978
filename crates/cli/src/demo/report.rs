//! What the demo prints.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;

use serde_json::Value;

use super::check::Check;
use super::play::{AT_ONCE, Timed};
use super::received::{Arrival, Received};
use super::script::{Kind, Story, TABLE};
use super::setup::{BATCH_SIZE, FUNCTION};
use crate::stdout;
use crate::tail::line::Lines;

/// How many keys are named for a check that failed.
const NAMED_MAX: usize = 3;

/// Writes the report to standard output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    colour: bool,
}

impl Report {
    pub(super) fn new() -> Self {
        Report {
            colour: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    /// What was put together.
    pub(super) fn setting(self, endpoint: &str, storage: &str, shards: usize, handler: &str) {
        self.heading("Headwater demo");
        row("server", &format!("{endpoint}, {storage}"));
        row(
            "table",
            &format!("{TABLE}, with a stream of old and new images in {shards} shards"),
        );
        row(
            "function",
            &format!("{FUNCTION}, {handler}, up to {BATCH_SIZE} records a call"),
        );
    }

    /// What was written.
    pub(super) fn writes(self, stories: &[Story], took: Duration) {
        let count = |kind| steps(stories).filter(|step| *step == kind).count();
        let timed = count(Kind::Timed);
        let played = steps(stories).count() - timed;
        self.heading(&format!(
            "{} writes in {}, {AT_ONCE} items at once: {} a second",
            grouped(played),
            seconds(took),
            per_second(played, took)
        ));
        row(&grouped(count(Kind::Insert)), "real airports inserted");
        row(
            &grouped(count(Kind::Change)),
            "changed: coordinates moved into one attribute",
        );
        row(
            &grouped(count(Kind::PutAgain)),
            "put again unchanged, which must give no record",
        );
        row(&grouped(count(Kind::Delete)), "deleted");
        row(&grouped(timed), "then changed one by one, to take the time");
    }

    /// What the handler had of it.
    pub(super) fn received(self, received: &Received, took: Duration, delays: &Delays) {
        let count = received.arrivals.len();
        self.heading(&format!(
            "The handler received {} records in {} calls",
            grouped(count),
            grouped(received.batches())
        ));
        row(
            "caught up",
            &format!("{} after the first write", seconds(took)),
        );
        if let (Some(half), Some(most)) = (
            quantile(&delays.handler_ms, 0.5),
            quantile(&delays.handler_ms, 0.99),
        ) {
            row(
                "delay",
                &format!(
                    "{half:.1} ms (p50), {most:.1} ms (p99) from sending a write to the handler at work"
                ),
            );
        }
        if let Some(half) = quantile(&delays.answer_ms, 0.5) {
            row("", &format!("{half:.1} ms (p50) to the write's own answer"));
        }
        row("notes", &received.path().display().to_string());
    }

    /// One record, short and whole.
    pub(super) fn sample(self, arrival: &Arrival) {
        self.heading("One of them, as `headwater tail` shows it and as the handler got it");
        line(&format!(
            "  {}\n",
            Lines {
                colour: self.colour
            }
            .line(&arrival.record)
        ));
        for member in outline(&arrival.record, 2) {
            line(&format!("  {member}"));
        }
    }

    /// What was checked; gives whether all of it holds.
    pub(super) fn checks(self, checks: &[Check]) -> bool {
        self.heading("Checked");
        for check in checks {
            let (colour, word) = if check.broken.is_empty() {
                ("32", "ok")
            } else {
                ("31", "FAILED")
            };
            line(&format!(
                "  {}  {}",
                self.paint(colour, &format!("{word:>10}")),
                check.what
            ));
            for broken in check.broken.iter().take(NAMED_MAX) {
                line(&format!("              {broken}"));
            }
            if check.broken.len() > NAMED_MAX {
                line(&format!(
                    "              and {} more",
                    check.broken.len() - NAMED_MAX
                ));
            }
        }
        checks.iter().all(|check| check.broken.is_empty())
    }

    /// How to go on by hand.
    pub(super) fn connect(self, endpoint: &str, region: &str) {
        self.heading("Connect");
        line("  any credentials do: export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local\n");
        line(&format!(
            "  aws dynamodb get-item --endpoint-url {endpoint} --region {region} \\\n    \
             --table-name {TABLE} --key '{{\"iata\": {{\"S\": \"JFK\"}}}}'\n"
        ));
        line(&format!(
            "  boto3.resource(\"dynamodb\", endpoint_url=\"{endpoint}\", region_name=\"{region}\").Table(\"{TABLE}\")\n"
        ));
        line(&format!(
            "  headwater tail {TABLE} --endpoint {endpoint} --from beginning\n"
        ));
        line(&format!(
            "  {endpoint}/console/#/tables/{TABLE}/stream in a browser"
        ));
        line("\nThe server goes on; write to the table and see it arrive. Ctrl-C ends it.");
    }

    fn heading(self, text: &str) {
        line(&format!("\n{}", self.paint("1", text)));
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// JSON with the members of its outer objects on lines of their own, and everything deeper on one line.
fn outline(value: &Value, depth: usize) -> Vec<String> {
    let members = value
        .as_object()
        .filter(|members| depth > 0 && !members.is_empty());
    let Some(members) = members else {
        return vec![value.to_string()];
    };
    let mut lines = vec!["{".to_owned()];
    for (at, (name, value)) in members.iter().enumerate() {
        let mut inner = outline(value, depth - 1);
        if let Some(first) = inner.first_mut() {
            *first = format!("{}: {first}", Value::from(name.as_str()));
        }
        if let Some(last) = inner.last_mut()
            && at + 1 < members.len()
        {
            last.push(',');
        }
        lines.extend(inner.iter().map(|line| format!("  {line}")));
    }
    lines.push("}".to_owned());
    lines
}

/// The demo goes on, and its status says what was checked, whether somebody reads or not.
pub(super) fn line(text: &str) {
    let _ = stdout::write(&format!("{text}\n"));
}

fn row(name: &str, text: &str) {
    line(&format!("  {name:>10}  {text}"));
}

fn steps(stories: &[Story]) -> impl Iterator<Item = Kind> {
    let all = stories
        .iter()
        .flat_map(|story| story.steps.iter().chain(&story.timed));
    all.map(|step| step.kind)
}

/// Milliseconds that the timed writes took to their answers and to the handler, each ascending.
#[derive(Clone, Debug)]
pub(super) struct Delays {
    answer_ms: Vec<f64>,
    handler_ms: Vec<f64>,
}

impl Delays {
    pub(super) fn new(timed: &[Timed], arrivals: &[Arrival]) -> Self {
        // The last arrival of a key is its timed change.
        let arrived: HashMap<&str, f64> = arrivals
            .iter()
            .map(|arrival| (arrival.key(), arrival.at_ms))
            .collect();
        let to_handler = |write: &Timed| Some(arrived.get(write.key.as_str())? - write.sent_ms);
        let mut delays = Delays {
            answer_ms: timed.iter().map(|write| write.answer_ms).collect(),
            handler_ms: timed.iter().filter_map(to_handler).collect(),
        };
        delays.answer_ms.sort_by(f64::total_cmp);
        delays.handler_ms.sort_by(f64::total_cmp);
        delays
    }
}

fn quantile(ascending: &[f64], share: f64) -> Option<f64> {
    let last = ascending.len().checked_sub(1)?;
    ascending
        .get((last as f64 * share).round() as usize)
        .copied()
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn per_second(count: usize, time: Duration) -> String {
    grouped((count as f64 / time.as_secs_f64().max(0.001)) as usize)
}

/// `12,345`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{grouped, outline, quantile};

    #[test]
    fn outlines_are_json() {
        let value = json!({"a": {"b": {"c": [1, 2]}, "d": "x"}, "e": {}});
        let lines = outline(&value, 2);
        let expected = [
            "{",
            r#"  "a": {"#,
            r#"    "b": {"c":[1,2]},"#,
            r#"    "d": "x""#,
            "  },",
            r#"  "e": {}"#,
            "}",
        ];
        assert_eq!(lines, expected);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&lines.concat()).ok(),
            Some(value)
        );
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn quantiles() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 0.5), Some(2.0));
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 0.99), Some(3.0));
    }
}
