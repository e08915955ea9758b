//! Decoding: the tables of the design's section 5, real campus shapes, and properties over
//! generated messages. How a record becomes a row is in `row`, the bits of its id in `id`.
//!
//! `cfg(test)` says to the lints that helpers of tests are tests too: they fail by panicking.

#[cfg(test)]
mod campus;
#[cfg(test)]
mod cloudevents;
#[cfg(test)]
mod columns;
#[cfg(test)]
mod envelope;
#[cfg(test)]
mod fidelity;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod id;
#[cfg(test)]
mod ids;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod page;
#[cfg(test)]
mod printed_bytes;
#[cfg(test)]
mod rebuild;
#[cfg(test)]
mod records;
#[cfg(test)]
mod row;
#[cfg(test)]
mod testbed;
#[cfg(test)]
mod timestamp;
#[cfg(test)]
mod total;
