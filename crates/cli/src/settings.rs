//! The settings: one table, from which flags, environment names, the file's keys, the help and the page
//! docs/guide/settings.md are made. A flag goes before the environment, that before the file, that before
//! the default.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, bail};
use clap::{Arg, ArgAction, ArgMatches};
use headwater_triggers::Url;

/// What a setting's value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number in this range.
    Number(u64, u64),
    /// `true` or `false`; the bare flag means `true`.
    Switch,
    /// A whole number with `ms`, `s`, `m`, `h` or `d`.
    Duration,
    /// The same, from one up to another such text.
    DurationFrom(&'static str, &'static str),
    /// The same, with a minus before it for a time that is gone.
    Offset,
    /// An address with `http` or `https`.
    Url,
}

/// One setting.
pub(crate) struct Setting {
    /// Name of the flag, and key in the file.
    pub(crate) name: &'static str,
    /// What stands for the value in the help.
    pub(crate) value: &'static str,
    pub(crate) kind: Kind,
    /// `None`: unset unless given.
    pub(crate) default: Option<&'static str>,
    pub(crate) help: &'static str,
}

const fn setting(
    name: &'static str,
    value: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    help: &'static str,
) -> Setting {
    Setting {
        name,
        value,
        kind,
        default,
        help,
    }
}

