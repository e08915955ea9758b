//! Does each range have the rows that it counts?
//!
//! Rows in a range + rows that retention removed from it = records that were read. Retention removes
//! by time, so one entry of its ledger may reach over several ranges; how many of its rows were of
//! which range nobody knows. Such ranges are counted together.

use super::finding::{Findings, Kind, Place};
use super::ledger::{Ledger, Range};
use crate::offset::NextOffset;

/// Counts the rows of one partition in one generation, which come in the order of their offsets.
#[derive(Debug)]
pub struct Tally<'l> {
    ranges: &'l [Range],
    counts: Vec<Count>,
    /// The range that the last row was in, or the first one behind it.
    at: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    rows: i64,
    bytes: i64,
    /// Rows that were removed from here on.
    pruned: i64,
    /// Entries of the prune ledger that begin here and reach further, less those that end here.
    opening: i64,
}

impl<'l> Tally<'l> {
    /// Before the first row. Entries of the prune ledger that touch no range are told at once.
    pub fn new(ledger: &'l Ledger, place: &Place, findings: &mut Findings) -> Self {
        let ranges = ledger.ranges.as_slice();
        let mut counts = vec![Count::default(); ranges.len()];
        for prune in ledger.prunes.iter().filter(|prune| prune.rows > 0) {
            let first = ranges.partition_point(|range| range.next_offset <= prune.first_offset);
            let behind = ranges.partition_point(|range| range.first_offset <= prune.last_offset);
            let last = behind.saturating_sub(1);
            if first >= behind {
                let place = || place.offsets(prune.first_offset, prune.last_offset);
                let detail = format!("{} rows were removed where nothing is recorded", prune.rows);
                findings.add(Kind::PrunedOutside, place, detail);
                continue;
            }
            if let Some(count) = counts.get_mut(first) {
                count.pruned = count.pruned.saturating_add(prune.rows);
                count.opening = count.opening.saturating_add(1);
            }
            if let Some(count) = counts.get_mut(last) {
                count.opening = count.opening.saturating_sub(1);
            }
        }
        Self {
            ranges,
            counts,
            at: 0,
        }
    }

    /// The next row; whether it lies in a range.
    pub fn row(&mut self, offset: i64, value_bytes: i64) -> bool {
        while let Some(range) = self.ranges.get(self.at) {
            if offset < range.next_offset {
                if offset < range.first_offset {
                    return false;
                }
                if let Some(count) = self.counts.get_mut(self.at) {
                    count.rows = count.rows.saturating_add(1);
                    count.bytes = count.bytes.saturating_add(value_bytes);
                }
                return true;
            }
            self.at = self.at.saturating_add(1);
        }
        false
    }

    /// Behind the last row: ranges that do not have what they count.
    pub fn finish(&self, place: &Place, findings: &mut Findings) {
        let mut sum = Sum::default();
        let mut open = 0_i64;
        for (range, count) in self.ranges.iter().zip(&self.counts) {
            sum.add(range, count);
            open = open.saturating_add(count.opening);
            if open == 0 {
                sum.check(place, findings);
                sum = Sum::default();
            }
        }
    }
}

/// Ranges that are counted together.
#[derive(Debug, Default)]
struct Sum {
    first: Option<i64>,
    next: i64,
    rows: i64,
    records: i64,
    pruned: i64,
    bytes_of_rows: i64,
    bytes: i64,
}

impl Sum {
    fn add(&mut self, range: &Range, count: &Count) {
        self.first = self.first.or(Some(range.first_offset));
        self.next = range.next_offset;
        self.rows = self.rows.saturating_add(count.rows);
        self.records = self.records.saturating_add(range.records);
        self.pruned = self.pruned.saturating_add(count.pruned);
        self.bytes_of_rows = self.bytes_of_rows.saturating_add(count.bytes);
        self.bytes = self.bytes.saturating_add(range.bytes);
    }

    fn check(&self, place: &Place, findings: &mut Findings) {
        let Some(first) = self.first else {
            return;
        };
        let last = NextOffset::at(self.next).last_consumed().get();
        let place = || place.offsets(first, last);
        if self.rows.saturating_add(self.pruned) != self.records {
            let pruned = if self.pruned == 0 {
                String::new()
            } else {
                format!(" and {} that were pruned", self.pruned)
            };
            let detail = format!(
                "{} records were recorded, there are {} rows{pruned}",
                self.records, self.rows
            );
            findings.add(Kind::RangeRows, place, detail);
        } else if self.pruned == 0 && self.bytes_of_rows != self.bytes {
            let detail = format!(
                "{} bytes of values were recorded, the rows count {}",
                self.bytes, self.bytes_of_rows
            );
            findings.add(Kind::RangeBytes, place, detail);
        }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "sums of small offsets")]
mod tests {
    use proptest::prelude::*;

    use super::super::ledger::Prune;
    use super::*;

    fn place() -> Place {
        Place::partition("t", 0, 0)
    }

