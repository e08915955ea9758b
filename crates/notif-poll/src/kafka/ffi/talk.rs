//! What the client library has to say: its log, and errors that concern no partition.
//!
//! librdkafka keeps both in a queue until somebody asks. The safe wrapper asks when it is polled for
//! messages, which we never do (see `message.rs`): so the queue is asked here, wherever we wait.

use std::ffi::{c_char, c_int};
use std::ptr::{self, NonNull};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka_sys as sys;

use super::text;
use crate::kafka::Client;

/// Takes the talk out of the queue of messages, where the wrapper puts it: it would be written to
/// stderr as it is by the first call that takes messages.
pub(crate) fn keep_apart(client: &Client) {
    // SAFETY: the handle is live; the queue is ours until it is destroyed, which gives a reference
    // back and leaves the client's queue alone. A null destination ends the forwarding.
    unsafe {
        let queue = sys::rd_kafka_queue_get_main(client.client().native_ptr());
        if !queue.is_null() {
            sys::rd_kafka_queue_forward(queue, ptr::null_mut());
            sys::rd_kafka_queue_destroy(queue);
        }
    }
}

/// Hands all that was said since the last call to the client's context. Does not wait.
pub(crate) fn hear(client: &Client) {
    // SAFETY: as in `keep_apart`.
    let queue = unsafe { sys::rd_kafka_queue_get_main(client.client().native_ptr()) };
    if queue.is_null() {
        return;
    }
    // SAFETY: the queue is live; an event, where there is one, is ours until it is destroyed, once,
    // after everything in it was copied.
    unsafe {
        while let Some(event) = NonNull::new(sys::rd_kafka_queue_poll(queue, 0)) {
            hand_over(client, event);
            sys::rd_kafka_event_destroy(event.as_ptr());
        }
        sys::rd_kafka_queue_destroy(queue);
    }
}

/// # Safety
/// `event` is a live event.
unsafe fn hand_over(client: &Client, event: NonNull<sys::rd_kafka_event_t>) {
    let event = event.as_ptr();
    let context = Consumer::context(client);
    // SAFETY: the event is live.
    match unsafe { sys::rd_kafka_event_type(event) } {
        sys::RD_KAFKA_EVENT_LOG => {
            let (mut facility, mut message): (*const c_char, *const c_char) =
                (ptr::null(), ptr::null());
            let mut level: c_int = 0;
            // SAFETY: the event is live and of the log; on success both strings are set, and live as
            // long as it does.
            let (facility, message) = unsafe {
                sys::rd_kafka_event_log(event, &raw mut facility, &raw mut message, &raw mut level);
                (text(facility), text(message))
            };
            let level = match level {
                ..=2 => RDKafkaLogLevel::Critical,
                3 => RDKafkaLogLevel::Error,
                4 => RDKafkaLogLevel::Warning,
                5 => RDKafkaLogLevel::Notice,
                6 => RDKafkaLogLevel::Info,
                _ => RDKafkaLogLevel::Debug,
            };
            context.log(level, facility.trim(), message.trim());
        }
        sys::RD_KAFKA_EVENT_ERROR => {
            // SAFETY: the event is live, and its string as long as it is.
            let (code, reason) = unsafe {
                (
                    RDKafkaErrorCode::from(sys::rd_kafka_event_error(event)),
                    text(sys::rd_kafka_event_error_string(event)),
                )
            };
            context.error(ClientError::Global(code), reason.trim());
        }
        _ => {}
    }
}