/// Every setting of `headwater serve`.
pub(crate) const SETTINGS: &[Setting] = &[
    setting(
        "listen",
        "ADDRESS",
        Kind::Text,
        Some("127.0.0.1:8000"),
        "Address and port to serve on; port 0 takes a free one",
    ),
    setting(
        "data",
        "FOLDER",
        Kind::Text,
        Some("./headwater-data"),
        "Data folder; made if it is missing",
    ),
    setting(
        "durability",
        "MODE",
        Kind::Word(&["sync", "interval", "memory"]),
        Some("sync"),
        "sync: acknowledged means on disk. interval: on disk within the sync interval. memory: nothing is kept on disk",
    ),
    setting(
        "sync-interval",
        "TIME",
        Kind::Duration,
        Some("100ms"),
        "Longest time between two syncs with durability interval",
    ),
    setting(
        "encryption-key-file",
        "FILE",
        Kind::Text,
        None,
        "Encrypt all that is written with the key in this file: 64 hexadecimal digits, or 32 bytes in base64 (`headwater key new` makes one)",
    ),
    setting(
        "encryption-key",
        "KEY",
        Kind::Text,
        None,
        "The same with the key itself; better given by the environment, because others can see flags",
    ),
    setting(
        "encryption-key-ring",
        "FOLDER",
        Kind::Text,
        None,
        "The same with a key that the server makes and keeps in this folder, which must lie outside of the data folder",
    ),
    setting(
        "region",
        "NAME",
        Kind::Text,
        Some("us-east-1"),
        "Region in ARNs when a request names none in its credential scope",
    ),
    setting(
        "account-id",
        "DIGITS",
        Kind::Text,
        Some("000000000000"),
        "Twelve-digit account id in ARNs",
    ),
    setting(
        "separate-namespaces",
        "",
        Kind::Switch,
        Some("false"),
        "Keep the tables and functions of different access keys and regions apart; functions get the access key that they were created with",
    ),
    setting(
        "transition-time",
        "TIME",
        Kind::Duration,
        Some("0ms"),
        "How long CREATING, UPDATING, DELETING, ENABLING and DISABLING last; with 0 the answer names them and the next look finds them over",
    ),
    setting(
        "ttl-interval",
        "TIME",
        Kind::Duration,
        Some("1s"),
        "Time between two looks for items whose time to live is over",
    ),
    setting(
        "stream-retention",
        "TIME",
        Kind::Duration,
        Some("24h"),
        "How long stream records are kept, unless a table's tag headwater:stream-retention-hours says otherwise",
    ),
    setting(
        "shard-age",
        "TIME",
        Kind::Duration,
        Some("4h"),
        "Age at which a shard is closed and a child goes on",
    ),
    setting(
        "shards",
        "COUNT",
        Kind::Number(1, 1024),
        None,
        "Open shards of a new stream; unset: 4 for on-demand tables, 1 per 1000 write units for provisioned ones",
    ),
    setting(
        "iterator-age",
        "TIME",
        Kind::DurationFrom("1s", "365d"),
        Some("15m"),
        "How long a shard iterator holds, 15 minutes on AWS; more for readers that are stopped in a debugger",
    ),
    setting(
        "reader-throttling",
        "",
        Kind::Switch,
        Some("false"),
        "Refuse more than 5 GetRecords calls per second and shard, as AWS does",
    ),
    setting(
        "enforce-throughput",
        "",
        Kind::Switch,
        Some("false"),
        "Refuse what exceeds the provisioned throughput of tables and global indexes, or the maxima of on-demand ones, with up to 300 seconds of unused capacity for bursts, as AWS does",
    ),
    setting(
        "item-collection-bytes-max",
        "BYTES",
        Kind::Number(0, 1 << 50),
        Some("10737418240"),
        "Most bytes of the items with one partition key and of their entries in local indexes, of tables that have such; what would make them more is refused with ItemCollectionSizeLimitExceededException; 0 sets no limit",
    ),
    setting(
        "test-clock",
        "",
        Kind::Switch,
        Some("false"),
        "Run on a clock that tests move with POST /_headwater/clock {\"advance_ms\": N}",
    ),
    setting(
        "test-clock-offset",
        "TIME",
        Kind::Offset,
        Some("0ms"),
        "With --test-clock: how far from the real time the clock begins, such as 1h or -1h (written with =)",
    ),
    setting(
        "cache-mb",
        "MB",
        Kind::Number(1, 1 << 20),
        Some("256"),
        "Most memory for cached items, and for blocks of the state store and what is not in one yet",
    ),
    setting(
        "pending-mb",
        "MB",
        Kind::Number(1, 1 << 14),
        Some("32"),
        "Most memory for values that are in the log and not yet in the state; writers wait past it, as wait-max says",
    ),
    setting(
        "disk-reserve-mb",
        "MB",
        Kind::Number(0, 1 << 20),
        Some("256"),
        "Free space on the disk of the data folder below which writes are refused, until there is an eighth more; 0 uses up all of it",
    ),
    setting(
        "connections-max",
        "COUNT",
        Kind::Number(1, 1 << 20),
        Some("10000"),
        "Most connections at once; further ones wait to be accepted. Lowered if the system allows too few open files",
    ),
    setting(
        "request-timeout",
        "TIME",
        Kind::Duration,
        Some("60s"),
        "Longest time that a client may take to send a request, and longest time in which it reads less than 64 KB of a reply, or less than an eighth of a large one",
    ),
    setting(
        "wait-max",
        "TIME",
        Kind::Duration,
        Some("2s"),
        "Longest time that a request waits for its turn (room for a write, memory for a body, a processor); then it is refused with ThrottlingException, which SDKs send again",
    ),
    setting(
        "writes-max",
        "COUNT",
        Kind::Number(1, 1 << 20),
        Some("4096"),
        "Most writes at once; further ones are refused with ThrottlingException",
    ),
    setting(
        "bodies-mb",
        "MB",
        Kind::Number(72, 1 << 20),
        Some("512"),
        "Most memory for request bodies over 16 KB; further ones wait, as wait-max says",
    ),
    setting(
        "replies-mb",
        "MB",
        Kind::Number(1, 1 << 20),
        Some("256"),
        "Most memory for replies that are not sent yet; past it requests are refused with ThrottlingException",
    ),
    setting(
        "functions-folder",
        "FOLDER",
        Kind::Text,
        None,
        "Where function code is unpacked; unset: within the data folder, or a temporary folder with durability memory",
    ),
    setting(
        "function-code",
        "KIND",
        Kind::Word(&["all", "packages", "none"]),
        Some("all"),
        "What functions may be. all: packages, folders and programs of this machine, and functions elsewhere. packages: zip files in requests alone. none: no function is given code, and none runs",
    ),
    setting(
        "python",
        "PROGRAM",
        Kind::Text,
        None,
        "Python interpreter for python functions, which must have awslambdaric; unset: the one of the runtime name, then python3",
    ),
    setting(
        "node",
        "PROGRAM",
        Kind::Text,
        None,
        "Node.js for nodejs functions; unset: node",
    ),
    setting(
        "function-processes-max",
        "COUNT",
        Kind::Number(1, 4096),
        Some("64"),
        "Most function processes at once",
    ),
    setting(
        "sqs-endpoint",
        "URL",
        Kind::Url,
        None,
        "Where the SQS queues are to which mappings send batches that are given up, such as http://127.0.0.1:4566; unset: such batches go into the dead-letter store. Requests are signed with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the server's environment, or with `local`",
    ),
    setting(
        "sns-endpoint",
        "URL",
        Kind::Url,
        None,
        "The same for SNS topics",
    ),
    setting(
        "s3-endpoint",
        "URL",
        Kind::Url,
        None,
        "The same for S3 buckets, whose names go into the path; exports and imports use them too",
    ),
    setting(
        "buckets-folder",
        "FOLDER",
        Kind::Text,
        None,
        "Where S3 buckets are for ExportTableToPointInTime and ImportTable: each folder in it is the bucket of its name, and holds its objects as files. Other buckets are those of --s3-endpoint; with neither these operations are refused",
    ),
    setting(
        "kinesis-endpoint",
        "URL",
        Kind::Url,
        None,
        "Where the Kinesis streams are to which EnableKinesisStreamingDestination sends the changes of a table; unset: that is refused. Signed as with --sqs-endpoint",
    ),
    setting(
        "destination-timeout",
        "TIME",
        Kind::Duration,
        Some("10s"),
        "How long a batch that is given up may try to get to its destination before it goes into the dead-letter store; its lane waits meanwhile",
    ),
    setting(
        "console-hosts",
        "NAMES",
        Kind::Text,
        None,
        "Names under which browsers may use the server, with commas between; addresses, localhost and the name of the machine always may, and from other machines names without a dot and names of reserved zones such as .local",
    ),
    setting(
        "console-folder",
        "FOLDER",
        Kind::Text,
        None,
        "Serve the console's files from this folder instead of the built-in ones, for those who work on it",
    ),
    setting(
        "log-level",
        "LEVEL",
        Kind::Text,
        Some("warn"),
        "error, warn, info, debug or trace, or a filter such as headwater_triggers=debug",
    ),
    setting(
        "log-format",
        "FORMAT",
        Kind::Word(&["text", "json"]),
        Some("text"),
        "Form of the log on standard error",
    ),
];

