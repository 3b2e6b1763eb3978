//! What a function is: its code, its runtime, its limits; and the checks that need no disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::remote::Target;

/// Bounds of the service (Lambda API model, `CreateFunctionRequest`).
const TIMEOUT_S_MAX: u32 = 5_400;
const MEMORY_MB_MIN: u32 = 128;
const MEMORY_MB_MAX: u32 = 32_768;
const ENVIRONMENT_BYTES_MAX: usize = 4_096;
/// So much of an environment that is too large is shown in the error.
const MEASURED_BYTES_MAX: usize = 16 * 1_024;

/// Variables that the runtime sets itself and that a function may not set (Lambda guide,
/// "Defined runtime environment variables", reserved).
const RESERVED_VARIABLES: [&str; 18] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
];

/// A function as the runtimes need it; kept as an item by the function store.
///
/// Two configurations that differ in any field never share a process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FunctionConfig {
    /// Whose function it is when access keys and regions are kept apart, both with a slash between them; empty otherwise.
    #[serde(default)]
    pub namespace: String,
    /// The name without account and region.
    pub name: String,
    /// The unqualified ARN. Two namespaces may have the same.
    pub arn: String,
    /// The runtime as the caller named it, such as `python3.12` or `provided.al2023`.
    pub runtime: String,
    /// `module.function` or `file.export`; free text for `provided` runtimes.
    pub handler: String,
    /// Where the code is.
    pub code: CodeSource,
    /// How long one invocation may take, in seconds.
    pub timeout_s: u32,
    /// The memory limit in MiB.
    pub memory_mb: u32,
    /// The function's own variables.
    pub environment: BTreeMap<String, String>,
    /// The version that runs: `$LATEST`, or the number of a published one.
    pub version: String,
    /// Changes with every update of code or configuration.
    pub revision: String,
    /// Kept elsewhere, by who keeps the function.
    #[serde(skip)]
    pub logging: LogForm,
}

/// How a function is to log, as its runtime is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LogForm {
    /// In lines of JSON instead of text.
    pub json: bool,
    /// The lowest level of what is written, such as `WARN`.
    pub level: Option<String>,
    /// The log group, unless it has the function's name.
    pub group: Option<String>,
}

/// Where a function's code is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CodeSource {
    /// An uploaded package that was unpacked by a [`CodeStore`](super::CodeStore).
    Zip {
        /// SHA-256 of the package, lower-case hex: the key in the code store.
        sha256: String,
        /// Length of the package.
        size_bytes: u64,
        /// Where it was unpacked.
        directory: PathBuf,
    },
    /// A folder of the user, used in place (an extension).
    Directory {
        /// The folder; absolute.
        path: PathBuf,
        /// Whether new invocations see changed files.
        reload: bool,
    },
    /// An address or a program instead of code (an extension).
    Target(Target),
}

impl LogForm {
    /// The lowest level of what is written; of text all is, if nothing else is said.
    #[must_use]
    pub fn level(&self) -> Option<&str> {
        self.level.as_deref().or(self.json.then_some("INFO"))
    }
}

impl CodeSource {
    /// The folder that becomes `LAMBDA_TASK_ROOT`.
    #[must_use]
    pub fn directory(&self) -> &Path {
        match self {
            Self::Zip { directory, .. } => directory,
            Self::Directory { path, .. } => path,
            Self::Target(target) => target.folder(),
        }
    }

    /// Where it is, as an address.
    #[must_use]
    pub fn location(&self) -> String {
        match self {
            Self::Zip { .. } | Self::Directory { .. } => {
                format!("file://{}", self.directory().display())
            }
            Self::Target(target) => target.location(),
        }
    }
}

/// The families of runtimes that can be run here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuntimeFamily {
    /// `python3.N` through awslambdaric.
    Python {
        /// The version asked for, such as `3.12`.
        version: String,
    },
    /// `nodejsN.x` through the built-in loader.
    Node {
        /// The major version asked for, such as `22`.
        major: String,
    },
    /// `provided*`: an executable named `bootstrap` in the package root.
    Provided,
}

