//! What a run does with each partition: facts in, a verdict out. No I/O, no clock.
//!
//! `next` is the stored offset + 1. The first line that fits decides:
//!
//! | verdict | when |
//! |---|---|
//! | stopped | an earlier run stopped it; it stays so until an operator decides |
//! | unauthorised | Kafka does not let us see the topic |
//! | unreachable | Kafka did not answer for the topic, or for the partition |
//! | gone | there is an offset row, but no such topic or partition |
//! | offsets-lost | no offset row, but ranges, gaps or rows of this partition |
//! | first | no offset row, and nothing else either: reading begins at the low offset |
//! | mixed | the topic id is not the stored one, but the last recorded record stands in the new log |
//! | recreated | the topic id is not the stored one (an unknown id equals any) |
//! | ahead | next > end |
//! | gap | next < low: Kafka deleted `next..low` before it was read |
//! | nothing | next = end |
//! | read | low <= next < end |
//!
//! The order carries an argument. What was not answered comes before everything that compares
//! numbers, because a missing answer proves nothing: nothing is ever written down as lost because a
//! broker was silent. `recreated` comes before the comparisons, because the offsets of another log
//! must not be compared with ours. The facts must have been asked of Kafka *after* the offset row was
//! read; then a concurrent run can only have moved the stored offset forward, which the fence of the
//! write transaction notices, and never makes a healthy partition look `ahead` or behind its log.

use crate::offset::{EndOffset, LastConsumed, NextOffset};

/// What PostgreSQL knows of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPartition {
    /// The last consumed offset.
    pub last: LastConsumed,
    /// The generation of its log.
    pub generation: i32,
    /// The topic id as first seen; `None` where the broker had none.
    pub topic_id: Option<String>,
    /// Why an earlier run stopped it.
    pub stopped: Option<String>,
    /// The end last seen.
    pub end: Option<EndOffset>,
}

impl StoredPartition {
    /// Another topic under the same name? An unknown id on either side equals any.
    pub fn is_another_topic(&self, now: Option<&str>) -> bool {
        match (self.topic_id.as_deref(), now) {
            (Some(stored), Some(now)) => stored != now,
            (None, _) | (_, None) => false,
        }
    }
}

/// What PostgreSQL knows of a partition that has no offset row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// No other partition of the topic has a row either.
    NewTopic,
    /// The topic is known, the partition is not.
    NewPartition,
    /// There are ranges, gaps or notifications of this very partition.
    Recorded,
}

/// What is stored about a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memory {
    /// Its offset row.
    Row(StoredPartition),
    /// No offset row.
    NoRow(History),
}

/// The three offsets of a partition as Kafka gave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// The first offset that Kafka still has.
    pub low: NextOffset,
    /// The last stable offset: the end of what a read-committed consumer can read.
    pub end: EndOffset,
    /// The high watermark: behind it is what open transactions hold back.
    pub high: EndOffset,
}

/// What Kafka said of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It is there.
    Present {
        /// The topic id; `None` where the broker is too old to have any.
        topic_id: Option<String>,
        /// Its offsets.
        watermarks: Watermarks,
    },
    /// Another topic under the same name, in which the last recorded record stands where it was
    /// recorded: it was created anew while it was read.
    Mixed {
        /// The offset of that record.
        at: i64,
    },
    /// Neither the topic nor, hence, the partition; or the topic without this partition.
    Absent,
    /// We may not see it.
    Unauthorised,
    /// No answer in time, or an error that proves nothing; in words.
    Unanswered(String),
}

/// What to do with a partition in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is stored.
    Nothing,
    /// Read `from..to`.
    Read {
        /// The first offset to read.
        from: NextOffset,
        /// The captured end.
        to: EndOffset,
    },
    /// Write `lost` into the ledger, then read `from..to` (which may be empty).
    Gap {
        /// The first offset that is lost.
        lost_from: NextOffset,
        /// The low offset: the first that is not lost.
        from: NextOffset,
        /// The captured end.
        to: EndOffset,
    },
    /// Write the first offset row at the low offset, then plan again.
    First {
        /// Where reading begins.
        low: NextOffset,
        /// Is what is below it a loss of ours? It is where the topic was already watched.
        ours: bool,
    },
    /// The topic was deleted and created again.
    Recreated {
        /// The id that it has now.
        topic_id: Option<String>,
    },
    /// The topic was created anew while it was read: what was recorded last is of the new log.
    Mixed {
        /// The offset of the last recorded record.
        at: i64,
    },
    /// More is stored than Kafka has.
    Ahead {
        /// Where reading would go on.
        next: NextOffset,
        /// The end that is below it.
        end: EndOffset,
    },
    /// The offset row is gone, the record is not.
    OffsetsLost,
    /// The topic or the partition is gone.
    Gone,
    /// Kafka refuses to show it.
    Unauthorised,
    /// Kafka gave no answer; in words.
    Unreachable(String),
    /// Stopped by an earlier run; why.
    Stopped(String),
}

impl Verdict {
    /// The verdict's name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Read { .. } => "read",
            Self::Gap { .. } => "gap",
            Self::First { .. } => "first",
            Self::Recreated { .. } => "recreated",
            Self::Mixed { .. } => "mixed",
            Self::Ahead { .. } => "ahead",
            Self::OffsetsLost => "offsets-lost",
            Self::Gone => "gone",
            Self::Unauthorised => "unauthorised",
            Self::Unreachable(_) => "unreachable",
            Self::Stopped(_) => "stopped",
        }
    }
}

