//! The commands, one file each: ask, call, report.

pub(crate) mod adopt_cluster;
pub(crate) mod migrate;
pub(crate) mod plan;
pub(crate) mod poll;
pub(crate) mod resume;
pub(crate) mod retire;
pub(crate) mod status;
