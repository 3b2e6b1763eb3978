//! The data files of an export: lines, compressed, in objects of a bounded size.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest as _, Md5};
use sha2::Sha256;

use crate::bucket::{Bucket, BucketError};

/// Compressed bytes of a file, about.
const FILE_BYTES_MAX: usize = 16 << 20;
/// Characters of a file's name that are of its export, and those that count.
const NAME_OF_EXPORT: usize = 20;
const NAME_OF_FILE: usize = 6;
/// Of which names are made.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// One file, as the manifest shows it.
pub(crate) struct DataFile {
    pub(crate) key: String,
    pub(crate) items: u64,
    pub(crate) md5: [u8; 16],
}

/// Files that are being written.
pub(crate) struct DataFiles<'b> {
    bucket: &'b dyn Bucket,
    /// Everything of a key but the count and the ending.
    stem: String,
    ending: &'static str,
    encoder: GzEncoder<Vec<u8>>,
    items: u64,
    files: Vec<DataFile>,
}

impl<'b> DataFiles<'b> {
    /// Begins the files of the export `arn` in `folder`. What an earlier try left is removed: its names are the same.
    pub(crate) fn begin(
        bucket: &'b dyn Bucket,
        folder: &str,
        arn: &str,
        ending: &'static str,
    ) -> Result<Self, BucketError> {
        let stem = format!("{folder}/{}", name_of_export(arn));
        for left in bucket.list(&stem)? {
            bucket.delete(&left.key)?;
        }
        Ok(DataFiles {
            bucket,
            stem,
            ending,
            encoder: encoder(),
            items: 0,
            files: Vec::new(),
        })
    }

    /// Adds a line that holds an item.
    pub(crate) fn add(&mut self, line: &[u8]) -> Result<(), BucketError> {
        self.encoder.write_all(line).map_err(compressing)?;
        self.items += 1;
        match self.encoder.get_ref().len() >= FILE_BYTES_MAX {
            true => self.put(),
            false => Ok(()),
        }
    }

    /// Writes the last file, which is empty if there are no items at all; gives all of them.
    pub(crate) fn finish(mut self) -> Result<Vec<DataFile>, BucketError> {
        if self.items > 0 || self.files.is_empty() {
            self.put()?;
        }
        Ok(self.files)
    }

    /// The same, without a file if there are no lines at all.
    pub(crate) fn finish_unless_empty(self) -> Result<(), BucketError> {
        match self.items > 0 || !self.files.is_empty() {
            true => self.finish().map(|_| ()),
            false => Ok(()),
        }
    }

    fn put(&mut self) -> Result<(), BucketError> {
        let whole = std::mem::replace(&mut self.encoder, encoder());
        let body = Bytes::from(whole.finish().map_err(compressing)?);
        let count = base32(self.files.len() as u64, NAME_OF_FILE);
        let key = format!("{}{count}{}", self.stem, self.ending);
        let md5 = Md5::digest(&body).into();
        self.bucket.put(&key, body)?;
        let items = std::mem::take(&mut self.items);
        self.files.push(DataFile { key, items, md5 });
        Ok(())
    }
}

/// The digest as manifests show it.
pub(crate) fn md5_text(md5: &[u8; 16]) -> String {
    STANDARD.encode(md5)
}

fn encoder() -> GzEncoder<Vec<u8>> {
    GzEncoder::new(Vec::new(), Compression::default())
}

fn compressing(error: std::io::Error) -> BucketError {
    BucketError::Io {
        what: "compressing a data file".to_owned(),
        error,
    }
}

fn name_of_export(arn: &str) -> String {
    let digest = Sha256::digest(arn.as_bytes());
    let letters = digest.iter().take(NAME_OF_EXPORT);
    letters.map(|byte| letter(u64::from(*byte))).collect()
}

fn base32(number: u64, digits: usize) -> String {
    let places = (0..digits).rev();
    places.map(|place| letter(number >> (5 * place))).collect()
}

fn letter(number: u64) -> char {
    char::from(ALPHABET[(number % 32) as usize])
}
