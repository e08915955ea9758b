//! Asking both sides, in the order that lets a verdict be believed; what a poll and a plan do alike.

use std::collections::BTreeMap;

use notif_core::plan::Verdict;
use notif_core::record::PartitionId;
use notif_core::store::Session;
use notif_core::store::offset::OffsetRow;

use super::{Facts, recreated};
use crate::deadline::{Deadline, WaitsFor};
use crate::exit::Failure;
use crate::kafka::Client;
use crate::kafka::topic::{TopicAnswer, TopicSelection};

/// What is known of each partition, with the verdict on it. The offset `rows` were read before: what
/// Kafka is asked for here comes after them.
pub(crate) fn facts(
    selection: &TopicSelection,
    rows: BTreeMap<PartitionId, OffsetRow>,
    topics: BTreeMap<String, TopicAnswer>,
    client: &Client,
    session: &mut Session,
    deadline: &Deadline,
) -> Result<Facts, Failure> {
    deadline.waiting_for(WaitsFor::Kafka);
    let mut facts = Facts::collect(selection, rows, topics);
    facts.ask_watermarks(client, deadline.left());
    deadline.waiting_for(WaitsFor::Database);
    facts.ask_history(session)?;
    facts.plan();
    recreated::believe(client, deadline, &mut facts);
    Ok(facts)
}

/// Why a person must look, where one must.
pub(crate) fn problem_of(verdict: &Verdict) -> Option<String> {
    Some(match verdict {
        Verdict::Nothing | Verdict::Read { .. } | Verdict::Gap { .. } => return None,
        Verdict::First { .. } => "its first offset could not be stored".to_owned(),
        Verdict::Recreated { .. } => {
            "the topic was created anew, and again while it was taken up".to_owned()
        }
        Verdict::Mixed { at } => format!(
            "the topic was created anew while it was read: the last recorded record, at {at}, is of the new log; \
             read from its beginning, that log is recorded twice in part; notif-poll resume goes on, with --at from where it is told to"
        ),
        Verdict::Ahead { next, end } => format!(
            "{} is stored as the next offset, but the log ends at {}: it was cut, or replaced by another",
            next.get(),
            end.get()
        ),
        Verdict::OffsetsLost => "its lost offset row could not be rebuilt".to_owned(),
        Verdict::Gone => {
            "Kafka has it no more; nothing is written down as lost, it may come back; where it will not: notif-poll retire".to_owned()
        }
        Verdict::Unauthorised => {
            "Kafka does not let this user see the topic; grant Describe and Read on it".to_owned()
        }
        Verdict::Unreachable(why) => format!("Kafka gave no answer: {why}"),
        Verdict::Stopped(reason) => format!(
            "an earlier run stopped it: {reason}; notif-poll status says where, resume goes on"
        ),
    })
}
