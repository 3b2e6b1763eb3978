//! Where the user's key comes from: a key file, the environment, or a key ring that the server keeps outside of the
//! data folder.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{Arg, ArgMatches};
use headwater_engine::{
    KeyError, KeyId, OpenError, UserKey, UserKeyError, holds_store, key_id, new_user_key,
};
use headwater_model::Rng;
#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::process::{Resource, Rlimit, setrlimit};
use zeroize::Zeroizing;

/// Names of the settings, the same everywhere.
pub(crate) const KEY_FILE: &str = "encryption-key-file";
pub(crate) const KEY_TEXT: &str = "encryption-key";
pub(crate) const KEY_RING: &str = "encryption-key-ring";

const OTHERS_MAY_READ: u32 = 0o077;

/// Where a key is to be found.
pub(crate) enum KeySource {
    /// A file that holds the key.
    File(PathBuf),
    /// The key itself, as text.
    Text(Zeroizing<String>),
    /// A folder with keys, one for each store, which are made when they are needed.
    Ring(PathBuf),
}

impl KeySource {
    /// The source that was named, if one was; more than one is a mistake, and so is an empty one: it must not pass
    /// for none, and nothing be encrypted.
    pub(crate) fn of(
        file: Option<&str>,
        text: Option<&str>,
        ring: Option<&str>,
    ) -> Result<Option<Self>> {
        for (name, value) in [(KEY_FILE, file), (KEY_TEXT, text), (KEY_RING, ring)] {
            ensure!(
                value != Some(""),
                "--{name}, or its variable, is set and empty; leave it out, or name a key"
            );
        }
        let given = [
            file.map(|file| Self::File(file.into())),
            text.map(|text| Self::Text(text.to_owned().into())),
            ring.map(|ring| Self::Ring(ring.into())),
        ];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (source, None) => Ok(source),
            _ => bail!(
                "--{KEY_FILE}, --{KEY_TEXT} and --{KEY_RING} exclude each other; look at the environment and the settings file too"
            ),
        }
    }

    /// The flags of commands that work on a stopped store, each with its environment name.
    pub(crate) fn args() -> [Arg; 3] {
        let arg = |name: &'static str, value, help, variable: &'static str| {
            Arg::new(name)
                .long(name)
                .value_name(value)
                .help(help)
                .env(variable)
                .hide_env_values(true)
        };
        [
            arg(
                KEY_FILE,
                "FILE",
                "File with the key of an encrypted store",
                "HEADWATER_ENCRYPTION_KEY_FILE",
            ),
            arg(
                KEY_TEXT,
                "KEY",
                "The key itself; better given by the environment",
                "HEADWATER_ENCRYPTION_KEY",
            ),
            arg(
                KEY_RING,
                "FOLDER",
                "Key ring with the key of the store",
                "HEADWATER_ENCRYPTION_KEY_RING",
            ),
        ]
    }

    /// What those flags say.
    pub(crate) fn of_matches(matches: &ArgMatches) -> Result<Option<Self>> {
        let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
        Self::of(text(KEY_FILE), text(KEY_TEXT), text(KEY_RING))
    }

    /// The key for the store in `data`, which may be about to be made; then a key ring gets a new key. Without a folder
    /// nothing is stored, and a key ring is not touched.
    pub(crate) fn key(&self, data: Option<&Path>, rng: &dyn Rng) -> Result<UserKey> {
        keep_memory_off_disk();
        match (self, data) {
            (Self::File(file), _) => read_key(file, data),
            (Self::Text(text), _) => Ok(UserKey::parse(text)?),
            (Self::Ring(_), None) => Ok(new_user_key(rng)?),
            (Self::Ring(ring), Some(data)) if !holds_store(data)? && key_id(data)?.is_none() => {
                new_in_ring(ring, data, rng)
            }
            (Self::Ring(_), Some(data)) => self.present(data),
        }
    }

    /// The key that the store in `data` is encrypted with.
    pub(crate) fn present(&self, data: &Path) -> Result<UserKey> {
        keep_memory_off_disk();
        match self {
            Self::File(file) => read_key(file, Some(data)),
            Self::Text(text) => Ok(UserKey::parse(text)?),
            Self::Ring(ring) => {
                let not_encrypted = || KeyError::NotEncrypted {
                    folder: data.to_owned(),
                };
                let id = key_id(data)?.ok_or_else(|| explain_key(not_encrypted()))?;
                let file = file_in(ring, id);
                ensure!(
                    file.exists(),
                    "the key ring {} has no key {id}, with which {} is encrypted",
                    ring.display(),
                    data.display()
                );
                read_key(&file, Some(data))
            }
        }
    }

    /// A key to change to: a new one in a key ring, else the named one.
    pub(crate) fn new_key(&self, data: &Path, rng: &dyn Rng) -> Result<UserKey> {
        keep_memory_off_disk();
        match self {
            Self::Ring(ring) => new_in_ring(ring, data, rng),
            _ => self.key(Some(data), rng),
        }
    }
}

