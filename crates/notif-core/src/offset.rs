//! Offset arithmetic, and the only file that adds or subtracts one.
//!
//! Three numbers that are all i64 and are easily taken for each other: the last offset that was
//! consumed (what `kafka_offsets."offset"` stores), the next offset to read, and the end of a
//! partition (the first offset that is not there yet). Each has its type; every crossing is a named
//! function here, and none of them can overflow.

/// The last consumed offset: what the offset table stores. -1 before the first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LastConsumed(i64);

/// The next offset to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NextOffset(i64);

/// The end of a partition: the first offset that is not there yet (or not yet readable).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndOffset(i64);

impl LastConsumed {
    /// From the stored number; the table refuses anything below -1, and so does this.
    pub fn new(offset: i64) -> Self {
        Self(offset.max(-1))
    }

    /// The number for the table.
    pub fn get(self) -> i64 {
        self.0
    }

    /// Where reading goes on.
    pub fn next(self) -> NextOffset {
        NextOffset(self.0.saturating_add(1))
    }
}

impl NextOffset {
    /// Reading begins at `offset`.
    pub fn at(offset: i64) -> Self {
        Self(offset.max(0))
    }

    /// Reading goes on behind the record at `offset`.
    pub fn after(offset: i64) -> Self {
        LastConsumed::new(offset).next()
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }

    /// What the table stores when everything below is consumed.
    pub fn last_consumed(self) -> LastConsumed {
        LastConsumed(self.0.saturating_sub(1))
    }

    /// How many offsets are left up to `end`; 0 where it is reached or passed.
    pub fn distance_to(self, end: EndOffset) -> i64 {
        end.0.saturating_sub(self.0).max(0)
    }

    /// The offset half way to `other`, never beyond it.
    #[must_use]
    pub fn middle(self, other: Self) -> Self {
        Self(
            self.0
                .saturating_add(other.0.saturating_sub(self.0).max(0) >> 1),
        )
    }

    /// How many offsets Kafka's deletion, which has come up to `low`, is away from this one; negative
    /// where it has overtaken it.
    pub fn margin_from(self, low: Self) -> i64 {
        self.0.saturating_sub(low.0)
    }

    /// Is everything below `end` consumed?
    pub fn reached(self, end: EndOffset) -> bool {
        self.0 >= end.0
    }
}

impl EndOffset {
    /// The end at `offset`.
    pub fn at(offset: i64) -> Self {
        Self(offset.max(0))
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }

    /// Where the next run starts once everything below this end is consumed.
    pub fn as_next(self) -> NextOffset {
        NextOffset(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_partition_has_consumed_minus_one_and_starts_at_zero() {
        assert_eq!(LastConsumed::new(-1).next(), NextOffset::at(0));
        assert_eq!(NextOffset::at(0).last_consumed().get(), -1);
        assert!(NextOffset::at(0).reached(EndOffset::at(0)));
    }

    #[test]
    fn stored_offset_and_next_offset_are_one_apart() {
        assert_eq!(LastConsumed::new(41).next().get(), 42);
        assert_eq!(NextOffset::after(41), NextOffset::at(42));
        assert_eq!(NextOffset::at(42).distance_to(EndOffset::at(50)), 8);
        assert_eq!(EndOffset::at(50).as_next().last_consumed().get(), 49);
    }

    #[test]
    fn the_largest_offset_does_not_overflow() {
        assert_eq!(LastConsumed::new(i64::MAX).next().get(), i64::MAX);
        assert_eq!(
            NextOffset::at(0).distance_to(EndOffset::at(i64::MAX)),
            i64::MAX
        );
        assert_eq!(NextOffset::at(i64::MAX).distance_to(EndOffset::at(0)), 0);
        assert_eq!(LastConsumed::new(i64::MIN).get(), -1);
    }

    #[test]
    fn the_middle_lies_between() {
        let middle = |a, b| NextOffset::at(a).middle(NextOffset::at(b)).get();
        assert_eq!((middle(0, 9), middle(4, 5), middle(7, 7)), (4, 4, 7));
        assert_eq!(middle(9, 0), 9);
        assert_eq!(middle(i64::MAX - 1, i64::MAX), i64::MAX - 1);
    }
}
