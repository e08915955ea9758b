//! The testbed tested: its servers start, answer, break as told, and end with the process.

mod kafka;
mod left_behind;
mod postgres;
mod service;
