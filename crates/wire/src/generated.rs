//! What `cargo xtask wire` makes of the pinned API models. Don't edit the files below; edit the generator's tables.
//! They are formatted by the generator, a member to a line.

#[allow(missing_docs, reason = "shapes and members are named and documented by the AWS API model")]
#[rustfmt::skip]
pub mod dynamodb;
#[rustfmt::skip]
pub(crate) mod errors;
#[allow(missing_docs, reason = "shapes and members are named and documented by the AWS API model")]
#[rustfmt::skip]
pub mod lambda;
#[rustfmt::skip]
pub(crate) mod operations;
#[allow(missing_docs, reason = "shapes and members are named and documented by the AWS API model")]
#[rustfmt::skip]
pub mod streams;
