//! Is the record what it says it is? Pure comparisons; what they compare is read elsewhere.
//!
//! | question | file |
//! |---|---|
//! | do ranges and losses cover every offset once? | [`tiling`], [`ledger`] |
//! | does each range have the rows that it counts? | [`tally`] |
//! | is a row in itself what was written? | [`row`] |
//! | is it what Kafka holds? | [`compare`], [`join`], [`rebuild`] |
//! | what was found, and how much of it is named | [`finding`] |
//!
//! Everything works on one pass over the rows of a partition, in the order of their offsets, and
//! holds no row longer than the next one takes to come. What is held is the ledger of one partition in
//! one generation: a range an hour, so some megabytes after ten years.

pub mod compare;
pub mod finding;
pub mod join;
pub mod ledger;
pub mod rebuild;
pub mod row;
pub mod tally;
pub mod tiling;

pub use finding::{Finding, Findings, Kind, Place};
pub use ledger::{Ledger, Standing};
pub use row::StoredRow;
