//! How a partition stands: how far behind Kafka the record is, and how far Kafka's deletion is behind
//! the record. Of what was seen, and when, the caller decides.

use chrono::{DateTime, TimeDelta, Utc};

use crate::offset::LastConsumed;
use crate::plan::Watermarks;

/// How a partition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many offsets are left to read.
    pub lag: i64,
    /// For how long not everything has been stored: nothing where nothing is left to read; `None`
    /// where it never was.
    pub behind: Option<TimeDelta>,
    /// How many offsets Kafka may delete before it deletes one that is not stored. Below zero is a
    /// loss that the next poll will find.
    pub loss_margin: i64,
}

impl Standing {
    /// How a partition stands at `now` that is stored up to `last`, where Kafka was `seen` so.
    pub fn new(
        last: LastConsumed,
        seen: Watermarks,
        drained_through: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Self {
        let next = last.next();
        let lag = next.distance_to(seen.end);
        let behind = match drained_through {
            _ if lag == 0 => Some(TimeDelta::zero()),
            Some(through) => Some(now.signed_duration_since(through).max(TimeDelta::zero())),
            None => None,
        };
        Self {
            lag,
            behind,
            loss_margin: next.margin_from(seen.low),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offset::{EndOffset, NextOffset};

    fn standing(stored: i64, low: i64, end: i64, drained_second: Option<i64>) -> Standing {
        let seen = Watermarks {
            low: NextOffset::at(low),
            end: EndOffset::at(end),
            high: EndOffset::at(end),
        };
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        Standing::new(
            LastConsumed::new(stored),
            seen,
            drained_second.map(at),
            at(100),
        )
    }

    fn told(standing: Standing) -> (i64, Option<i64>, i64) {
        let seconds = standing.behind.map(|behind| behind.num_seconds());
        (standing.lag, seconds, standing.loss_margin)
    }

    #[test]
    fn what_is_left_to_read_counts_from_the_next_offset() {
        assert_eq!(told(standing(41, 10, 50, Some(70))), (8, Some(30), 32));
        assert_eq!(told(standing(41, 10, 50, None)), (8, None, 32));
    }

    #[test]
    fn nothing_left_to_read_is_no_time_behind() {
        assert_eq!(told(standing(49, 10, 50, Some(70))), (0, Some(0), 40));
        assert_eq!(told(standing(49, 50, 50, None)), (0, Some(0), 0));
        // a log that was cut below what is stored has nothing left either
        assert_eq!(told(standing(49, 0, 20, Some(70))).0, 0);
    }

    #[test]
    fn what_kafka_deleted_unread_is_a_margin_below_zero() {
        assert_eq!(told(standing(41, 55, 60, Some(70))), (18, Some(30), -13));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_negative() {
        assert_eq!(told(standing(41, 10, 50, Some(130))).1, Some(0));
    }
}
