//! The ledger of one partition in one generation: what was recorded, what was lost, what retention
//! removed; and whether it covers every offset once.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::finding::{Findings, Kind, Place};
use super::tiling::{self, End, Fault, Tile};
use crate::offset::{LastConsumed, NextOffset};

/// A recorded range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Range {
    /// The first offset.
    #[diesel(sql_type = BigInt)]
    pub first_offset: i64,
    /// The first offset behind it.
    #[diesel(sql_type = BigInt)]
    pub next_offset: i64,
    /// How many records Kafka had in it.
    #[diesel(sql_type = BigInt)]
    pub records: i64,
    /// Bytes of their values.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
}

/// A loss, or the end of a generation.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Loss {
    /// The first missing offset.
    #[diesel(sql_type = BigInt)]
    pub first_offset: i64,
    /// The last one; none where it cannot be known.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub last_offset: Option<i64>,
    /// Why.
    #[diesel(sql_type = Text)]
    pub reason: String,
}

impl Loss {
    /// Nothing more was watched from here on. The watch may have been taken up again, at the same
    /// offset; so this covers nothing and ends nothing for certain.
    fn is_retirement(&self) -> bool {
        self.reason == "retired"
    }

    /// Was it Kafka that deleted the records? Not so where a person passed over them.
    fn is_deletion(&self) -> bool {
        matches!(self.reason.as_str(), "retention" | "before-first-poll")
    }
}

/// Rows that retention removed from a stretch of offsets, by their time: others may be left there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Prune {
    /// The first offset removed.
    #[diesel(sql_type = BigInt)]
    pub first_offset: i64,
    /// The last one.
    #[diesel(sql_type = BigInt)]
    pub last_offset: i64,
    /// How many rows.
    #[diesel(sql_type = BigInt)]
    pub rows: i64,
}

/// What the ledgers say of one partition in one generation; each list in the order of its offsets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// What was recorded.
    pub ranges: Vec<Range>,
    /// What was lost.
    pub losses: Vec<Loss>,
    /// What retention removed.
    pub prunes: Vec<Prune>,
}

/// What the ledgers say of one offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It was read.
    Recorded,
    /// Kafka had deleted it.
    Deleted,
    /// A person passed over it.
    PassedOver,
    /// Nothing.
    Nothing,
}

/// How a generation stands towards the offset row of its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is the one that is read; up to here it is stored.
    Current(LastConsumed),
    /// A later one is read.
    Ended,
    /// The offset row knows only older ones.
    Ahead,
    /// There is no offset row.
    NoOffsetRow,
}

/// Where a generation has to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At offset 0: what its log had lost before it was first seen is in the ledger.
    AtZero,
    /// Wherever it does: a partition that was brought over from an older recorder, or a log that was
    /// taken up in the middle, what lies before it being recorded in the generation before.
    Anywhere,
}

impl Begin {
    /// Where the first generation of a partition begins: whether it was brought over, nobody knows.
    pub const FIRST_GENERATION: Self = Self::Anywhere;

    /// Where the generation behind this one begins.
    pub fn behind(ledger: &Ledger) -> Self {
        match ledger.ends().first() {
            Some(end) if matches!(end.reason.as_str(), "diverged" | "retired") => Self::Anywhere,
            _ => Self::AtZero,
        }
    }
}

impl Ledger {
    /// Where the generation was first seen; none where nothing was recorded or lost.
    pub fn first_offset(&self) -> Option<i64> {
        let range = self.ranges.first().map(|range| range.first_offset);
        let loss = self.losses.first().map(|loss| loss.first_offset);
        match (range, loss) {
            (Some(range), Some(loss)) => Some(range.min(loss)),
            (range, loss) => range.or(loss),
        }
    }

    /// What the ledgers say of an offset.
    pub fn says(&self, offset: i64) -> Said {
        let behind = self
            .ranges
            .partition_point(|range| range.next_offset <= offset);
        let range = self.ranges.get(behind);
        if range.is_some_and(|range| range.first_offset <= offset) {
            return Said::Recorded;
        }
        let loss = self.losses.iter().find(|loss| {
            loss.first_offset <= offset && loss.last_offset.is_some_and(|last| offset <= last)
        });
        match loss {
            Some(loss) if loss.is_deletion() => Said::Deleted,
            Some(_) => Said::PassedOver,
            None => Said::Nothing,
        }
    }

    /// The stretches that retention removed rows from, in order and apart from each other.
    pub fn pruned_stretches(&self) -> Vec<Tile> {
        let mut stretches: Vec<Tile> = Vec::new();
        for prune in self.prunes.iter().filter(|prune| prune.rows > 0) {
            let (first, next) = (
                prune.first_offset,
                NextOffset::after(prune.last_offset).get(),
            );
            match stretches.last_mut() {
                Some(last) if first <= last.next => last.next = last.next.max(next),
                _ => stretches.push(Tile { first, next }),
            }
        }
        stretches
    }

