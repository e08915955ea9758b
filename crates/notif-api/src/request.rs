//! From a request to what the domain asks for. Every refusal names its field.

pub(crate) mod body;
pub(crate) mod event_id;
pub(crate) mod filter;
pub(crate) mod idempotency;
pub(crate) mod manual;
pub(crate) mod parameters;
pub(crate) mod path;
