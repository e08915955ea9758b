//! Topics that were deleted and created again, before a run and while it reads.
//!
//! *Before.* The id is another one: a new generation begins at the new log's first record.
//!
//! *While it reads.* The client goes on at its position in the new log without a word (librdkafka
//! 2.12 says so itself, in `rd_kafka_topic_metadata_update`): a run may then have stored records of the
//! new log as ones of the old generation. Asking for the id before each commit would cost every batch a
//! round trip, and prove little: the broker that answers may not have heard of the new topic that the
//! leader already serves. It is told apart afterwards instead, from what is stored and what Kafka
//! holds alone, so that no kill can lose it:
//!
//! * records are stored in the order of their partition, so what was stored of the new log is the
//!   *last* part of what is stored. If any record is of the new log, the last one is: the witness;
//! * so before the new generation is opened, the record at the witness's offset is read in the new
//!   log. The same value and time there: the verdict is `mixed`, nothing is opened, and the
//!   partition stays stopped until an operator decides. Another record, none, or a log that does not reach so far: nothing of it was stored;
//! * what lies below the new log's low offset is not read again, hence not doubled, whatever it was.
//!
//! A run that stored something asks for the ids once more at its end, so that this is told by the
//! run that it happened to (exit 9), and so that it does not say how fresh such a partition is. That
//! question may go unanswered: the next run finds out all the same.

use std::collections::{BTreeMap, BTreeSet};

use notif_core::offset::NextOffset;
use notif_core::plan::{Seen, Verdict};
use notif_core::record::PartitionId;
use notif_core::store::generation::Recreated;
use notif_core::witness::Witness;

use super::{Facts, Planned};
use crate::brokers::DESCRIBE_TIMEOUT;
use crate::deadline::{Deadline, WaitsFor};
use crate::kafka::Client;
use crate::kafka::reader::records_at;
use crate::kafka::topic::{TopicAnswer, names_describe};
use crate::kafka::watermark::CALL_TIMEOUT;
use crate::pipeline::{Outcome, Problem};

/// The topics were described while the offset rows were being read, so another run may have seen a
/// new id first and stored it: then ours is the old one. An id that differs is believed only once it
/// was asked for after the row was read; without a second answer the topic waits for the next run,
/// and the others go on.
pub(super) fn believe(client: &Client, deadline: &Deadline, facts: &mut Facts) {
    let doubtful = facts.recreated_topics();
    if doubtful.is_empty() {
        return;
    }
    deadline.waiting_for(WaitsFor::Kafka);
    let timeout = DESCRIBE_TIMEOUT.min(deadline.left());
    match names_describe(client, doubtful.clone(), timeout) {
        Ok(topics) => facts.correct(topics, client, deadline.left()),
        Err(error) => {
            let why = format!("it seems to be created anew, and was not described again: {error}");
            facts.doubt(&doubtful, &why);
        }
    }
    tell_apart(client, deadline, facts);
    deadline.waiting_for(WaitsFor::Database);
}

/// Is what was recorded last of the old log, or of the new one?
fn tell_apart(client: &Client, deadline: &Deadline, facts: &mut Facts) {
    let witnesses: Vec<(PartitionId, Witness)> = facts
        .partitions
        .iter()
        .filter_map(|(id, planned)| Some((id.clone(), comparable(planned)?)))
        .collect();
    if witnesses.is_empty() {
        return;
    }
    let starts: Vec<_> = witnesses
        .iter()
        .map(|(id, witness)| (id.clone(), NextOffset::at(witness.offset)))
        .collect();
    let found = records_at(client, &starts, CALL_TIMEOUT.min(deadline.left())).unwrap_or_default();
    for (id, witness) in witnesses {
        let Some(planned) = facts.partitions.get_mut(&id) else {
            continue;
        };
        match found.get(&id) {
            Some(Some(record)) if record.offset == witness.offset && witness.is(record) => {
                planned.seen = Seen::Mixed { at: witness.offset };
            }
            Some(_) => {}
            None => {
                let why = "it was created anew, and its new log could not be compared";
                planned.seen = Seen::Unanswered(why.to_owned());
            }
        }
    }
    facts.plan();
}

/// The witness of a partition whose topic was created anew, where the new log may hold it.
fn comparable(planned: &Planned) -> Option<Witness> {
    let Some(Verdict::Recreated { .. }) = planned.verdict else {
        return None;
    };
    let (witness, watermarks) = (planned.row.as_ref()?.witness?, planned.watermarks()?);
    (watermarks.low.get()..watermarks.end.get())
        .contains(&witness.offset)
        .then_some(witness)
}

/// The partitions that begin a new generation.
pub(crate) fn generations(facts: &Facts) -> Vec<Recreated> {
    facts
        .partitions
        .iter()
        .filter_map(|(id, planned)| {
            let Some(Verdict::Recreated { topic_id }) = &planned.verdict else {
                return None;
            };
            Some(Recreated {
                id: id.clone(),
                stored: planned.row.as_ref()?.stored.clone(),
                topic_id: topic_id.clone(),
                low: planned.watermarks()?.low,
            })
        })
        .collect()
}

/// At the end of a run that stored something: is each topic still the one that was planned for?
pub(crate) fn notice(client: &Client, deadline: &Deadline, facts: &Facts, outcome: &mut Outcome) {
    let stored: BTreeSet<String> = outcome
        .partitions
        .iter()
        .filter(|(_, drained)| drained.records > 0)
        .map(|(id, _)| id.topic.to_string())
        .collect();
    let kafka_is_there = outcome.kafka_lost.is_none() && !deadline.is_over();
    if stored.is_empty() || !kafka_is_there {
        return;
    }
    deadline.waiting_for(WaitsFor::Kafka);
    let timeout = CALL_TIMEOUT.min(deadline.left());
    let answers = names_describe(client, stored, timeout).unwrap_or_else(|error| {
        log::info!("the topics were not described again after they were read: {error}");
        BTreeMap::new()
    });
    for (topic, answer) in answers {
        let TopicAnswer::Present { topic_id, .. } = answer else {
            continue;
        };
        let planned = facts
            .partitions
            .iter()
            .find_map(|(id, planned)| (*id.topic == *topic).then(|| planned.topic_id())?);
        if topic_id
            .as_deref()
            .zip(planned)
            .is_none_or(|(now, then)| now == then)
        {
            continue;
        }
        log::warn!("{topic}: created anew while it was read");
        for (id, drained) in &mut outcome.partitions {
            if *id.topic == *topic && drained.records > 0 {
                let why = "the topic was created anew while it was read; the next run tells which log its last records are of";
                drained
                    .problem
                    .get_or_insert_with(|| Problem::this_run(why.to_owned()));
            }
        }
        outcome.replaced.insert(topic);
    }
}
