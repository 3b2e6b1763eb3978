//! A template's file: its text as a tree, its folder, and of which kind it is.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

use super::{late, yaml};

/// Largest template, as CloudFormation's own largest.
const BYTES_MAX: u64 = 1024 * 1024;
/// Longest name of a stack (CloudFormation).
const STACK_CHARS_MAX: usize = 128;

/// Who reads such a file elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// CloudFormation, with or without the SAM transform.
    CloudFormation,
    /// The Serverless Framework.
    Serverless,
}

/// A template as it was read.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) tree: Value,
    pub(super) form: Form,
    /// What its paths are relative to; absolute.
    pub(super) folder: PathBuf,
    /// The name that its stack has if none is given.
    pub(super) stack: String,
}

/// Reads the file at `path`.
pub(super) fn read(path: &Path) -> anyhow::Result<Template> {
    let name = path.display();
    let size = std::fs::metadata(path).with_context(|| format!("{name} can't be read"))?;
    if size.len() > BYTES_MAX {
        bail!("{name} has more than {BYTES_MAX} bytes");
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("{name} can't be read"))?;
    let tree = parse(&text).with_context(|| format!("{name} is no template"))?;
    let path = path
        .canonicalize()
        .with_context(|| format!("{name} can't be read"))?;
    Ok(Template {
        form: form(&tree).with_context(|| format!("{name} is no template"))?,
        tree,
        stack: stack_name(&path),
        folder: path.parent().unwrap_or(Path::new("/")).to_owned(),
    })
}

/// The text of a file that a template refers to; `None` if it is not there.
pub(super) fn beside(folder: &Path, path: &str) -> Result<Option<String>, String> {
    let path = folder.join(path);
    let size = match std::fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{} can't be read: {error}", path.display())),
    };
    if size > BYTES_MAX {
        return Err(format!(
            "{} has more than {BYTES_MAX} bytes",
            path.display()
        ));
    }
    let text = std::fs::read_to_string(&path);
    text.map(Some)
        .map_err(|error| format!("{} can't be read: {error}", path.display()))
}

/// A text as a tree: JSON or YAML.
pub(super) fn parse(text: &str) -> anyhow::Result<Value> {
    let tree = match text.trim_start().starts_with('{') {
        true => serde_json::from_str(text).or_else(|error| yaml::read(text).map_err(|_| error))?,
        false => yaml::read(text)?,
    };
    if has_edge(&tree) {
        bail!("it has a NUL character in it");
    }
    Ok(tree)
}

/// Whether a text holds what marks are made of.
fn has_edge(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(late::EDGE),
        Value::Array(items) => items.iter().any(has_edge),
        Value::Object(members) => members
            .iter()
            .any(|(name, member)| name.contains(late::EDGE) || has_edge(member)),
        _ => false,
    }
}

fn form(tree: &Value) -> anyhow::Result<Form> {
    if tree["Resources"].is_object() {
        return Ok(Form::CloudFormation);
    }
    if !tree["service"].is_null() && tree["provider"].is_object() {
        return Ok(Form::Serverless);
    }
    bail!(
        "it has neither Resources (CloudFormation, SAM) nor service and provider (Serverless Framework)"
    )
}

/// `shop.template.json` is the stack `shop` (CDK); any other file has the name of its folder, of which those that
/// `sam build` makes are left out.
fn stack_name(path: &Path) -> String {
    let file = path.file_name().map(|name| name.to_string_lossy());
    let synthesized = file
        .as_deref()
        .and_then(|file| file.strip_suffix(".template.json"));
    let folders = path.ancestors().skip(1).filter_map(Path::file_name);
    let mut folders = folders.map(|name| name.to_string_lossy()).peekable();
    let is_built = folders.peek().is_some_and(|folder| folder == "build");
    let folder = folders.find(|folder| !is_built || (folder != "build" && folder != ".aws-sam"));
    let name = synthesized.or(folder.as_deref()).unwrap_or_default();
    let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let name = name.trim_matches('-');
    let name: String = name.chars().take(STACK_CHARS_MAX).collect();
    match name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => name,
        false => format!("stack{}{name}", if name.is_empty() { "" } else { "-" }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Form, form, parse, stack_name};

    #[test]
    fn stacks_are_named_after_the_folder_or_the_file() {
        for (path, expected) in [
            ("/srv/ann/shop/template.yaml", "shop"),
            ("/srv/ann/my_shop.2/template.yaml", "my-shop-2"),
            ("/srv/ann/shop/.aws-sam/build/template.yaml", "shop"),
            ("/srv/ann/shop/cdk.out/ShopStack.template.json", "ShopStack"),
            ("/srv/ann/2024/template.yaml", "stack-2024"),
            ("/template.yaml", "stack"),
        ] {
            assert_eq!(stack_name(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn kinds() {
        let of = |text: &str| form(&parse(text).expect("a tree")).ok();
        assert_eq!(of("Resources: {}"), Some(Form::CloudFormation));
        assert_eq!(of(r#"{"Resources": {}}"#), Some(Form::CloudFormation));
        assert_eq!(
            of("service: x\nprovider: {name: aws}"),
            Some(Form::Serverless)
        );
        assert_eq!(of("a: 1"), None);
        assert!(parse("a: \"\\0\"").is_err());
        assert!(parse("{\"a\": ").is_err());
    }
}
