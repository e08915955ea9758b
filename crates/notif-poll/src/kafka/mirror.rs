//! The advisory commit: the stored offsets, told to Kafka's consumer group so that lag tools work.
//!
//! It is never read back, and nothing depends on it. It is the one call that can hang for as long as
//! the session time-out when the coordinator is gone, so it runs on a thread of its own that is not
//! waited for beyond a second.
//!
//! Where the right to use the group is missing, the client asks for its coordinator for ever, and the
//! commit waits for that. The refusal itself comes as an error among the messages, mostly long before
//! this: then nothing is committed and nothing waited for.

use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use notif_core::offset::NextOffset;
use notif_core::record::PartitionId;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use super::ffi::{ConsumerQueue, Received};
use super::{Client, group_is_denied, hear_group};

/// How long a run waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// How often it looks for a refusal meanwhile.
const LOOK: Duration = Duration::from_millis(20);

const NO_RIGHT: &str = "Kafka does not let this user use the group; grant Read on it";

/// Commits where each partition goes on; a failure is one warning.
pub(crate) fn offsets_mirror(client: &Arc<Client>, positions: &[(PartitionId, NextOffset)]) {
    if positions.is_empty() {
        return;
    }
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (id, next) in positions {
        let offset = Offset::Offset(next.get());
        if let Err(error) = list.add_partition_offset(&id.topic, id.partition, offset) {
            log::warn!("offset of {id} not mirrored to the consumer group: {error}");
        }
    }
    if is_denied(client) {
        return warn(NO_RIGHT);
    }
    let (done, answer) = mpsc::channel();
    let committing = Arc::clone(client);
    let started = thread::Builder::new()
        .name("mirror".to_owned())
        .spawn(move || {
            // the receiver may have gone on: then nobody is interested
            drop(done.send(committing.commit(&list, CommitMode::Sync)));
        });
    match started {
        Ok(_) => wait(client, &answer),
        Err(error) => warn(&error.to_string()),
    }
}

fn wait(client: &Client, answer: &mpsc::Receiver<KafkaResult<()>>) {
    let mut left = PATIENCE;
    while !left.is_zero() {
        match answer.recv_timeout(LOOK) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => return warn(&error.to_string()),
            Err(RecvTimeoutError::Disconnected) => return warn("its thread ended unexpectedly"),
            Err(RecvTimeoutError::Timeout) => left = left.saturating_sub(LOOK),
        }
        if is_denied(client) {
            return warn(NO_RIGHT);
        }
    }
    warn("no answer within 1 s");
}

/// Looks through what has come, too: nobody else reads it any more.
fn is_denied(client: &Client) -> bool {
    if let Some(mut queue) = ConsumerQueue::of(client) {
        let mut received = Vec::new();
        queue.receive(Duration::ZERO, &mut received);
        for item in received {
            if let Received::Problem { code, .. } = item {
                hear_group(client, code);
            }
        }
    }
    group_is_denied(client)
}

fn warn(why: &str) {
    log::warn!("offsets not mirrored to the consumer group (nothing depends on it): {why}");
}
