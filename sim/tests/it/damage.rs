//! Flipped bits in the files of a stopped server: they are found and named, and never served.
