//! What is aimed at, on a machine with two cores and the driver on the same cores.

use crate::dynamodb_local::NAME;
use crate::growth;
use crate::long;
use crate::report::{Aim, Report, Row};
use crate::rows::small_items::Kind;
use crate::rows::{drain, encrypted, function, get, hot_item, put, query, start, visible};

/// All aims, with what the report holds on each.
pub fn check(report: &Report) -> Vec<Aim> {
    if report.row(long::REOPEN_ROW).is_some() {
        return of_long_runs(report);
    }
    let mut aims = of_every_run(report);
    if report.rows.iter().any(|row| row.name.starts_with(NAME)) {
        aims.extend(beside_dynamodb_local(report));
    }
    aims
}

/// The aims of a run in which a table has grown to so many items.
pub fn of_growth(report: &Report, items: usize) -> Vec<Aim> {
    let slower = |kind| {
        let row = report.row(&growth::row_name(kind, items))?;
        row.floor_share.map(|share| 1.0 / share)
    };
    let aim = |kind, text| Aim::at_most(text, slower(kind), 1.5, "x");
    vec![
        aim(
            Kind::Put,
            "put on the table that grew: no more than 1.5 times slower",
        ),
        aim(
            Kind::Get,
            "get on the table that grew: no more than 1.5 times slower",
        ),
        aim(
            Kind::Query,
            "query on the table that grew: no more than 1.5 times slower",
        ),
    ]
}

fn beside_dynamodb_local(report: &Report) -> Vec<Aim> {
    let times = |name: &str| {
        let ours = report.row(name)?.rate?;
        let theirs = report.row(&format!("{NAME}{name}"))?.rate?;
        Some(ours / theirs)
    };
    let aim = |text, name, bound| Aim::at_least(text, times(name), bound, "x");
    vec![
        aim(
            "put with both images: 40 x DynamoDB Local",
            put::STREAMED_ROW,
            40.0,
        ),
        aim("get: 2 x DynamoDB Local", get::ROW, 2.0),
        aim("query: 3 x DynamoDB Local", query::ROW, 3.0),
        aim("drain: 3 x DynamoDB Local", drain::ROW, 3.0),
    ]
}

fn of_long_runs(report: &Report) -> Vec<Aim> {
    let value = |name| report.row(name)?.value.map(|(value, _)| value);
    let small = report.row(long::SMALL_ROW).and_then(|row| row.rate);
    let large = report.row(long::LARGE_ROW).and_then(|row| row.rate);
    let sustained = report.row(long::SUSTAINED_ROW).and_then(|row| row.latency);
    vec![
        Aim::at_most(
            "put on the large table: no more than 1.5 times slower",
            small.zip(large).map(|(small, large)| small / large),
            1.5,
            "x",
        ),
        Aim::at_most(
            "sustained puts: p99.9 no more than 10 x p50",
            sustained.map(|latency| latency.p999 / latency.p50),
            10.0,
            "x",
        ),
        Aim::at_most(
            "trimming a day of log: under 50 ms",
            value(long::TRIM_ROW),
            50.0,
            "ms",
        ),
        Aim::at_most(
            "reopen after kill -9: under 2 s",
            value(long::REOPEN_ROW).map(|ms| ms / 1000.0),
            2.0,
            "s",
        ),
    ]
}

fn of_every_run(report: &Report) -> Vec<Aim> {
    let rate = |name| report.row(name).and_then(|row| row.rate);
    let share = |name| report.row(name).and_then(|row| row.floor_share);
    let written = |name| report.row(name).and_then(|row| row.written);
    let value = |name| {
        report
            .row(name)
            .and_then(|row| row.value)
            .map(|(value, _)| value)
    };
    let p50_ms = |name| report.row(name).and_then(p50_ms_of);
    let streamed = share(put::STREAMED_ROW);
    let against_plain = rate(put::STREAMED_ROW).zip(rate(put::PLAIN_ROW));
    let function = [function::NODE_ROW, function::COMPILED_ROW];
    let function = function.into_iter().filter_map(p50_ms).reduce(f64::min);
    vec![
        Aim::at_least(
            "put with both images: at least 0.25 of the HTTP floor",
            streamed,
            0.25,
            "x",
        ),
        Aim::at_least(
            "put with both images: 0.40 of the HTTP floor is wanted",
            streamed,
            0.40,
            "x",
        ),
        Aim::at_least(
            "put with both images: at least 0.90 of put without a stream",
            against_plain.map(|(streamed, plain)| streamed / plain),
            0.90,
            "x",
        ),
        Aim::at_least(
            "get: at least 0.50 of the HTTP floor",
            share(get::ROW),
            0.50,
            "x",
        ),
        Aim::at_least(
            "put with both images, encrypted: at least 0.90 of without a key",
            rate(encrypted::PUT_ROW)
                .zip(rate(encrypted::PLAIN_PUT_ROW))
                .map(|(encrypted, plain)| encrypted / plain),
            0.90,
            "x",
        ),
        Aim::at_least(
            "get, encrypted: at least 0.90 of without a key",
            rate(encrypted::GET_ROW)
                .zip(rate(encrypted::PLAIN_GET_ROW))
                .map(|(encrypted, plain)| encrypted / plain),
            0.90,
            "x",
        ),
        Aim::at_least(
            "drain: at least 150,000 records/s",
            rate(drain::ROW),
            150_000.0,
            "/s",
        ),
        Aim::at_most(
            "acknowledged to visible: p50 under 1 ms",
            p50_ms(visible::ROW),
            1.0,
            "ms",
        ),
        Aim::at_most(
            "changed to function: p50 under 5 ms, warm",
            function,
            5.0,
            "ms",
        ),
        Aim::at_least(
            "one hot item: at least 15,000 updates/s",
            rate(hot_item::ROW),
            15_000.0,
            "/s",
        ),
        Aim::at_most(
            "put with both images: no more than 6 KB written each",
            written(put::STREAMED_ROW).map(|bytes| bytes / 1024.0),
            6.0,
            "KB",
        ),
        Aim::at_most(
            "cold start: under 30 ms",
            value(start::START_ROW),
            30.0,
            "ms",
        ),
        Aim::at_most(
            "idle: under 25 MB resident",
            value(start::MEMORY_ROW),
            25.0,
            "MB",
        ),
    ]
}

fn p50_ms_of(row: &Row) -> Option<f64> {
    row.latency.map(|latency| latency.p50 / 1000.0)
}
