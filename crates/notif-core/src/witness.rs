//! Is the log still the one that was recorded?
//!
//! A log may be cut and grow again (an unclean leader election, a restored broker, a mirror): then
//! other records stand at offsets that are recorded already, and reading on at the stored offset
//! would join two histories without a word. So the last recorded record is remembered, and the next
//! run reads it once more before what is new. The same record: the log before it is the same too,
//! because a log that was cut differs from the cut on. No record there any more (compacted, or
//! expired): nothing is known, and the reading goes on. Another one: the partition stops.

use sha2::{Digest, Sha256};

use crate::offset::NextOffset;
use crate::record::Record;

/// How far behind the next offset a witness may lie to be read again: markers and holes lie between,
/// and a compacted log must not be read from far back for it.
const REACH: i64 = 1_000;

/// The last record that was recorded of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witness {
    /// Its offset.
    pub offset: i64,
    /// Its Kafka timestamp, milliseconds.
    pub timestamp_ms: Option<i64>,
    /// SHA-256 of its value; `None` for a null value.
    pub sha256: Option<[u8; 32]>,
}

impl Witness {
    /// Can it be read again on the way to `next`, in a log that begins at `low`?
    pub fn is_within_reach(&self, low: NextOffset, next: NextOffset) -> bool {
        let distance = next.get().saturating_sub(self.offset);
        self.offset >= low.get() && (1..=REACH).contains(&distance)
    }

    /// Is `record`, which stands at its offset, the one that was recorded?
    pub fn is(&self, record: &Record) -> bool {
        let sha256 = record
            .value
            .as_deref()
            .map(|value| <[u8; 32]>::from(Sha256::digest(value)));
        self.sha256 == sha256 && self.timestamp_ms == record.time.millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{PartitionId, RecordTime};

    fn record(value: Option<&[u8]>, time: i64) -> Record {
        Record {
            partition: PartitionId::new("t", 0),
            offset: 7,
            time: RecordTime::Create(time),
            key: None,
            headers: Vec::new(),
            value: value.map(<[u8]>::to_vec),
        }
    }

    fn witness(value: Option<&[u8]>, time: i64) -> Witness {
        Witness {
            offset: 7,
            timestamp_ms: Some(time),
            sha256: value.map(|value| Sha256::digest(value).into()),
        }
    }

    #[test]
    fn value_and_time_tell_records_apart() {
        let seen = witness(Some(b"a"), 5);
        assert!(seen.is(&record(Some(b"a"), 5)));
        assert!(!seen.is(&record(Some(b"b"), 5)));
        assert!(!seen.is(&record(Some(b"a"), 6)));
        assert!(!seen.is(&record(None, 5)));
        assert!(witness(None, 5).is(&record(None, 5)));
    }

    #[test]
    fn it_is_read_again_where_it_is_there_and_near() {
        let at = NextOffset::at;
        let seen = witness(None, 5);
        assert!(seen.is_within_reach(at(0), at(8)));
        assert!(seen.is_within_reach(at(7), at(1_007)));
        assert!(!seen.is_within_reach(at(8), at(9)), "gone");
        assert!(!seen.is_within_reach(at(0), at(1_008)), "too far");
        assert!(
            !seen.is_within_reach(at(0), at(7)),
            "the offset was set back"
        );
    }
}
