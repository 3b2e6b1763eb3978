//! A handler of stream events, built on `lambda_runtime` as a user would build one.
//!
//! It appends each record's event name and the attribute `v` of its new image to the file that `SEEN`
//! names, one line each, and fails on a record whose `v` is the number in `FAIL_ON`.

use std::fs::OpenOptions;
use std::io::Write;

use aws_lambda_events::dynamodb::{Event, EventRecord};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Event>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    let mut seen = OpenOptions::new()
        .create(true)
        .append(true)
        .open(std::env::var("SEEN")?)?;
    let fail_on = std::env::var("FAIL_ON").ok();
    let mut count = 0;
    for record in &event.records {
        let value = value(record)?;
        writeln!(seen, "{} {value}", record.event_name)?;
        if fail_on.as_deref() == Some(value.as_str()) {
            return Err(format!("told to fail on {value}").into());
        }
        count += 1;
    }
    Ok(json!({"count": count, "request": context.request_id}))
}

/// The bare text of the attribute `v`, or a hyphen.
fn value(record: &EventRecord) -> Result<String, Error> {
    let image = serde_json::to_value(&record.change.new_image)?;
    let number = image.pointer("/v/N").and_then(Value::as_str);
    Ok(number.unwrap_or("-").to_string())
}
