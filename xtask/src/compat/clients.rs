//! The real clients whose suites run against the server: which operations each calls, by the text of its tests, and the
//! versions that are pinned.

use std::path::Path;

use anyhow::{Context, Result};

use crate::process::root;

/// A client and its suite.
pub struct Client {
    name: &'static str,
    folder: &'static str,
    extension: &'static str,
    /// What a call of an operation looks like, of which it has one.
    calls: fn(operation: &str) -> Vec<String>,
}

/// All of them, in the order of the page.
const CLIENTS: [Client; 4] = [
    Client {
        name: "boto3",
        folder: "tests/sdk/python",
        extension: "py",
        calls: |operation| {
            let name = words(operation, '_');
            vec![format!(".{name}("), format!("paginator(\"{name}\")")]
        },
    },
    Client {
        name: "CLI",
        folder: "tests/sdk/cli",
        extension: "py",
        calls: |operation| vec![format!("\"{}\"", words(operation, '-'))],
    },
    Client {
        name: "JavaScript",
        folder: "tests/sdk/js",
        extension: "js",
        calls: |operation| {
            // The document client leaves out that it is about items.
            let short = operation.replace("Items", "").replace("Item", "");
            [operation, short.as_str()]
                .map(|name| format!("new {name}Command("))
                .to_vec()
        },
    },
    Client {
        name: "Rust",
        folder: "tests/sdk/rust",
        extension: "rs",
        calls: |operation| vec![format!(".{}()", words(operation, '_'))],
    },
];

/// A library or tool, and the file that pins it: its name there, and what stands in front of the version.
const PINNED: [(&str, &str, &str); 12] = [
    ("boto3", PYTHON, "\nboto3=="),
    ("AWS CLI", PYTHON, "\nawscli=="),
    (
        "SDK for JavaScript v3",
        JAVASCRIPT,
        "\"@aws-sdk/client-dynamodb\": \"",
    ),
    (
        "SDK for Rust",
        RUST,
        "\nname = \"aws-sdk-dynamodb\"\nversion = \"",
    ),
    ("PynamoDB", PYTHON, "\npynamodb=="),
    (
        "Powertools for AWS Lambda (Python)",
        PYTHON,
        "\naws-lambda-powertools==",
    ),
    (
        "Lambda runtime interface client (Python)",
        PYTHON,
        "\nawslambdaric==",
    ),
    (
        "DynamoDB document client",
        JAVASCRIPT,
        "\"@aws-sdk/lib-dynamodb\": \"",
    ),
    ("ElectroDB", JAVASCRIPT, "\"electrodb\": \""),
    ("Dynamoose", JAVASCRIPT, "\"dynamoose\": \""),
    ("dynamodb-toolbox", JAVASCRIPT, "\"dynamodb-toolbox\": \""),
    ("dynamodb-admin", JAVASCRIPT, "\"dynamodb-admin\": \""),
];

const PYTHON: &str = "tests/sdk/python/requirements.txt";
const JAVASCRIPT: &str = "tests/sdk/js/package.json";
const RUST: &str = "Cargo.lock";

/// The texts of the suites, by client.
pub struct Suites(Vec<(Client, String)>);

impl Suites {
    /// Reads them.
    pub fn read() -> Result<Self> {
        let read = |client: Client| {
            let mut text = String::new();
            read_folder(&root().join(client.folder), client.extension, &mut text)
                .context(client.folder)?;
            Ok((client, text))
        };
        Ok(Suites(
            CLIENTS.into_iter().map(read).collect::<Result<_>>()?,
        ))
    }

    /// The clients whose suites call an operation.
    pub fn calling(&self, operation: &str) -> Vec<&'static str> {
        let calls = |(client, text): &&(Client, String)| {
            let mut calls = (client.calls)(operation).into_iter();
            calls.any(|call| text.contains(&call))
        };
        self.0
            .iter()
            .filter(calls)
            .map(|(client, _)| client.name)
            .collect()
    }
}

fn read_folder(folder: &Path, extension: &str, out: &mut String) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            // What npm installs is nobody's test.
            if !path.ends_with("node_modules") {
                read_folder(&path, extension, out)?;
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            out.push_str(&std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

/// Names and versions of what the suites use.
pub fn pinned() -> Result<Vec<(&'static str, String)>> {
    let version = |(name, file, before): (&'static str, &'static str, &str)| {
        let text = std::fs::read_to_string(root().join(file)).context(file)?;
        // So that each line has one in front of it.
        let version = version(&format!("\n{text}"), before);
        let version = version.with_context(|| format!("{file} has no {}", before.trim()))?;
        Ok((name, version))
    };
    PINNED.into_iter().map(version).collect()
}

/// The version behind a text: digits and dots, in whatever stands around them on the line.
fn version(text: &str, before: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    let line = rest.lines().next()?;
    let digits = line.find(|char: char| char.is_ascii_digit())?;
    let line = &line[digits..];
    let end = line.find(|char: char| !char.is_ascii_digit() && char != '.');
    Some(line[..end.unwrap_or(line.len())].to_owned())
}

/// The words of an operation's name, in small letters.
fn words(operation: &str, between: char) -> String {
    let mut out = String::new();
    for char in operation.chars() {
        if char.is_ascii_uppercase() && !out.is_empty() {
            out.push(between);
        }
        out.push(char.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{version, words};

    #[test]
    fn names_are_those_of_the_clients() {
        assert_eq!(words("DescribeTimeToLive", '_'), "describe_time_to_live");
        assert_eq!(words("BatchGetItem", '-'), "batch-get-item");
    }

    #[test]
    fn versions_are_read_out_of_each_form() {
        let found = |text| version(text, "\nx");
        assert_eq!(found("\nx==1.44.5\nother==2"), Some("1.44.5".to_owned()));
        assert_eq!(found("\nx\": \"^3.7\",\n"), Some("3.7".to_owned()));
        assert_eq!(found("\ny==1"), None);
    }
}
