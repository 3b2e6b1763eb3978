//! The two ways in which AWS looks at the attribute values of a request. Which one an operation takes decides the words
//! (conformance suite, recorded 2026 in several regions).

/// How an operation words what it refuses before it looks for the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Writes of one item: in the sentence that broken constraints have, with the newer words.
    Enveloped,
    /// Reads by key, and Query: the newer words by themselves.
    Bare,
    /// BatchWriteItem, transactions and Scan: the older words, and where the value stands.
    #[default]
    Older,
}

impl Manner {
    /// Whether the newer words are used.
    pub(crate) fn is_newer(self) -> bool {
        self != Manner::Older
    }
}
