//! `headwater serve`: puts the rooms together, serves until a signal, and stops cleanly.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{ArgMatches, Command};
use headwater_engine::{
    Database, Durability, EngineOptions, StorageOptions, SystemClock, TestClock, UserKey,
};
use headwater_model::{Clock, Rng};
use headwater_operations::{Api, ApiOptions};
use headwater_server::{AdvanceClock, ConsoleSettings, Server, ServerSettings};
use headwater_transfers::{BucketSettings, S3Settings, Transfers};
use headwater_triggers::functions::{AllowedCode, CodeStore, Launcher, RuntimeSettings, Runtimes};
use headwater_triggers::{DestinationSettings, Triggers, TriggersSettings};
use headwater_wire::sigv4::Credentials;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cold_reads::cold_reads;
use crate::function_logs::{self, FUNCTIONS_FOLDER};
use crate::huge_pages::SmallPages;
use crate::keys::{self, KEY_FILE, KEY_RING, KEY_TEXT, KeySource};
use crate::open_files;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::stdout;
use crate::temporary_folder::TemporaryFolder;

/// How long requests in flight may take to finish when the server stops.
const DRAIN: Duration = Duration::from_secs(10);

pub(crate) fn command() -> Command {
    Command::new("serve")
        .about("Serve DynamoDB, DynamoDB Streams and the Lambda interface on one port")
        .args(Settings::args())
}

pub(crate) async fn run(
    matches: &ArgMatches,
    pages: Option<SmallPages>,
) -> anyhow::Result<ExitCode> {
    let settings = Settings::gather(matches, &environment)?;
    start_logging(&settings)?;
    let mut signals = Signals::listen()?;
    let Some(running) = signals.unless_sent(start(&settings, pages)).await else {
        return Ok(broken_off_starting());
    };
    let running = running?;
    // Whoever waits for the first line may read no further.
    let at = reachable(running.address);
    let greeting = format!(
        "headwater listening on http://{}\nconsole: http://{at}/console/\n",
        running.address
    );
    stdout::write(&greeting)?;
    signals.next().await;
    Ok(match signals.unless_sent(running.stop()).await {
        Some(()) => ExitCode::SUCCESS,
        None => broken_off_stopping(),
    })
}

/// Says that a signal came before the server was up.
pub(crate) fn broken_off_starting() -> ExitCode {
    stdout::note("headwater: a signal ended the server while it was starting");
    ExitCode::FAILURE
}

/// Says that a signal came while the server stopped.
pub(crate) fn broken_off_stopping() -> ExitCode {
    stdout::note(
        "headwater: a second signal ended the server while it was stopping, as a crash would; what is durable is there at \
         the next start",
    );
    ExitCode::FAILURE
}

/// A variable of the environment. What is not UTF-8 is no value of any setting, and must not pass for unset.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// A running server.
pub(crate) struct Running {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    database: Database,
    triggers: Arc<Triggers>,
    transfers: Transfers,
    stop: watch::Sender<bool>,
    connections: JoinHandle<()>,
    keeper: JoinHandle<()>,
    /// A folder for function code when there is no data folder; removed at the end.
    _temporary: Option<TemporaryFolder>,
}

impl Running {
    /// Lets batches that are at functions and requests in flight finish, stops functions, makes everything durable.
    pub(crate) async fn stop(self) {
        // First, as functions may call this server.
        self.triggers.stop_deliveries().await;
        self.stop.send_replace(true);
        if let Err(error) = self.connections.await {
            tracing::error!(%error, "serving ended badly");
        }
        self.triggers.stop().await;
        self.database.end_long_reads();
        self.transfers.stop().await;
        self.keeper.abort();
        let database = self.database;
        if tokio::task::spawn_blocking(move || database.close())
            .await
            .is_err()
        {
            tracing::error!(
                "closing the database failed; the log will be replayed at the next start"
            );
        }
    }
}

