//! The database: catalog, partitions, and the one door that every write goes through.