impl RuntimeFamily {
    /// The family of a runtime identifier.
    ///
    /// # Errors
    /// [`ConfigError::UnsupportedRuntime`] names what is supported.
    pub fn of(runtime: &str) -> Result<Self, ConfigError> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if let Some(minor) = runtime.strip_prefix("python3.").filter(|v| digits(v)) {
            return Ok(Self::Python {
                version: format!("3.{minor}"),
            });
        }
        let node = runtime
            .strip_prefix("nodejs")
            .and_then(|v| v.strip_suffix(".x"));
        if let Some(major) = node.filter(|v| digits(v)) {
            return Ok(Self::Node {
                major: major.to_owned(),
            });
        }
        if runtime == "provided" || runtime.starts_with("provided.") {
            return Ok(Self::Provided);
        }
        Err(ConfigError::UnsupportedRuntime {
            runtime: runtime.to_owned(),
        })
    }
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// No family runs this runtime.
    #[error(
        "runtime {runtime} is not supported: use python3.N, nodejsN.x, or provided, provided.al2, \
         provided.al2023 with an executable named bootstrap"
    )]
    UnsupportedRuntime {
        /// The runtime as given.
        runtime: String,
    },
    /// The handler is not of the form that the family needs.
    #[error("handler {handler:?} of runtime {runtime} must have the form {form}")]
    Handler {
        /// The handler as given.
        handler: String,
        /// The runtime as given.
        runtime: String,
        /// The form that is needed.
        form: &'static str,
    },
    /// The time-out is out of range.
    #[error("timeout {timeout_s} s is not within 1 to {TIMEOUT_S_MAX}")]
    Timeout {
        /// The value as given.
        timeout_s: u32,
    },
    /// The memory limit is out of range.
    #[error("memory size {memory_mb} MB is not within {MEMORY_MB_MIN} to {MEMORY_MB_MAX}")]
    Memory {
        /// The value as given.
        memory_mb: u32,
    },
    /// The environment sets variables that belong to the runtime.
    #[error(
        "Lambda was unable to configure your environment variables because the environment \
         variables you have provided contains reserved keys that are currently not supported for \
         modification. Reserved keys used in this request: {}",
        keys.join(", ")
    )]
    ReservedVariables {
        /// The variables at fault, sorted.
        keys: Vec<String>,
    },
    /// A variable's name or value cannot be passed to a process.
    #[error("environment variable {name:?} has a name or a value that no process can be given")]
    Variable {
        /// The name as given.
        name: String,
    },
    /// The environment is larger than 4 KB.
    #[error(
        "Lambda was unable to configure your environment variables because the environment \
         variables you have provided exceeded the 4KB limit. String measured: {measured}"
    )]
    EnvironmentTooLarge {
        /// What was measured: the variables as JSON.
        measured: String,
    },
    /// The variables don't fit what the function is.
    #[error("{fault}")]
    Target {
        /// What is wrong.
        fault: String,
    },
    /// The code is a relative folder.
    #[error("code folder {} must be an absolute path", path.display())]
    RelativeDirectory {
        /// The folder as given.
        path: PathBuf,
    },
}

impl FunctionConfig {
    /// Checks everything that needs neither disk nor interpreter.
    ///
    /// # Errors
    /// The first violation found.
    pub fn validate(&self) -> Result<RuntimeFamily, ConfigError> {
        let family = match &self.code {
            // Neither runtime nor handler means anything to them.
            CodeSource::Target(_) => RuntimeFamily::Provided,
            CodeSource::Zip { .. } | CodeSource::Directory { .. } => {
                let family = RuntimeFamily::of(&self.runtime)?;
                self.validate_handler(&family)?;
                family
            }
        };
        if !(1..=TIMEOUT_S_MAX).contains(&self.timeout_s) {
            return Err(ConfigError::Timeout {
                timeout_s: self.timeout_s,
            });
        }
        if !(MEMORY_MB_MIN..=MEMORY_MB_MAX).contains(&self.memory_mb) {
            return Err(ConfigError::Memory {
                memory_mb: self.memory_mb,
            });
        }
        self.validate_environment()?;
        if let CodeSource::Target(target) = &self.code
            && let Some(fault) = target.fault(&self.environment)
        {
            return Err(ConfigError::Target { fault });
        }
        if !self.code.directory().is_absolute() {
            return Err(ConfigError::RelativeDirectory {
                path: self.code.directory().to_owned(),
            });
        }
        Ok(family)
    }

