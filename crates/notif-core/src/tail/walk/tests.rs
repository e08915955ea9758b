//! Whatever the history, a walk passes each row once and in order, from any place in it.

use chrono::DateTime;
use proptest::prelude::*;

use super::*;

fn batch(commit_seq: i64, rows: i32) -> Batch {
    Batch {
        // another order than that of commits
        batch_id: 1_000_000 - commit_seq,
        commit_seq,
        committed_at: DateTime::from_timestamp_micros(commit_seq * 10).unwrap(),
        rows,
    }
}

fn row(batch: &Batch, number: i32, event_bytes: i32) -> BatchRow {
    // ids of one batch in another order than they are given in
    let id = (number % 7, number);
    let id = u128::try_from(i64::from(id.0) * 10_000_000 + i64::from(id.1)).unwrap();
    BatchRow {
        batch_id: batch.batch_id,
        notification_id: Uuid::from_u128(id + 1),
        event_bytes,
    }
}

/// A whole record: each batch with its rows.
type History = Vec<(Batch, Vec<BatchRow>)>;

fn history() -> impl Strategy<Value = History> {
    let sizes = prop_oneof![Just(0), 1..4_i32, 400..700_i32, Just(2_500)];
    prop::collection::vec((sizes, 1..600_000_i32), 0..12).prop_map(|batches| {
        let with_rows = |(seq, (rows, bytes))| {
            let batch = batch(seq, rows);
            let rows = (0..rows).map(|n| row(&batch, n, if n % 97 == 0 { bytes } else { 300 }));
            (batch, rows.collect())
        };
        (1..).zip(batches).map(with_rows).collect()
    })
}

/// Every place behind a row, in the order of the tail.
fn places(history: &History) -> Vec<Place> {
    let of_batch = |(batch, rows): &(Batch, Vec<BatchRow>)| {
        let mut ids: Vec<Uuid> = rows.iter().map(|row| row.notification_id).collect();
        ids.sort_unstable();
        let places: Vec<Place> = ids.iter().map(|id| Place::behind_row(batch, *id)).collect();
        places
    };
    history.iter().flat_map(of_batch).collect()
}

/// Walks to the end; what was passed.
fn walk(history: &History, walk: &mut Walk) -> Vec<Place> {
    let mut passed = Vec::new();
    loop {
        let from = walk.place().commit_seq();
        let ahead = history.iter().map(|(batch, _)| *batch);
        let ahead: Vec<Batch> = ahead.filter(|b| b.commit_seq >= from).take(3).collect();
        walk.look(&ahead).unwrap();
        if walk.next_batches().is_empty() {
            return passed;
        }
        while let ids = walk.next_batches()
            && !ids.is_empty()
        {
            let of_these = history
                .iter()
                .filter(|(batch, _)| ids.contains(&batch.batch_id));
            walk.open(of_these.flat_map(|(_, rows)| rows.clone()).collect());
            while let Some(piece) = walk.piece() {
                let bytes: i64 = piece
                    .rows
                    .iter()
                    .map(|row| i64::from(row.event_bytes))
                    .sum();
                assert!(piece.rows.len() <= PIECE_ROWS_MAX);
                assert!(bytes <= PIECE_EVENT_BYTES || piece.rows.len() == 1);
                passed.extend(piece.rows.iter().map(|row| row.place));
                walk.pass(&piece);
                assert_eq!(walk.place(), piece.end);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn each_row_is_passed_once_and_in_order(history in history(), from: prop::sample::Index) {
        let all = places(&history);
        prop_assert_eq!(&walk(&history, &mut Walk::new(Place::BEGINNING)), &all);
        if !all.is_empty() {
            let from = from.index(all.len());
            let rest = walk(&history, &mut Walk::new(all[from]));
            prop_assert_eq!(&rest, &all[from + 1..]);
        }
    }
}

#[test]
fn a_walk_that_is_at_the_end_finds_nothing_and_stays() {
    let here = Place::behind(&batch(5, 3));
    let mut walk = Walk::new(here);
    for seen in [vec![batch(5, 3)], vec![]] {
        assert_eq!(walk.look(&seen), Ok(()));
        assert_eq!((walk.next_batches(), walk.piece()), (vec![], None));
        assert_eq!(walk.place(), here);
    }
}

#[test]
fn another_batch_with_the_same_number_is_another_history() {
    let mut walk = Walk::new(Place::behind(&batch(5, 3)));
    let mut other = batch(5, 3);
    other.committed_at += chrono::TimeDelta::microseconds(1);
    assert_eq!(walk.look(&[other, batch(6, 1)]), Err(Lost::OtherHistory));
    // a batch that was removed does not come back
    let mut walk = Walk::new(Place::behind_nothing(5));
    assert_eq!(walk.look(&[batch(6, 1)]), Ok(()));
    assert_eq!(walk.next_batches(), [batch(6, 1).batch_id]);
    let mut walk = Walk::new(Place::behind_nothing(5));
    assert_eq!(walk.look(&[batch(5, 0)]), Err(Lost::OtherHistory));
}

#[test]
fn more_than_100_000_rows_ahead_are_not_followed() {
    let at = Place::behind(&batch(1, 1));
    let ahead = |rows: &[i32]| {
        let batches = (1..).zip(rows).map(|(seq, rows)| batch(seq, *rows));
        batches.collect::<Vec<_>>()
    };
    assert_eq!(Walk::new(at).look(&ahead(&[1, 99_999, 1])), Ok(()));
    let too_far = Err(Lost::TooFar);
    assert_eq!(Walk::new(at).look(&ahead(&[1, 99_999, 2])), too_far);
    // a batch that is begun counts by what of it lies ahead, which is not known yet
    let begun = Place::behind_row(&batch(1, 8_000), Uuid::from_u128(9));
    assert_eq!(Walk::new(begun).look(&ahead(&[8_000, 99_999, 1])), Ok(()));
    // but is not opened where it is huge
    assert_eq!(Walk::new(begun).look(&ahead(&[100_001])), too_far);
}

#[test]
fn rows_that_were_removed_are_passed() {
    let mut walk = Walk::new(Place::BEGINNING);
    walk.look(&[batch(1, 3), batch(2, 2)]).unwrap();
    walk.open(vec![]);
    assert_eq!(walk.piece(), None);
    assert_eq!(walk.place(), Place::behind(&batch(2, 2)));
}
