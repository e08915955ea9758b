//! The commands, one file each: ask, call, report.

pub(crate) mod migrate;
pub(crate) mod poll;
pub(crate) mod verify;
