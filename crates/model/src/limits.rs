//! Every bound of DynamoDB that more than one room needs, each with its source.
//!
//! Sources: "guide" is the developer guide (dynamodb-api.md section 3 and streams.md), "model" is
//! the public API model, "recorded" was seen in answers of the real service. A unit stands last
//! in each name.

const KB: usize = 1024;
const MB: usize = 1024 * KB;

// Items

/// An item with its attribute names and values: 400 KB (guide; api section 3).
pub const ITEM_SIZE_BYTES_MAX: usize = 400 * KB;
/// Nesting levels of an attribute's value, the attribute itself being level 1 (guide; recorded:
/// 31 maps around a string are accepted, 32 are refused).
pub const NESTING_DEPTH_MAX: usize = 32;
/// An attribute's name (guide; api section 3).
pub const ATTRIBUTE_NAME_BYTES_MAX: usize = 65_535;
/// Significant digits of a number (guide; api section 3).
pub const NUMBER_DIGITS_MAX: u32 = 38;
/// Exponent of the largest magnitude, 9.99..E+125 (guide; api section 3).
pub const NUMBER_EXPONENT_MAX: i32 = 125;
/// Exponent of the smallest magnitude that is not zero, 1E-130 (guide; api section 3).
pub const NUMBER_EXPONENT_MIN: i32 = -130;

// Keys

/// A partition key's value (guide; api section 3); the least is one byte.
pub const PARTITION_KEY_BYTES_MAX: usize = 2048;
/// A sort key's value (guide; api section 3); the least is one byte.
pub const SORT_KEY_BYTES_MAX: usize = 1024;
/// HASH elements of a global index's key, and also RANGE elements (Alternator's tests; api
/// section 3).
pub const INDEX_KEY_PARTS_MAX: usize = 4;
/// All items of one partition key, in a table with local indexes: 10 GB (guide; api section 3).
pub const ITEM_COLLECTION_SIZE_BYTES_MAX: u64 = 10 * 1024 * 1024 * 1024;

// Capacity

/// One read unit reads this much, strongly consistent (guide; api section 5).
pub const READ_UNIT_BYTES: usize = 4 * KB;
/// One write unit writes this much (guide; api section 5).
pub const WRITE_UNIT_BYTES: usize = KB;

// Expressions

/// An expression's text (guide; api section 3).
pub const EXPRESSION_BYTES_MAX: usize = 4 * KB;
/// A `#name` or `:value` token, with its mark (guide; api section 3).
pub const PLACEHOLDER_BYTES_MAX: usize = 255;
/// All substitutions of one request together (guide; api section 3).
pub const SUBSTITUTIONS_SIZE_BYTES_MAX: usize = 2 * MB;
/// Operators and functions of an expression (guide; api section 3).
pub const EXPRESSION_OPERATORS_MAX: usize = 300;
/// Values in the list of IN (guide; api section 3).
pub const IN_OPERANDS_MAX: usize = 100;
/// Values of the partition key that a SELECT reads one after the other (guide, IN of PartiQL).
pub const STATEMENT_PARTITIONS_MAX: usize = 50;
/// A PartiQL statement, in characters (model; api section 3); the least is 1.
pub const STATEMENT_CHARS_MAX: usize = 8192;

// Requests and pages

/// A request's body (api section 2).
pub const REQUEST_BYTES_MAX: usize = 16 * MB;
/// What Query and Scan evaluate for one page, before the filter (guide; api section 3).
pub const PAGE_SIZE_BYTES_MAX: usize = MB;
/// Keys of a BatchGetItem (guide; api section 3).
pub const BATCH_GET_KEYS_MAX: usize = 100;
/// The answer of a BatchGetItem; the rest is in UnprocessedKeys (guide; api section 3).
pub const BATCH_GET_SIZE_BYTES_MAX: usize = 16 * MB;
/// Requests of a BatchWriteItem (guide; api section 3).
pub const BATCH_WRITE_REQUESTS_MAX: usize = 25;
/// All of a BatchWriteItem (guide; api section 3).
pub const BATCH_WRITE_SIZE_BYTES_MAX: usize = 16 * MB;
/// Actions of a transaction (guide; api section 3).
pub const TRANSACTION_ACTIONS_MAX: usize = 100;
/// All items of a transaction (guide; api section 3).
pub const TRANSACTION_SIZE_BYTES_MAX: usize = 4 * MB;
/// How long a transaction's token makes its request idempotent (guide; api section 12).
pub const TRANSACTION_TOKEN_AGE_MS_MAX: u64 = 10 * 60 * 1000;
/// A ClientRequestToken, in characters (model; api section 3); the least is 1.
pub const CLIENT_REQUEST_TOKEN_CHARS_MAX: usize = 36;
/// Statements of a BatchExecuteStatement (model; api section 3).
pub const BATCH_STATEMENTS_MAX: usize = 25;
/// Statements of an ExecuteTransaction (model; api section 3).
pub const TRANSACTION_STATEMENTS_MAX: usize = 100;
/// TotalSegments of a Scan; a segment is below it (model; api section 3).
pub const SCAN_SEGMENTS_MAX: u32 = 1_000_000;

// Tables