    /// What is found, and which rows lie outside.
    fn tally(ledger: &Ledger, rows: &[i64]) -> (Vec<(Kind, i64, i64)>, Vec<i64>) {
        let mut findings = Findings::default();
        let mut tally = Tally::new(ledger, &place(), &mut findings);
        let outside = rows
            .iter()
            .copied()
            .filter(|row| !tally.row(*row, 10))
            .collect();
        tally.finish(&place(), &mut findings);
        let found = findings.named.into_iter().map(|f| {
            (
                f.kind,
                f.place.first_offset.unwrap(),
                f.place.last_offset.unwrap(),
            )
        });
        (found.collect(), outside)
    }

    fn range(first_offset: i64, next_offset: i64, records: i64) -> Range {
        Range {
            first_offset,
            next_offset,
            records,
            bytes: records * 10,
        }
    }

    fn prune(first_offset: i64, last_offset: i64, rows: i64) -> Prune {
        Prune {
            first_offset,
            last_offset,
            rows,
        }
    }

    fn ledger(ranges: &[Range], prunes: &[Prune]) -> Ledger {
        Ledger {
            ranges: ranges.to_vec(),
            losses: Vec::new(),
            prunes: prunes.to_vec(),
        }
    }

    #[test]
    fn a_row_too_few_or_too_many_is_told_with_its_range() {
        let ranges = [range(0, 5, 3), range(5, 10, 2)];
        let ledger = ledger(&ranges, &[]);
        assert_eq!(tally(&ledger, &[0, 1, 4, 6, 7]), (vec![], vec![]));
        let short = tally(&ledger, &[0, 4, 6, 7]);
        assert_eq!(short, (vec![(Kind::RangeRows, 0, 4)], vec![]));
        let long = tally(&ledger, &[0, 1, 4, 6, 7, 9, 10]);
        assert_eq!(long, (vec![(Kind::RangeRows, 5, 9)], vec![10]));
    }

    #[test]
    fn other_lengths_are_told() {
        let mut other = range(0, 5, 1);
        other.bytes = 9;
        let found = tally(&ledger(&[other], &[]), &[3]);
        assert_eq!(found, (vec![(Kind::RangeBytes, 0, 4)], vec![]));
    }

    #[test]
    fn pruned_rows_count_and_join_the_ranges_that_they_were_in() {
        let ranges = [range(0, 5, 5), range(5, 10, 5), range(10, 15, 5)];
        let all = ledger(&ranges, &[prune(0, 4, 5)]);
        let rows: Vec<i64> = (5..15).collect();
        assert_eq!(tally(&all, &rows), (vec![], vec![]));
        let across = ledger(&ranges, &[prune(2, 7, 4)]);
        let kept = [0, 1, 3, 6, 8, 9, 10, 11, 12, 13, 14];
        assert_eq!(tally(&across, &kept), (vec![], vec![]));
        let lost = &kept[1..];
        assert_eq!(
            tally(&across, lost),
            (vec![(Kind::RangeRows, 0, 9)], vec![])
        );
    }

    #[test]
    fn rows_removed_where_nothing_was_recorded_are_told() {
        let found = tally(&ledger(&[range(0, 5, 0)], &[prune(7, 9, 2)]), &[]);
        assert_eq!(found, (vec![(Kind::PrunedOutside, 7, 9)], vec![]));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever is pruned, and however its ledger is cut into entries: what is left and what was
        /// removed add up, and one row less does not.
        #[test]
        fn what_is_left_and_what_was_removed_add_up(
            lengths in prop::collection::vec(1..12_i64, 1..12),
            chosen in prop::collection::vec((any::<bool>(), 0..4_u8), 144),
            loses in any::<prop::sample::Index>(),
        ) {
            let mut first = 0;
            let ranges: Vec<Range> = lengths.iter().map(|length| {
                let made = range(first, first + length, *length);
                first += length;
                made
            }).collect();
            let end = usize::try_from(first).unwrap();
            let offsets: Vec<(i64, (bool, u8))> = (0..first).zip(chosen.into_iter().take(end)).collect();
            // each entry of the prune ledger takes some of the removed rows, wherever they lie
            let prunes: Vec<Prune> = (0..4_u8).filter_map(|entry| {
                let taken: Vec<i64> = offsets.iter().filter(|(_, (gone, of))| *gone && *of == entry).map(|(o, _)| *o).collect();
                Some(prune(*taken.first()?, *taken.last()?, i64::try_from(taken.len()).unwrap()))
            }).collect();
            let left: Vec<i64> = offsets.iter().filter(|(_, (gone, _))| !gone).map(|(o, _)| *o).collect();
            let ledger = ledger(&ranges, &prunes);
            prop_assert_eq!(tally(&ledger, &left), (vec![], vec![]));
            if !left.is_empty() {
                let mut damaged = left.clone();
                let lost = damaged.remove(loses.index(left.len()));
                let (found, outside) = tally(&ledger, &damaged);
                prop_assert_eq!(outside, Vec::<i64>::new());
                prop_assert!(matches!(found.as_slice(), [(Kind::RangeRows, first, last)] if (*first..=*last).contains(&lost)), "{:?}", found);
            }
        }
    }
}
