//! When is a partition read to its captured end? Three signals, none of which is enough alone.
//!
//! * a record whose offset + 1 reaches the end: never comes where the log ends in a transaction
//!   marker, an aborted transaction or a hole of compaction;
//! * a position at the end: the client moves it over markers, but not over an aborted batch that it
//!   skips;
//! * an end-of-partition event whose *own* offset reaches the end: the client raises it once for an
//!   end, and on a busy topic never. An event below the captured end proves nothing: a follower that
//!   lags behind, or a leader that has just changed, raises it too.
//!
//! The comparison is `>=`, never `==`: all three may jump over the end.
//!
//! A position is believed only where no event explains it. The client moves its position one past
//! whatever it hands out, an end-of-partition or an error event included: after an end-of-partition
//! at 9 (a new leader that does not have the tenth record yet) it says 10, with nothing read. So a
//! position counts only beyond the greatest offset at which an event was seen, plus one.

use crate::mutated;
use crate::offset::{EndOffset, NextOffset};

/// The reading of one partition in one run.
#[derive(Debug, Clone)]
pub struct Drain {
    next: NextOffset,
    end: EndOffset,
    /// The greatest offset that an event, not a record, was about.
    event_at: Option<i64>,
    done: bool,
}

/// What to do with a record that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Store it.
    Store,
    /// It is behind the captured end: it belongs to the next run.
    BeyondEnd,
    /// It lies before what is read already.
    Before,
}

impl Drain {
    /// Reading `from..end`.
    pub fn new(from: NextOffset, end: EndOffset) -> Self {
        Self {
            next: from,
            end,
            event_at: None,
            done: from.reached(end),
        }
    }

    /// The record at `offset` arrived.
    pub fn record(&mut self, offset: i64) -> Arrival {
        if offset < self.next.get() {
            return Arrival::Before;
        }
        if reaches(offset, self.end) {
            // records come in order: whatever lay below the end has been delivered
            self.done = true;
            return Arrival::BeyondEnd;
        }
        self.next = NextOffset::after(offset);
        self.done |= reaches(self.next.get(), self.end);
        Arrival::Store
    }

    /// The client says that it would read on at `position` (negative: it cannot say).
    pub fn position(&mut self, position: i64) {
        let is_progress = self
            .event_at
            .is_none_or(|event_at| position > event_at.saturating_add(1));
        self.done |= is_progress && reaches(position, self.end);
    }

    /// The client says that `offset` is the end of the partition.
    pub fn end_of_partition(&mut self, offset: i64) {
        self.event(offset);
        self.done |= reaches(offset, self.end) || mutated!("end-of-partition-believed");
    }

    /// An event about `offset` was handed out: the client's position moved with it.
    pub fn event(&mut self, offset: i64) {
        self.event_at = self.event_at.max(Some(offset));
    }

    /// Everything below `low` is gone: reading goes on there, behind the captured end where need be.
    pub fn lost_below(&mut self, low: NextOffset) {
        self.next = self.next.max(low);
        self.end = self.end.max(EndOffset::at(low.get()));
        self.done |= self.next.reached(self.end);
    }

    /// Is everything up to the captured end read?
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Where reading goes on within this run.
    pub fn next(&self) -> NextOffset {
        self.next
    }

    /// Where the next run goes on: the captured end once done, else what was really reached.
    pub fn reached(&self) -> NextOffset {
        if self.done {
            self.end.as_next()
        } else {
            self.next
        }
    }

    /// How many offsets are left.
    pub fn left(&self) -> i64 {
        if self.done {
            0
        } else {
            self.next.distance_to(self.end)
        }
    }
}

/// Does an offset reach the end? `>=`: all three signs may jump over it.
fn reaches(offset: i64, end: EndOffset) -> bool {
    if mutated!("end-by-equality") {
        return offset == end.get();
    }
    offset >= end.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(from: i64, end: i64) -> Drain {
        Drain::new(NextOffset::at(from), EndOffset::at(end))
    }

    #[test]
    fn the_last_record_ends_it() {
        let mut drain = drain(5, 7);
        assert_eq!(drain.record(5), Arrival::Store);
        assert!(!drain.is_done());
        assert_eq!(drain.record(6), Arrival::Store);
        assert!(drain.is_done());
        assert_eq!(drain.reached(), NextOffset::at(7));
    }

    #[test]
    fn a_trailing_marker_is_passed_by_position() {
        let mut drain = drain(0, 3);
        assert_eq!(drain.record(0), Arrival::Store);
        assert_eq!(drain.record(1), Arrival::Store);
        drain.position(2);
        assert!(!drain.is_done());
        drain.position(3);
        assert!(drain.is_done());
        assert_eq!(drain.reached(), NextOffset::at(3));
    }

    #[test]
    fn an_aborted_tail_is_passed_by_the_end_of_the_partition() {
        let mut drain = drain(0, 9);
        drain.position(-1001);
        assert!(!drain.is_done());
        drain.end_of_partition(9);
        assert_eq!(drain.reached(), NextOffset::at(9));
    }

    #[test]
    fn an_end_of_partition_below_the_captured_end_proves_nothing() {
        let mut drain = drain(0, 9);
        assert_eq!(drain.record(0), Arrival::Store);
        drain.end_of_partition(1);
        assert!(!drain.is_done());
        assert_eq!(drain.reached(), NextOffset::at(1));
        assert_eq!(drain.left(), 8);
    }

    #[test]
    fn a_position_that_an_event_moved_proves_nothing() {
        let mut drain = drain(0, 9);
        for offset in 0..8 {
            assert_eq!(drain.record(offset), Arrival::Store);
        }
        drain.end_of_partition(8);
        drain.position(9);
        assert!(!drain.is_done(), "the record at 8 was not read");
        assert_eq!(drain.record(8), Arrival::Store);
        assert!(drain.is_done());
    }

    #[test]
    fn a_position_beyond_an_event_is_progress_again() {
        let mut drain = drain(0, 9);
        drain.end_of_partition(3);
        drain.position(4);
        assert!(!drain.is_done());
        drain.position(9);
        assert!(drain.is_done());
    }

    #[test]
    fn a_record_behind_the_end_belongs_to_the_next_run_and_ends_this_one() {
        let mut drain = drain(0, 3);
        assert_eq!(drain.record(7), Arrival::BeyondEnd);
        assert!(drain.is_done());
        assert_eq!(drain.reached(), NextOffset::at(3));
    }

    #[test]
    fn a_record_before_the_start_is_passed_over() {
        let mut drain = drain(5, 9);
        assert_eq!(drain.record(4), Arrival::Before);
        assert_eq!(drain.reached(), NextOffset::at(5));
    }

    #[test]
    fn a_loss_in_the_middle_moves_the_reading_and_may_end_it() {
        let mut drain = drain(0, 9);
        assert_eq!(drain.record(0), Arrival::Store);
        drain.lost_below(NextOffset::at(5));
        assert_eq!(drain.record(4), Arrival::Before);
        assert_eq!(drain.record(5), Arrival::Store);
        drain.lost_below(NextOffset::at(12));
        assert!(drain.is_done());
        assert_eq!(drain.reached(), NextOffset::at(12));
    }

    #[test]
    fn cut_off_it_stores_what_was_really_reached() {
        let mut drain = drain(0, 100);
        for offset in 0..40 {
            assert_eq!(drain.record(offset), Arrival::Store);
        }
        assert_eq!(drain.reached(), NextOffset::at(40));
    }
}