/// Starts a server; returns when it can be reached. With its first writes it goes over from small pages of memory to
/// large ones.
pub(crate) async fn start(
    settings: &Settings,
    pages: Option<SmallPages>,
) -> anyhow::Result<Running> {
    // First the port: a server that can't be reached need not open its files.
    let listen = settings.text("listen");
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!("can't listen on {listen}; is another server there? --listen 127.0.0.1:0 takes a free port")
    })?;
    let address = listener.local_addr()?;
    warn_of_strangers(settings, address);
    let rng: Arc<dyn Rng> = Arc::new(SystemRng);
    let (clock, advance_clock) = clocks(settings);
    // Elsewhere, as it may be long, and a signal must be seen meanwhile.
    let opening = {
        let (settings, clock, rng) = (settings.clone(), clock.clone(), rng.clone());
        tokio::task::spawn_blocking(move || open_database(&settings, clock, rng))
    };
    let database = opening.await??;
    let buckets = buckets(settings);
    let mut api_options = ApiOptions {
        sends_to_kinesis: settings.url("kinesis-endpoint").is_some(),
        reaches_buckets: buckets.reaches_any(),
        ..ApiOptions::default()
    };
    api_options.streams.iterator_age_ms_max = settings.duration_ms("iterator-age");
    if settings.switch("reader-throttling") {
        api_options.streams.reads_per_second_max = Some(READS_PER_SECOND_MAX);
    }
    let api = Arc::new(Api::new(database.clone(), api_options));
    let (folder, temporary) = functions_folder(settings)?;
    let triggers = open_triggers(settings, &api, clock, &folder, address).await?;
    let transfers = Transfers::open(api.clone(), buckets).await?;
    let server = Server::new(
        server_settings(settings),
        api,
        triggers.clone(),
        advance_clock,
        rng.as_ref(),
    );
    let (stop, stopping) = watch::channel(false);
    let connections = tokio::spawn(headwater_server::serve(
        listener,
        Arc::new(server),
        stopping,
        DRAIN,
    ));
    let keeper = tokio::spawn({
        let database = database.clone();
        async move {
            let first_writes = async {
                if let Some(pages) = pages {
                    pages.until_written(&database).await;
                }
            };
            tokio::join!(database.keep(), first_writes);
        }
    });
    Ok(Running {
        address,
        database,
        triggers,
        transfers,
        stop,
        connections,
        keeper,
        _temporary: temporary,
    })
}

/// Says what it means that a server is reached from other machines.
fn warn_of_strangers(settings: &Settings, address: SocketAddr) {
    if address.ip().to_canonical().is_loopback() {
        return;
    }
    let functions = match settings.text("function-code") {
        "none" => "",
        "packages" => {
            ", and run programs that it brings along with the rights of this server's user; --function-code none allows less"
        }
        _ => {
            ", and run any program of this machine through functions; --function-code none or packages allows less"
        }
    };
    tracing::warn!(%address, "whoever reaches this address can read and change all data{functions}");
}

/// GetRecords calls per second and shard with reader throttling on (streams.md section 8).
const READS_PER_SECOND_MAX: u32 = 5;

fn clocks(settings: &Settings) -> (Arc<dyn Clock>, Option<AdvanceClock>) {
    if settings.switch("test-clock") {
        let clock = Arc::new(TestClock::beginning_off_ms(
            settings.offset_ms("test-clock-offset"),
        ));
        let moved = clock.clone();
        let advance: AdvanceClock = Box::new(move |by_ms| {
            moved.advance_ms(by_ms);
        });
        (clock, Some(advance))
    } else {
        (Arc::new(SystemClock), None)
    }
}

/// One part in so many of the cache is for single items, which answer gets and the look before a write; the rest is
/// for pages of the state store.
const ITEMS_SHARE_OF_CACHE: usize = 4;

