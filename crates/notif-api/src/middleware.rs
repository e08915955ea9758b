//! What holds for every request: one promise a file. Their order, with its reasons, is in `app`.

pub(crate) mod access;
pub(crate) mod access_log;
pub(crate) mod cors;
pub(crate) mod finish;
pub(crate) mod links;
pub(crate) mod metrics;
pub(crate) mod problem;
pub(crate) mod request_id;