    /// Ranges and losses as tiles, in order.
    fn tiles(&self) -> Vec<Tile> {
        let ranges = self.ranges.iter().map(|range| Tile {
            first: range.first_offset,
            next: range.next_offset,
        });
        let losses = self.losses.iter().filter_map(|loss| {
            Some(Tile {
                first: loss.first_offset,
                next: NextOffset::after(loss.last_offset?).get(),
            })
        });
        let mut tiles: Vec<Tile> = ranges.chain(losses).collect();
        tiles.sort_unstable();
        tiles
    }

    /// Where the ledger ends the generation; a retirement only where nothing else does.
    fn ends(&self) -> Vec<&Loss> {
        let open = || self.losses.iter().filter(|loss| loss.last_offset.is_none());
        let ends: Vec<&Loss> = open().filter(|loss| !loss.is_retirement()).collect();
        if ends.is_empty() {
            open().next_back().into_iter().collect()
        } else {
            ends
        }
    }

    /// Checks that ranges and losses cover every offset once, from the first that was ever seen up to
    /// the stored one, or to the end of the generation.
    pub fn check_tiling(
        &self,
        begin: Begin,
        standing: Standing,
        place: &Place,
        findings: &mut Findings,
    ) {
        let Some(end) = self.end(standing, place, findings) else {
            return;
        };
        let mut tiles = self.tiles();
        if begin == Begin::AtZero {
            // no offset, but the place where the first tile has to begin
            tiles.insert(0, Tile { first: 0, next: 0 });
        }
        for fault in tiling::faults(&tiles, end) {
            let (kind, tile, detail) = match fault {
                Fault::Hole(tile) => (
                    Kind::Hole,
                    tile,
                    "neither a recorded range nor a loss accounts for this",
                ),
                Fault::Overlap(tile) => (
                    Kind::Overlap,
                    tile,
                    "more than one range or loss accounts for this",
                ),
                Fault::BeyondEnd(tile) => (
                    Kind::BeyondEnd,
                    tile,
                    "a range or a loss accounts for this, but it lies behind the stored offset or the end of the generation",
                ),
            };
            let last = NextOffset::at(tile.next).last_consumed().get();
            findings.add(kind, || place.offsets(tile.first, last), detail);
        }
    }

