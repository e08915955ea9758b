//! What a reader may ask. Being built.
