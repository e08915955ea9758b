//! What a run knows of each partition, gathered from both sides, and the verdict on it.

use std::collections::{BTreeMap, BTreeSet};
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
pub(super) struct Planned {
    /// What is stored.
    pub(super) memory: Memory,
    /// The whole offset row, where there is one.
    pub(super) row: Option<OffsetRow>,
    /// What Kafka said.
    pub(super) seen: Seen,
    /// What to do; `None` before planning.
    pub(super) verdict: Option<Verdict>,
}

impl Planned {
    /// The offsets that Kafka gave.
    pub(super) fn watermarks(&self) -> Option<Watermarks> {
        match &self.seen {
            Seen::Present { watermarks, .. } => Some(*watermarks),
            _ => None,
        }
    }
}

/// Every partition of the run.
#[derive(Debug)]
pub(super) struct Facts {
    /// By partition.
    pub(super) partitions: BTreeMap<PartitionId, Planned>,
    /// Topics asked for by name that are not there and never were.
    pub(super) unseen_topics: Vec<String>,
    /// Topics that have an offset row.
    known_topics: BTreeSet<String>,
    /// Topic ids, for partitions whose offsets are yet to be asked.
    topic_ids: BTreeMap<String, Option<String>>,
}

const NOT_ASKED: &str = "not asked yet";

impl Facts {
    /// Puts together what is stored and which topics there are. A topic whose watch an operator
    /// ended is left out altogether.
    pub(super) fn collect(
        selection: &TopicSelection,
        rows: BTreeMap<PartitionId, OffsetRow>,
        topics: BTreeMap<String, TopicAnswer>,
    ) -> Self {
        let retired: BTreeSet<PartitionId> = rows
            .iter()
            .filter(|(_, row)| row.retired)
            .map(|(id, _)| id.clone())
            .collect();
        let known_topics = rows.keys().map(|id| id.topic.to_string()).collect();
        let mut facts = Self {
            partitions: BTreeMap::new(),
            unseen_topics: Vec::new(),
            known_topics,
            topic_ids: BTreeMap::new(),
        };
        for (topic, answer) in topics {
            facts.add_topic(&topic, answer);
        }
        for (id, row) in rows {
            if row.retired || !selection.selects(&id.topic) {
                continue;
            }
            let known = facts.partitions.entry(id).or_insert_with(|| Planned {
                memory: Memory::NoRow(History::NewTopic),
                row: None,
                seen: Seen::Absent,
                verdict: None,
            });
            known.memory = Memory::Row(row.stored.clone());
            known.row = Some(row);
        }
        facts.partitions.retain(|id, _| !retired.contains(id));
        facts
    }

    fn add_topic(&mut self, topic: &str, answer: TopicAnswer) {
        let known = self.known_topics.contains(topic);
        let (partitions, seen) = match answer {
            TopicAnswer::Present {
                topic_id,
                partitions,
            } => {
                self.topic_ids.insert(topic.to_owned(), topic_id);
                (partitions, Seen::Unanswered(NOT_ASKED.to_owned()))
            }
            TopicAnswer::Absent => {
                if !known {
                    self.unseen_topics.push(topic.to_owned());
                }
                return;
            }
            // its partitions are not known: those with a row get the answer below, and where there
            // is none, partition 0 stands for the topic, so that it is told
            TopicAnswer::Unauthorised => (Vec::new(), Seen::Unauthorised),
            TopicAnswer::Unanswered(why) => (Vec::new(), Seen::Unanswered(why)),
        };
        let numbers = if partitions.is_empty() {
            vec![0]
        } else {
            partitions
        };
        for partition in numbers {
            self.partitions.insert(
                PartitionId::new(topic, partition),
                Planned {
                    memory: Memory::NoRow(History::NewTopic),
                    row: None,
                    seen: seen.clone(),
                    verdict: None,
                },
            );
        }
    }

    /// Asks Kafka for the offsets of every partition that is there.
    pub(super) fn ask_watermarks(&mut self, client: &Client, timeout: Duration) {
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
    pub(super) fn ask_watermarks_of(
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
    pub(super) fn ask_history(&mut self, session: &mut Session) -> Result<(), StoreError> {
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

    /// Takes the offset rows of `new` from a fresh reading.
    pub(super) fn reload(
        &mut self,
        mut rows: BTreeMap<PartitionId, OffsetRow>,
        new: &[PartitionId],
    ) {
        for id in new {
            if let (Some(planned), Some(row)) = (self.partitions.get_mut(id), rows.remove(id)) {
                planned.memory = Memory::Row(row.stored.clone());
                planned.row = Some(row);
            }
        }
    }

    /// Judges every partition.
    pub(super) fn plan(&mut self) {
        for planned in self.partitions.values_mut() {
            planned.verdict = plan::verdict(&planned.memory, &planned.seen);
        }
    }
}
