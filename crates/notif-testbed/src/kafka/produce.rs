//! Producing: every message acknowledged by the broker, or an error.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, ProducerContext};

use super::{Kafka, REQUEST_LIMIT};
use crate::campus::CampusEvent;
use crate::wait::wait_until;

/// What is produced to a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// None is a null key.
    pub key: Option<Vec<u8>>,
    /// None is a null value, a tombstone.
    pub value: Option<Vec<u8>>,
    /// In order, duplicates kept. A name may not hold a NUL.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds since 1970; None is the time of sending.
    pub timestamp_ms: Option<i64>,
}

impl Message {
    /// A message with a value and nothing else.
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        Self {
            value: Some(value.into()),
            ..Self::default()
        }
    }

    /// The same with a key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: Option<&[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.map(<[u8]>::to_vec)));
        self
    }

    /// The same at a time of its own, in milliseconds since 1970.
    #[must_use]
    pub fn at(mut self, timestamp_ms: i64) -> Self {
        self.timestamp_ms = Some(timestamp_ms);
        self
    }
}

impl<T: Into<Vec<u8>>> From<T> for Message {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

#[derive(Debug, Default)]
struct Acks {
    /// (index among the messages of this call, offset)
    offsets: Vec<(usize, i64)>,
    failures: Vec<KafkaError>,
}

#[derive(Debug, Default, Clone)]
struct Collector(Arc<Mutex<Acks>>);

impl ClientContext for Collector {}

impl ProducerContext for Collector {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, index: Self::DeliveryOpaque) {
        let mut acks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(message) => acks.offsets.push((*index, message.offset())),
            Err((error, _)) => acks.failures.push(error.clone()),
        }
    }
}

/// A producer that waits for the acknowledgement of all that it was given.
pub struct Producer {
    client: BaseProducer<Collector>,
    collector: Collector,
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}

impl Kafka {
    /// An idempotent producer with `acks=all`.
    pub fn producer(&self) -> Result<Producer> {
        self.producer_with(&[])
    }

    /// The same with librdkafka settings of its own, for example `compression.type`.
    pub fn producer_with(&self, settings: &[(&str, &str)]) -> Result<Producer> {
        let mut config = self.client_config();
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.max.bytes", "20971520")
            .set("linger.ms", "2")
            .set("queue.buffering.max.messages", "200000")
            .set("message.timeout.ms", REQUEST_LIMIT.as_millis().to_string());
        for (name, value) in settings {
            config.set(*name, *value);
        }
        let collector = Collector::default();
        let client = config.create_with_context(collector.clone())?;
        Ok(Producer { client, collector })
    }

    /// Produces messages to one partition, in order, and gives their offsets once all are
    /// acknowledged. One client a call: keep a [`Kafka::producer`] for many calls.
    ///
    /// Not idempotent: to get a producer id takes librdkafka half a second. One request at a time
    /// keeps the order; a message is doubled only where the broker is cut off before it answered.
    pub fn produce<M: Into<Message>>(
        &self,
        topic: &str,
        partition: i32,
        messages: impl IntoIterator<Item = M>,
    ) -> Result<Vec<i64>> {
        let plain = [("enable.idempotence", "false"), ("max.in.flight", "1")];
        self.producer_with(&plain)?
            .produce(topic, partition, messages)
    }
}

impl Producer {
    /// Produces messages to one partition, in order, and gives their offsets once all are
    /// acknowledged.
    pub fn produce<M: Into<Message>>(
        &self,
        topic: &str,
        partition: i32,
        messages: impl IntoIterator<Item = M>,
    ) -> Result<Vec<i64>> {
        self.produce_all(
            messages
                .into_iter()
                .map(|message| (topic, partition, message)),
        )
    }

    /// Produces messages to the partition that stands beside each, and gives their offsets in the
    /// order of the messages once all are acknowledged.
    pub fn produce_all<T: AsRef<str>, M: Into<Message>>(
        &self,
        messages: impl IntoIterator<Item = (T, i32, M)>,
    ) -> Result<Vec<i64>> {
        let mut count = 0_usize;
        for (topic, partition, message) in messages {
            self.send(topic.as_ref(), partition, &message.into(), count)?;
            count = count.saturating_add(1);
        }
        // not the client's own flush: it looks only ten times a second
        wait_until("all acknowledgements", REQUEST_LIMIT, || {
            self.client.poll(Duration::from_millis(1));
            let acks = self
                .collector
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            acks.offsets.len().saturating_add(acks.failures.len()) >= count
        })?;
        let mut acks = self
            .collector
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Acks {
            mut offsets,
            failures,
        } = std::mem::take(&mut *acks);
        if let Some(error) = failures.first() {
            bail!(
                "{} of {count} messages were not taken, the first: {error}",
                failures.len()
            );
        }
        offsets.sort_unstable();
        Ok(offsets.into_iter().map(|(_, offset)| offset).collect())
    }

    /// Produces events of the campus to their topics and says how many they were, once all are
    /// acknowledged.
    pub fn produce_events(&self, events: impl IntoIterator<Item = CampusEvent>) -> Result<usize> {
        let records = events
            .into_iter()
            .map(|event| (event.topic, event.partition, event));
        Ok(self.produce_all(records)?.len())
    }

    /// The client itself, for transactions.
    pub fn client(&self) -> &BaseProducer<impl ProducerContext + use<>> {
        &self.client
    }

    fn send(&self, topic: &str, partition: i32, message: &Message, index: usize) -> Result<()> {
        let mut record: BaseRecord<'_, [u8], [u8], Box<usize>> =
            BaseRecord::with_opaque_to(topic, Box::new(index)).partition(partition);
        if let Some(key) = &message.key {
            record = record.key(key);
        }
        if let Some(value) = &message.value {
            record = record.payload(value);
        }
        if let Some(timestamp) = message.timestamp_ms {
            record = record.timestamp(timestamp);
        }
        if !message.headers.is_empty() {
            record = record.headers(headers(&message.headers)?);
        }
        loop {
            match self.client.send(record) {
                Ok(()) => break,
                // the local queue is full: serve acknowledgements, which makes room
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    self.client.poll(Duration::from_millis(10));
                }
                Err((error, _)) => {
                    return Err(error).with_context(|| format!("producing to {topic}"));
                }
            }
        }
        self.client.poll(Duration::ZERO);
        Ok(())
    }
}

fn headers(of: &[(String, Option<Vec<u8>>)]) -> Result<OwnedHeaders> {
    let mut headers = OwnedHeaders::new_with_capacity(of.len());
    for (name, value) in of {
        if name.contains('\0') {
            bail!("header name {name:?}: librdkafka cannot send a NUL");
        }
        headers = headers.insert(Header {
            key: name,
            value: value.as_deref(),
        });
    }
    Ok(headers)
}
