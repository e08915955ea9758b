//! Where do two histories of one partition part?
//!
//! A log that was cut and grew again is the recorded one up to some offset and another one from there
//! on: equality of two logs is a property of prefixes. So the place is found by bisection over the
//! offsets, and each step compares one pair of records. No I/O here: [`Bisection::probe`] says where
//! to look next, the caller looks and answers.
//!
//! Not every offset can be compared. Kafka may have compacted the record away or deleted it with the
//! beginning of the log; there may have been a transaction's marker; ours may be a known loss. The
//! caller then compares the first offset behind it where both sides have something to say. What lies
//! between the last pair that is the same and the first that differs is not known, and whoever goes on
//! begins right behind the former: nothing of the new log is left out, and nothing that is proved to
//! be recorded is recorded again.

use sha2::{Digest, Sha256};

use crate::offset::{EndOffset, NextOffset};
use crate::record::Record;

/// What is stored of a record that tells it from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// Its offset.
    pub offset: i64,
    /// SHA-256 of its value; `None` for a null value.
    pub sha256: Option<[u8; 32]>,
    /// Its key.
    pub key: StoredKey,
    /// Its Kafka timestamp, milliseconds.
    pub timestamp_ms: Option<i64>,
    /// The number of the timestamp's type.
    pub timestamp_type: Option<i16>,
}

/// What is known of a recorded record's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredKey {
    /// It is this one, or there was none.
    Known(Option<Vec<u8>>),
    /// A redaction erased it.
    Erased,
}

impl Fingerprint {
    /// Is `record`, which stands at the same offset, the one that was recorded?
    pub fn is(&self, record: &Record) -> bool {
        let sha256 = record
            .value
            .as_deref()
            .map(|value| <[u8; 32]>::from(Sha256::digest(value)));
        let key_fits = match &self.key {
            StoredKey::Known(key) => *key == record.key,
            StoredKey::Erased => true,
        };
        key_fits
            && self.sha256 == sha256
            && self.timestamp_ms == record.time.millis()
            && self.timestamp_type == record.time.type_number()
    }
}

/// Which generation recorded which part of the log that is read now.
///
/// A generation that was opened where two logs part (or after a time without a watch) goes on from
/// the one before it; one that was opened for another topic, or another cluster, does not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lineage(Vec<Recording>);

/// What one generation recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recording {
    /// The generation.
    pub generation: i32,
    /// Its first offset.
    pub first: NextOffset,
}

impl Lineage {
    /// From the generations that go on from each other, the newest last.
    pub fn new(recordings: Vec<Recording>) -> Self {
        Self(recordings)
    }

    /// The generation that recorded `offset`, and the offset at which another takes over.
    pub fn at(&self, offset: NextOffset) -> Option<(i32, Option<NextOffset>)> {
        let mut takes_over = None;
        for recording in self.0.iter().rev() {
            if recording.first <= offset {
                return Some((recording.generation, takes_over));
            }
            takes_over =
                Some(takes_over.map_or(recording.first, |at: NextOffset| at.min(recording.first)));
        }
        None
    }

    /// The first offset behind `offset` at which any generation begins.
    pub fn begins_behind(&self, offset: NextOffset) -> Option<NextOffset> {
        let firsts = self.0.iter().map(|recording| recording.first);
        firsts.filter(|first| *first > offset).min()
    }
}

/// Where to look next: the first offset in `from..below` at which both logs can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// The first offset that may be looked at.
    pub from: NextOffset,
    /// The first that may not.
    pub below: NextOffset,
}

/// What the caller found there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// At this offset both have the same.
    Same(i64),
    /// At this offset they differ.
    Differs(i64),
    /// There is no offset in the probe at which they can be compared.
    Nothing,
}

/// Where two logs part, as far as it can be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parting {
    /// The last offset at which the same record was seen; `None` where none is left to compare.
    pub same_through: Option<i64>,
    /// The first offset seen at which they differ; `None` where everything that can be compared is
    /// the same.
    pub differs_at: Option<i64>,
    /// The first offset that is not proved to be recorded: where a new generation begins.
    pub begins: NextOffset,
}

