//! The two admin calls: what topics are, and where partitions begin and end.

use std::ffi::{CString, c_char};
use std::ptr::NonNull;
use std::time::Duration;

use notif_core::record::PartitionId;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::{KafkaError, text, timeout_ms};
use crate::kafka::Client;

/// What an admin call says of each thing that it was asked about.
pub(crate) type Answers<K, V> = Vec<(K, Result<V, KafkaError>)>;

/// A topic as the cluster describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicDescription {
    /// Its id in Kafka's own writing; `None` from a broker that has none.
    pub(crate) topic_id: Option<String>,
    /// Its partitions.
    pub(crate) partitions: Vec<i32>,
}

/// The id that a broker without topic ids gives: sixteen zero bytes.
const NO_TOPIC_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// Asks for topics by name: partitions and ids in one call. The outer error is about the whole call.
pub(crate) fn describe_topics(
    consumer: &Client,
    names: &[String],
    timeout: Duration,
) -> Result<Answers<String, TopicDescription>, KafkaError> {
    let owned: Vec<CString> = names
        .iter()
        .filter_map(|name| CString::new(name.as_str()).ok())
        .collect();
    let mut pointers: Vec<*const c_char> = owned.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: `pointers` holds as many NUL-terminated strings as is said, alive in `owned`;
    // librdkafka copies them.
    let topics = unsafe {
        sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len())
    };
    let event = AdminCall::new(
        consumer,
        sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        timeout,
    )
    // SAFETY: handle, collection, options and queue are live during the call, which keeps none of
    // them; the collection is ours to destroy.
    .run(|client, options, queue| unsafe {
        sys::rd_kafka_DescribeTopics(client, topics, options, queue);
        sys::rd_kafka_TopicCollection_destroy(topics);
    })?;
    // SAFETY: the event is live until the end of this function, and so is its result. A null result
    // (an event of another type) is met by `slice`.
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(event.0.as_ptr());
        if result.is_null() {
            return Err(unexpected_event());
        }
        let mut count = 0_usize;
        let list = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        Ok(slice(list, count)
            .iter()
            .map(|topic| copy_topic(*topic))
            .collect())
    }
}

/// # Safety
/// `topic` belongs to a live result.
unsafe fn copy_topic(
    topic: *const sys::rd_kafka_TopicDescription_t,
) -> (String, Result<TopicDescription, KafkaError>) {
    // SAFETY: everything asked of the description lives as long as it does.
    unsafe {
        let name = text(sys::rd_kafka_TopicDescription_name(topic));
        let error = sys::rd_kafka_TopicDescription_error(topic);
        let code = RDKafkaErrorCode::from(sys::rd_kafka_error_code(error));
        if code != RDKafkaErrorCode::NoError {
            let message = text(sys::rd_kafka_error_string(error));
            return (name, Err(KafkaError { code, message }));
        }
        let id = text(sys::rd_kafka_Uuid_base64str(
            sys::rd_kafka_TopicDescription_topic_id(topic),
        ));
        let mut count = 0_usize;
        let list = sys::rd_kafka_TopicDescription_partitions(topic, &raw mut count);
        let partitions = slice(list, count)
            .iter()
            .map(|partition| sys::rd_kafka_TopicPartitionInfo_partition(*partition))
            .collect();
        let topic_id = (!id.is_empty() && id != NO_TOPIC_ID).then_some(id);
        (
            name,
            Ok(TopicDescription {
                topic_id,
                partitions,
            }),
        )
    }
}

/// Which offset is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// The first that is still there.
    Low,
    /// The end for a reader that sees committed records only: the last stable offset.
    StableEnd,
    /// The high watermark.
    High,
}

