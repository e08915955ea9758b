//! The advisory commit: the stored offsets, told to Kafka's consumer group so that lag tools work.
//!
//! It is never read back, and nothing depends on it. It is the one call that can hang for as long as
//! the session time-out when the coordinator is gone, so it runs on a thread of its own that is not
//! waited for beyond a second.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use notif_core::offset::NextOffset;
use notif_core::record::PartitionId;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use super::Client;

/// How long a run waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

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
    let client = Arc::clone(client);
    let (done, answer) = mpsc::channel();
    let started = thread::Builder::new()
        .name("mirror".to_owned())
        .spawn(move || {
            // the receiver may have gone on: then nobody is interested
            drop(done.send(client.commit(&list, CommitMode::Sync)));
        });
    let outcome = match started {
        Ok(_) => answer
            .recv_timeout(PATIENCE)
            .map_err(|error| format!("no answer within 1 s ({error})")),
        Err(error) => Err(error.to_string()),
    };
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn(&error.to_string()),
        Err(why) => warn(&why),
    }
}

fn warn(why: &str) {
    log::warn!("offsets not mirrored to the consumer group (nothing depends on it): {why}");
}
