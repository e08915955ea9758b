//! Decoding: the tables of the design's section 5, real campus shapes, and properties over
//! generated messages. How a record becomes a row is in `row`, the bits of its id in `id`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking; clippy.toml's exceptions reach only the functions marked as tests"
)]

mod campus;
mod cloudevents;
mod columns;
mod envelope;
mod fidelity;
mod generated;
mod id;
mod ids;
mod opening;
mod printed_bytes;
mod rebuild;
mod records;
mod row;
mod testbed;
mod timestamp;
mod total;
