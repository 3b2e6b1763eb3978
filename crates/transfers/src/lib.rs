//! Exports of tables to S3 buckets and imports from them.
//!
//! Requests begin jobs ([`headwater_operations::TransferJobs`]); this room carries them out beside the requests, a few
//! at a time, and notes how far they are. What a server that stopped left unfinished is done again from its beginning.
//!
//! A bucket is a folder, or is kept by a service that speaks S3's protocol ([`BucketSettings`]). Files are read and written as streams, in memory that does not grow with
//! them. The work is done by threads that may wait for the disk; only writes of items go back to the runtime.

mod bucket;
mod buckets;
mod bulk_put;
mod csv_rows;
mod data_files;
mod export;
mod export_line;
mod failure;
mod folder;
mod import;
mod ion_items;
mod ion_text;
mod json_lines;
mod lines;
mod manifest;
mod object_reader;
mod put_batch;
mod record;
mod run;
mod s3;
mod s3_answer;
mod source;
pub mod testing;
mod transfers;

pub use buckets::{BucketSettings, S3Settings};
pub use transfers::{OpenError, Transfers};
