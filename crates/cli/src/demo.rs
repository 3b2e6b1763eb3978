//! `headwater demo`: the whole way in one command. It starts the server, makes a table with a stream and a
//! function that is called for it, plays real rows, and checks that the function had every change, once, in order.

mod airports;
mod check;
mod handler;
mod play;
mod received;
mod report;
mod script;
mod setup;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::{Arg, ArgAction, ArgMatches, Command};

use self::handler::Handler;
use self::received::{Arrival, Received};
use self::report::{Delays, Report};
use self::script::Story;
use crate::client::{Client, Identity};
use crate::huge_pages::SmallPages;
use crate::serve;
use crate::serve::environment;
use crate::settings::{SETTINGS, Settings};
use crate::signals::Signals;
use crate::temporary_folder::{DATA_FOLDER, TemporaryFolder};

pub(crate) fn command() -> Command {
    Command::new("demo")
        .about("Show it all at work: a table, its stream, a function, and 3,376 real rows")
        .long_about(
            "Starts a server, creates a table with a stream, attaches a function that runs a Python or Node.js \
             handler (a compiled-in one if neither is installed), plays 3,376 real rows through inserts, changes, \
             puts without a change and deletes, checks that the handler received each change once and in order, \
             and leaves the server running. Data goes to a temporary folder unless --data is given.",
        )
        .arg(
            Arg::new("once")
                .long("once")
                .action(ArgAction::SetTrue)
                .help("End when it is done, with status 0 if everything was right and 1 if not"),
        )
        .arg(
            Arg::new("handler")
                .long("handler")
                .value_name("KIND")
                .default_value("auto")
                .value_parser(handler::CHOICES)
                .help("What runs the handler"),
        )
        .args(Settings::args())
        .args_conflicts_with_subcommands(true)
        .subcommand(Command::new(handler::COMMAND).hide(true))
}

pub(crate) async fn run(
    matches: &ArgMatches,
    pages: Option<SmallPages>,
) -> anyhow::Result<ExitCode> {
    if matches.subcommand_matches(handler::COMMAND).is_some() {
        return handler::run().await;
    }
    let folder = TemporaryFolder::new()?;
    let settings = settings(matches, folder.path())?;
    serve::start_logging(&settings)?;
    let choice = matches
        .get_one::<String>("handler")
        .map_or("auto", String::as_str);
    let handler = Handler::choose(choice, &settings).await?;
    let mut signals = Signals::listen()?;
    let starting = serve::start(&settings, pages);
    let Some(running) = signals.unless_sent(starting).await else {
        return Ok(serve::broken_off_starting());
    };
    let running = running?;
    let demo = Demo {
        client: client(&running, &settings)?,
        settings: &settings,
        handler,
        received: folder.path().join("received.jsonl"),
    };
    let once = matches.get_flag("once");
    let done = tokio::select! {
        done = demo.play(once) => done,
        () = signals.next() => Ok(Outcome::Interrupted),
    };
    if !once && matches!(done, Ok(Outcome::Right | Outcome::Wrong)) {
        signals.next().await;
    }
    if signals.unless_sent(running.stop()).await.is_none() {
        return Ok(serve::broken_off_stopping());
    }
    Ok(match done? {
        Outcome::Right => ExitCode::SUCCESS,
        Outcome::Interrupted if !once => ExitCode::SUCCESS,
        Outcome::Wrong | Outcome::Interrupted => ExitCode::FAILURE,
    })
}

/// The settings of `serve`, with a temporary data folder unless one is given.
fn settings(matches: &ArgMatches, folder: &Path) -> anyhow::Result<Settings> {
    let settings = Settings::gather(matches, &environment)?;
    let default = SETTINGS.iter().find(|setting| setting.name == "data");
    let default = default.and_then(|setting| setting.default);
    if matches.contains_id("data") || Some(settings.text("data")) != default {
        return Ok(settings);
    }
    let data = folder.join(DATA_FOLDER).to_string_lossy().into_owned();
    Settings::gather(matches, &|name| match name {
        "HEADWATER_DATA" => Some(data.clone()),
        _ => environment(name),
    })
}

fn client(running: &serve::Running, settings: &Settings) -> anyhow::Result<Client> {
    let mut address = running.address;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let identity = Identity {
        access_key: "local".to_owned(),
        region: settings.text("region").to_owned(),
    };
    Ok(Client::new(&format!("http://{address}"), identity)?)
}

/// How the demo ended.
enum Outcome {
    Right,
    Wrong,
    Interrupted,
}

struct Demo<'a> {
    client: Client,
    settings: &'a Settings,
    handler: Handler,
    received: std::path::PathBuf,
}

impl Demo<'_> {
    async fn play(&self, once: bool) -> anyhow::Result<Outcome> {
        let report = Report::new();
        let client = &self.client;
        let stories = Arc::new(stories()?);
        let (stream, shards) = setup::table(client).await?;
        setup::function(client, &self.handler, &self.received).await?;
        let mapping = setup::mapping(client, &stream).await?;
        report.setting(
            &client.endpoint(),
            &self.storage(),
            shards,
            &self.handler.title,
        );

        let begun = Instant::now();
        let took = play::play(client, &stories).await?;
        report.writes(&stories, took);

        let changes: usize = stories.iter().map(|story| story.changes.len()).sum();
        let timed = stories.iter().filter(|story| story.timed.is_some()).count();
        let mut received = Received::new(self.received.clone());
        let mut complete = received.wait_for(changes - timed).await?;
        let caught_up = begun.elapsed();
        let timed_writes = play::play_timed(client, &stories).await?;
        if complete {
            complete = received.wait_for(changes).await?;
        }
        received.settle().await?;
        let delays = Delays::new(&timed_writes, &received.arrivals);
        report.received(&received, caught_up, &delays);
        if let Some(arrival) = sample(&received.arrivals) {
            report.sample(arrival);
        }

        let items = setup::items(client).await?;
        let right = report.checks(&check::checks(&stories, &received.arrivals, &items));
        if !complete {
            report::line(&format!(
                "\nThe handler stopped receiving: {}",
                setup::mapping_result(client, &mapping).await
            ));
        }
        if !once {
            report.connect(&client.endpoint(), self.settings.text("region"));
        }
        Ok(if right {
            Outcome::Right
        } else {
            Outcome::Wrong
        })
    }

    fn storage(&self) -> String {
        let settings = self.settings;
        match settings.text("durability") {
            "memory" => "all in memory".to_owned(),
            durability => format!(
                "data in {} (durability {durability})",
                settings.text("data")
            ),
        }
    }
}

fn stories() -> anyhow::Result<Vec<Story>> {
    let rows = airports::items()?.into_iter().enumerate();
    Ok(rows.map(|(row, item)| Story::new(row, item)).collect())
}

/// A change with both images.
fn sample(arrivals: &[Arrival]) -> Option<&Arrival> {
    arrivals
        .iter()
        .find(|arrival| arrival.record["eventName"] == "MODIFY")
}