/// The search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bisection {
    /// Everything below is the same, or cannot be compared.
    from: NextOffset,
    /// Everything from here on differs, or cannot be compared.
    below: NextOffset,
    same_through: Option<i64>,
    differs_at: Option<i64>,
}

impl Bisection {
    /// Over what is stored (`..next`), in a log that begins at `low` and ends at `end`. A log that
    /// ends before `next` differs from its end on, whatever stands before.
    pub fn new(low: NextOffset, next: NextOffset, end: EndOffset) -> Self {
        let is_cut = !end.as_next().reached(EndOffset::at(next.get()));
        let below = if is_cut { end.as_next() } else { next };
        Self {
            from: low,
            below: below.max(low),
            same_through: None,
            differs_at: is_cut.then_some(end.get()),
        }
    }

    /// Where to look next; `None` once the search is over.
    pub fn probe(&self) -> Option<Probe> {
        (self.from < self.below).then(|| Probe {
            from: self.from.middle(self.below),
            below: self.below,
        })
    }

    /// Takes the answer to `probe`.
    #[must_use]
    pub fn answered(self, probe: Probe, answer: Compared) -> Self {
        match answer {
            Compared::Same(offset) => Self {
                from: NextOffset::after(offset),
                same_through: Some(offset),
                ..self
            },
            Compared::Differs(offset) => Self {
                below: probe.from,
                differs_at: Some(offset),
                ..self
            },
            Compared::Nothing => Self {
                below: probe.from,
                ..self
            },
        }
    }

