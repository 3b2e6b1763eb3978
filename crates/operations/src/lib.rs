//! One file per API operation: validate, command, reply; and the embedded facade.