/// A process that has a key leaves no core file, in which the key and what it protects would be plain; nor do others of
/// its user see its memory and its environment.
pub(crate) fn keep_memory_off_disk() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let limited = setrlimit(Resource::Core, none);
    #[cfg(target_os = "linux")]
    let limited = limited.and(set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(error) = limited {
        tracing::warn!(%error, "a crash of this process may leave a core file with the key");
    }
}

fn file_in(ring: &Path, id: KeyId) -> PathBuf {
    ring.join(format!("{id}.key"))
}

fn read_key(file: &Path, data: Option<&Path>) -> Result<UserKey> {
    let text = fs::read_to_string(file)
        .map(Zeroizing::new)
        .with_context(|| format!("the key file {} can't be read", file.display()))?;
    refuse_within(file, data)?;
    let mode = fs::metadata(file)?.mode();
    if mode & OTHERS_MAY_READ != 0 {
        tracing::warn!(
            "others than its owner may read the key file {}; chmod 600 keeps them out",
            file.display()
        );
    }
    UserKey::parse(&text).with_context(|| format!("the key file {}", file.display()))
}

/// A key that lies beside what it protects protects nothing.
fn refuse_within(keys: &Path, data: Option<&Path>) -> Result<()> {
    let Some(data) = data else { return Ok(()) };
    let (keys, data) = (fs::canonicalize(keys), fs::canonicalize(data));
    if let (Ok(keys), Ok(data)) = (keys, data) {
        ensure!(
            !keys.starts_with(&data),
            "the key in {} lies within the data folder that it is to protect; keep it elsewhere",
            keys.display()
        );
    }
    Ok(())
}

/// Makes a key in the ring, durably, before anything is encrypted with it.
fn new_in_ring(ring: &Path, data: &Path, rng: &dyn Rng) -> Result<UserKey> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(ring)
        .with_context(|| format!("the key ring {} can't be made", ring.display()))?;
    refuse_within(ring, Some(data))?;
    let key = new_user_key(rng)?;
    write_key(&file_in(ring, key.id()), &key)?;
    sync_parent(ring)?;
    Ok(key)
}

/// Writes a key into a new file that only its owner can read.
pub(crate) fn write_key(file: &Path, key: &UserKey) -> Result<()> {
    let context = || format!("the key file {} can't be made", file.display());
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(context)?;
    let digits = Zeroizing::new(key.to_hex());
    writeln!(out, "{}", *digits).with_context(context)?;
    out.sync_all().with_context(context)?;
    sync_parent(file)
}

/// Makes the name of a new file or folder safe: what is encrypted must not outlive its key.
fn sync_parent(path: &Path) -> Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    Ok(fs::File::open(parent)?.sync_all()?)
}

/// Adds what to do to an error of opening a store.
pub(crate) fn explain(error: OpenError) -> anyhow::Error {
    let hint = match &error {
        OpenError::Key(error) => hint(error),
        _ => None,
    };
    with_hint(error, hint)
}

/// Adds what to do to an error about keys.
pub(crate) fn explain_key(error: KeyError) -> anyhow::Error {
    let hint = hint(&error);
    with_hint(error, hint)
}

fn with_hint(error: impl Into<anyhow::Error>, hint: Option<String>) -> anyhow::Error {
    let error = error.into();
    match hint {
        Some(hint) => anyhow::anyhow!("{error:#}; {hint}"),
        None => error,
    }
}

fn hint(error: &KeyError) -> Option<String> {
    match error {
        KeyError::Needed { .. } => Some(format!(
            "give it with --{KEY_FILE} FILE, --{KEY_RING} FOLDER or HEADWATER_ENCRYPTION_KEY"
        )),
        KeyError::NotEncrypted { folder } => Some(format!(
            "leave the key out, or encrypt the folder with `headwater key reencrypt --data {}`",
            folder.display()
        )),
        KeyError::Refused {
            reason: UserKeyError::Damaged { .. },
            ..
        } => Some("put back the file `key` from a backup of the folder".to_owned()),
        KeyError::Refused { .. } => Some("give the key that it was encrypted with".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::KeySource;

    #[test]
    fn one_source_at_most() {
        let of = KeySource::of;
        assert!(of(None, None, None).is_ok_and(|none| none.is_none()));
        let ring = of(None, None, Some("ring")).ok().flatten();
        assert!(matches!(ring, Some(KeySource::Ring(_))));
        let error = of(Some("file"), None, Some("ring")).err().unwrap();
        assert!(error.to_string().contains("exclude each other"), "{error}");
        let error = of(None, Some(""), None).err().unwrap();
        assert!(error.to_string().contains("set and empty"), "{error}");
    }
}
