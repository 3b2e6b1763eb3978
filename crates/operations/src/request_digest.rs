//! A digest of what a transaction asks for: a repetition has to have the same. It is made of decoded values, so that
//! neither the order in which a client writes the members of a map nor the way it writes a number matters.

use std::collections::BTreeMap;

use headwater_model::{EncodedItem, Item};
use xxhash_rust::xxh3::Xxh3;

/// A digest while it is made. Each part is preceded by its length, so that no two lists of parts are the same bytes.
#[derive(Default)]
pub(crate) struct RequestDigest(Xxh3);

/// Stands for a part that is not given; no part is as long.
const ABSENT: u64 = u64::MAX;

impl RequestDigest {
    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(crate) fn optional_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.absent(),
        }
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.length(u64::from(flag));
    }

    pub(crate) fn names(&mut self, names: Option<&BTreeMap<String, String>>) {
        let Some(names) = names else {
            return self.absent();
        };
        self.length(names.len() as u64);
        for (placeholder, name) in names {
            self.text(placeholder);
            self.text(name);
        }
    }

    pub(crate) fn item(&mut self, item: &EncodedItem) {
        self.bytes(item.bytes());
    }

    pub(crate) fn optional_item(&mut self, item: Option<&Item>) {
        match item {
            Some(item) => self.item(&EncodedItem::encode(item)),
            None => self.absent(),
        }
    }

    pub(crate) fn finish(&self) -> u128 {
        self.0.digest128()
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn absent(&mut self) {
        self.length(ABSENT);
    }

    fn length(&mut self, length: u64) {
        self.0.update(&length.to_be_bytes());
    }
}