/// The verdict on one partition; `None` where there is nothing to judge: neither a row nor a
/// partition in Kafka.
pub fn verdict(memory: &Memory, seen: &Seen) -> Option<Verdict> {
    if let Memory::Row(StoredPartition {
        stopped: Some(reason),
        ..
    }) = memory
    {
        return Some(Verdict::Stopped(reason.clone()));
    }
    let (topic_id, watermarks) = match (seen, memory) {
        (Seen::Unauthorised, _) => return Some(Verdict::Unauthorised),
        (Seen::Unanswered(why), _) => return Some(Verdict::Unreachable(why.clone())),
        (Seen::Mixed { at }, _) => return Some(Verdict::Mixed { at: *at }),
        (Seen::Absent, Memory::Row(_)) => return Some(Verdict::Gone),
        (Seen::Absent, Memory::NoRow(_)) => return None,
        (
            Seen::Present {
                topic_id,
                watermarks,
            },
            _,
        ) => (topic_id, *watermarks),
    };
    Some(match memory {
        Memory::NoRow(History::Recorded) => Verdict::OffsetsLost,
        Memory::NoRow(History::NewTopic) => Verdict::First {
            low: watermarks.low,
            ours: false,
        },
        Memory::NoRow(History::NewPartition) => Verdict::First {
            low: watermarks.low,
            ours: true,
        },
        Memory::Row(stored) if stored.is_another_topic(topic_id.as_deref()) => Verdict::Recreated {
            topic_id: topic_id.clone(),
        },
        Memory::Row(stored) => compare(stored.last.next(), watermarks),
    })
}

fn compare(next: NextOffset, Watermarks { low, end, .. }: Watermarks) -> Verdict {
    // low is asked last: retention may have moved it past an end that was asked before
    let to = end.max(EndOffset::at(low.get()));
    if next.get() > to.get() {
        Verdict::Ahead { next, end }
    } else if next < low {
        Verdict::Gap {
            lost_from: next,
            from: low,
            to,
        }
    } else if next.reached(to) {
        Verdict::Nothing
    } else {
        Verdict::Read { from: next, to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(last: i64, topic_id: Option<&str>) -> Memory {
        Memory::Row(StoredPartition {
            last: LastConsumed::new(last),
            generation: 0,
            topic_id: topic_id.map(str::to_owned),
            stopped: None,
            end: None,
        })
    }

    fn present(low: i64, end: i64, topic_id: Option<&str>) -> Seen {
        Seen::Present {
            topic_id: topic_id.map(str::to_owned),
            watermarks: Watermarks {
                low: NextOffset::at(low),
                end: EndOffset::at(end),
                high: EndOffset::at(end),
            },
        }
    }

    fn judge(memory: &Memory, seen: &Seen) -> &'static str {
        verdict(memory, seen).map_or("none", |verdict| verdict.name())
    }

    #[test]
    fn each_line_of_the_table() {
        let cases = [
            ("nothing", row(9, None), present(0, 10, None)),
            ("nothing", row(-1, None), present(0, 0, None)),
            ("read", row(9, None), present(0, 11, None)),
            ("read", row(9, None), present(10, 11, None)),
            ("gap", row(9, None), present(11, 20, None)),
            ("gap", row(9, None), present(20, 20, None)),
            ("ahead", row(10, None), present(0, 10, None)),
            (
                "first",
                Memory::NoRow(History::NewTopic),
                present(0, 0, None),
            ),
            (
                "first",
                Memory::NoRow(History::NewPartition),
                present(5, 9, None),
            ),
            (
                "offsets-lost",
                Memory::NoRow(History::Recorded),
                present(0, 9, None),
            ),
            ("recreated", row(9, Some("a")), present(0, 10, Some("b"))),
            ("nothing", row(9, Some("a")), present(0, 10, Some("a"))),
            ("nothing", row(9, None), present(0, 10, Some("b"))),
            ("nothing", row(9, Some("a")), present(0, 10, None)),
            ("mixed", row(9, Some("a")), Seen::Mixed { at: 9 }),
            ("gone", row(9, None), Seen::Absent),
            ("none", Memory::NoRow(History::NewTopic), Seen::Absent),
            ("unauthorised", row(9, None), Seen::Unauthorised),
            (
                "unauthorised",
                Memory::NoRow(History::NewTopic),
                Seen::Unauthorised,
            ),
            (
                "unreachable",
                row(9, None),
                Seen::Unanswered("timed out".to_owned()),
            ),
        ];
        for (expected, memory, seen) in cases {
            assert_eq!(judge(&memory, &seen), expected, "{memory:?} {seen:?}");
        }
    }

    #[test]
    fn a_stopped_partition_stays_stopped_whatever_kafka_says() {
        let mut stored = row(9, Some("a"));
        if let Memory::Row(stored) = &mut stored {
            stored.stopped = Some("diverged".to_owned());
        }
        for seen in [present(0, 99, Some("b")), Seen::Absent, Seen::Unauthorised] {
            assert_eq!(judge(&stored, &seen), "stopped");
        }
    }

    #[test]
    fn a_gap_names_what_is_lost_and_what_is_left() {
        assert_eq!(
            verdict(&row(9, None), &present(15, 20, None)),
            Some(Verdict::Gap {
                lost_from: NextOffset::at(10),
                from: NextOffset::at(15),
                to: EndOffset::at(20),
            })
        );
    }

    #[test]
    fn a_low_offset_asked_after_an_older_end_is_a_gap_and_not_ahead() {
        assert_eq!(
            verdict(&row(9, None), &present(15, 12, None)),
            Some(Verdict::Gap {
                lost_from: NextOffset::at(10),
                from: NextOffset::at(15),
                to: EndOffset::at(15),
            })
        );
    }
}
