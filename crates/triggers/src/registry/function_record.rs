//! A function as it is kept: its newest state, or a published version of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::functions::{CodeSource, CodeStore, FunctionConfig, LogForm};

/// The version that can be changed; published ones are numbers.
pub(crate) const LATEST: &str = "$LATEST";

/// A version of a function with everything that the API shows of it.
///
/// Documents of all times are read: what came later has a default.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FunctionRecord {
    /// Whose function it is when accounts and regions are kept apart; empty otherwise.
    pub(crate) namespace: String,
    /// What the runtimes need.
    pub(crate) config: FunctionConfig,
    pub(crate) role: String,
    pub(crate) description: String,
    /// Base64.
    pub(crate) code_sha256: String,
    pub(crate) code_size_bytes: u64,
    pub(crate) modified_ms: u64,
    pub(crate) architecture: String,
    /// Of the function as a whole; empty in published versions.
    pub(crate) tags: BTreeMap<String, String>,
    /// Whether tracing is `Active`.
    pub(crate) traced: bool,
    pub(crate) ephemeral_storage_mb: i64,
    pub(crate) logging: Logging,
    /// Whether the function was created with an environment without variables. It is shown then; no environment at all
    /// is not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) empty_environment: bool,
    /// Differs between functions that had the same name one after the other.
    #[serde(default)]
    pub(crate) incarnation: String,
    /// Of the function as a whole; empty in published versions.
    #[serde(default)]
    pub(crate) whole: Whole,
    /// In published versions: [`FunctionRecord::content`] of what was published.
    #[serde(default)]
    pub(crate) published_content: Option<String>,
}

/// What belongs to a function as a whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Whole {
    /// The number of the version that was published last; 0 if none was.
    #[serde(default)]
    pub(crate) last_version: u64,
    /// By their names.
    #[serde(default)]
    pub(crate) aliases: BTreeMap<String, Alias>,
    /// Reserved concurrency.
    #[serde(default)]
    pub(crate) reserved_concurrency: Option<u32>,
}

/// A name for a version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Alias {
    /// A number, or [`LATEST`].
    pub(crate) version: String,
    pub(crate) description: String,
    /// Changes with every update.
    pub(crate) revision: String,
    /// A second version, and the part of the calls that it gets, from 0 to 1.
    #[serde(default)]
    pub(crate) additional: Option<(String, f64)>,
}

/// The logging configuration, as it was given.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Logging {
    pub(crate) json: bool,
    pub(crate) application_level: Option<String>,
    pub(crate) system_level: Option<String>,
    pub(crate) group: Option<String>,
}

impl Logging {
    /// What the runtime is told of it.
    pub(crate) fn form(&self) -> LogForm {
        LogForm {
            json: self.json,
            // Text has none on AWS.
            level: self.application_level.clone().filter(|_| self.json),
            group: self.group.clone(),
        }
    }
}

impl FunctionRecord {
    /// Its number, if it is a published version.
    pub(crate) fn version_number(&self) -> Option<u64> {
        match self.config.version.as_str() {
            LATEST => None,
            number => number.parse().ok(),
        }
    }

    /// The key of its package in the code store, if it has one there.
    pub(crate) fn package(&self) -> Option<&str> {
        match &self.config.code {
            CodeSource::Zip { sha256, .. } => Some(sha256),
            CodeSource::Directory { .. } | CodeSource::Target(_) => None,
        }
    }

    /// A digest of code and configuration: equal for states between which nothing that a version keeps was changed.
    pub(crate) fn content(&self) -> String {
        let mut same = Self {
            modified_ms: 0,
            tags: BTreeMap::new(),
            incarnation: String::new(),
            whole: Whole::default(),
            published_content: None,
            ..self.clone()
        };
        same.config.version.clear();
        same.config.revision.clear();
        if let CodeSource::Zip { directory, .. } = &mut same.config.code {
            *directory = PathBuf::new();
        }
        let bytes = serde_json::to_vec(&same).unwrap_or_default();
        let digest = Sha256::digest(&bytes);
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Sets what follows from elsewhere. Packages are where the code store is now: the data folder may have been moved
    /// since.
    pub(super) fn complete(&mut self, code: &CodeStore) {
        self.config.namespace.clone_from(&self.namespace);
        self.config.logging = self.logging.form();
        if let CodeSource::Zip {
            sha256, directory, ..
        } = &mut self.config.code
        {
            *directory = code.directory_of(sha256);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the first versions of Headwater wrote it.
    const FIRST: &str = r#"{"namespace":"","config":{"name":"f",
        "arn":"arn:aws:lambda:us-east-1:000000000000:function:f","runtime":"provided.al2023","handler":"any",
        "code":{"Directory":{"path":"/code","reload":true}},"timeout_s":3,"memory_mb":128,
        "environment":{"A":"b"},"version":"$LATEST","revision":"r"},
        "role":"arn:aws:iam::000000000000:role/any","description":"","code_sha256":"x","code_size_bytes":0,
        "modified_ms":1764031185123,"architecture":"x86_64","tags":{"k":"v"},"traced":false,
        "ephemeral_storage_mb":512,
        "logging":{"json":false,"application_level":null,"system_level":null,"group":null}}"#;

    #[test]
    fn documents_of_the_first_versions_are_read() {
        let record: FunctionRecord = serde_json::from_str(FIRST).unwrap();
        assert_eq!(record.config.name, "f");
        assert_eq!(record.version_number(), None);
        assert_eq!(record.whole.last_version, 0);
        assert!(record.whole.aliases.is_empty());
        assert_eq!(record.whole.reserved_concurrency, None);
        assert_eq!(record.incarnation, "");
        assert!(!record.empty_environment);
    }

    #[test]
    fn the_runtime_is_told_how_to_log() {
        let given = FIRST.replace(
            r#""json":false,"application_level":null"#,
            r#""json":true,"application_level":"WARN""#,
        );
        let mut record: FunctionRecord = serde_json::from_str(&given).unwrap();
        let before = record.content();
        let folder = tempfile::tempdir().unwrap();
        record.complete(&CodeStore::open(folder.path().join("code")).unwrap());
        assert!(record.config.logging.json);
        assert_eq!(record.config.logging.level(), Some("WARN"));
        // What was published before is the same content.
        assert_eq!(record.content(), before);
    }

    #[test]
    fn content_leaves_out_what_no_version_keeps() {
        let record: FunctionRecord = serde_json::from_str(FIRST).unwrap();
        let mut other = record.clone();
        other.config.revision = "s".into();
        other.config.version = "7".into();
        other.modified_ms += 1;
        other.tags.clear();
        other.whole.last_version = 6;
        assert_eq!(other.content(), record.content());
        other.config.timeout_s += 1;
        assert_ne!(other.content(), record.content());
    }
}
