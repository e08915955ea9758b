//! Topics: made, grown, emptied, deleted, measured.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication, TopicResult,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};

use super::{Kafka, REQUEST_LIMIT};
use crate::campus;
use crate::wait::wait_until;

/// The nodes behind a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Led {
    /// The leader's node; -1 for none.
    pub leader: i32,
    /// The nodes that have all that is committed, sorted.
    pub in_step: Vec<i32>,
}

impl Kafka {
    /// Makes a topic and waits until the broker leads all its partitions.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<()> {
        self.create_topic_with(name, partitions, &[])
    }

    /// Makes a topic with settings of its own, for example `cleanup.policy` or `segment.bytes`.
    pub fn create_topic_with(
        &self,
        name: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Result<()> {
        self.create(
            NewTopic::new(name, partitions, TopicReplication::Fixed(1)),
            settings,
        )
    }

    /// Makes a topic whose partitions are on these nodes of a cluster; the first of each leads.
    pub fn create_topic_on(
        &self,
        name: &str,
        replicas: &[&[i32]],
        settings: &[(&str, &str)],
    ) -> Result<()> {
        let partitions = i32::try_from(replicas.len())?;
        let placed = TopicReplication::Variable(replicas);
        self.create(NewTopic::new(name, partitions, placed), settings)
    }

    fn create<'a>(&self, mut topic: NewTopic<'a>, settings: &[(&'a str, &'a str)]) -> Result<()> {
        for (name, value) in settings {
            topic = topic.set(name, value);
        }
        let name = topic.name;
        let admin = self.admin()?;
        let done = block_on(admin.create_topics([&topic], &options()));
        checked(done).with_context(|| format!("creating topic {name}"))?;
        self.wait_for_partitions(&admin, name, topic.num_partitions)
    }

    /// Who leads each partition of a topic, and who is in step with it.
    pub fn led(&self, topic: &str) -> Result<Vec<Led>> {
        let admin = self.admin()?;
        let metadata = admin.inner().fetch_metadata(None, Duration::from_secs(5))?;
        let partitions = metadata
            .topics()
            .iter()
            .filter(|known| known.name() == topic)
            .flat_map(rdkafka::metadata::MetadataTopic::partitions);
        let mut led: Vec<(i32, Led)> = partitions
            .map(|partition| {
                let mut in_step = partition.isr().to_vec();
                in_step.sort_unstable();
                let leader = partition.leader();
                (partition.id(), Led { leader, in_step })
            })
            .collect();
        led.sort_by_key(|(partition, _)| *partition);
        Ok(led.into_iter().map(|(_, led)| led).collect())
    }

    /// Changes settings of a topic; those that are not named go back to their defaults.
    pub fn set_topic(&self, name: &str, settings: &[(&str, &str)]) -> Result<()> {
        let mut change = AlterConfig::new(ResourceSpecifier::Topic(name));
        for (name, value) in settings {
            change = change.set(name, value);
        }
        let admin = self.admin()?;
        for result in block_on(admin.alter_configs([&change], &options()))? {
            result.map_err(|(_, code)| anyhow!("settings of topic {name}: {code}"))?;
        }
        Ok(())
    }

    /// Makes CampusG's ten topics.
    pub fn create_campus_topics(&self) -> Result<()> {
        campus::TOPICS
            .iter()
            .try_for_each(|topic| self.create_topic(topic, campus::PARTITIONS))
    }

    /// Deletes a topic and waits until the broker does not know it any more.
    pub fn delete_topic(&self, name: &str) -> Result<()> {
        let admin = self.admin()?;
        let done = block_on(admin.delete_topics(&[name], &options()));
        checked(done).with_context(|| format!("deleting topic {name}"))?;
        self.wait_for_partitions(&admin, name, 0)
    }

    /// Lets a topic grow to `partitions` in all.
    pub fn create_partitions(&self, name: &str, partitions: i32) -> Result<()> {
        let admin = self.admin()?;
        let grown = NewPartitions::new(name, usize::try_from(partitions)?);
        let done = block_on(admin.create_partitions([&grown], &options()));
        checked(done).with_context(|| format!("growing topic {name} to {partitions}"))?;
        self.wait_for_partitions(&admin, name, partitions)
    }

    /// Deletes the records of each partition before an offset, which becomes its low offset.
    pub fn delete_records(&self, topic: &str, before: &[(i32, i64)]) -> Result<()> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in before {
            list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
        }
        let admin = self.admin()?;
        let done = block_on(admin.delete_records(&list, &options()))?;
        for element in done.elements() {
            element.error().with_context(|| {
                format!(
                    "deleting records of {topic} partition {}",
                    element.partition()
                )
            })?;
        }
        Ok(())
    }

    /// The low offset and the high watermark of a partition.
    pub fn watermarks(&self, topic: &str, partition: i32) -> Result<(i64, i64)> {
        let admin = self.admin()?;
        admin
            .inner()
            .fetch_watermarks(topic, partition, REQUEST_LIMIT)
            .with_context(|| format!("watermarks of {topic} partition {partition}"))
    }

    /// The same for each partition of a topic, in their order.
    pub fn all_watermarks(&self, topic: &str) -> Result<Vec<(i64, i64)>> {
        let admin = self.admin()?;
        (0..partition_count(&admin, topic)?)
            .map(|partition| {
                admin
                    .inner()
                    .fetch_watermarks(topic, partition, REQUEST_LIMIT)
                    .with_context(|| format!("watermarks of {topic} partition {partition}"))
            })
            .collect()
    }

    /// How many partitions a topic has; 0 where there is no such topic.
    pub fn partition_count(&self, topic: &str) -> Result<i32> {
        partition_count(&*self.admin()?, topic)
    }

    fn admin(&self) -> Result<Box<AdminClient<DefaultClientContext>>> {
        Ok(Box::new(self.client_config().create()?))
    }

    fn wait_for_partitions(
        &self,
        admin: &AdminClient<DefaultClientContext>,
        topic: &str,
        partitions: i32,
    ) -> Result<()> {
        let what = format!(
            "topic {topic} to have {partitions} partitions on {}",
            self.bootstrap()
        );
        wait_until(&what, REQUEST_LIMIT, || {
            partition_count(admin, topic).is_ok_and(|count| count == partitions)
        })
    }
}

/// Counts the partitions that have a leader.
fn partition_count(admin: &AdminClient<DefaultClientContext>, topic: &str) -> Result<i32> {
    // all topics: a question for one that is not there yet would be remembered by the client
    let metadata = admin.inner().fetch_metadata(None, Duration::from_secs(5))?;
    let led = metadata
        .topics()
        .iter()
        .filter(|known| known.name() == topic)
        .flat_map(rdkafka::metadata::MetadataTopic::partitions)
        .filter(|partition| partition.leader() >= 0)
        .count();
    Ok(i32::try_from(led)?)
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(REQUEST_LIMIT))
        // until the broker has done it, not only begun
        .operation_timeout(Some(REQUEST_LIMIT))
}

fn checked(done: rdkafka::error::KafkaResult<Vec<TopicResult>>) -> Result<()> {
    let results = done?;
    if results.is_empty() {
        bail!("the broker answered for no topic");
    }
    for result in results {
        result.map_err(|(_, code)| anyhow!("{code}"))?;
    }
    Ok(())
}

/// librdkafka completes an admin request on a thread of its own, so parking this one is enough.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
