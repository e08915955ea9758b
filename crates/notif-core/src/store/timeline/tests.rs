//! A small story is the story, or there is none.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use notif_testbed::Postgres;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::store::asked::Asker;

/// Rows of a story: which order and which correlation id they name, if any, and how large they are.
type Made = (Option<u8>, Option<u8>, u32);

/// Rows are there for good: those of each story have ids of their own, which begin with its number.
fn insert(story: u32, rows: &[Made]) -> String {
    let values = rows.iter().enumerate().map(|(n, (order, correlation, bytes))| {
        let id = |value: &Option<u8>| value.map_or("NULL".to_owned(), |id| format!("'{story}-{id}'"));
        format!(
            "('{story:08}-0000-7000-8000-{n:012}'::uuid, {}, {}, '\"' || repeat('x', {bytes} - 2) || '\"', {n})",
            id(order),
            id(correlation)
        )
    });
    format!(
        "INSERT INTO notifications (notification_id, order_id, correlation_id, event, event_bytes, \
             source_topic, event_type, occurred_at, source_partition, source_offset, batch_id) \
         SELECT id, order_id, correlation_id, event::jsonb, octet_length(event), 't', 'a', \
             '2026-01-05T10:00:00Z', {story}, n, 7 \
         FROM (VALUES {}) AS made (id, order_id, correlation_id, event, n)",
        values.collect::<Vec<_>>().join(", ")
    )
}

#[test]
fn a_small_story_is_the_story_or_there_is_none() {
    let database = Postgres::shared().create_database().unwrap();
    let asker = Mutex::new(Asker::of(&database));
    let stories = AtomicU32::new(0);
    let compare = |rows: &[Made]| {
        let story = stories.fetch_add(1, Ordering::Relaxed);
        database.execute(&insert(story, rows)).unwrap();
        let order = format!("{story}-1");
        let mut asker = asker.lock().unwrap();
        let whole = asker.ask(timeline_read(&order));
        let small = asker.ask(timeline_read_small(&order));
        let events = whole
            .events
            .iter()
            .map(|event| event.notification.event.len());
        let has_few = whole.events.len() <= 50 && events.sum::<usize>() <= 64 * 1024;
        let is_plain = whole.ambiguous_correlation_ids.is_empty();
        let expected = Some(whole).filter(|_| has_few && is_plain);
        (small, expected)
    };
    let exact: [(&[Made], bool); 5] = [
        (&[(Some(1), None, 64 * 1024)], true),
        (&[(Some(1), None, 64 * 1024 + 1)], false),
        (&[(Some(1), None, 1024); 50], true),
        (&[(Some(1), None, 1024); 51], false),
        (&[(Some(2), None, 1024)], true),
    ];
    for (rows, is_small) in exact {
        let (small, expected) = compare(rows);
        assert_eq!(
            (small.is_some(), &small),
            (is_small, &expected),
            "{}",
            rows.len()
        );
    }
    let one = (
        prop_oneof![40 => Just(Some(1_u8)), 1 => Just(Some(2)), 40 => Just(None)],
        prop_oneof![1 => Just(None), 4 => (1_u8..9).prop_map(Some)],
        prop_oneof![20 => 2_u32..2_000, 1 => 30_000_u32..70_000],
    );
    let mut runner = TestRunner::new(Config::with_cases(150));
    let outcome = runner.run(&vec(one, 1..90), |rows| {
        let (small, expected) = compare(&rows);
        prop_assert_eq!(small, expected);
        Ok(())
    });
    outcome.unwrap();
}
