//! Can `event` hold this message faithfully, or must its bytes be kept beside it?
//!
//! Where several reasons apply, one is named, by these steps:
//!
//! 1. the value could not be opened (`empty`, `schema-registry`, `not-utf8`, `not-json`): then
//!    nothing else is known of it (`opening`);
//! 2. the value is over 16 MiB: `too-large`, whatever else is in it;
//! 3. the first that applies, in the order of [`RawReason`]: `byte-order-mark`, `binary-data`,
//!    `nul-character`, `lone-surrogate`, `duplicate-keys`, `number-range`, `too-deep`;
//! 4. `event` would print in over 16 MiB: `too-large`.

use super::MAX_BYTES;
use super::json::Document;
use super::message::{Form, Message};
use super::opening::Body;
use crate::event::RawReason;
use crate::record::Record;

/// The deepest nesting that a payload may have, and any other member of the message.
///
/// The event around it adds three levels at most, and the readers that stop earliest stop at 128.
const MAX_NESTING: usize = 100;

/// Why the message's bytes are kept, steps 2 and 3; `None` where `event` may hold it.
pub(super) fn raw_reason(record: &Record, body: Body, message: &Message<'_>) -> Option<RawReason> {
    if record
        .value
        .as_ref()
        .is_some_and(|value| value.len() > MAX_BYTES)
    {
        return Some(RawReason::TooLarge);
    }
    let payload_flaw = message.payload_document.and_then(|payload| payload.flaw);
    [
        body.byte_order_mark.then_some(RawReason::ByteOrderMark),
        message.has_binary_data().then_some(RawReason::BinaryData),
        message.document.flaw,
        payload_flaw,
        is_too_deep(message).then_some(RawReason::TooDeep),
    ]
    .into_iter()
    .flatten()
    .min()
}

fn is_too_deep(message: &Message<'_>) -> bool {
    let own = match message.form {
        Form::Whole => message.document.nesting,
        // each member counts on its own, without the object around them
        Form::Envelope | Form::CloudEvent => message.document.nesting.saturating_sub(1),
    };
    let payload = message
        .payload_document
        .map_or(0, |payload: &Document<'_>| payload.nesting);
    own.max(payload) > MAX_NESTING
}
