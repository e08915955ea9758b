//! Do tiles cover a stretch of offsets without hole or overlap?
//!
//! A tile is a recorded range or a loss whose end is known. Nothing here knows which.

/// Offsets `first..next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    /// The first offset.
    pub first: i64,
    /// The first offset behind it.
    pub next: i64,
}

impl Tile {
    /// Does one of `tiles`, which are in order and apart from each other, hold the offset?
    pub fn any_holds(tiles: &[Self], offset: i64) -> bool {
        let at = tiles.partition_point(|tile| tile.next <= offset);
        tiles.get(at).is_some_and(|tile| tile.first <= offset)
    }
}

/// Where the tiles have to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Exactly here: the first offset that they do not cover.
    At(i64),
    /// Here or later: a person cut the log off at this offset, and what was recorded behind it stays.
    AtOrBehind(i64),
}

/// What is wrong with a tiling; all are offsets `first..next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No tile covers them.
    Hole(Tile),
    /// More than one does.
    Overlap(Tile),
    /// They are covered, but lie behind the end.
    BeyondEnd(Tile),
}

/// What is wrong with `tiles`, which are in the order of their first offsets and may be empty: the
/// tiling begins where the first one does.
pub fn faults(tiles: &[Tile], end: End) -> Vec<Fault> {
    let mut faults = Vec::new();
    let Some(begin) = tiles.first() else {
        return faults;
    };
    let mut reached = begin.first;
    for tile in tiles {
        if tile.first > reached {
            faults.push(Fault::Hole(Tile {
                first: reached,
                next: tile.first,
            }));
        }
        // tiles are in order, so whoever reached this far began no later than this one
        let doubled = Tile {
            first: tile.first,
            next: tile.next.min(reached),
        };
        if doubled.first < doubled.next {
            faults.push(Fault::Overlap(doubled));
        }
        reached = reached.max(tile.next);
    }
    let (End::At(at) | End::AtOrBehind(at)) = end;
    if reached < at {
        faults.push(Fault::Hole(Tile {
            first: reached,
            next: at,
        }));
    } else if reached > at && matches!(end, End::At(_)) {
        faults.push(Fault::BeyondEnd(Tile {
            first: at,
            next: reached,
        }));
    }
    faults
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "sums of small offsets")]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn offsets(tile: Tile) -> impl Iterator<Item = i64> {
        tile.first..tile.next
    }

    fn of(faults: &[Fault], pick: impl Fn(&Fault) -> Option<Tile>) -> BTreeSet<i64> {
        faults.iter().filter_map(pick).flat_map(offsets).collect()
    }

    fn holes(faults: &[Fault]) -> BTreeSet<i64> {
        of(faults, |fault| match fault {
            Fault::Hole(tile) => Some(*tile),
            _ => None,
        })
    }

    fn overlaps(faults: &[Fault]) -> BTreeSet<i64> {
        of(faults, |fault| match fault {
            Fault::Overlap(tile) => Some(*tile),
            _ => None,
        })
    }

    /// Tiles one behind the other, the first at `begin`.
    fn tiling() -> impl Strategy<Value = Vec<Tile>> {
        (0..1_000_i64, prop::collection::vec(1..20_i64, 1..30)).prop_map(|(begin, lengths)| {
            let mut first = begin;
            lengths
                .into_iter()
                .map(|length| {
                    let tile = Tile {
                        first,
                        next: first + length,
                    };
                    first = tile.next;
                    tile
                })
                .collect()
        })
    }

    fn end_of(tiles: &[Tile]) -> i64 {
        tiles.iter().map(|tile| tile.next).max().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_tiling_has_no_faults(tiles in tiling()) {
            prop_assert_eq!(faults(&tiles, End::At(end_of(&tiles))), Vec::new());
        }

        #[test]
        fn a_tile_that_is_taken_out_is_named_exactly(tiles in tiling(), at in any::<prop::sample::Index>()) {
            // the first cannot be missed: a tiling begins where its first tile does
            prop_assume!(tiles.len() > 1);
            let at = 1 + at.index(tiles.len() - 1);
            let end = end_of(&tiles);
            let mut damaged = tiles.clone();
            let taken = damaged.remove(at);
            prop_assert_eq!(faults(&damaged, End::At(end)), vec![Fault::Hole(taken)]);
        }

        #[test]
        fn a_range_that_is_shortened_leaves_what_was_cut_off(tiles in tiling(), at in any::<prop::sample::Index>()) {
            let end = end_of(&tiles);
            let mut damaged = tiles.clone();
            let at = at.index(tiles.len());
            prop_assume!(tiles[at].next - tiles[at].first > 1);
            damaged[at].next -= 1;
            let cut = Tile { first: damaged[at].next, next: tiles[at].next };
            prop_assert_eq!(faults(&damaged, End::At(end)), vec![Fault::Hole(cut)]);
        }

        #[test]
        fn an_end_that_is_moved_is_noticed(tiles in tiling(), by in 1..50_i64) {
            let end = end_of(&tiles);
            let behind = Tile { first: end, next: end + by };
            prop_assert_eq!(faults(&tiles, End::At(end + by)), vec![Fault::Hole(behind)]);
            let beyond = Tile { first: end - by, next: end };
            prop_assert_eq!(faults(&tiles, End::At(end - by)), vec![Fault::BeyondEnd(beyond)]);
            prop_assert_eq!(faults(&tiles, End::AtOrBehind(end - by)), Vec::new());
        }

        /// The specification: count for each offset how many tiles cover it.
        #[test]
        fn holes_are_covered_by_none_and_overlaps_by_several(
            raw in prop::collection::vec((0..60_i64, 1..15_i64), 1..12)
        ) {
            let mut tiles: Vec<Tile> = raw.into_iter().map(|(first, length)| Tile { first, next: first + length }).collect();
            tiles.sort_unstable();
            let (begin, end) = (tiles[0].first, end_of(&tiles));
            let covered = |offset: i64| tiles.iter().filter(|tile| offsets(**tile).any(|o| o == offset)).count();
            let found = faults(&tiles, End::At(end));
            let expected = |pick: fn(usize) -> bool| (begin..end).filter(|o| pick(covered(*o))).collect::<BTreeSet<_>>();
            prop_assert_eq!(holes(&found), expected(|count| count == 0));
            prop_assert_eq!(overlaps(&found), expected(|count| count > 1));
        }
    }

    #[test]
    fn an_offset_is_held_by_the_tile_that_it_lies_in() {
        let tiles = [Tile { first: 2, next: 4 }, Tile { first: 7, next: 8 }];
        let held = (0..10).filter(|offset| Tile::any_holds(&tiles, *offset));
        assert_eq!(held.collect::<Vec<_>>(), [2, 3, 7]);
    }

    #[test]
    fn no_tiles_are_no_tiling_that_could_be_wrong() {
        assert_eq!(faults(&[], End::At(7)), Vec::new());
    }

    #[test]
    fn the_largest_offsets_do_not_overflow() {
        let tiles = [
            Tile {
                first: i64::MIN,
                next: 0,
            },
            Tile {
                first: 0,
                next: i64::MAX,
            },
        ];
        assert_eq!(faults(&tiles, End::At(i64::MAX)), Vec::new());
    }
}
