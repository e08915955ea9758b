//! What the safe wrapper of librdkafka lacks, and the only file with `unsafe`.
//!
//! rdkafka 0.39 panics on a header name that is not UTF-8, gives end-of-partition events without
//! their topic and their offset, and knows neither topic ids nor offsets by isolation level. So
//! messages are taken from the consumer's queue here, two admin calls are made here, and what the
//! library itself has to say is heard here. Everything
//! that leaves this file is owned and safe.
//!
//! What the proofs below lean on (librdkafka's documentation of `rdkafka.h`): an object made by a
//! `_new` or `_get` function is valid until its `_destroy`; what an event, a message or a result
//! returns by pointer lives as long as that event, message or result; strings are NUL-terminated.
#![expect(unsafe_code, reason = "the one file that talks to librdkafka directly")]

mod admin;
mod message;
mod talk;

use std::ffi::{CStr, c_char};
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;

pub(crate) use admin::{
    Answers, SHORTEST_TIMEOUT, TopicDescription, Which, describe_topics, list_offsets,
};
pub(crate) use message::{ConsumerQueue, Received};
pub(crate) use talk::{hear, keep_apart};

/// A failed call, or a failed part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct KafkaError {
    /// The error.
    pub(crate) code: RDKafkaErrorCode,
    /// In words.
    pub(crate) message: String,
}

/// # Safety
/// `text` is null or a NUL-terminated string.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and the caller vouches for the NUL.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

fn timeout_ms(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
}
