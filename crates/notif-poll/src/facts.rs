//! What a poll, or a plan, knows of each partition, gathered from both sides, and the verdict on it.

pub(crate) mod observe;
pub(crate) mod recreated;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use notif_core::plan::{self, History, Memory, Seen, Verdict, Watermarks};
use notif_core::record::PartitionId;
use notif_core::store::offset::OffsetRow;
use notif_core::store::{Session, StoreError};

use crate::kafka::Client;
use crate::kafka::topic::{TopicAnswer, TopicSelection};
use crate::kafka::watermark::watermarks_ask;

/// One partition.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// What is stored.
    pub(crate) memory: Memory,
    /// The whole offset row, where there is one.
    pub(crate) row: Option<OffsetRow>,
    /// What Kafka said.
    pub(crate) seen: Seen,
    /// What to do; `None` before planning.
    pub(crate) verdict: Option<Verdict>,
}

impl Planned {
    /// A partition of which nothing is stored, as far as is known yet.
    fn new(seen: Seen) -> Self {
        Self {
            memory: Memory::NoRow(History::NewTopic),
            row: None,
            seen,
            verdict: None,
        }
    }

    /// The topic's id, where Kafka gave one.
    pub(crate) fn topic_id(&self) -> Option<&str> {
        match &self.seen {
            Seen::Present { topic_id, .. } => topic_id.as_deref(),
            _ => None,
        }
    }

    /// The offsets that Kafka gave.
    pub(crate) fn watermarks(&self) -> Option<Watermarks> {
        match &self.seen {
            Seen::Present { watermarks, .. } => Some(*watermarks),
            _ => None,
        }
    }
}

/// Every partition of the run.
#[derive(Debug)]
pub(crate) struct Facts {
    /// By partition.
    pub(crate) partitions: BTreeMap<PartitionId, Planned>,
    /// Topics asked for by name that are not there and never were.
    pub(crate) unseen_topics: Vec<String>,
    /// Topics that have an offset row.
    known_topics: BTreeSet<String>,
    /// Topic ids, for partitions whose offsets are yet to be asked.
    topic_ids: BTreeMap<String, Option<String>>,
    /// What was said of a whole topic that is not there, or not for us.
    topic_answers: BTreeMap<String, Seen>,
}

const NOT_ASKED: &str = "not asked yet";

impl Facts {
    /// Puts together what is stored and which topics there are. A partition whose watch an operator
    /// ended is left out, and of a topic of which nothing is watched any more new partitions too.
    pub(crate) fn collect(
        selection: &TopicSelection,
        rows: BTreeMap<PartitionId, OffsetRow>,
        topics: BTreeMap<String, TopicAnswer>,
    ) -> Self {
        let retired: BTreeSet<PartitionId> = rows
            .iter()
            .filter(|(_, row)| row.retired)
            .map(|(id, _)| id.clone())
            .collect();
        let mut ended: BTreeSet<Arc<str>> =
            retired.iter().map(|id| Arc::clone(&id.topic)).collect();
        for (id, _) in rows.iter().filter(|(_, row)| !row.retired) {
            ended.remove(&id.topic);
        }
        let known_topics = rows.keys().map(|id| id.topic.to_string()).collect();
        let mut facts = Self {
            partitions: BTreeMap::new(),
            unseen_topics: Vec::new(),
            known_topics,
            topic_ids: BTreeMap::new(),
            topic_answers: BTreeMap::new(),
        };
        for (topic, answer) in topics {
            facts.add_topic(&topic, answer);
        }
        for (id, row) in rows {
            if row.retired || !selection.selects(&id.topic) {
                continue;
            }
            let answer = facts.topic_answers.get(&*id.topic);
            let seen = answer.cloned().unwrap_or(Seen::Absent);
            let known = facts
                .partitions
                .entry(id)
                .or_insert_with(|| Planned::new(seen));
            known.memory = Memory::Row(row.stored.clone());
            known.row = Some(row);
        }
        facts
            .partitions
            .retain(|id, _| !retired.contains(id) && !ended.contains(&id.topic));
        facts
    }

    fn add_topic(&mut self, topic: &str, answer: TopicAnswer) {
        let (partitions, seen) = match answer {
            TopicAnswer::Present {
                topic_id,
                partitions,
            } => {
                self.topic_ids.insert(topic.to_owned(), topic_id);
                (partitions, Seen::Unanswered(NOT_ASKED.to_owned()))
            }
            TopicAnswer::Elsewise(seen) => {
                self.topic_answers.insert(topic.to_owned(), seen.clone());
                if seen == Seen::Absent {
                    if !self.known_topics.contains(topic) {
                        self.unseen_topics.push(topic.to_owned());
                    }
                    return;
                }
                // its partitions are not known: those with a row get the answer from `collect`, and
                // where there is none, partition 0 stands for the topic, so that it is told
                (vec![0], seen)
            }
        };
        for partition in partitions {
            let id = PartitionId::new(topic, partition);
            self.partitions.insert(id, Planned::new(seen.clone()));
        }
    }

