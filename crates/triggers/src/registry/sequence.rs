//! Sequence numbers in documents.

use headwater_model::Sequence;
use serde::{Deserialize, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(value: &Sequence, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_u64(value.0)
}

pub(super) fn deserialize<'d, D: Deserializer<'d>>(input: D) -> Result<Sequence, D::Error> {
    u64::deserialize(input).map(Sequence)
}