    /// What pools and logs go by: one for all versions of a function.
    pub(super) fn pool_key(&self) -> String {
        format!("{}/{}", self.namespace, self.arn)
    }

    /// The region within the ARN, if it has one.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.arn
            .split(':')
            .nth(3)
            .filter(|region| !region.is_empty())
    }

    fn validate_handler(&self, family: &RuntimeFamily) -> Result<(), ConfigError> {
        let form = match family {
            RuntimeFamily::Python { .. } => "module.function",
            RuntimeFamily::Node { .. } => "file.export",
            RuntimeFamily::Provided => return Ok(()),
        };
        let file = self.handler.rsplit('/').next().unwrap_or_default();
        let well_formed = match file.split_once('.') {
            Some((module, function)) => !module.is_empty() && !function.is_empty(),
            None => false,
        };
        if well_formed && !self.handler.contains(char::is_whitespace) {
            return Ok(());
        }
        Err(ConfigError::Handler {
            handler: self.handler.clone(),
            runtime: self.runtime.clone(),
            form,
        })
    }

    fn takes_variable(&self, name: &str) -> bool {
        match &self.code {
            CodeSource::Target(target) => target.takes_variable(name),
            CodeSource::Zip { .. } | CodeSource::Directory { .. } => false,
        }
    }

    fn validate_environment(&self) -> Result<(), ConfigError> {
        let reserved: Vec<String> = self
            .environment
            .keys()
            .filter(|name| RESERVED_VARIABLES.contains(&name.as_str()))
            .filter(|name| !self.takes_variable(name))
            .cloned()
            .collect();
        if !reserved.is_empty() {
            return Err(ConfigError::ReservedVariables { keys: reserved });
        }
        for (name, value) in &self.environment {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return Err(ConfigError::Variable { name: name.clone() });
            }
        }
        // Their JSON is measured (recorded by LocalStack).
        let mut measured = serde_json::to_string(&self.environment).unwrap_or_default();
        if measured.len() > ENVIRONMENT_BYTES_MAX {
            measured.truncate(measured.floor_char_boundary(MEASURED_BYTES_MAX));
            return Err(ConfigError::EnvironmentTooLarge { measured });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> FunctionConfig {
        FunctionConfig {
            namespace: String::new(),
            name: "f".into(),
            arn: "arn:aws:lambda:eu-west-1:000000000000:function:f".into(),
            runtime: "python3.12".into(),
            handler: "app.handler".into(),
            code: CodeSource::Directory {
                path: "/code".into(),
                reload: true,
            },
            timeout_s: 3,
            memory_mb: 128,
            environment: BTreeMap::new(),
            version: "$LATEST".into(),
            logging: LogForm::default(),
            revision: "1".into(),
        }
    }

    #[test]
    fn families() {
        let python = RuntimeFamily::Python {
            version: "3.9".into(),
        };
        assert_eq!(RuntimeFamily::of("python3.9"), Ok(python));
        assert_eq!(
            RuntimeFamily::of("nodejs22.x"),
            Ok(RuntimeFamily::Node { major: "22".into() })
        );
        assert_eq!(
            RuntimeFamily::of("provided.al2023"),
            Ok(RuntimeFamily::Provided)
        );
        for wrong in [
            "python2.7",
            "python3.",
            "nodejs.x",
            "nodejs20",
            "java21",
            "providedx",
            "",
        ] {
            assert!(RuntimeFamily::of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sound_configuration_passes() {
        assert!(config().validate().is_ok());
        assert_eq!(config().region(), Some("eu-west-1"));
    }

    #[test]
    fn reserved_variables_are_named() {
        let mut config = config();
        config.environment.insert("AWS_REGION".into(), "x".into());
        let text = config.validate().unwrap_err().to_string();
        assert!(
            text.ends_with("Reserved keys used in this request: AWS_REGION"),
            "{text}"
        );
    }

    #[test]
    fn handlers_need_a_module_and_a_function() {
        for (handler, fine) in [
            ("app.handler", true),
            ("src/app.handler", true),
            ("app", false),
            (".x", false),
            ("x.", false),
            ("a b.c", false),
        ] {
            let config = FunctionConfig {
                handler: handler.into(),
                ..config()
            };
            assert_eq!(config.validate().is_ok(), fine, "{handler}");
        }
    }
}