    /// Asks Kafka for the offsets of every partition that is there.
    pub(crate) fn ask_watermarks(&mut self, client: &Client, timeout: Duration) {
        let there: Vec<PartitionId> = self
            .partitions
            .iter()
            .filter(
                |(_, planned)| matches!(&planned.seen, Seen::Unanswered(why) if why == NOT_ASKED),
            )
            .map(|(id, _)| id.clone())
            .collect();
        self.ask_watermarks_of(client, &there, timeout);
    }

    /// Asks Kafka for the offsets of these partitions.
    pub(crate) fn ask_watermarks_of(
        &mut self,
        client: &Client,
        partitions: &[PartitionId],
        timeout: Duration,
    ) {
        if partitions.is_empty() {
            return;
        }
        for (id, answer) in watermarks_ask(client, partitions, timeout) {
            let Some(planned) = self.partitions.get_mut(&id) else {
                continue;
            };
            planned.seen = match answer {
                Ok(watermarks) => Seen::Present {
                    topic_id: self.topic_ids.get(&*id.topic).cloned().flatten(),
                    watermarks,
                },
                Err(why) => Seen::Unanswered(why),
            };
        }
    }

    /// Looks for what else is stored of partitions without an offset row.
    pub(crate) fn ask_history(&mut self, session: &mut Session) -> Result<(), StoreError> {
        let without: Vec<PartitionId> = self
            .partitions
            .iter()
            .filter(|(_, planned)| matches!(planned.memory, Memory::NoRow(_)))
            .map(|(id, _)| id.clone())
            .collect();
        if without.is_empty() {
            return Ok(());
        }
        let known = self.known_topics.iter().map(String::as_str).collect();
        for (id, history) in session.history_list(&without, &known)? {
            if let Some(planned) = self.partitions.get_mut(&id) {
                planned.memory = Memory::NoRow(history);
            }
        }
        Ok(())
    }

    /// Takes the offset rows of `new` from a fresh reading; one that turns out to be retired is left
    /// out.
    pub(crate) fn reload(
        &mut self,
        mut rows: BTreeMap<PartitionId, OffsetRow>,
        new: &[PartitionId],
    ) {
        for id in new {
            let Some(row) = rows.remove(id) else {
                continue;
            };
            if row.retired {
                self.partitions.remove(id);
            } else if let Some(planned) = self.partitions.get_mut(id) {
                planned.memory = Memory::Row(row.stored.clone());
                planned.row = Some(row);
            }
        }
    }

    /// Topics whose id is not the stored one.
    pub(crate) fn recreated_topics(&self) -> BTreeSet<String> {
        self.partitions
            .iter()
            .filter(|(_, planned)| matches!(planned.verdict, Some(Verdict::Recreated { .. })))
            .map(|(id, _)| id.topic.to_string())
            .collect()
    }

    /// Takes a second answer about topics, and asks for the offsets of their partitions again.
    pub(crate) fn correct(
        &mut self,
        topics: BTreeMap<String, TopicAnswer>,
        client: &Client,
        timeout: Duration,
    ) {
        let mut there = Vec::new();
        for (topic, answer) in topics {
            let (partitions, otherwise) = match answer {
                TopicAnswer::Present {
                    topic_id,
                    partitions,
                } => {
                    self.topic_ids.insert(topic.clone(), topic_id);
                    (partitions, Seen::Absent)
                }
                TopicAnswer::Elsewise(seen) => (Vec::new(), seen),
            };
            let known = self.partitions.iter_mut();
            for (id, planned) in known.filter(|(id, _)| *id.topic == *topic) {
                if partitions.contains(&id.partition) {
                    there.push(id.clone());
                } else {
                    planned.seen = otherwise.clone();
                }
            }
        }
        self.ask_watermarks_of(client, &there, timeout);
        self.plan();
    }

    /// Nothing is believed of these topics in this run.
    fn doubt(&mut self, topics: &BTreeSet<String>, why: &str) {
        for (id, planned) in &mut self.partitions {
            if topics.contains(&*id.topic) {
                planned.seen = Seen::Unanswered(why.to_owned());
            }
        }
        self.plan();
    }

    /// Judges every partition.
    pub(crate) fn plan(&mut self) {
        for planned in self.partitions.values_mut() {
            planned.verdict = plan::verdict(&planned.memory, &planned.seen);
        }
        self.hold_back_new_topics();
    }

