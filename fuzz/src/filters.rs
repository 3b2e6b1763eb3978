//! Filter patterns of event source mappings.
//!
//! An input is a line with the pattern, then the event; without one it is matched against a record.

use std::time::{Duration, Instant};

use headwater_expression::filter::{FOUND_CHARS_MAX, Filters};

const EVENT: &[u8] = br#"{"eventID":"0f","eventName":"MODIFY","awsRegion":"us-east-1","dynamodb":{"ApproximateCreationDateTime":1732012345.0,"Keys":{"pk":{"S":"a"}},"NewImage":{"pk":{"S":"a"},"n":{"N":"101"},"t":{"SS":["x","y"]},"l":{"L":[{"M":{"a":{"S":"10.0.0.7"},"b":{"N":"1"}}},{"M":{"a":{"S":"y"}}}]}},"SizeBytes":70}}"#;

/// Far more than a few kilobytes of pattern and event may take, instrumented and on a busy machine.
const TIME_MAX: Duration = Duration::from_secs(20);

/// A pattern and an event. What is explained is what matching says, within its bounds and in bounded time.
pub(crate) fn filter_pattern(data: &[u8]) {
    let began = Instant::now();
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let Some(Ok(pattern)) = lines.next().map(std::str::from_utf8) else {
        return;
    };
    let event = lines.next().unwrap_or(EVENT);
    match Filters::parse(&[pattern]) {
        Ok(filters) => matched(&filters, event),
        Err(error) => assert!(!error.reason().is_empty() && error.filter() == Some(0)),
    }
    assert!(began.elapsed() < TIME_MAX);
}

fn matched(filters: &Filters, event: &[u8]) {
    let matches = filters.matches(event);
    // Matching does not look at what no pattern names, so it takes more events.
    let Ok(explained) = filters.explain(event) else {
        return;
    };
    assert_eq!(matches, Ok(explained.matches));
    let rules = &explained.patterns[0].rules;
    assert_eq!(rules.len(), filters.rules());
    let has_alternatives = rules.iter().any(|rule| rule.path.contains("$or"));
    for rule in rules {
        assert!(rule.found.chars().count() <= FOUND_CHARS_MAX);
        assert!(rule.matches || has_alternatives || !explained.matches);
    }
}