    /// What was found so far; once there is no further probe, all that can be known.
    pub fn parting(&self) -> Parting {
        Parting {
            same_through: self.same_through,
            differs_at: self.differs_at,
            begins: self.from,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Offset -> content.
    type Log = BTreeMap<i64, u8>;

    fn at(offset: i64) -> NextOffset {
        NextOffset::at(offset)
    }

    /// The caller's part, over two logs in memory; how many looks it took.
    fn search(recorded: &Log, kafka: &Log, low: i64, next: i64, end: i64) -> (Parting, u32) {
        let mut search = Bisection::new(at(low), at(next), EndOffset::at(end));
        let mut looks = 0_u32;
        while let Some(probe) = search.probe() {
            looks = looks.strict_add(1);
            let answer = (probe.from.get()..probe.below.get())
                .find_map(|offset| match (recorded.get(&offset), kafka.get(&offset)) {
                    (Some(ours), Some(theirs)) if ours == theirs => Some(Compared::Same(offset)),
                    (Some(_), Some(_)) => Some(Compared::Differs(offset)),
                    _ => None,
                })
                .unwrap_or(Compared::Nothing);
            search = search.answered(probe, answer);
        }
        (search.parting(), looks)
    }

    fn log(content: impl IntoIterator<Item = (i64, u8)>) -> Log {
        content.into_iter().collect()
    }

    #[test]
    fn the_first_offset_that_differs_is_found() {
        let recorded = log((0..100).map(|offset| (offset, 1)));
        let kafka = log((0..120).map(|offset| (offset, if offset < 42 { 1 } else { 2 })));
        let (parting, looks) = search(&recorded, &kafka, 0, 100, 120);
        let expected = Parting {
            same_through: Some(41),
            differs_at: Some(42),
            begins: at(42),
        };
        assert_eq!(parting, expected);
        assert!(looks <= 8, "{looks}");
    }

    #[test]
    fn a_log_that_is_the_recorded_one_does_not_differ() {
        let recorded = log((0..9).map(|offset| (offset, 1)));
        let expected = Parting {
            same_through: Some(8),
            differs_at: None,
            begins: at(9),
        };
        assert_eq!(search(&recorded, &recorded, 0, 9, 12).0, expected);
    }

    #[test]
    fn a_log_that_ends_before_what_is_recorded_differs_at_its_end() {
        let recorded = log((0..9).map(|offset| (offset, 1)));
        let kafka = log((0..4).map(|offset| (offset, 1)));
        let expected = Parting {
            same_through: Some(3),
            differs_at: Some(4),
            begins: at(4),
        };
        assert_eq!(search(&recorded, &kafka, 0, 9, 4).0, expected);
    }

    #[test]
    fn where_kafka_has_nothing_left_the_new_log_begins_at_its_beginning() {
        let recorded = log((0..9).map(|offset| (offset, 1)));
        for end in [20, 30] {
            let (parting, looks) = search(&recorded, &Log::new(), 20, 9, end);
            assert_eq!((parting.begins, looks), (at(20), 0));
            assert_eq!((parting.same_through, parting.differs_at), (None, None));
        }
    }

    #[test]
    fn each_offset_belongs_to_the_newest_generation_that_begins_before_it() {
        let recording = |generation, first| Recording {
            generation,
            first: at(first),
        };
        // 2 began at 40, and a cut at 30 took over from both
        let lineage = Lineage::new(vec![recording(1, 5), recording(2, 40), recording(3, 30)]);
        assert_eq!(lineage.at(at(4)), None);
        assert_eq!(lineage.begins_behind(at(4)), Some(at(5)));
        assert_eq!(lineage.at(at(29)), Some((1, Some(at(30)))));
        assert_eq!(lineage.at(at(30)), Some((3, None)));
        assert_eq!(lineage.at(at(99)), Some((3, None)));
        assert_eq!(lineage.begins_behind(at(99)), None);
    }

    #[test]
    fn key_and_time_tell_records_apart_as_the_value_does() {
        use crate::record::{PartitionId, RecordTime};
        let record = Record {
            partition: PartitionId::new("t", 0),
            offset: 7,
            time: RecordTime::Create(5),
            key: Some(vec![1]),
            headers: Vec::new(),
            value: Some(b"a".to_vec()),
        };
        let same = Fingerprint {
            offset: 7,
            sha256: Some(Sha256::digest(b"a").into()),
            key: StoredKey::Known(Some(vec![1])),
            timestamp_ms: Some(5),
            timestamp_type: Some(0),
        };
        assert!(same.is(&record));
        let others = [
            Fingerprint {
                sha256: None,
                ..same.clone()
            },
            Fingerprint {
                key: StoredKey::Known(None),
                ..same.clone()
            },
            Fingerprint {
                timestamp_ms: Some(6),
                ..same.clone()
            },
            Fingerprint {
                timestamp_type: Some(1),
                ..same.clone()
            },
        ];
        for other in others {
            assert!(!other.is(&record), "{other:?}");
        }
        let redacted = Fingerprint {
            key: StoredKey::Erased,
            ..same
        };
        assert!(redacted.is(&record));
    }

    proptest! {
        /// Holes on both sides (markers, compaction), any beginning and any end: what is the same is
        /// proved, what is left out of the new generation is proved, and it takes few looks.
        #[test]
        fn what_it_says_holds_for_any_two_logs(
            next in 1_i64..300,
            cut in 0_i64..300,
            low in 0_i64..300,
            grown in 0_i64..40,
            ours in prop::collection::vec(any::<bool>(), 300),
            theirs in prop::collection::vec(any::<bool>(), 300),
        ) {
            let there = |has: &Vec<bool>, offset: &i64| has[usize::try_from(*offset).unwrap()];
            let recorded = log((0..next).filter(|o| there(&ours, o)).map(|o| (o, 1)));
            let end = cut.strict_add(grown).max(low).min(300);
            let kafka = log((low..end).filter(|o| there(&theirs, o))
                .map(|o| (o, if o < cut { 1 } else { 2 })));
            let (parting, looks) = search(&recorded, &kafka, low, next, end);
            prop_assert!(looks <= 9, "{looks} looks");
            let comparable: Vec<i64> =
                recorded.keys().copied().filter(|o| kafka.contains_key(o)).collect();
            let same = comparable.iter().copied().filter(|o| *o < cut).max();
            let differs = comparable.iter().copied().find(|o| *o >= cut)
                .or((end < next).then_some(end));
            prop_assert_eq!(parting.same_through, same);
            prop_assert_eq!(parting.differs_at, differs);
            prop_assert_eq!(parting.begins.get(), same.map_or(low, |same| same.strict_add(1)));
        }
    }
}
