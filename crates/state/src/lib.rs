//! The state store: an ordered map of bytes with snapshots, atomic batches and checkpoints.
