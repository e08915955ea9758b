//! Faults on demand, for tests that must be able to fail.
//!
//! Only builds with the feature `faults` have them; in any other, both macros leave nothing behind,
//! not even a name. What a run does at which point is chosen at run time, by `choose` in such a
//! build: see `fault/chosen.rs`. The tests that use it are in `notif-poll/tests/battery` and, for
//! defects whose names begin with `api-`, in `notif-api/tests/api/mutation.rs`.
//!
//! * [`fault_point!`](crate::fault_point): here a run can be killed or held;
//! * [`mutated!`](crate::mutated): is this deliberate defect switched on?

#[cfg(feature = "faults")]
mod chosen;

#[cfg(feature = "faults")]
pub use chosen::{choose, is_mutated, reached};

#[cfg(all(feature = "faults", not(debug_assertions)))]
compile_error!("the feature `faults` is for tests: it has no place in an optimised build");

/// A point at which a test can kill or hold the process.
#[cfg(feature = "faults")]
#[macro_export]
macro_rules! fault_point {
    ($step:literal) => {
        $crate::fault::reached($step)
    };
}

/// A point at which a test can kill or hold the process: nothing in this build.
#[cfg(not(feature = "faults"))]
#[macro_export]
macro_rules! fault_point {
    ($step:literal) => {};
}

/// Is a deliberate defect switched on?
#[cfg(feature = "faults")]
#[macro_export]
macro_rules! mutated {
    ($name:literal) => {
        $crate::fault::is_mutated($name)
    };
}

/// Is a deliberate defect switched on? In this build it is not there.
#[cfg(not(feature = "faults"))]
#[macro_export]
macro_rules! mutated {
    ($name:literal) => {
        false
    };
}
