//! Reads both sides of a partition for the search of `notif_core::divergence`: where does Kafka's log
//! part from the recorded one?
//!
//! Each look is one short read of Kafka: the first record at an offset or behind it. Twenty of them
//! find the place among a million.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use notif_core::divergence::{Bisection, Compared, Lineage, Parting, Probe};
use notif_core::offset::NextOffset;
use notif_core::plan::{Seen, StoredPartition, Watermarks};
use notif_core::record::{PartitionId, Record};
use notif_core::store::Session;
use notif_core::store::fingerprint::Recorded;
use rdkafka::error::RDKafkaErrorCode;

use crate::brokers;
use crate::deadline::{Deadline, WaitsFor};
use crate::exit::{Exit, Failure};
use crate::kafka::Client;
use crate::kafka::ffi::Received;
use crate::kafka::reader::Reader;
use crate::kafka::topic::{TopicAnswer, names_describe};
use crate::kafka::watermark::watermarks_ask;

/// How long Kafka may say nothing before the search is given up.
const SILENCE: Duration = Duration::from_secs(10);

const LOOK: Duration = Duration::from_millis(20);

/// What Kafka says now of one partition.
pub(crate) fn ask_one(
    client: &Client,
    id: &PartitionId,
    deadline: &Deadline,
) -> Result<Seen, Failure> {
    deadline.waiting_for(WaitsFor::Kafka);
    let names = BTreeSet::from([id.topic.to_string()]);
    let timeout = brokers::DESCRIBE_TIMEOUT.min(deadline.left());
    let answers = names_describe(client, names, timeout)
        .with_context(|| format!("Kafka could not be asked for topic {}", id.topic))
        .map_err(|error| Failure::new(Exit::Kafka, error, "nothing was written"))?;
    let topic_id = match answers.into_values().next() {
        Some(TopicAnswer::Present {
            topic_id,
            partitions,
        }) if partitions.contains(&id.partition) => topic_id,
        Some(TopicAnswer::Elsewise(seen)) => return Ok(seen),
        Some(TopicAnswer::Present { .. }) | None => return Ok(Seen::Absent),
    };
    let asked = watermarks_ask(client, std::slice::from_ref(id), deadline.left());
    deadline.waiting_for(WaitsFor::Itself);
    Ok(match asked.into_values().next() {
        Some(Ok(watermarks)) => Seen::Present {
            topic_id,
            watermarks,
        },
        Some(Err(why)) => Seen::Unanswered(why),
        None => Seen::Unanswered("no answer".to_owned()),
    })
}

/// Where Kafka's log of a partition parts from the recorded one.
pub(crate) fn part(
    client: &Client,
    session: &mut Session,
    id: &PartitionId,
    stored: &StoredPartition,
    watermarks: Watermarks,
    deadline: &Deadline,
) -> Result<Parting, Failure> {
    let next = stored.last.next();
    let mut search = Bisection::new(watermarks.low, next, watermarks.end);
    let Some(first) = search.probe() else {
        return Ok(search.parting());
    };
    let reader = Reader::assign(client, &[(id.clone(), first.from)])
        .map_err(|error| unreadable(id, first.from, &error.message))?;
    let mut comparison = Comparison {
        id,
        lineage: session.lineage_read(id, stored.generation, next)?,
        session,
        reader,
        deadline,
    };
    while let Some(probe) = search.probe() {
        let answer = comparison.look(probe)?;
        log::debug!("{id}: {probe:?}: {answer:?}");
        search = search.answered(probe, answer);
    }
    comparison.end();
    Ok(search.parting())
}

fn unreadable(id: &PartitionId, at: NextOffset, why: &str) -> Failure {
    Failure::new(
        Exit::Kafka,
        anyhow!("{id} could not be read at {}: {why}", at.get()),
        "the logs are not compared to the end, so nothing was decided or written",
    )
}

struct Comparison<'a> {
    id: &'a PartitionId,
    session: &'a mut Session,
    lineage: Lineage,
    reader: Reader<'a>,
    deadline: &'a Deadline,
}

