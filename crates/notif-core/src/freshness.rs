//! How fresh the record is: `drained_through`, an instant of PostgreSQL's clock at which everything
//! that a consumer could then read of a partition is stored now.
//!
//! A run notes the instant c, then asks Kafka for the high watermark. Whatever was readable at c
//! lies below it. So once everything below it is stored, the record is drained through c. The mark
//! is kept until it is reached, however many runs that takes: a topic that never rests would else
//! never be fresh. It speaks of PostgreSQL's clock alone and cannot be compared with timestamps that
//! producers or brokers wrote.
//!
//! Where that clock is set back, what lies in its future speaks of the clock as it was: the same
//! times come again, with records in them that are not stored yet. So it is forgotten; the record is
//! as fresh as this run finds it, and nothing is said until a run reaches a mark.

use chrono::{DateTime, Utc};

use crate::offset::{EndOffset, NextOffset};

/// The mark that is waited for, and what was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Freshness {
    /// The instant and the high watermark at it.
    pub mark: Option<(DateTime<Utc>, EndOffset)>,
    /// Through when everything is stored.
    pub drained_through: Option<DateTime<Utc>>,
}

impl Freshness {
    /// After a run that noted `instant`, then saw `high`, and has now stored everything below
    /// `next`.
    #[must_use]
    pub fn after_run(self, instant: DateTime<Utc>, high: EndOffset, next: NextOffset) -> Self {
        let known = Self {
            mark: self.mark.filter(|(at, _)| *at <= instant),
            drained_through: self.drained_through.filter(|through| *through <= instant),
        };
        let (mark_at, mark_offset) = known.mark.unwrap_or((instant, high));
        let reached = if next.reached(high) {
            // whatever the mark says: a log that was cut never reaches an older mark again
            mark_at.max(instant)
        } else if next.reached(mark_offset) {
            mark_at
        } else {
            return Self {
                mark: Some((mark_at, mark_offset)),
                ..known
            };
        };
        Self {
            mark: Some((instant, high)),
            drained_through: Some(
                known
                    .drained_through
                    .map_or(reached, |before| before.max(reached)),
            ),
        }
    }
}

/// Through when everything of all watched partitions is stored, of their `drained_through`; none where
/// one of them is not known, or none is watched.
pub fn recorded_through(
    watched: impl IntoIterator<Item = Option<DateTime<Utc>>>,
) -> Option<DateTime<Utc>> {
    let mut earliest = None;
    for through in watched {
        let through = through?;
        earliest = Some(earliest.map_or(through, |before: DateTime<Utc>| {
            if crate::mutated!("api-freshness-of-the-best") {
                before.max(through)
            } else {
                before.min(through)
            }
        }));
    }
    earliest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn run(state: Freshness, instant: i64, high: i64, next: i64) -> Freshness {
        state.after_run(at(instant), EndOffset::at(high), NextOffset::at(next))
    }

    #[test]
    fn a_drained_partition_is_fresh_at_once() {
        assert_eq!(
            run(Freshness::default(), 100, 7, 7).drained_through,
            Some(at(100))
        );
    }

    #[test]
    fn an_undrained_one_keeps_its_mark_until_it_is_reached() {
        let state = run(Freshness::default(), 100, 50, 20);
        assert_eq!(state.drained_through, None);
        let state = run(state, 110, 90, 49);
        assert_eq!(state.drained_through, None);
        let state = run(state, 120, 130, 60);
        assert_eq!(
            state.drained_through,
            Some(at(100)),
            "the mark of the first run is reached"
        );
        assert_eq!(state.mark, Some((at(120), EndOffset::at(130))));
    }

    #[test]
    fn a_log_that_was_cut_below_the_mark_does_not_freeze_it() {
        let state = run(Freshness::default(), 100, 50, 20);
        assert_eq!(run(state, 110, 30, 30).drained_through, Some(at(110)));
    }

    #[test]
    fn what_lies_in_the_future_of_a_clock_that_was_set_back_is_forgotten() {
        let state = run(Freshness::default(), 100, 5, 5);
        assert_eq!(run(state, 40, 6, 6).drained_through, Some(at(40)));
        let unreached = run(state, 40, 9, 6);
        assert_eq!(unreached.drained_through, None);
        assert_eq!(unreached.mark, Some((at(40), EndOffset::at(9))));
        assert_eq!(run(unreached, 50, 12, 10).drained_through, Some(at(40)));
    }

    #[test]
    fn the_record_is_as_fresh_as_its_stalest_partition() {
        assert_eq!(recorded_through([]), None);
        assert_eq!(recorded_through([Some(at(9))]), Some(at(9)));
        let three = [Some(at(9)), Some(at(7)), Some(at(8))];
        assert_eq!(recorded_through(three), Some(at(7)));
        assert_eq!(recorded_through([Some(at(9)), None, Some(at(7))]), None);
    }
}