/// Asks one offset of each partition, in one call that librdkafka spreads over the leaders. The
/// inner error is about one partition, the outer about the whole call.
pub(crate) fn list_offsets(
    consumer: &Client,
    partitions: &[PartitionId],
    which: Which,
    timeout: Duration,
) -> Result<Answers<PartitionId, i64>, KafkaError> {
    let (spec, isolation) = match which {
        Which::Low => (rdkafka::Offset::Beginning, Isolation::READ_UNCOMMITTED),
        Which::StableEnd => (rdkafka::Offset::End, Isolation::READ_COMMITTED),
        Which::High => (rdkafka::Offset::End, Isolation::READ_UNCOMMITTED),
    };
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for id in partitions {
        // the two logical offsets are Kafka's own -2 and -1, which is what this call wants
        list.add_partition_offset(&id.topic, id.partition, spec)
            .map_err(|error| KafkaError {
                code: RDKafkaErrorCode::InvalidArgument,
                message: error.to_string(),
            })?;
    }
    let event = AdminCall::new(
        consumer,
        sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS,
        timeout,
    )
    .isolation(isolation)
    // SAFETY: handle, list, options and queue are live during the call; librdkafka copies the list.
    .run(|client, options, queue| unsafe {
        sys::rd_kafka_ListOffsets(client, list.ptr(), options, queue);
    })?;
    // SAFETY: the event is live until the end of this function, and so is its result with all that
    // it holds.
    unsafe {
        let result = sys::rd_kafka_event_ListOffsets_result(event.0.as_ptr());
        if result.is_null() {
            return Err(unexpected_event());
        }
        let mut count = 0_usize;
        let infos = sys::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
        Ok(slice(infos, count)
            .iter()
            .filter_map(|info| copy_offset(*info, consumer))
            .collect())
    }
}

/// # Safety
/// `info` belongs to a live result.
unsafe fn copy_offset(
    info: *const sys::rd_kafka_ListOffsetsResultInfo_t,
    consumer: &Client,
) -> Option<(PartitionId, Result<i64, KafkaError>)> {
    // SAFETY: the element lives as long as the result.
    let element = unsafe { sys::rd_kafka_ListOffsetsResultInfo_topic_partition(info).as_ref() }?;
    // SAFETY: an element's topic is a NUL-terminated string.
    let id = PartitionId::new(unsafe { text(element.topic) }, element.partition);
    let code = RDKafkaErrorCode::from(element.err);
    let answer = if code == RDKafkaErrorCode::NoError && element.offset >= 0 {
        Ok(element.offset)
    } else {
        // an element without a real offset is no answer, whatever its error says
        Err(KafkaError {
            code,
            message: match code {
                RDKafkaErrorCode::NoError => silence("its leader gave no answer in time", consumer),
                code => code.to_string(),
            },
        })
    };
    Some((id, answer))
}

type Isolation = sys::rd_kafka_IsolationLevel_t;
trait IsolationNames {
    const READ_UNCOMMITTED: Isolation;
    const READ_COMMITTED: Isolation;
}
impl IsolationNames for Isolation {
    const READ_UNCOMMITTED: Self = Self::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED;
    const READ_COMMITTED: Self = Self::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED;
}

/// No call gets less time.
///
/// With a request time-out of 0, librdkafka 2.12.1 ends the request on one thread while another
/// still prepares it, and the heap is damaged.
pub(crate) const SHORTEST_TIMEOUT: Duration = Duration::from_millis(250);

/// How long a call waits before it listens.
const SLICE: Duration = Duration::from_millis(50);

/// One admin call: its options, its queue, and the wait for its answer.
struct AdminCall<'c> {
    consumer: &'c Client,
    options: NonNull<sys::rd_kafka_AdminOptions_t>,
    timeout: Duration,
}

impl<'c> AdminCall<'c> {
    fn new(consumer: &'c Client, operation: sys::rd_kafka_admin_op_t, timeout: Duration) -> Self {
        let timeout = timeout.max(SHORTEST_TIMEOUT);
        // SAFETY: the handle is live; the call returns an object of ours, never null (librdkafka
        // ends the process where memory runs out).
        let options = unsafe {
            NonNull::new_unchecked(sys::rd_kafka_AdminOptions_new(
                consumer.client().native_ptr(),
                operation,
            ))
        };
        let mut why: [c_char; 128] = [0; 128];
        // SAFETY: the options are live; `why` is as long as is said. It refuses only times outside
        // 0..=3,600,000 ms and then leaves the default, a minute, which the wait below cuts short.
        unsafe {
            sys::rd_kafka_AdminOptions_set_request_timeout(
                options.as_ptr(),
                timeout_ms(timeout),
                why.as_mut_ptr(),
                why.len(),
            );
        }
        Self {
            consumer,
            options,
            timeout,
        }
    }

