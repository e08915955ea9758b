//! The battery: the recorder under fire, by a binary that can be killed at any step and can be given
//! deliberate defects (feature `faults`; what that is stands in `notif-core/src/fault.rs`).
//!
//! `sweep` kills at every step, one after the other; `storm` at random, with many polls at once, and
//! is also `make soak`. `promise` holds small checks, and `mutation` proves that they can fail. What is right is said by
//! `check`, which compares every row with what the broker's own consumer reads.
//!
//! `cfg(test)` says to the lints that helpers of tests are tests too: they fail by panicking.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

#[cfg(test)]
mod binary;
#[cfg(test)]
mod check;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod promise;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod storm;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod tell;
#[cfg(test)]
mod world;
