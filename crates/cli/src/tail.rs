//! `headwater tail`: follows a table's stream in the terminal.
//!
//! It needs nothing but the DynamoDB and DynamoDB Streams interfaces of a running server; the one extension it
//! uses lets the server hold GetRecords until a record is there.

mod filter;
mod follow;
pub(crate) mod line;
mod link;
mod merge;
mod output;
mod shard;
mod time;

use std::io::{BufWriter, ErrorKind, IsTerminal, stdout};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use headwater_engine::SystemClock;
use headwater_model::Clock;
use serde_json::json;

use self::filter::{Filter, KeyFilter};
use self::follow::{End, Follower};
use self::line::Lines;
use self::link::{Link, note};
use self::output::{Form, Output};
use self::shard::Start;
use self::time::Moment;
use crate::client::{self, Client, ClientError, text};

pub(crate) fn command() -> Command {
    let option =
        |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let command = Command::new("tail")
        .about("Follow a table's stream in the terminal")
        .arg(
            Arg::new("table")
                .value_name("TABLE")
                .required(true)
                .help("The table"),
        )
        .arg(option("from", "WHERE").default_value("latest").help(
            "latest, beginning, a time such as 2026-01-31T12:00:00Z, or how long ago, such as 10m",
        ))
        .arg(
            option("event", "EVENT")
                .action(ArgAction::Append)
                .ignore_case(true)
                .value_parser(["INSERT", "MODIFY", "REMOVE"])
                .help("Only this kind of change; may be given more than once"),
        )
        .arg(option("key", "KEY").help(
            "Only items with this key: TEXT or ATTRIBUTE=TEXT; a * at the end stands for any rest",
        ))
        .arg(
            option("limit", "COUNT")
                .value_parser(value_parser!(u64).range(1..))
                .help("End after so many records"),
        )
        .arg(switch("json").help("Write records as JSON, one on a line, with their shardId"))
        .arg(switch("no-color").help("Plain text; also without a terminal, and with NO_COLOR set"));
    client::with_arguments(command)
}

pub(crate) async fn run(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let client = client::of(matches)?;
    let table = text(matches, "table");
    tokio::select! {
        ended = tail(matches, client, table) => match ended {
            Err(error) if is_broken_pipe(&error) => {}
            other => other?,
        },
        _ = tokio::signal::ctrl_c() => {}
        () = crate::stdout::reader_gone() => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Follows the table's stream, and the one after it, until there is none.
async fn tail(matches: &ArgMatches, client: Client, table: &str) -> anyhow::Result<()> {
    let now_ms = now_ms(&client).await;
    let mut start = start(text(matches, "from"), now_ms)?;
    let mut output = output(matches);
    let mut stream = match latest_stream(&client, table).await? {
        Some(stream) => stream,
        None => bail!("{}", no_stream(table, &client.endpoint())),
    };
    let link = Arc::new(Link::new(client));
    loop {
        let follower = Follower {
            link: link.clone(),
            stream: stream.clone(),
            start,
            began_s: now_ms as f64 / 1000.0,
        };
        if follower.run(&mut output).await? == End::Enough {
            return Ok(());
        }
        match latest_stream(link.client(), table).await {
            Ok(Some(newer)) if newer != stream => {
                note(&format!(
                    "the stream ended; going on with the newer one, {newer}"
                ));
                stream = newer;
                start = Start::Beginning;
            }
            _ => {
                note(&format!(
                    "the stream ended: {}",
                    no_stream(table, &link.client().endpoint())
                ));
                return Ok(());
            }
        }
    }
}

/// The server's time, which may be a test clock; otherwise this machine's.
async fn now_ms(client: &Client) -> u64 {
    let clock = client.own("/_headwater/clock").await.ok();
    let now_ms = clock.and_then(|clock| clock["now_ms"].as_u64());
    now_ms.unwrap_or_else(|| SystemClock.now_ms())
}

fn start(from: &str, now_ms: u64) -> anyhow::Result<Start> {
    match from {
        "latest" => return Ok(Start::Latest),
        "beginning" => return Ok(Start::Beginning),
        _ => {}
    }
    let moment = time::parse(from).with_context(|| {
        format!(
            "--from {from} is no time; expected latest, beginning, a time such as 2026-01-31T12:00:00Z, \
             or how long ago, such as 90s, 10m or 2h"
        )
    })?;
    let ms = match moment {
        Moment::At(ms) => ms,
        Moment::Ago(ms) => i64::try_from(now_ms)?.saturating_sub(ms),
    };
    Ok(Start::At(ms.max(0) as f64 / 1000.0))
}

fn output(matches: &ArgMatches) -> Output {
    let plain = matches.get_flag("no-color")
        || !stdout().is_terminal()
        || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let events = matches.get_many::<String>("event").into_iter().flatten();
    Output {
        filter: Filter {
            events: events.map(|event| event.to_uppercase()).collect(),
            key: matches
                .get_one::<String>("key")
                .map(|text| KeyFilter::new(text)),
        },
        form: match matches.get_flag("json") {
            true => Form::Json,
            false => Form::Line(Lines { colour: !plain }),
        },
        left: matches.get_one::<u64>("limit").copied(),
        out: BufWriter::new(stdout()),
    }
}

/// The ARN of a table's latest stream, which may have been disabled.
async fn latest_stream(client: &Client, table: &str) -> anyhow::Result<Option<String>> {
    match client
        .dynamodb("DescribeTable", &json!({ "TableName": table }))
        .await
    {
        Ok(reply) => Ok(reply["Table"]["LatestStreamArn"]
            .as_str()
            .map(str::to_owned)),
        Err(error) if error.code() == "ResourceNotFoundException" => {
            let reply = client.dynamodb("ListTables", &json!({})).await?;
            let names = reply["TableNames"].as_array().into_iter().flatten();
            let names: Vec<&str> = names.filter_map(|name| name.as_str()).collect();
            let there = match names.is_empty() {
                true => "there are no tables".to_owned(),
                false => format!("the tables there are {}", names.join(", ")),
            };
            bail!("no table {table} at {}; {there}", client.endpoint())
        }
        Err(ClientError::Unreachable { endpoint, source }) => bail!(
            "no server answers at {endpoint} ({source}); start one with `headwater serve`, or name another with \
             --endpoint"
        ),
        Err(error) => Err(error.into()),
    }
}

fn no_stream(table: &str, endpoint: &str) -> String {
    format!(
        "table {table} has no stream; enable one with\n  aws dynamodb update-table --table-name {table} \
         --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES --endpoint-url {endpoint}"
    )
}

pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
