//! `headwater apply`: what a SAM, CloudFormation or Serverless Framework template says of tables, streams, functions
//! and mappings is applied to a running server, through the interfaces that every client uses.
//!
//! Read, resolve, compare, do: [`template`] reads the file, [`resolve`] knows what references stand for, [`sam`] makes
//! of it what is [`desired`], [`plan`] compares that with what [`look`] found, and [`run`] does what is left to do.

mod code;
mod desired;
mod late;
mod look;
mod plan;
mod resolve;
mod run;
mod sam;
mod serverless;
mod template;
mod yaml;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};

use self::desired::Desired;
use self::plan::Plan;
use self::resolve::Place;
use self::template::{Form, Template};
use crate::client::{self, Client, ClientError};
use crate::stdout::{self, Lines};

/// The exit status of `--plan --detailed-exitcode` if there is something to do.
const CHANGES: u8 = 2;
/// Said when all is done.
const NOT_WRITTEN: &str = "what was done could not be written to standard output";

pub(crate) fn command() -> Command {
    let option =
        |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let command = Command::new("apply")
        .about("Apply the tables, functions and mappings of a SAM, CloudFormation or serverless.yml template")
        .arg(
            Arg::new("template")
                .value_name("FILE")
                .required(true)
                .help("The template: YAML or JSON"),
        )
        .arg(
            option("parameter", "NAME=VALUE")
                .action(ArgAction::Append)
                .help("A parameter of the template, an option of serverless.yml; may be given more than once"),
        )
        .arg(option("stack", "NAME").help(
            "Name of the stack, with which names of resources begin; otherwise that of the template's folder",
        ))
        .arg(switch("plan").help("Print what would be done, and do nothing"))
        .arg(
            switch("detailed-exitcode")
                .requires("plan")
                .help("With --plan, end with status 2 if there is something to do"),
        );
    client::with_arguments(command)
}

pub(crate) async fn run(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let client = client::of(matches)?;
    let path = client::text(matches, "template");
    let template = template::read(Path::new(path))?;
    let given = parameters(matches)?;
    let region = client::text(matches, "region");
    let stack = client::text(matches, "stack");
    let place = look::place(&client, stack, region).await;
    let mut place = place.map_err(advised)?;
    let mut desired = read(&template, &given, &mut place)?;
    if !desired.faults.is_empty() {
        for fault in &desired.faults {
            stdout::note(&fault.to_string());
        }
        bail!("{path} can't be applied; nothing was changed");
    }
    let actual = look::look(&client, &desired).await.map_err(advised)?;
    let streams = plan::streams(&desired, &actual);
    desired.fill(&streams);
    let plan = plan::plan(&desired, &actual);
    let mut lines = Lines::default();
    print(&plan, &desired, &place.stack, &client, &mut lines);
    if plan.is_refused() {
        bail!("{path} can't be applied; nothing was changed");
    }
    if matches.get_flag("plan") {
        lines.end().context(NOT_WRITTEN)?;
        let detailed = matches.get_flag("detailed-exitcode");
        return Ok(match detailed && plan.has_changes() {
            true => ExitCode::from(CHANGES),
            false => ExitCode::SUCCESS,
        });
    }
    let outcome = run::run(&client, &plan, &place.stack, streams, &mut lines).await;
    lines.write(&format!(
        "{} created, {} updated, {} unchanged, {} ignored{}",
        outcome.created,
        outcome.updated,
        outcome.unchanged,
        desired.ignored.len(),
        match outcome.failed {
            0 => String::new(),
            failed => format!(", {failed} FAILED"),
        }
    ));
    lines.end().context(NOT_WRITTEN)?;
    Ok(match outcome.failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// What the template asks for. A stack that was not named gets its name.
fn read(
    template: &Template,
    given: &BTreeMap<String, String>,
    place: &mut Place,
) -> anyhow::Result<Desired> {
    let name = |place: &mut Place, stack: &str| {
        if place.stack.is_empty() {
            stack.clone_into(&mut place.stack);
        }
    };
    match template.form {
        Form::CloudFormation => {
            let declared = &template.tree["Parameters"];
            if let Some(name) = given.keys().find(|name| declared[name.as_str()].is_null()) {
                bail!("the template has no parameter {name}");
            }
            name(place, &template.stack);
            Ok(sam::read(&template.tree, &template.folder, given, place))
        }
        Form::Serverless => {
            let environment = |name: &str| std::env::var(name).ok();
            let file = |path: &str| template::beside(&template.folder, path);
            let outside = serverless::Outside {
                options: given,
                environment: &environment,
                file: &file,
                place,
            };
            let converted = serverless::convert(&template.tree, &outside);
            let converted = converted.map_err(anyhow::Error::msg)?;
            name(place, &converted.stack);
            // Options are no parameters of CloudFormation.
            let none = BTreeMap::new();
            let mut desired = sam::read(&converted.template, &template.folder, &none, place);
            desired.ignored.splice(0..0, converted.ignored);
            Ok(desired)
        }
    }
}

fn parameters(matches: &ArgMatches) -> anyhow::Result<BTreeMap<String, String>> {
    let given = matches
        .get_many::<String>("parameter")
        .into_iter()
        .flatten();
    given
        .map(|pair| {
            let pair = pair.split_once('=').with_context(|| {
                format!("--parameter {pair} is no parameter; expected NAME=VALUE")
            });
            pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
        })
        .collect()
}

fn print(plan: &Plan<'_>, desired: &Desired, stack: &str, client: &Client, lines: &mut Lines) {
    let mut text = format!("stack {stack} at {}\n{plan}", client.endpoint());
    for note in &desired.ignored {
        text.push_str(&format!("  ignored {note}\n"));
    }
    lines.write(&text);
}

fn advised(error: ClientError) -> anyhow::Error {
    match error {
        ClientError::Unreachable { endpoint, source } => anyhow::anyhow!(
            "no server answers at {endpoint} ({source}); start one with `headwater serve`, or name another with \
             --endpoint"
        ),
        error => error.into(),
    }
}