/// Values of all settings that are set.
#[derive(Clone)]
pub(crate) struct Settings(BTreeMap<&'static str, String>);

/// The names alone: there may be a key among the values.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Settings {
    /// The flags of all settings, and `--config`.
    pub(crate) fn args() -> Vec<Arg> {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .help("TOML file with settings, keys as the flags [env: HEADWATER_CONFIG]");
        SETTINGS
            .iter()
            .map(|setting| {
                let arg = Arg::new(setting.name)
                    .long(setting.name)
                    .help(help(setting));
                match setting.kind {
                    Kind::Switch => arg
                        .num_args(0..=1)
                        .require_equals(true)
                        .default_missing_value("true")
                        .value_name("true|false"),
                    _ => arg.action(ArgAction::Set).value_name(setting.value),
                }
            })
            .chain([config])
            .collect()
    }

    /// Gathers the values from flags, environment, file and defaults, and checks each.
    pub(crate) fn gather(
        flags: &ArgMatches,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Self> {
        let config = flags
            .get_one::<String>("config")
            .cloned()
            .or_else(|| environment("HEADWATER_CONFIG"));
        let file = match &config {
            Some(path) => read_file(Path::new(path))?,
            None => toml::Table::new(),
        };
        let mut values = BTreeMap::new();
        for setting in SETTINGS {
            let variable = environment_name(setting.name);
            let (value, origin) = if let Some(value) = flags.get_one::<String>(setting.name) {
                (value.clone(), format!("--{}", setting.name))
            } else if let Some(value) = environment(&variable) {
                (value, variable)
            } else if let Some(value) = file.get(setting.name) {
                (
                    plain(value),
                    format!("{} in the settings file", setting.name),
                )
            } else if let Some(default) = setting.default {
                (default.to_owned(), setting.name.to_owned())
            } else {
                continue;
            };
            check(setting, &value).with_context(|| format!("{origin} {value}"))?;
            values.insert(setting.name, value);
        }
        Ok(Settings(values))
    }

    /// The text of a setting; empty if it is unset.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The text of a setting, if it is set, be it to nothing.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The address of a setting, if it is set.
    pub(crate) fn url(&self, name: &str) -> Option<Url> {
        Url::parse(self.text(name)).ok()
    }

    /// The number of a setting, if it is set.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.text(name).parse().ok()
    }

    /// Whether a switch is on.
    pub(crate) fn switch(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// The milliseconds of a duration.
    pub(crate) fn duration_ms(&self, name: &str) -> u64 {
        duration_ms(self.text(name)).unwrap_or(0)
    }

    /// The milliseconds of an offset.
    pub(crate) fn offset_ms(&self, name: &str) -> i64 {
        offset_ms(self.text(name)).unwrap_or(0)
    }
}

fn help(setting: &Setting) -> String {
    let default = setting
        .default
        .map_or(String::new(), |default| format!(" [default: {default}]"));
    format!(
        "{}{default} [env: {}]",
        setting.help,
        environment_name(setting.name)
    )
}

fn environment_name(name: &str) -> String {
    format!("HEADWATER_{}", name.to_uppercase().replace('-', "_"))
}

fn read_file(path: &Path) -> anyhow::Result<toml::Table> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the settings file {} can't be read", path.display()))?;
    // Without the line that the parser would show: it may hold a key.
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let before = text.bytes().take(error.span().map_or(0, |span| span.start));
        let line = before.filter(|byte| *byte == b'\n').count() + 1;
        anyhow::anyhow!(
            "the settings file {} is not TOML: line {line}: {}",
            path.display(),
            error.message()
        )
    })?;
    for key in table.keys() {
        if !SETTINGS.iter().any(|setting| setting.name == key) {
            bail!(
                "the settings file {} has {key}, which is no setting; `headwater serve --help` lists them",
                path.display()
            );
        }
    }
    Ok(table)
}

fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn check(setting: &Setting, value: &str) -> anyhow::Result<()> {
    match setting.kind {
        Kind::Text => {}
        Kind::Word(words) if words.contains(&value) => {}
        Kind::Word(words) => bail!("expected one of {}", words.join(", ")),
        Kind::Number(least, most) => match value.parse::<u64>() {
            Ok(number) if (least..=most).contains(&number) => {}
            _ => bail!("expected a whole number from {least} to {most}"),
        },
        Kind::Switch if matches!(value, "true" | "false") => {}
        Kind::Switch => bail!("expected true or false"),
        Kind::DurationFrom(least, most) => {
            let among = duration_ms(least)..=duration_ms(most);
            let given = duration_ms(value);
            if given.is_none() || !among.contains(&given) {
                bail!("expected a time from {least} to {most}, such as 500ms, 30s, 5m, 24h or 7d");
            }
        }
        Kind::Duration if duration_ms(value).is_some() => {}
        Kind::Duration => bail!("expected a time such as 500ms, 30s, 5m, 24h or 7d"),
        Kind::Offset if offset_ms(value).is_some() => {}
        Kind::Offset => bail!("expected a time such as 500ms, 30s or 24h, or -500ms"),
        Kind::Url => drop(Url::parse(value).context("expected an address")?),
    }
    Ok(())
}

/// Milliseconds of a text such as `90s`.
pub(crate) fn duration_ms(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit_ms)
}