    /// What Kafka had deleted before a *topic* was first seen is no loss of ours, but what a new
    /// partition of a known topic has lost is. A topic becomes known with its first offset row: so
    /// none is written while one of its partitions gave no answer, or that one would count as new
    /// in the next run and its old deletions as our loss.
    fn hold_back_new_topics(&mut self) {
        let silent: BTreeSet<Arc<str>> = self
            .partitions
            .iter()
            .filter(|(_, planned)| matches!(planned.verdict, Some(Verdict::Unreachable(_))))
            .map(|(id, _)| Arc::clone(&id.topic))
            .collect();
        for (id, planned) in &mut self.partitions {
            if matches!(planned.verdict, Some(Verdict::First { ours: false, .. }))
                && silent.contains(&id.topic)
            {
                let why = "another partition of this new topic gave no answer, it waits for that";
                planned.verdict = Some(Verdict::Unreachable(why.to_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use notif_core::freshness::Freshness;
    use notif_core::offset::{EndOffset, NextOffset};

    use super::*;

    fn selection() -> TopicSelection {
        TopicSelection {
            names: BTreeSet::from(["t".to_owned()]),
            patterns: vec![],
        }
    }

    fn new_topic(answers: [bool; 2]) -> Facts {
        let there = TopicAnswer::Present {
            topic_id: None,
            partitions: vec![0, 1],
        };
        let topics = BTreeMap::from([("t".to_owned(), there)]);
        let mut facts = Facts::collect(&selection(), BTreeMap::new(), topics);
        for (planned, answered) in facts.partitions.values_mut().zip(answers) {
            planned.seen = if answered {
                let watermarks = Watermarks {
                    low: NextOffset::at(1000),
                    end: EndOffset::at(1000),
                    high: EndOffset::at(1000),
                };
                Seen::Present {
                    topic_id: None,
                    watermarks,
                }
            } else {
                Seen::Unanswered("timed out".to_owned())
            };
        }
        facts.plan();
        facts
    }

    fn verdicts(facts: &Facts) -> Vec<&'static str> {
        facts
            .partitions
            .values()
            .filter_map(|planned| planned.verdict.as_ref().map(Verdict::name))
            .collect()
    }

    #[test]
    fn a_new_topic_waits_until_each_of_its_partitions_has_answered() {
        assert_eq!(verdicts(&new_topic([true, true])), ["first", "first"]);
        assert_eq!(
            verdicts(&new_topic([true, false])),
            ["unreachable", "unreachable"]
        );
    }

    fn row(partition: i32) -> (PartitionId, OffsetRow) {
        let stored = plan::StoredPartition {
            last: NextOffset::at(5).last_consumed(),
            generation: 0,
            topic_id: None,
            stopped: None,
            end: None,
        };
        let row = OffsetRow {
            stored,
            freshness: Freshness::default(),
            held_back: None,
            witness: None,
            retired: false,
        };
        (PartitionId::new("t", partition), row)
    }

    #[test]
    fn a_topic_that_is_doubted_does_not_hold_up_the_others() {
        let there = |partitions: Vec<i32>| TopicAnswer::Present {
            topic_id: None,
            partitions,
        };
        let topics = BTreeMap::from([
            ("t".to_owned(), there(vec![0, 1])),
            ("u".to_owned(), there(vec![0])),
        ]);
        let mut facts = Facts::collect(&selection(), BTreeMap::from([row(0), row(1)]), topics);
        for planned in facts.partitions.values_mut() {
            planned.seen = Seen::Present {
                topic_id: None,
                watermarks: Watermarks {
                    low: NextOffset::at(0),
                    end: EndOffset::at(9),
                    high: EndOffset::at(9),
                },
            };
        }
        facts.doubt(&BTreeSet::from(["t".to_owned()]), "no second answer");
        assert_eq!(verdicts(&facts), ["unreachable", "unreachable", "first"]);
    }

    #[test]
    fn a_retired_partition_is_left_out_and_a_retired_topic_with_its_new_partitions() {
        let collected = |retired: [bool; 2]| -> Vec<i32> {
            let there = TopicAnswer::Present {
                topic_id: None,
                partitions: vec![0, 1, 2],
            };
            let rows = retired.into_iter().zip(0..).map(|(retired, number)| {
                let (id, row) = row(number);
                (id, OffsetRow { retired, ..row })
            });
            let topics = BTreeMap::from([("t".to_owned(), there)]);
            let facts = Facts::collect(&selection(), rows.collect(), topics);
            facts.partitions.keys().map(|id| id.partition).collect()
        };
        assert_eq!(collected([false, false]), [0, 1, 2]);
        assert_eq!(collected([true, false]), [1, 2]);
        assert!(collected([true, true]).is_empty());
    }

    #[test]
    fn what_is_said_of_a_topic_holds_for_each_of_its_partitions() {
        for (answer, verdict) in [
            (TopicAnswer::Elsewise(Seen::Unauthorised), "unauthorised"),
            (
                TopicAnswer::Elsewise(Seen::Unanswered("no leader".to_owned())),
                "unreachable",
            ),
            (TopicAnswer::Elsewise(Seen::Absent), "gone"),
        ] {
            let topics = BTreeMap::from([("t".to_owned(), answer)]);
            let rows = BTreeMap::from([row(0), row(1)]);
            let mut facts = Facts::collect(&selection(), rows, topics);
            facts.plan();
            assert_eq!(verdicts(&facts), [verdict, verdict]);
        }
    }
}