impl Comparison<'_> {
    /// Compares the first offset of the probe at which both sides have something to say.
    fn look(&mut self, probe: Probe) -> Result<Compared, Failure> {
        let mut from = probe.from;
        while from < probe.below {
            let Some(record) = self.first_record(from, probe.below)? else {
                return Ok(Compared::Nothing);
            };
            self.deadline.waiting_for(WaitsFor::Database);
            let offset = record.offset;
            match self.recorded(NextOffset::at(offset))? {
                Recorded::Record(recorded) if recorded.is(&record) => {
                    return Ok(Compared::Same(offset));
                }
                // a record where the recorded log had none is another log: nothing fills a hole
                Recorded::Record(_) | Recorded::None => return Ok(Compared::Differs(offset)),
                Recorded::Unknown => match self.recorded_behind(NextOffset::at(offset))? {
                    Some(next) => from = next,
                    None => return Ok(Compared::Nothing),
                },
            }
        }
        Ok(Compared::Nothing)
    }

    fn recorded(&mut self, offset: NextOffset) -> Result<Recorded, Failure> {
        match self.lineage.at(offset) {
            Some((generation, _)) => {
                Ok(self
                    .session
                    .fingerprint_at(self.id, generation, offset.get())?)
            }
            None => Ok(Recorded::Unknown),
        }
    }

    /// The first offset behind `offset` at which a record is stored, whichever generation recorded it.
    fn recorded_behind(&mut self, offset: NextOffset) -> Result<Option<NextOffset>, Failure> {
        let mut from = NextOffset::after(offset.get());
        loop {
            if let Some((generation, until)) = self.lineage.at(from) {
                let found = self
                    .session
                    .fingerprint_offset_next(self.id, generation, from)?;
                if let Some(found) = found.filter(|found| until.is_none_or(|until| *found < until))
                {
                    return Ok(Some(found));
                }
            }
            match self.lineage.begins_behind(from) {
                Some(next) => from = next,
                None => return Ok(None),
            }
        }
    }

    /// Kafka's first record in `from..below`.
    ///
    /// The client's position, the third sign that a poll goes by, is no sign here: right after a
    /// partition was assigned again it may still be that of the look before.
    fn first_record(
        &mut self,
        from: NextOffset,
        below: NextOffset,
    ) -> Result<Option<Record>, Failure> {
        let id = self.id;
        self.deadline.waiting_for(WaitsFor::Kafka);
        self.reader
            .restart(&[(id.clone(), from)])
            .map_err(|error| unreadable(id, from, &error.message))?;
        let since = Instant::now();
        let mut received = Vec::new();
        loop {
            self.reader.receive(LOOK, &mut received);
            for item in received.drain(..) {
                match item {
                    Received::Record(record)
                        if record.partition == *id && record.offset >= from.get() =>
                    {
                        return Ok(Some(record).filter(|record| record.offset < below.get()));
                    }
                    Received::EndOfPartition { id: of, offset }
                        if of == *id && offset >= below.get() =>
                    {
                        return Ok(None);
                    }
                    Received::Problem {
                        id: Some(of),
                        code: RDKafkaErrorCode::AutoOffsetReset,
                        ..
                    } if of == *id => return self.behind_deletion(from, below),
                    Received::Problem {
                        id: Some(of),
                        message,
                        ..
                    } if of == *id => return Err(unreadable(id, from, &message)),
                    _ => {}
                }
            }
            if since.elapsed() >= SILENCE || self.deadline.is_over() {
                return Err(unreadable(id, from, "nothing came from Kafka in time"));
            }
        }
    }

    /// Kafka deleted the beginning of the log while it was compared.
    fn behind_deletion(
        &mut self,
        from: NextOffset,
        below: NextOffset,
    ) -> Result<Option<Record>, Failure> {
        let id = self.id;
        match self.reader.low_offset(id) {
            Ok(low) if low >= below => Ok(None),
            Ok(low) if low > from => self.first_record(low, below),
            Ok(low) => Err(unreadable(
                id,
                from,
                &format!("Kafka refuses it, although its log begins at {}", low.get()),
            )),
            Err(error) => Err(unreadable(id, from, &error.message)),
        }
    }

    /// Fetches nothing more.
    fn end(self) {
        if let Err(error) = self.reader.restart(&[]) {
            log::debug!("{} goes on being fetched: {error}", self.id);
        }
    }
}

/// Where two logs part, for a person.
pub(crate) fn sentence(parting: Parting) -> String {
    match (parting.same_through, parting.differs_at) {
        (Some(same), Some(differs)) => {
            format!("Kafka's log is the recorded one through {same}, and differs at {differs}")
        }
        (Some(same), None) => {
            format!("Kafka's log is the recorded one, through {same}: nothing differs")
        }
        (None, Some(differs)) => {
            format!("Kafka's log differs at {differs}, and nothing before it is left to compare")
        }
        (None, None) => {
            "Kafka has nothing left of what is recorded: the logs cannot be compared".to_owned()
        }
    }
}

/// The same for a program.
pub(crate) fn json(parting: Parting) -> serde_json::Value {
    serde_json::json!({
        "sameThrough": parting.same_through,
        "differsAt": parting.differs_at,
        "begins": parting.begins.get(),
    })
}