/// The name of a table or an index, in characters (model; api section 3).
pub const TABLE_NAME_CHARS_MIN: usize = 3;
/// The name of a table or an index, in characters (model; api section 3).
pub const TABLE_NAME_CHARS_MAX: usize = 255;
/// A TableName that may be an ARN, in characters (model; api section 2).
pub const TABLE_ARN_CHARS_MAX: usize = 1024;
/// Local secondary indexes of a table (guide; api section 3).
pub const LOCAL_INDEXES_MAX: usize = 5;
/// Global secondary indexes of a table, a soft limit on AWS (guide; api section 3).
pub const GLOBAL_INDEXES_MAX: usize = 20;
/// NonKeyAttributes of one index (model; api section 3).
pub const PROJECTED_ATTRIBUTES_PER_INDEX_MAX: usize = 20;
/// NonKeyAttributes of all INCLUDE indexes of a table (guide; api section 3).
pub const PROJECTED_ATTRIBUTES_MAX: usize = 100;
/// Vector indexes of a table (conformance suite, recorded 2026).
pub const VECTOR_INDEXES_MAX: usize = 5;
/// Dimensions of a vector index (model; conformance suite).
pub const VECTOR_DIMENSIONS_MAX: usize = 4096;
/// Partition keys of a vector index's search schema (ExtendDB's tests against the service).
pub const SEARCH_HASH_KEYS_MAX: usize = 1;
/// Inline filters of a vector index's search schema (ExtendDB's tests against the service).
pub const SEARCH_FILTERS_MAX: usize = 18;
/// The value of an inline filter's attribute (ExtendDB).
pub const SEARCH_FILTER_BYTES_MAX: usize = 10 * KB;
/// TopK of SearchVectors (conformance suite, recorded 2026); the least is 1.
pub const TOP_K_MAX: usize = 100;
/// The answer of SearchVectors (guide).
pub const SEARCH_SIZE_BYTES_MAX: usize = 16 * MB;
/// The least that a search or a write of a vector index is counted as (conformance suite).
pub const VECTOR_REQUEST_BYTES_MIN: usize = KB;
/// Names in a page of ListTables, also the default (api section 15).
pub const LIST_TABLES_PAGE_MAX: usize = 100;
/// Tags of a table (model; api section 3).
pub const TAGS_MAX: usize = 50;
/// A tag's key, in characters (model; api section 3); the least is 1.
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// A tag's value, in characters (model; api section 3).
pub const TAG_VALUE_CHARS_MAX: usize = 256;
/// A resource policy with its white space (model; api section 3).
pub const RESOURCE_POLICY_BYTES_MAX: usize = 20 * KB;
/// The name of a time-to-live attribute, in characters (api section 14); the least is 1.
pub const TTL_ATTRIBUTE_CHARS_MAX: usize = 255;
/// A time to live further in the past than this is ignored: five years (guide; api section 14).
pub const TTL_PAST_SECONDS_MAX: i64 = 5 * 365 * 24 * 60 * 60;
/// Days of the point-in-time recovery window (model; api section 3); the least is 1.
pub const RECOVERY_PERIOD_DAYS_MAX: u32 = 35;

// Streams

/// Records in a page of GetRecords, also the default (API reference; streams.md section 8).
pub const STREAM_PAGE_RECORDS_MAX: usize = 1000;
/// Bytes in a page of GetRecords (API reference; streams.md section 8).
pub const STREAM_PAGE_SIZE_BYTES_MAX: usize = MB;
/// Shards in a page of DescribeStream, also the default (guide; streams.md section 6).
pub const STREAM_PAGE_SHARDS_MAX: usize = 100;
/// Streams in a page of ListStreams, also the default (Alternator's tests; streams.md section 6).
pub const LIST_STREAMS_PAGE_MAX: usize = 100;
/// How long a shard iterator is good for, unless a setting says otherwise (API reference; streams.md section 7).
pub const ITERATOR_AGE_MS_MAX: u64 = 15 * 60 * 1000;
/// A shard iterator's text, in characters (model; streams.md section 7).
pub const ITERATOR_CHARS_MAX: usize = 2048;
/// How long a record can be read (guide; streams.md section 5).
pub const STREAM_RETENTION_MS: u64 = 24 * 60 * 60 * 1000;
/// How old a shard becomes before its child takes over (guide; streams.md section 5).
pub const SHARD_ROLLOVER_MS: u64 = 4 * 60 * 60 * 1000;
/// Digits of a sequence number, at least (model; streams.md section 5).
pub const SEQUENCE_DIGITS_MIN: usize = 21;
/// Digits of a sequence number, at most (model; streams.md section 5).
pub const SEQUENCE_DIGITS_MAX: usize = 40;
/// A shard id, in characters (model; streams.md section 5).
pub const SHARD_ID_CHARS_MIN: usize = 28;
/// A shard id, in characters (model; streams.md section 5).
pub const SHARD_ID_CHARS_MAX: usize = 65;
/// A stream's ARN, in characters (model; streams.md section 2).
pub const STREAM_ARN_CHARS_MIN: usize = 37;
/// A stream's ARN, in characters (model; streams.md section 2).
pub const STREAM_ARN_CHARS_MAX: usize = 1024;