/// Milliseconds of a text such as `-90s`.
fn offset_ms(text: &str) -> Option<i64> {
    let (sign, length) = match text.strip_prefix('-') {
        Some(length) => (-1, length),
        None => (1, text),
    };
    let length_ms = i64::try_from(duration_ms(length)?).ok()?;
    Some(sign * length_ms)
}

/// The page docs/guide/settings.md.
pub(crate) fn markdown() -> String {
    let mut out = String::from(
        "# Settings\n\nFlags of `headwater serve`; the same names are keys of the file that `--config` names \
         (TOML). A flag goes before the environment, that before the file, that before the default. This page \
         is printed by `headwater settings`.\n\n| flag | environment | default | meaning |\n|---|---|---|---|\n",
    );
    for setting in SETTINGS {
        let value = match setting.kind {
            Kind::Switch => String::new(),
            Kind::Word(words) => format!(" {}", words.join("\\|")),
            _ => format!(" {}", setting.value),
        };
        let _ = writeln!(
            out,
            "| `--{}{value}` | `{}` | {} | {} |",
            setting.name,
            environment_name(setting.name),
            setting
                .default
                .map_or("unset".to_owned(), |default| format!("`{default}`")),
            setting.help.replace('|', "\\|"),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{SETTINGS, Settings, duration_ms, markdown, offset_ms};

    fn gather(flags: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<Settings> {
        let command = clap::Command::new("serve").args(Settings::args());
        let matches = command.try_get_matches_from([&["serve"], flags].concat())?;
        Settings::gather(&matches, &|name| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn flags_go_before_environment_before_file_before_default() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("headwater.toml");
        std::fs::write(
            &path,
            "region = \"file\"\naccount-id = \"111111111111\"\nshards = 2\n",
        )?;
        let config = path.to_string_lossy().into_owned();
        let settings = gather(
            &["--region", "flag", "--config", &config, "--test-clock"],
            &[
                ("HEADWATER_REGION", "env"),
                ("HEADWATER_ACCOUNT_ID", "222222222222"),
            ],
        )?;
        assert_eq!(settings.text("region"), "flag");
        assert_eq!(settings.text("account-id"), "222222222222");
        assert_eq!(settings.number("shards"), Some(2));
        assert_eq!(settings.text("durability"), "sync");
        assert!(settings.switch("test-clock"));
        Ok(())
    }

    #[test]
    fn wrong_values_are_named_with_what_was_expected() {
        for (flag, value, expected) in [
            ("--durability", "disk", "one of sync, interval, memory"),
            ("--shards", "0", "from 1 to 1024"),
            ("--stream-retention", "1 day", "a time such as"),
            ("--iterator-age", "0s", "a time from 1s to 365d"),
            ("--iterator-age", "366d", "a time from 1s to 365d"),
            ("--iterator-age", "15", "a time from 1s to 365d"),
            ("--test-clock-offset", "--1s", "-500ms"),
            ("--sqs-endpoint", "localhost:4566", "http:// or https://"),
        ] {
            let error = gather(&[&format!("{flag}={value}")], &[]).expect_err(value);
            let text = format!("{error:#}");
            assert!(text.contains(expected) && text.contains(flag), "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, ms) in [
            ("5ms", Some(5)),
            ("2s", Some(2_000)),
            ("1d", Some(86_400_000)),
            ("5", None),
            ("h", None),
        ] {
            assert_eq!(duration_ms(text), ms, "{text}");
            assert_eq!(offset_ms(text), ms.map(u64::cast_signed), "{text}");
            let gone = ms.map(|ms| -ms.cast_signed());
            assert_eq!(offset_ms(&format!("-{text}")), gone, "-{text}");
        }
    }

    #[test]
    fn the_settings_page_is_current() {
        let page = include_str!("../../../docs/guide/settings.md");
        assert!(
            page == markdown(),
            "write it anew: headwater settings > docs/guide/settings.md"
        );
        assert!(SETTINGS.len() > 10);
    }
}