fn open_database(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> anyhow::Result<Database> {
    let mut storage = StorageOptions::default();
    storage.log.durability = match settings.text("durability") {
        "memory" => Durability::Memory,
        "interval" => Durability::Interval(settings.duration_ms("sync-interval").max(1)),
        _ => Durability::Sync,
    };
    storage.log.reserve_bytes = settings.number("disk-reserve-mb").unwrap_or(0) << 20;
    let cache_bytes = megabytes(settings, "cache-mb");
    let item_cache_bytes_max = cache_bytes / ITEMS_SHARE_OF_CACHE;
    storage.state.cache_bytes = cache_bytes - item_cache_bytes_max;
    storage.state.cold_reads = Some(cold_reads());
    let options = EngineOptions {
        account: settings.text("account-id").to_owned(),
        transition_ms: settings.duration_ms("transition-time"),
        enforce_throughput: settings.switch("enforce-throughput"),
        item_collection_bytes_max: settings.number("item-collection-bytes-max").unwrap_or(0),
        ttl_interval_ms: settings.duration_ms("ttl-interval").max(1),
        retention_ms: settings.duration_ms("stream-retention"),
        shard_age_ms: settings.duration_ms("shard-age").max(1),
        shards: settings.number("shards").map(|count| count as u32),
        overlay_bytes_max: megabytes(settings, "pending-mb"),
        overlay_wait_ms_max: settings.duration_ms("wait-max").max(1),
        item_cache_bytes_max,
        ..EngineOptions::default()
    };
    let data = data_folder(settings);
    storage.key = user_key(settings, data.as_deref(), &*rng)?;
    let (database, opened, report) =
        headwater_engine::open(data.as_deref(), storage, clock, rng, options)
            .map_err(keys::explain)?;
    tracing::info!(
        replayed = opened.replayed,
        segments = report.segments,
        "database opened"
    );
    warn_of_torn_end(report.torn_bytes);
    warn_of_log_ahead(&database);
    Ok(database)
}

/// Says that something was cut off the log's end: it is rare after a crash, and the first sign of a disk that lies.
fn warn_of_torn_end(bytes: u64) {
    if bytes > 0 {
        tracing::warn!(
            bytes,
            "the end of the log was not whole, as a crash in the middle of a write leaves it, and was cut off; \
             with durability sync nothing of it was acknowledged, unless the disk has lost what it said it had"
        );
    }
}

/// A log is ahead of the clock by some seconds after a crash.
const LOG_AHEAD_MS_MAX: u64 = 60_000;

/// Says that the clock was set back since the last change: sequence numbers only go on, and their times with them.
fn warn_of_log_ahead(database: &Database) {
    let ahead_ms = database.log_ahead_ms();
    if ahead_ms > LOG_AHEAD_MS_MAX {
        tracing::warn!(
            seconds = ahead_ms / 1_000,
            "the log is ahead of the clock, which was set back, or was wrong before: until the clock is there, stream \
             records carry the time of the log's end, and what ends by age stays for so much longer"
        );
    }
}

fn user_key(
    settings: &Settings,
    data: Option<&Path>,
    rng: &dyn Rng,
) -> anyhow::Result<Option<UserKey>> {
    let source = KeySource::of(
        settings.given(KEY_FILE),
        settings.given(KEY_TEXT),
        settings.given(KEY_RING),
    )?;
    source.map(|source| source.key(data, rng)).transpose()
}

fn megabytes(settings: &Settings, name: &str) -> usize {
    (settings.number(name).unwrap_or(1) as usize) << 20
}

/// The data folder; none with durability memory.
fn data_folder(settings: &Settings) -> Option<PathBuf> {
    (settings.text("durability") != "memory").then(|| PathBuf::from(settings.text("data")))
}

fn functions_folder(settings: &Settings) -> anyhow::Result<(PathBuf, Option<TemporaryFolder>)> {
    let given = settings.text("functions-folder");
    if !given.is_empty() {
        return Ok((PathBuf::from(given), None));
    }
    match data_folder(settings) {
        Some(data) => Ok((data.join(FUNCTIONS_FOLDER), None)),
        None => {
            let folder = TemporaryFolder::new()?;
            Ok((folder.path().to_owned(), Some(folder)))
        }
    }
}

async fn open_triggers(
    settings: &Settings,
    api: &Arc<Api>,
    clock: Arc<dyn Clock>,
    folder: &Path,
    address: SocketAddr,
) -> anyhow::Result<Arc<Triggers>> {
    // Handlers may be given as relative paths and start in folders of their own.
    let folder = std::path::absolute(folder)?;
    let program = std::env::current_exe().context("the path of this program is unknown")?;
    let mut runtime_settings =
        RuntimeSettings::new(folder.join("runtime"), Launcher::command_of(program));
    runtime_settings.allowed_code = match settings.text("function-code") {
        "packages" => AllowedCode::Packages,
        "none" => AllowedCode::None,
        _ => AllowedCode::All,
    };
    runtime_settings.python = program_setting(settings, "python");
    runtime_settings.node = program_setting(settings, "node");
    runtime_settings.processes_max = function_processes_max(settings);
    runtime_settings.log_dir = log_folder(settings, api.database(), &folder)?;
    runtime_settings.region = settings.text("region").to_owned();
    runtime_settings.endpoint_url = Some(format!("http://{}", reachable(address)));
    let wall = SystemClock;
    let runtimes = Arc::new(Runtimes::new(
        runtime_settings,
        Arc::new(move || wall.now_ms()),
    )?);
    let code = Arc::new(CodeStore::open(folder.join("code"))?);
    let settings = TriggersSettings {
        destinations: destinations(settings),
        ..TriggersSettings::default()
    };
    Ok(Triggers::open(api.clone(), runtimes, code, clock, settings).await?)
}

fn buckets(settings: &Settings) -> BucketSettings {
    let folder = settings.text("buckets-folder");
    BucketSettings {
        folder: (!folder.is_empty()).then(|| PathBuf::from(folder)),
        account: settings.text("account-id").to_owned(),
        s3: settings.url("s3-endpoint").map(|endpoint| S3Settings {
            endpoint,
            region: settings.text("region").to_owned(),
            credentials: credentials()
                .unwrap_or_else(|| DestinationSettings::default().credentials),
            wall: Arc::new(|| SystemClock.now_ms()),
        }),
    }
}

/// What requests to other services are signed with, if the environment says it.
fn credentials() -> Option<Credentials> {
    let given = |name| environment(name).filter(|value| !value.is_empty());
    Some(Credentials {
        access_key_id: given("AWS_ACCESS_KEY_ID")?,
        secret_access_key: given("AWS_SECRET_ACCESS_KEY")?,
        session_token: given("AWS_SESSION_TOKEN"),
    })
}

fn destinations(settings: &Settings) -> DestinationSettings {
    let mut destinations = DestinationSettings {
        sqs: settings.url("sqs-endpoint"),
        sns: settings.url("sns-endpoint"),
        s3: settings.url("s3-endpoint"),
        kinesis: settings.url("kinesis-endpoint"),
        region: settings.text("region").to_owned(),
        time_max: Duration::from_millis(settings.duration_ms("destination-timeout")),
        ..DestinationSettings::default()
    };
    if let Some(credentials) = credentials() {
        destinations.credentials = credentials;
    }
    destinations
}

/// Where the logs of functions are kept. They are plain text, which an encrypted store must not leave on the disk.
fn log_folder(
    settings: &Settings,
    database: &Database,
    functions: &Path,
) -> anyhow::Result<Option<PathBuf>> {
    if database.is_encrypted() {
        function_logs::remove(functions)?;
        return Ok(None);
    }
    Ok(data_folder(settings).map(|_| function_logs::folder(functions)))
}

/// A program that was named; `None` leaves the choice to the runtimes.
fn program_setting(settings: &Settings, name: &str) -> Option<PathBuf> {
    let program = settings.text(name);
    (!program.is_empty()).then(|| program_path(program))
}

/// A path is from the folder in which the server was started, and functions run in others; a name alone is looked for.
fn program_path(program: &str) -> PathBuf {
    match program.contains('/') {
        true => std::path::absolute(program).unwrap_or_else(|_| program.into()),
        false => program.into(),
    }
}

fn function_processes_max(settings: &Settings) -> usize {
    settings.number("function-processes-max").unwrap_or(64) as usize
}

/// Functions reach a server that listens everywhere by the loopback address.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}

fn server_settings(settings: &Settings) -> ServerSettings {
    ServerSettings {
        connections_max: open_files::connections_max(
            settings.number("connections-max").unwrap_or(10_000) as usize,
            function_processes_max(settings),
        ),
        request_timeout: Duration::from_millis(settings.duration_ms("request-timeout").max(1)),
        wait_max: Duration::from_millis(settings.duration_ms("wait-max").max(1)),
        writes_max: settings.number("writes-max").unwrap_or(1) as usize,
        large_bodies_bytes_max: megabytes(settings, "bodies-mb"),
        replies_bytes_max: megabytes(settings, "replies-mb"),
        region: settings.text("region").to_owned(),
        account: settings.text("account-id").to_owned(),
        separate_namespaces: settings.switch("separate-namespaces"),
        console: console_settings(settings),
    }
}

fn console_settings(settings: &Settings) -> ConsoleSettings {
    let folder = settings.text("console-folder");
    let hosts = settings.text("console-hosts").split(',').map(str::trim);
    ConsoleSettings {
        version: crate::VERSION.to_owned(),
        durability: settings.text("durability").to_owned(),
        data_folder: data_folder(settings),
        disk_reserve_bytes: settings.number("disk-reserve-mb").unwrap_or(0) << 20,
        folder: (!folder.is_empty()).then(|| PathBuf::from(folder)),
        hosts: hosts
            .map(str::to_owned)
            .chain([rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned()])
            .filter(|host| !host.is_empty())
            .collect(),
    }
}

/// Logs go to standard error; standard output is for what was asked for.
pub(crate) fn start_logging(settings: &Settings) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(settings.text("log-level"))
        .context("--log-level is neither a level nor a filter")?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if settings.text("log-format") == "json" {
        logs.json().init();
    } else {
        logs.with_ansi(false).init();
    }
    tracing::info!("headwater {}", crate::VERSION);
    Ok(())
}

/// Randomness of the system, for ids.
pub(crate) struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, out: &mut [u8]) {
        if let Err(error) = getrandom::fill(out) {
            tracing::error!(%error, "the system gives no random bytes");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::program_path;

    #[test]
    fn a_path_of_a_program_is_from_the_folder_of_the_server() {
        let here = std::env::current_dir().expect("a folder");
        assert_eq!(
            program_path(".venv/bin/python"),
            here.join(".venv/bin/python")
        );
        assert_eq!(program_path("/usr/bin/node"), Path::new("/usr/bin/node"));
        assert_eq!(program_path("python3.13"), Path::new("python3.13"));
    }
}
