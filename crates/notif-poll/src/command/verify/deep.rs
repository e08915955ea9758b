//! What Kafka adds: each record beside its row.
//!
//! Compared is what Kafka still holds, up to the stored offset, of the generation that is read. For
//! everything else the report says why it cannot be proved.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use notif_core::offset::{EndOffset, LastConsumed, NextOffset};
use notif_core::plan::{Seen, Watermarks};
use notif_core::record::{PartitionId, Record};
use notif_core::store::verify::Life;
use notif_core::verify::join::Join;
use notif_core::verify::ledger::Said;
use notif_core::verify::tiling::Tile;
use notif_core::verify::{Kind, Ledger, Place, StoredRow};

use super::report::Reason;
use super::{VerifyReport, to};
use crate::config::KafkaConfig;
use crate::exit::{Exit, Failure};
use crate::kafka::partition::{PartitionRecords, Trouble};
use crate::kafka::policy::Policies;
use crate::kafka::topic::{TopicAnswer, names_describe};
use crate::kafka::watermark::{CALL_TIMEOUT, watermarks_ask};
use crate::kafka::{self, Client, settings};

/// How long Kafka may take to say which topics there are.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(10);

/// For how long partitions that gave no answer are asked again; a round that has begun is waited for.
const ASK_AGAIN_LIMIT: Duration = Duration::from_secs(5);
/// And how long after their answer.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// Kafka, as it was when the comparison began.
pub(super) struct Kafka {
    // dropping a consumer waits for the library: the process ends with it instead
    client: ManuallyDrop<Arc<Client>>,
    topics: BTreeMap<String, TopicAnswer>,
    watermarks: BTreeMap<PartitionId, Result<Watermarks, String>>,
    policies: Policies,
    /// Why nothing more is asked.
    lost: Option<String>,
    bootstrap: String,
}

impl Kafka {
    /// Asks for the topics and offsets of everything that is recorded. A broker that does not answer is
    /// no failure yet: what PostgreSQL alone tells is told first.
    pub(super) fn open(
        config: &KafkaConfig,
        recorded_cluster: Option<&str>,
        lives: &[Life],
    ) -> Result<Self, Failure> {
        let client = kafka::connect(&config.bootstrap, &config.group, &config.properties)
            .context("a setting of the Kafka client cannot be used")
            .map_err(|error| {
                let hint = "librdkafka's CONFIGURATION.md lists them";
                Failure::new(Exit::Usage, error, hint)
            })?;
        let admin = settings::client_config(&config.bootstrap, &config.group, &config.properties);
        let mut kafka = Self {
            client: ManuallyDrop::new(Arc::new(client)),
            topics: BTreeMap::new(),
            watermarks: BTreeMap::new(),
            policies: Policies::new(admin),
            lost: None,
            bootstrap: config.bootstrap.clone(),
        };
        let names: BTreeSet<String> = lives.iter().map(|life| life.topic.clone()).collect();
        match names_describe(&kafka.client, names, DESCRIBE_TIMEOUT) {
            Ok(topics) => kafka.topics = topics,
            Err(error) => {
                kafka.lost = Some(error.message);
                return Ok(kafka);
            }
        }
        kafka.check_cluster(recorded_cluster)?;
        let asked: BTreeSet<PartitionId> = lives
            .iter()
            .filter(|life| life.current_generation == Some(life.generation) && !life.retired)
            .filter(|life| kafka.has(life))
            .map(|life| PartitionId::new(life.topic.as_str(), life.partition))
            .collect();
        let asked: Vec<PartitionId> = asked.into_iter().collect();
        kafka.ask_watermarks(&asked);
        kafka.ask_again();
        Ok(kafka)
    }

    /// Asks again for what was not answered. A leader that has just changed, or a broker that has just
    /// come back, refuses what the client knows of it (`FencedLeaderEpoch`), and the client learns
    /// better a moment later.
    fn ask_again(&mut self) {
        let started = Instant::now();
        loop {
            let unanswered = self.watermarks.iter();
            let unanswered: Vec<PartitionId> = unanswered
                .filter(|(_, answer)| answer.is_err())
                .map(|(id, _)| id.clone())
                .collect();
            if unanswered.is_empty() || started.elapsed() > ASK_AGAIN_LIMIT {
                return;
            }
            thread::sleep(ASK_AGAIN_AFTER);
            self.ask_watermarks(&unanswered);
        }
    }

    fn ask_watermarks(&mut self, partitions: &[PartitionId]) {
        if !partitions.is_empty() {
            let answers = watermarks_ask(&self.client, partitions, CALL_TIMEOUT);
            self.watermarks.extend(answers);
        }
    }

