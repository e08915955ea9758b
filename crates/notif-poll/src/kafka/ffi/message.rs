//! Messages and events out of the consumer's queue, copied into our own types.

use std::collections::HashMap;
use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use notif_core::record::{Header, PartitionId, Record, RecordTime};
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::{text, timeout_ms};
use crate::kafka::Client;

/// Something that came out of the consumer's queue.
#[derive(Debug)]
pub(crate) enum Received {
    /// A message.
    Record(Record),
    /// The end of a partition, as the client sees it.
    EndOfPartition {
        /// The partition.
        id: PartitionId,
        /// Its end.
        offset: i64,
    },
    /// Anything else that went wrong.
    Problem {
        /// The partition, where it concerns one.
        id: Option<PartitionId>,
        /// The offset that it is about.
        offset: i64,
        /// The error.
        code: RDKafkaErrorCode,
        /// In words.
        message: String,
    },
}

/// How many messages are taken at once.
const RECEIVE_AT_ONCE: usize = 1000;

/// The queue of a consumer's messages and events.
pub(crate) struct ConsumerQueue<'c> {
    queue: NonNull<sys::rd_kafka_queue_t>,
    buffer: Vec<*mut sys::rd_kafka_message_t>,
    topics: HashMap<Vec<u8>, Arc<str>>,
    consumer: PhantomData<&'c Client>,
}

impl<'c> ConsumerQueue<'c> {
    /// The queue of `consumer`; `None` where it has no group, hence no queue.
    pub(crate) fn of(consumer: &'c Client) -> Option<Self> {
        // SAFETY: native_ptr is the live handle of `consumer`, which the result's lifetime keeps
        // borrowed. The returned reference is ours and is given back in `drop`.
        let queue = unsafe { sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        Some(Self {
            queue: NonNull::new(queue)?,
            buffer: vec![ptr::null_mut(); RECEIVE_AT_ONCE],
            topics: HashMap::new(),
            consumer: PhantomData,
        })
    }

    /// Takes what is there, waiting up to `timeout` for the first message.
    pub(crate) fn receive(&mut self, timeout: Duration, out: &mut Vec<Received>) {
        // SAFETY: the queue is live (see `of`); the buffer has room for as many pointers as are
        // asked for, and librdkafka writes only the first `taken` of them.
        let taken = unsafe {
            sys::rd_kafka_consume_batch_queue(
                self.queue.as_ptr(),
                timeout_ms(timeout),
                self.buffer.as_mut_ptr(),
                self.buffer.len(),
            )
        };
        // negative: an error about the queue itself, which has nothing to give then
        let taken = usize::try_from(taken).unwrap_or(0);
        for place in self.buffer.iter().take(taken) {
            let Some(message) = NonNull::new(*place) else {
                continue;
            };
            // SAFETY: each of the first `taken` pointers is a message that is ours until it is
            // destroyed, which happens once, right after it was copied.
            unsafe {
                out.push(copy_message(message.as_ref(), &mut self.topics));
                sys::rd_kafka_message_destroy(message.as_ptr());
            }
        }
    }
}

impl Drop for ConsumerQueue<'_> {
    fn drop(&mut self) {
        // SAFETY: gives back the reference that `of` took; nothing uses it afterwards.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// Copies a message into our own types.
///
/// # Safety
/// `message` is a live message of librdkafka.
unsafe fn copy_message(
    message: &sys::rd_kafka_message_t,
    topics: &mut HashMap<Vec<u8>, Arc<str>>,
) -> Received {
    // SAFETY: the message is live, so its topic handle is, where it has one.
    let id = unsafe { partition_of(message, topics) };
    let code = RDKafkaErrorCode::from(message.err);
    match (code, id) {
        (RDKafkaErrorCode::NoError, Some(partition)) => {
            // SAFETY: without an error, payload and key are null or point to as many bytes as
            // their lengths say, and live as long as the message.
            let (value, key) = unsafe {
                (
                    bytes(message.payload, message.len),
                    bytes(message.key, message.key_len),
                )
            };
            Received::Record(Record {
                partition,
                offset: message.offset,
                // SAFETY: the message is live.
                time: unsafe { time_of(message) },
                key,
                // SAFETY: the message is live.
                headers: unsafe { headers_of(message) },
                value,
            })
        }
        (RDKafkaErrorCode::PartitionEOF, Some(id)) => Received::EndOfPartition {
            id,
            offset: message.offset,
        },
        (code, id) => {
            let offset = message.offset;
            // SAFETY: the message is live; its error string is static or lives as long as it does.
            let message = unsafe { text(sys::rd_kafka_message_errstr(message)) };
            Received::Problem {
                id,
                offset,
                code,
                message,
            }
        }
    }
}

/// # Safety
/// `message` is a live message of librdkafka.
unsafe fn partition_of(
    message: &sys::rd_kafka_message_t,
    topics: &mut HashMap<Vec<u8>, Arc<str>>,
) -> Option<PartitionId> {
    if message.rkt.is_null() {
        return None;
    }
    // SAFETY: a topic handle has a name for as long as it lives, and the message holds it.
    let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(message.rkt)) }.to_bytes();
    let topic = if let Some(topic) = topics.get(name) {
        Arc::clone(topic)
    } else {
        let topic: Arc<str> = String::from_utf8_lossy(name).into();
        topics.insert(name.to_vec(), Arc::clone(&topic));
        topic
    };
    Some(PartitionId {
        topic,
        partition: message.partition,
    })
}

/// # Safety
/// `message` is a live message of librdkafka.
unsafe fn time_of(message: &sys::rd_kafka_message_t) -> RecordTime {
    let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    // SAFETY: the message is live and `kind` is a place for the answer.
    let millis = unsafe { sys::rd_kafka_message_timestamp(message, &raw mut kind) };
    match kind {
        _ if millis == -1 => RecordTime::Unknown,
        sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_CREATE_TIME => {
            RecordTime::Create(millis)
        }
        sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => {
            RecordTime::Append(millis)
        }
        sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => RecordTime::Unknown,
    }
}

/// # Safety
/// `message` is a live message of librdkafka.
unsafe fn headers_of(message: &sys::rd_kafka_message_t) -> Vec<Header> {
    let mut headers = ptr::null_mut();
    // SAFETY: the message is live; on success `headers` belongs to the message.
    let found = unsafe { sys::rd_kafka_message_headers(message, &raw mut headers) };
    if found != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || headers.is_null() {
        return Vec::new();
    }
    let mut list = Vec::new();
    let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0_usize);
    // SAFETY: the headers are live; the three places take the answer.
    while unsafe {
        sys::rd_kafka_header_get_all(
            headers,
            list.len(),
            &raw mut name,
            &raw mut value,
            &raw mut size,
        )
    } == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
    {
        // SAFETY: a name is NUL-terminated; a value is null or has `size` bytes. Both live as long
        // as the message.
        list.push(unsafe {
            Header {
                name: CStr::from_ptr(name).to_bytes().to_vec(),
                value: bytes(value, size),
            }
        });
    }
    list
}

/// # Safety
/// `data` is null or points to `len` readable bytes.
unsafe fn bytes(data: *const c_void, len: usize) -> Option<Vec<u8>> {
    if data.is_null() {
        return None;
    }
    // SAFETY: not null, and the caller vouches for the length.
    Some(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) }.to_vec())
}
