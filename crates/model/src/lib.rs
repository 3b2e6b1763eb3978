//! Values, numbers, keys, sizes, schemas and limits of DynamoDB: pure, no I/O.
