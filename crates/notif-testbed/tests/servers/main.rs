//! The testbed tested: its servers start, answer, break as told, and end with the process.

mod left_behind;
mod postgres;