    fn isolation(self, level: Isolation) -> Self {
        // SAFETY: the options are live; an error object, where there is one, is ours to destroy.
        unsafe {
            let error =
                sys::rd_kafka_AdminOptions_set_isolation_level(self.options.as_ptr(), level);
            if !error.is_null() {
                sys::rd_kafka_error_destroy(error);
            }
        }
        self
    }

    fn run(
        self,
        start: impl FnOnce(
            *mut sys::rd_kafka_t,
            *const sys::rd_kafka_AdminOptions_t,
            *mut sys::rd_kafka_queue_t,
        ),
    ) -> Result<Event, KafkaError> {
        let client = self.consumer.client().native_ptr();
        // SAFETY: the handle is live; the queue is ours and destroyed below. An answer that comes
        // after the wait is dropped with it.
        let event = unsafe {
            let queue = sys::rd_kafka_queue_new(client);
            start(client, self.options.as_ptr(), queue);
            // the request has its own time-out; the second covers its way through the queue
            let wait = self.timeout.saturating_add(Duration::from_secs(1));
            let event = self.wait(queue, wait);
            sys::rd_kafka_queue_destroy(queue);
            event
        };
        let Some(event) = event else {
            return Err(KafkaError {
                code: RDKafkaErrorCode::OperationTimedOut,
                message: silence("no answer in time", self.consumer),
            });
        };
        // SAFETY: the event is live; its error string lives as long as it does.
        let (code, message) = unsafe {
            (
                RDKafkaErrorCode::from(sys::rd_kafka_event_error(event.0.as_ptr())),
                text(sys::rd_kafka_event_error_string(event.0.as_ptr())),
            )
        };
        match code {
            RDKafkaErrorCode::NoError => Ok(event),
            RDKafkaErrorCode::OperationTimedOut => Err(KafkaError {
                code,
                message: silence(&message, self.consumer),
            }),
            code => Err(KafkaError { code, message }),
        }
    }
}

/// What is said of a call without an answer: why, where the client knows it.
fn silence(words: &str, consumer: &Client) -> String {
    match crate::kafka::complaint(consumer) {
        Some(complaint) => complaint.cause,
        None => words.to_owned(),
    }
}

impl AdminCall<'_> {
    /// Waits for the answer, and meanwhile hears what the library has to say. Ends early where every
    /// broker turned us away.
    ///
    /// # Safety
    /// `queue` is live.
    unsafe fn wait(&self, queue: *mut sys::rd_kafka_queue_t, limit: Duration) -> Option<Event> {
        let mut left = limit;
        loop {
            let slice = left.min(SLICE);
            // SAFETY: the caller vouches for the queue; the event is ours.
            let event = unsafe { sys::rd_kafka_queue_poll(queue, timeout_ms(slice)) };
            if let Some(event) = NonNull::new(event) {
                return Some(Event(event));
            }
            left = left.saturating_sub(slice);
            if crate::kafka::all_refuse(self.consumer) || left.is_zero() {
                return None;
            }
        }
    }
}

impl Drop for AdminCall<'_> {
    fn drop(&mut self) {
        // SAFETY: made in `new`, used by nobody afterwards.
        unsafe { sys::rd_kafka_AdminOptions_destroy(self.options.as_ptr()) }
    }
}

/// An answer of librdkafka.
struct Event(NonNull<sys::rd_kafka_event_t>);

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: ours since `rd_kafka_queue_poll` returned it; nothing borrowed from it is left.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}

fn unexpected_event() -> KafkaError {
    KafkaError {
        code: RDKafkaErrorCode::Fail,
        message: "librdkafka answered with another event than was asked for".to_owned(),
    }
}

/// # Safety
/// `list` is null or points to `count` elements that outlive the result's use.
unsafe fn slice<'a, T>(list: *mut *const T, count: usize) -> &'a [*const T] {
    if list.is_null() {
        return &[];
    }
    // SAFETY: not null, and the caller vouches for count and life.
    unsafe { std::slice::from_raw_parts(list, count) }
}