    /// Offsets of one cluster mean nothing in another.
    fn check_cluster(&mut self, recorded: Option<&str>) -> Result<(), Failure> {
        let seen = kafka::cluster_id(&self.client, DESCRIBE_TIMEOUT);
        match (seen, recorded) {
            (Some(seen), Some(recorded)) if seen != recorded => Err(Failure::new(
                Exit::Usage,
                anyhow!("this is Kafka cluster {seen}, the record is of cluster {recorded}"),
                "point KAFKA_BOOTSTRAP_SERVERS at the cluster that is recorded",
            )),
            (None, Some(_)) => {
                self.lost = Some("Kafka did not say in time which cluster it is".to_owned());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn has(&self, life: &Life) -> bool {
        matches!(self.topics.get(&life.topic), Some(TopicAnswer::Present { partitions, .. }) if partitions.contains(&life.partition))
    }

    /// The failure that a lost broker is, once everything else is told.
    pub(super) fn into_failure(self) -> Option<Failure> {
        let lost = self.lost?;
        let error = anyhow!(lost).context(format!("Kafka at {} was lost", self.bootstrap));
        Some(Failure::new(
            Exit::Kafka,
            error,
            "check KAFKA_BOOTSTRAP_SERVERS, and that a broker is up; what PostgreSQL alone tells is told above",
        ))
    }

    /// Where the log of a partition begins and ends, or why there is nothing to compare with.
    fn log_of(&self, life: &Life) -> Result<Watermarks, (Reason, Option<String>)> {
        if life.current_generation != Some(life.generation) {
            return Err((Reason::OtherGeneration, None));
        }
        if life.retired {
            return Err((Reason::Retired, None));
        }
        let topic_id = match self.topics.get(&life.topic) {
            Some(TopicAnswer::Present {
                topic_id,
                partitions,
            }) if partitions.contains(&life.partition) => topic_id,
            Some(TopicAnswer::Elsewise(Seen::Unauthorised)) => {
                return Err((Reason::Unauthorised, None));
            }
            Some(TopicAnswer::Elsewise(Seen::Unanswered(why))) => {
                return Err((Reason::Unreachable, Some(why.clone())));
            }
            _ => return Err((Reason::Gone, None)),
        };
        if let (Some(seen), Some(stored)) = (topic_id, &life.topic_id)
            && seen != stored
        {
            let words = "the topic was created anew since the last poll".to_owned();
            return Err((Reason::OtherGeneration, Some(words)));
        }
        let id = PartitionId::new(life.topic.as_str(), life.partition);
        match self.watermarks.get(&id) {
            Some(Ok(watermarks)) => Ok(*watermarks),
            Some(Err(why)) => Err((Reason::Unreachable, Some(why.clone()))),
            None => Err((Reason::Unreachable, None)),
        }
    }
}

/// One partition in Kafka, while the rows of the same partition go by.
pub(super) struct Side<'k> {
    join: Join<PartitionRecords<'k>>,
    policies: &'k mut Policies,
    lost: &'k mut Option<String>,
    topic: Arc<str>,
    alone: Alone<'k>,
    place: &'k Place,
    /// The first offset that is compared.
    from: NextOffset,
    /// The first that is not.
    end: EndOffset,
    /// No more records come.
    is_over: bool,
    compared: u64,
    redacted: u64,
    /// Rows from before Kafka's log begins.
    deleted: u64,
    /// Rows that Kafka does not have, although its log holds their place.
    absent: u64,
    absent_why: Option<String>,
}

impl<'k> Side<'k> {
    /// Begins to read; none where there is nothing to compare with, which is told.
    pub(super) fn of(
        kafka: &'k mut Kafka,
        life: &Life,
        ledger: &'k Ledger,
        place: &'k Place,
        report: &mut VerifyReport,
    ) -> Option<Self> {
        if kafka.lost.is_some() {
            return None;
        }
        let log = match kafka.log_of(life) {
            Ok(log) => log,
            Err((reason, detail)) => {
                // an empty generation leaves nothing to prove
                if ledger.first_offset().is_some() {
                    report.cannot_prove(reason, place.clone(), None, detail);
                }
                return None;
            }
        };
        let stored = LastConsumed::new(life.stored?).next();
        let first = NextOffset::at(ledger.first_offset()?);
        let from = first.max(log.low);
        let end = stored.min(log.end.as_next());
        if end < stored {
            let place = || place.offsets(end.max(first).get(), stored.last_consumed().get());
            let words = "Kafka's log ends before the stored offset: it was cut, or is another one";
            report.mismatches.add(Kind::LogCut, place, words);
        }
        let id = PartitionId::new(life.topic.as_str(), life.partition);
        let end = EndOffset::at(end.get());
        let records = match PartitionRecords::read(&kafka.client, id.clone(), from, end) {
            Ok(records) => records,
            Err(trouble) => {
                kafka.lost = Some(trouble.to_string());
                return None;
            }
        };
        Some(Self {
            join: Join::new(records),
            policies: &mut kafka.policies,
            lost: &mut kafka.lost,
            topic: id.topic,
            alone: Alone {
                ledger,
                place,
                pruned_from: ledger.pruned_stretches(),
                pruned: 0,
            },
            place,
            from,
            end,
            is_over: false,
            compared: 0,
            redacted: 0,
            deleted: 0,
            absent: 0,
            absent_why: None,
        })
    }

    /// The first offset whose row is compared.
    pub(super) fn from(&self) -> i64 {
        self.from.get()
    }

    /// The next row.
    pub(super) fn row(&mut self, row: &StoredRow, report: &mut VerifyReport) {
        let offset = row.source_offset;
        if offset < self.from.get() {
            self.deleted = self.deleted.saturating_add(1);
            return;
        }
        if self.is_over || offset >= self.end.get() {
            return;
        }
        let alone = &mut self.alone;
        let met = self.join.at(offset, |record| alone.tell(record, report));
        match met {
            Ok(Some(record)) => {
                self.compared = self.compared.saturating_add(1);
                self.redacted = self.redacted.saturating_add(row.redacted.into());
                row.compare(&record, &mut to(row, self.place, &mut report.mismatches));
            }
            Ok(None) if offset < self.join.source().low().get() => {
                self.deleted = self.deleted.saturating_add(1);
            }
            Ok(None) => self.is_absent(row, report),
            Err(trouble) => self.give_up(trouble, report),
        }
    }

    /// Behind the last row.
    pub(super) fn finish(mut self, report: &mut VerifyReport) {
        let place = self.place;
        if !self.is_over {
            let alone = &mut self.alone;
            let left = self.join.finish(|record| alone.tell(record, report));
            if let Err(trouble) = left {
                self.give_up(trouble, report);
            }
        }
        let compared = &mut report.counts.compared_with_kafka;
        *compared = compared.saturating_add(self.compared);
        let mut tell = |reason, rows, detail| {
            if rows > 0 {
                report.cannot_prove(reason, place.clone(), Some(rows), detail);
            }
        };
        tell(Reason::DeletedInKafka, self.deleted, None);
        tell(Reason::Redacted, self.redacted, None);
        tell(Reason::PrunedInKafka, self.alone.pruned, None);
        tell(Reason::Compacted, self.absent, self.absent_why.take());
    }

    /// A row without its record, in a log that holds its place: lawful where the topic is compacted.
    fn is_absent(&mut self, row: &StoredRow, report: &mut VerifyReport) {
        match self.policies.is_compacted(&self.topic) {
            Ok(false) => {
                let words = "Kafka does not have the record, although its log begins before it";
                to(row, self.place, &mut report.mismatches)(Kind::NotInKafka, words.to_owned());
            }
            Ok(true) => self.absent = self.absent.saturating_add(1),
            Err(why) => {
                self.absent = self.absent.saturating_add(1);
                self.absent_why = Some(format!("its cleanup.policy is not known: {why}"));
            }
        }
    }

    fn give_up(&mut self, trouble: Trouble, report: &mut VerifyReport) {
        self.is_over = true;
        match trouble {
            Trouble::Lost(why) => *self.lost = Some(why),
            Trouble::Partition(why) => {
                report.cannot_prove(Reason::Unreachable, self.place.clone(), None, Some(why));
            }
        }
    }
}

/// Records that have no row.
struct Alone<'k> {
    ledger: &'k Ledger,
    place: &'k Place,
    /// Where retention removed rows.
    pruned_from: Vec<Tile>,
    pruned: u64,
}

impl Alone<'_> {
    /// Tells of one, unless it lawfully has none.
    fn tell(&mut self, record: &Record, report: &mut VerifyReport) {
        let offset = record.offset;
        let (kind, words) = match self.ledger.says(offset) {
            Said::PassedOver => return,
            // as many as were pruned: the rows and records of a range add up, or that is told
            Said::Recorded if Tile::any_holds(&self.pruned_from, offset) => {
                self.pruned = self.pruned.saturating_add(1);
                return;
            }
            Said::Recorded => (
                Kind::RecordMissing,
                "Kafka has a record here that is not stored, although its range was recorded",
            ),
            Said::Nothing => (
                Kind::RecordMissing,
                "Kafka has a record here that is not stored",
            ),
            Said::Deleted => (
                Kind::LostButThere,
                "Kafka has a record here that the ledger says is lost",
            ),
        };
        let place = || self.place.offsets(offset, offset);
        report.mismatches.add(kind, place, words);
    }
}
