//! What a function is when it is no package: an address, or a program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use headwater_wire::sigv4::escaped;
use serde::{Deserialize, Serialize};

use headwater_outgoing::Url;

use super::command;

/// Where a function is that does not speak the Runtime API to this server (an extension).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Target {
    /// Events are posted to an address.
    Webhook {
        /// The address.
        url: String,
    },
    /// A function of another server that has Lambda's Invoke.
    Lambda {
        /// The address of its invocations.
        url: String,
    },
    /// A program of this machine, started for each event.
    Command {
        /// Its absolute path.
        program: PathBuf,
    },
}

/// What stands between an endpoint and a function's name, and what is behind it.
const FUNCTIONS: &str = "/2015-03-31/functions/";
const INVOCATIONS: &str = "/invocations";

/// Variables that belong to the runtime of a package, and to whoever configures a function of another server.
const SIGNING_VARIABLES: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
];

impl Target {
    /// An address that takes events.
    ///
    /// # Errors
    /// When it is none.
    pub fn webhook(url: &str) -> Result<Self, String> {
        Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
        Ok(Self::Webhook {
            url: url.to_owned(),
        })
    }

    /// A function of another server: the address of its invocations, or the server's address and the function's name as
    /// the last part of the path.
    ///
    /// # Errors
    /// When it is no address, or names no function.
    pub fn lambda(url: &str) -> Result<Self, String> {
        let parsed = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
        if parsed.path().contains(FUNCTIONS) {
            return match parsed.path().ends_with(INVOCATIONS) {
                true => Ok(Self::Lambda {
                    url: url.to_owned(),
                }),
                false => Err(format!("{url}: it has to end with {INVOCATIONS}")),
            };
        }
        let (endpoint, name) = url.rsplit_once('/').unwrap_or_default();
        if name.is_empty() || parsed.path() == "/" || !parsed.query().is_empty() {
            return Err(format!("{url}: it has to end with the name of a function"));
        }
        Ok(Self::Lambda {
            url: format!("{endpoint}{FUNCTIONS}{}{INVOCATIONS}", escaped(name)),
        })
    }

    /// A program.
    ///
    /// # Errors
    /// When its path is relative.
    pub fn command(program: &str) -> Result<Self, String> {
        let program = PathBuf::from(program);
        match program.is_absolute() {
            true => Ok(Self::Command { program }),
            false => Err(format!("{}: it is no absolute path", program.display())),
        }
    }

    /// The folder that a program runs in; no other target has one.
    pub(in crate::functions) fn folder(&self) -> &Path {
        match self {
            Self::Command { program } => program.parent().unwrap_or(Path::new("/")),
            Self::Webhook { .. } | Self::Lambda { .. } => Path::new("/"),
        }
    }

    /// Where it is, for people.
    pub(in crate::functions) fn location(&self) -> String {
        match self {
            Self::Webhook { url } | Self::Lambda { url } => url.clone(),
            Self::Command { program } => format!("file://{}", program.display()),
        }
    }

    /// Whether a variable means something to this target that belongs to the runtime elsewhere.
    pub(in crate::functions) fn takes_variable(&self, name: &str) -> bool {
        matches!(self, Self::Lambda { .. }) && SIGNING_VARIABLES.contains(&name)
    }

    /// What is wrong with the variables, if anything.
    pub(in crate::functions) fn fault(
        &self,
        variables: &BTreeMap<String, String>,
    ) -> Option<String> {
        match self {
            Self::Command { .. } => command::arguments(variables).err(),
            Self::Webhook { .. } | Self::Lambda { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_other_servers_are_named_in_two_ways() {
        let url = |text| match Target::lambda(text) {
            Ok(Target::Lambda { url }) => url,
            other => panic!("{other:?}"),
        };
        let whole = "http://127.0.0.1:9000/2015-03-31/functions/f/invocations?Qualifier=live";
        assert_eq!(url(whole), whole);
        assert_eq!(
            url("http://127.0.0.1:9000/f"),
            "http://127.0.0.1:9000/2015-03-31/functions/f/invocations"
        );
        assert_eq!(
            url("https://h/arn:aws:lambda:us-east-1:000000000000:function:f"),
            "https://h/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af/invocations"
        );
        for wrong in [
            "http://h",
            "http://h/",
            "http://h/f?a=b",
            "http://h/2015-03-31/functions/f",
            "h/f",
        ] {
            assert!(Target::lambda(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn programs_have_absolute_paths() {
        let command = Target::command("/opt/bin/sink").unwrap();
        assert_eq!(command.folder(), Path::new("/opt/bin"));
        assert!(Target::command("bin/sink").is_err());
        assert!(Target::webhook("example.com").is_err());
    }
}
