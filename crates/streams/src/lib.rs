//! DynamoDB Streams over the change log: shards, iterators, record views, following.
