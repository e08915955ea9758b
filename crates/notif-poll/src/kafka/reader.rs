//! Reading assigned partitions: records and ends out, types of rdkafka kept in.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use notif_core::offset::NextOffset;
use notif_core::record::{PartitionId, Record};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::Client;
use super::ffi::{self, ConsumerQueue, KafkaError, Received};
use super::watermark::CALL_TIMEOUT;

/// A reader of partitions that were assigned with explicit offsets.
pub(crate) struct Reader<'c> {
    client: &'c Client,
    queue: ConsumerQueue<'c>,
}

impl<'c> Reader<'c> {
    /// Starts fetching each partition at its offset. Absolute offsets only: a logical one would cost
    /// a time-out and could jump.
    pub(crate) fn assign(
        client: &'c Client,
        starts: &[(PartitionId, NextOffset)],
    ) -> Result<Self, KafkaError> {
        let queue = ConsumerQueue::of(client).ok_or_else(|| KafkaError {
            code: RDKafkaErrorCode::UnknownGroup,
            message: "the client has no consumer queue".to_owned(),
        })?;
        let reader = Self { client, queue };
        reader.restart(starts)?;
        Ok(reader)
    }

    /// Starts anew with these partitions and no others. What was fetched before is dropped by the
    /// client: a partition that met an error cannot be sought, only assigned again.
    pub(crate) fn restart(&self, starts: &[(PartitionId, NextOffset)]) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::with_capacity(starts.len());
        for (id, next) in starts {
            list.add_partition_offset(&id.topic, id.partition, Offset::Offset(next.get()))
                .map_err(|error| own_error(&error))?;
        }
        self.client
            .assign(&list)
            .map_err(|error| own_error(&error))?;
        self.wait_until_stopped()
    }

    /// Returns once nothing of the assignment before is being stopped any more.
    ///
    /// librdkafka up to 2.15.0 asks a partition to stop once more where the assignment changes again
    /// before the first stop was answered, and then ends the process: `Assertion
    /// rktp->rktp_started failed` (its issue 5573). No call tells that a stop is under way, but its
    /// main thread takes one request after the other, in the order in which they came:
    ///
    /// 1. `assign` returns after the requests to stop were put in that queue. They are through once
    ///    a question asked after it is answered, and so is the giving of their answers into the same
    ///    queue: a stop waits for nothing in a client that belongs to a group.
    /// 2. Those answers are through once a second question is answered.
    fn wait_until_stopped(&self) -> Result<(), KafkaError> {
        for _ in 0..2 {
            self.client
                .assignment()
                .map_err(|error| own_error(&error))?;
        }
        Ok(())
    }

    /// The first offset that Kafka still has of a partition.
    pub(crate) fn low_offset(&self, id: &PartitionId) -> Result<NextOffset, KafkaError> {
        let asked = std::slice::from_ref(id);
        let answers = ffi::list_offsets(self.client, asked, ffi::Which::Low, CALL_TIMEOUT)?;
        match answers.into_iter().next() {
            Some((_, answer)) => answer.map(NextOffset::at),
            None => Err(KafkaError {
                code: RDKafkaErrorCode::Fail,
                message: "Kafka gave no low offset".to_owned(),
            }),
        }
    }

    /// Takes what has come, waiting up to `timeout` for the first of it.
    pub(crate) fn receive(&mut self, timeout: Duration, out: &mut Vec<Received>) {
        self.queue.receive(timeout, out);
        ffi::hear(self.client);
    }

    /// Notes an error that concerns no partition: the consumer group may be closed to us.
    pub(crate) fn hear_group(&self, code: RDKafkaErrorCode) {
        super::hear_group(self.client, code);
    }

    /// Where the client would read on, for each partition where it can say. It moves over
    /// transaction markers, which are never delivered.
    pub(crate) fn positions(&self) -> Vec<(PartitionId, i64)> {
        let Ok(list) = self.client.position() else {
            return Vec::new();
        };
        list.elements()
            .iter()
            .filter_map(|element| match element.offset() {
                Offset::Offset(at) => {
                    Some((PartitionId::new(element.topic(), element.partition()), at))
                }
                _ => None,
            })
            .collect()
    }

    /// Fetches no more of a partition that is done: a topic that never rests would fill the queue.
    pub(crate) fn pause(&self, id: &PartitionId) {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(&id.topic, id.partition);
        if let Err(error) = self.client.pause(&list) {
            log::debug!("{id} goes on being fetched although it is done: {error}");
        }
    }
}

/// The first record at or behind an offset of each partition, `None` where the log ends before one
/// comes. A partition without an answer in time is not in the result.
pub(crate) fn records_at(
    client: &Client,
    starts: &[(PartitionId, NextOffset)],
    timeout: Duration,
) -> Result<HashMap<PartitionId, Option<Record>>, KafkaError> {
    let mut reader = Reader::assign(client, starts)?;
    let (started, mut received, mut found) = (Instant::now(), Vec::new(), HashMap::new());
    while found.len() < starts.len() && started.elapsed() < timeout {
        reader.receive(LOOK, &mut received);
        for item in received.drain(..) {
            match item {
                Received::Record(record) => {
                    let id = record.partition.clone();
                    found.entry(id).or_insert(Some(record));
                }
                Received::EndOfPartition { id, .. } => {
                    found.entry(id).or_insert(None);
                }
                Received::Problem { message, .. } => log::debug!("kafka: {message}"),
            }
        }
    }
    reader.restart(&[])?;
    Ok(found)
}

/// How long one look into the queue waits.
const LOOK: Duration = Duration::from_millis(20);

fn own_error(error: &ClientError) -> KafkaError {
    KafkaError {
        code: error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail),
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::mem::ManuallyDrop;

    use rdkafka::mocking::MockCluster;

    use super::*;

    /// The partitions have to be known to the client, which forgets others as it stops them. Nothing
    /// is taken from its queue, which makes it slow to stop them. In the end it is left as it is, as
    /// the program does.
    #[test]
    fn an_assignment_may_change_again_at_once() {
        const PARTITIONS: i32 = 200;
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("events", PARTITIONS, 1).unwrap();
        let (brokers, group) = (cluster.bootstrap_servers(), "none".into());
        let client = crate::kafka::connect(&brokers, &group, &BTreeMap::new()).unwrap();
        let client = ManuallyDrop::new(client);
        client.fetch_metadata(Some("events"), CALL_TIMEOUT).unwrap();

        let starts: Vec<_> = (0..PARTITIONS)
            .map(|partition| (PartitionId::new("events", partition), NextOffset::at(7)))
            .collect();
        let reader = Reader::assign(&client, &starts).unwrap();
        for _ in 0..30 {
            reader.restart(&starts).unwrap();
        }
    }
}
