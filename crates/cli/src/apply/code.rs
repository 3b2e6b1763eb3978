//! The code of a function: a folder that the server runs in place, a zip file, or a text in the template.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use headwater_triggers::LOCAL_DIRECTORY;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Largest package that CreateFunction takes (Lambda quotas).
const ZIP_BYTES_MAX: u64 = 50 * 1024 * 1024;

/// Where the code of a function is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Code {
    /// A folder of this machine, by its absolute path.
    Folder(PathBuf),
    /// An address or a program in place of code (an extension of the server), by the `S3Bucket` that says which.
    Target { kind: String, place: String },
    /// A package.
    Zip {
        bytes: Vec<u8>,
        /// For people: the file, or that it stands in the template.
        from: String,
    },
}

impl Code {
    /// The code at a path: a folder or a zip file.
    pub(super) fn at(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let found = path.canonicalize();
        let path = found.map_err(|error| format!("{shown} can't be read: {error}"))?;
        if path.is_dir() {
            return Ok(Code::Folder(path));
        }
        let is_zip = path.extension().is_some_and(|extension| extension == "zip");
        if !is_zip {
            return Err(format!("{shown} is neither a folder nor a zip file"));
        }
        let size = path.metadata().map_or(u64::MAX, |metadata| metadata.len());
        if size > ZIP_BYTES_MAX {
            return Err(format!(
                "{shown} has more than {ZIP_BYTES_MAX} bytes: unpack it and name the folder"
            ));
        }
        let bytes = std::fs::read(&path);
        Ok(Code::Zip {
            bytes: bytes.map_err(|error| format!("{shown} can't be read: {error}"))?,
            from: shown.to_string(),
        })
    }

    /// The package of a text in the template: one file, named as CloudFormation names it. Equal texts give equal
    /// bytes.
    pub(super) fn inline(text: &str, runtime: &str) -> Result<Self, String> {
        let file = match runtime {
            _ if runtime.starts_with("python") => "index.py",
            _ if runtime.starts_with("nodejs") => "index.js",
            _ => {
                return Err(format!(
                    "code in the template is for Python and Node, not for {runtime}"
                ));
            }
        };
        let packed = packed(file, text).map_err(|error| error.to_string())?;
        Ok(Code::Zip {
            bytes: packed,
            from: "the template".to_owned(),
        })
    }

    /// As requests take it.
    pub(super) fn member(&self) -> Value {
        match self {
            Code::Folder(path) => {
                json!({"S3Bucket": LOCAL_DIRECTORY, "S3Key": path.to_string_lossy()})
            }
            Code::Target { kind, place } => json!({"S3Bucket": kind, "S3Key": place}),
            Code::Zip { bytes, .. } => json!({"ZipFile": STANDARD.encode(bytes)}),
        }
    }

    /// Whether GetFunction's answer tells of the same code.
    pub(super) fn is_of(&self, answer: &Value) -> bool {
        match self {
            Code::Folder(path) => {
                answer["Code"]["Location"] == format!("file://{}", path.display())
            }
            Code::Target { kind, place } => has_hash(answer, format!("{kind}/{place}").as_bytes()),
            Code::Zip { bytes, .. } => has_hash(answer, bytes),
        }
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        match self {
            Code::Folder(path) => path.display().to_string(),
            Code::Target { place, .. } => place.clone(),
            Code::Zip { bytes, from } => format!("{from} ({} bytes zipped)", bytes.len()),
        }
    }
}

/// What stands for the hash of a target's code is that of where it is.
fn has_hash(answer: &Value, of: &[u8]) -> bool {
    answer["Configuration"]["CodeSha256"] == STANDARD.encode(Sha256::digest(of))
}

fn packed(file: &str, text: &str) -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // The default time of change is a fixed one.
    zip.start_file(file, SimpleFileOptions::default().unix_permissions(0o644))?;
    zip.write_all(text.as_bytes())?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Code;

    #[test]
    fn equal_texts_are_equal_packages() {
        let code = |text| Code::inline(text, "python3.12").expect("a package");
        assert_eq!(code("a = 1"), code("a = 1"));
        assert_ne!(code("a = 1"), code("a = 2"));
        assert!(Code::inline("", "java21").is_err());
    }

    #[test]
    fn a_folder_is_known_by_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().canonicalize().expect("a path");
        let code = Code::at(&path).expect("code");
        let location = format!("file://{}", path.display());
        assert!(code.is_of(&json!({"Code": {"Location": location}})));
        assert!(!code.is_of(&json!({"Code": {"Location": "file:///elsewhere"}})));
        std::fs::write(path.join("x.txt"), "x").expect("written");
        assert!(Code::at(&path.join("x.txt")).is_err());
        assert!(Code::at(&path.join("none")).is_err());
    }
}