    fn end(&self, standing: Standing, place: &Place, findings: &mut Findings) -> Option<End> {
        let ends = self.ends();
        let mut add = |detail: &str| {
            findings.add(Kind::GenerationEnd, || place.clone(), detail);
        };
        match standing {
            Standing::Current(stored) => {
                if ends.iter().any(|end| !end.is_retirement()) {
                    add("the ledger ends the generation that is read");
                }
                Some(End::At(stored.next().get()))
            }
            Standing::Ended => {
                if ends.len() > 1 {
                    add("the ledger ends this generation more than once");
                }
                let Some(end) = ends.first() else {
                    add("a later generation is read, but nothing says how this one ended");
                    return None;
                };
                Some(if end.reason == "diverged" {
                    End::AtOrBehind(end.first_offset)
                } else {
                    End::At(end.first_offset)
                })
            }
            Standing::Ahead => {
                add("the offset row is of an older generation");
                None
            }
            Standing::NoOffsetRow => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first_offset: i64, next_offset: i64) -> Range {
        Range {
            first_offset,
            next_offset,
            records: 0,
            bytes: 0,
        }
    }

    fn loss(first_offset: i64, last_offset: Option<i64>, reason: &str) -> Loss {
        Loss {
            first_offset,
            last_offset,
            reason: reason.to_owned(),
        }
    }

    fn ledger() -> Ledger {
        Ledger {
            ranges: vec![range(4, 10), range(12, 20)],
            losses: vec![
                loss(0, Some(3), "before-first-poll"),
                loss(10, Some(11), "operator"),
            ],
            prunes: Vec::new(),
        }
    }

    fn found(ledger: &Ledger, standing: Standing) -> Vec<(Kind, Option<i64>, Option<i64>)> {
        found_from(Begin::Anywhere, ledger, standing)
    }

    fn found_from(
        begin: Begin,
        ledger: &Ledger,
        standing: Standing,
    ) -> Vec<(Kind, Option<i64>, Option<i64>)> {
        let mut findings = Findings::default();
        let place = Place::partition("t", 0, 0);
        ledger.check_tiling(begin, standing, &place, &mut findings);
        let named = findings.named.into_iter();
        named
            .map(|f| (f.kind, f.place.first_offset, f.place.last_offset))
            .collect()
    }

    fn current(stored: i64) -> Standing {
        Standing::Current(LastConsumed::new(stored))
    }

    #[test]
    fn ranges_and_losses_reach_the_stored_offset() {
        assert_eq!(found(&ledger(), current(19)), []);
        assert_eq!(
            found(&ledger(), current(24)),
            [(Kind::Hole, Some(20), Some(24))]
        );
        assert_eq!(
            found(&ledger(), current(17)),
            [(Kind::BeyondEnd, Some(18), Some(19))]
        );
    }

    #[test]
    fn an_ended_generation_ends_where_the_ledger_says() {
        let mut ended = ledger();
        assert_eq!(
            found(&ended, Standing::Ended),
            [(Kind::GenerationEnd, None, None)]
        );
        ended.losses.push(loss(20, None, "recreated"));
        assert_eq!(found(&ended, Standing::Ended), []);
        assert_eq!(
            found(&ended, current(19)),
            [(Kind::GenerationEnd, None, None)]
        );
        ended.ranges.pop();
        assert_eq!(
            found(&ended, Standing::Ended),
            [(Kind::Hole, Some(12), Some(19))]
        );
        ended.losses.push(loss(20, None, "recreated"));
        assert!(found(&ended, Standing::Ended).contains(&(Kind::GenerationEnd, None, None)));
    }

    #[test]
    fn what_was_recorded_behind_a_divergence_stays_in_the_old_generation() {
        let mut ended = ledger();
        ended.losses.push(loss(15, None, "diverged"));
        assert_eq!(found(&ended, Standing::Ended), []);
        ended.losses.pop();
        ended.losses.push(loss(15, None, "recreated"));
        assert_eq!(
            found(&ended, Standing::Ended),
            [(Kind::BeyondEnd, Some(15), Some(19))]
        );
    }

    #[test]
    fn a_watch_that_ended_or_was_taken_up_again_is_no_fault() {
        let mut retired = ledger();
        retired.losses.insert(1, loss(20, None, "retired"));
        assert_eq!(found(&retired, current(19)), []);
        retired.ranges.push(range(20, 25));
        assert_eq!(found(&retired, current(24)), []);
    }

    #[test]
    fn an_offset_is_recorded_deleted_passed_over_or_unknown() {
        use Said::{Deleted, Nothing, PassedOver, Recorded};
        let said: Vec<Said> = [3, 4, 9, 10, 19, 20].map(|at| ledger().says(at)).into();
        assert_eq!(
            said,
            [Deleted, Recorded, Recorded, PassedOver, Recorded, Nothing]
        );
        assert_eq!(ledger().first_offset(), Some(0));
    }

    #[test]
    fn a_new_log_begins_at_zero_and_one_that_was_taken_up_where_it_was() {
        let mut old = ledger();
        old.losses.push(loss(20, None, "recreated"));
        assert_eq!(Begin::behind(&old), Begin::AtZero);
        assert_eq!(found_from(Begin::AtZero, &ledger(), current(19)), []);
        let mut new = ledger();
        new.losses.remove(0);
        assert_eq!(
            found_from(Begin::AtZero, &new, current(19)),
            [(Kind::Hole, Some(0), Some(3))]
        );
        assert_eq!(found(&new, current(19)), []);
        for reason in ["diverged", "retired"] {
            old.losses.pop();
            old.losses.push(loss(20, None, reason));
            assert_eq!(Begin::behind(&old), Begin::Anywhere);
        }
        let empty = Ledger::default();
        assert_eq!(
            found_from(Begin::AtZero, &empty, current(4)),
            [(Kind::Hole, Some(0), Some(4))]
        );
        assert_eq!(found_from(Begin::AtZero, &empty, current(-1)), []);
    }

    #[test]
    fn what_was_pruned_is_joined_where_it_touches() {
        let prune = |first_offset, last_offset| Prune {
            first_offset,
            last_offset,
            rows: 1,
        };
        let mut pruned = ledger();
        pruned.prunes = vec![prune(4, 9), prune(5, 6), prune(10, 10), prune(13, 15)];
        let stretches = pruned.pruned_stretches().into_iter();
        let stretches: Vec<(i64, i64)> = stretches.map(|tile| (tile.first, tile.next)).collect();
        assert_eq!(stretches, [(4, 11), (13, 16)]);
    }

    #[test]
    fn a_generation_that_the_offset_row_does_not_know_is_told() {
        assert_eq!(
            found(&ledger(), Standing::Ahead),
            [(Kind::GenerationEnd, None, None)]
        );
        assert_eq!(found(&ledger(), Standing::NoOffsetRow), []);
    }
}
