//! Getting the pinned package and reading its service models.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::SERVICES;
use super::rules::{Pin, Rules};
use super::shapes::Ordered;
use crate::process;

/// A service model, without its documentation. Members keep the order of the file.
#[derive(Deserialize)]
pub struct Model {
    pub operations: Ordered<OperationModel>,
    pub shapes: Ordered<Shape>,
}

#[derive(Deserialize)]
pub struct OperationModel {
    pub http: HttpModel,
    pub input: Option<Reference>,
    pub output: Option<Reference>,
    #[serde(default)]
    pub errors: Vec<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpModel {
    pub method: String,
    pub request_uri: String,
    pub response_code: Option<u16>,
}

/// The use of a shape by another one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    pub shape: String,
    pub location: Option<String>,
    pub location_name: Option<String>,
}

#[derive(Deserialize)]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub members: Ordered<Reference>,
    #[serde(default)]
    pub required: Vec<String>,
    pub member: Option<Reference>,
    pub value: Option<Reference>,
    #[serde(rename = "enum", default)]
    pub words: Vec<String>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub pattern: Option<String>,
    pub payload: Option<String>,
    #[serde(default)]
    pub exception: bool,
    #[serde(default)]
    pub fault: bool,
    pub error: Option<ErrorModel>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorModel {
    pub http_status_code: Option<u16>,
}

impl Model {
    pub fn shape(&self, name: &str) -> Result<&Shape> {
        self.shapes
            .get(name)
            .with_context(|| format!("the model has no shape {name}"))
    }

    pub fn operation(&self, name: &str) -> Result<&OperationModel> {
        self.operations
            .get(name)
            .with_context(|| format!("the model has no operation {name}"))
    }
}

/// The models of all served APIs, in the order of [`SERVICES`].
pub fn fetch(rules: &Rules) -> Result<Vec<Model>> {
    let wheel = wheel(&rules.served.pin)?;
    SERVICES
        .iter()
        .map(|service| model(&wheel, &rules.api(service)?.model))
        .collect()
}

/// The package's file below the target folder, downloaded if it is not there yet; its checksum is always compared.
fn wheel(pin: &Pin) -> Result<PathBuf> {
    let folder = process::target_dir().join("wire");
    let path = folder.join(format!("{}-{}-py3-none-any.whl", pin.package, pin.version));
    if !path.exists() {
        let mut pip = process::command("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"])
            .arg(&folder)
            .arg(format!("{}=={}", pin.package, pin.version));
        process::run(&mut pip)?;
    }
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let sum: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if sum != pin.sha256 {
        bail!(
            "{} has the sha256 {sum}, not the pinned {}",
            path.display(),
            pin.sha256
        );
    }
    Ok(path)
}

fn model(wheel: &Path, name: &str) -> Result<Model> {
    let mut archive = zip::ZipArchive::new(File::open(wheel)?)?;
    let entry = archive.by_name(&format!("botocore/data/{name}/service-2.json.gz"))?;
    let mut json = Vec::new();
    GzDecoder::new(entry).read_to_end(&mut json)?;
    serde_json::from_slice(&json).with_context(|| format!("in the model {name}"))
}
