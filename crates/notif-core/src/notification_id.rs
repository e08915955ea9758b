//! Taking a record apart. Being built.
