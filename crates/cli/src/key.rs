//! `headwater key`: makes, shows and changes the keys of data folders.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgMatches, Command, value_parser};
use headwater_engine::{key_id, new_user_key, reencrypt, rotate_key};
use headwater_model::Rng;
use zeroize::Zeroizing;

use crate::function_logs::{self, FUNCTIONS_FOLDER};
use crate::keys::{self, KeySource};
use crate::serve::SystemRng;
use crate::stdout;

const NEW_FILE: &str = "new-key-file";
const NEW_RING: &str = "new-key-ring";
/// Bytes after which progress is shown again.
const PROGRESS_BYTES: u64 = 64 << 20;

pub(crate) fn command() -> Command {
    let new_key = || {
        [
            Arg::new(NEW_FILE)
                .long(NEW_FILE)
                .value_name("FILE")
                .help("File with the new key"),
            Arg::new(NEW_RING)
                .long(NEW_RING)
                .value_name("FOLDER")
                .help("Make the new key in this key ring"),
        ]
    };
    Command::new("key")
        .about("Make, show and change the keys of data folders")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("new")
                .about("Make a key: print it, or write it to a file that only you can read")
                .arg(
                    Arg::new("out")
                        .long("out")
                        .value_name("FILE")
                        .value_parser(value_parser!(PathBuf))
                        .help("The file, which must not be there yet"),
                ),
        )
        .subcommand(
            Command::new("show")
                .about("Say with which key a data folder is encrypted")
                .arg(data()),
        )
        .subcommand(
            Command::new("rotate")
                .about("Let a data folder be opened by a new key; no data is written anew")
                .arg(data())
                .args(KeySource::args())
                .args(new_key()),
        )
        .subcommand(
            Command::new("reencrypt")
                .about("Write a stopped store anew under a new data key; encrypts a plain one")
                .arg(data())
                .args(KeySource::args())
                .args(new_key()),
        )
}

fn data() -> Arg {
    Arg::new("data")
        .long("data")
        .value_name("FOLDER")
        .default_value("./headwater-data")
        .value_parser(value_parser!(PathBuf))
        .help("The data folder")
}

pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode> {
    match matches.subcommand() {
        Some(("new", matches)) => new(matches)?,
        Some(("show", matches)) => show(folder(matches)?)?,
        Some(("rotate", matches)) => rotate(matches)?,
        Some(("reencrypt", matches)) => write_anew(matches)?,
        _ => bail!("name what to do: new, show, rotate or reencrypt"),
    }
    Ok(ExitCode::SUCCESS)
}

fn folder(matches: &ArgMatches) -> Result<&Path> {
    let folder = matches.get_one::<PathBuf>("data");
    let folder = folder.context("--data is missing")?;
    if !folder.is_dir() {
        bail!("there is no data folder {}", folder.display());
    }
    Ok(folder)
}

fn new(matches: &ArgMatches) -> Result<()> {
    keys::keep_memory_off_disk();
    let key = new_user_key(&SystemRng)?;
    match matches.get_one::<PathBuf>("out") {
        Some(file) => {
            keys::write_key(file, &key)?;
            stdout::write(&format!("key {} written to {}\n", key.id(), file.display()))?;
        }
        None => {
            let digits = Zeroizing::new(key.to_hex());
            // With all of its room from the beginning: what grows leaves copies behind.
            let mut line = Zeroizing::new(String::with_capacity(digits.len() + 1));
            line.push_str(&digits);
            line.push('\n');
            stdout::write(&line)?;
        }
    }
    Ok(())
}

fn show(folder: &Path) -> Result<()> {
    let name = folder.display();
    let text = match key_id(folder)? {
        Some(id) => format!("{name} is encrypted with the key {id}\n"),
        None => format!("{name} is not encrypted\n"),
    };
    Ok(stdout::write(&text)?)
}

fn new_source(matches: &ArgMatches) -> Result<Option<KeySource>> {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    KeySource::of(text(NEW_FILE), None, text(NEW_RING))
}

fn rotate(matches: &ArgMatches) -> Result<()> {
    let folder = folder(matches)?;
    let old = KeySource::of_matches(matches)?
        .with_context(|| format!("give the present key of {}", folder.display()))?;
    let old = old.present(folder)?;
    let new = new_source(matches)?
        .with_context(|| format!("name the new key with --{NEW_FILE} or --{NEW_RING}"))?;
    let new = new.new_key(folder, &SystemRng)?;
    rotate_key(folder, &old, &new, &SystemRng).map_err(keys::explain_key)?;
    Ok(stdout::write(&format!(
        "{} opens with the key {} from now on; keep the key {} for older copies of the folder\n",
        folder.display(),
        new.id(),
        old.id()
    ))?)
}

fn write_anew(matches: &ArgMatches) -> Result<()> {
    let folder = folder(matches)?;
    let old = match (KeySource::of_matches(matches)?, key_id(folder)?) {
        (Some(source), Some(_)) => Some(source.present(folder)?),
        (Some(_), None) => bail!(
            "{} is not encrypted yet; name the key to encrypt it with by --{NEW_FILE} or --{NEW_RING}",
            folder.display()
        ),
        (None, _) => None,
    };
    let new = match (new_source(matches)?, &old) {
        (Some(source), _) => source.new_key(folder, &SystemRng)?,
        (None, Some(old)) => old.clone(),
        (None, None) => bail!("name the new key with --{NEW_FILE} or --{NEW_RING}"),
    };
    let rng: Arc<dyn Rng> = Arc::new(SystemRng);
    let mut progress = Progress::default();
    let written = reencrypt(folder, old.as_ref(), &new, &rng, &mut |bytes| {
        progress.add(bytes);
    })
    .map_err(keys::explain)?;
    progress.end();
    // Whatever becomes of the output.
    let removed = function_logs::remove(&folder.join(FUNCTIONS_FOLDER));
    stdout::write(&format!(
        "{} segments with {} entries and {} bytes of state written anew; {} opens with the key {}\n",
        written.segments,
        written.entries,
        written.state_bytes,
        folder.display(),
        new.id()
    ))?;
    removed?;
    if old.is_none() {
        stdout::write(
            "logs of functions are removed; those in a folder given by --functions-folder go at the next start\n",
        )?;
    }
    Ok(())
}

/// Says on a terminal how many bytes were copied.
#[derive(Default)]
struct Progress {
    bytes: u64,
    shown: u64,
}

impl Progress {
    fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        if self.bytes - self.shown >= PROGRESS_BYTES && std::io::stderr().is_terminal() {
            self.shown = self.bytes;
            eprint!("\r{} MB", self.bytes >> 20);
            // Progress that is not shown is no reason to stop.
            let _ = std::io::stderr().flush();
        }
    }

    fn end(&self) {
        if self.shown > 0 {
            eprintln!();
        }
    }
}
