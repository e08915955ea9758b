//! A small page is the page, or there is none.

use std::sync::Mutex;

use notif_testbed::Postgres;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::query::{List, PageQuery};
use crate::store::asked::Asker;

const SMALL: usize = 64 * 1024;
/// Rows of a customer who is an order too, most of them small; each tenth larger than a small page, and
/// each thirteenth a part of one. One row and two rows that are exactly as large as a small page follow.
const ROWS: &str = r#"
    INSERT INTO notifications (notification_id, customer_id, order_id, event, event_bytes, source_topic,
        event_type, occurred_at, source_partition, source_offset, batch_id)
    SELECT ('0193' || lpad(to_hex(n), 28, '0'))::uuid, id, id, event::jsonb, octet_length(event),
        't', 'a', '2026-01-05T10:00:00Z', 1, n, 7
    FROM (
        SELECT n, '1' AS id, '"' || repeat('x',
            CASE WHEN n % 10 = 0 THEN 65535 WHEN n % 13 = 0 THEN 15000 ELSE n END) || '"' AS event
        FROM generate_series(1, 100) AS n
        UNION ALL SELECT 101, '2', '"' || repeat('x', 65534) || '"'
        UNION ALL SELECT 102, '3', '"' || repeat('x', 65532) || '"'
        UNION ALL SELECT 103, '3', '""'
    ) AS made"#;

#[test]
fn a_small_page_is_the_page_or_there_is_none() {
    let database = Postgres::shared().create_database().unwrap();
    database.execute(ROWS).unwrap();
    let asker = Mutex::new(Asker::of(&database));
    let small_and_whole = |query: &PageQuery| {
        let mut asker = asker.lock().unwrap();
        let one_more = PageQuery {
            limit: query.limit + 1,
            ..query.clone()
        };
        let seen = asker.ask(notification_page(&one_more)).notifications;
        let is_small = seen.iter().map(|row| row.event.len()).sum::<usize>() <= SMALL;
        let whole = asker.ask(notification_page(query));
        let expected = is_small.then_some(whole);
        (asker.ask(notification_page_small(query)), expected)
    };
    let first = |list: List| PageQuery {
        list,
        limit: 50,
        offset: 0,
        after: None,
    };
    for (id, rows) in [("2", 1), ("3", 2), ("none", 0)] {
        let (small, expected) = small_and_whole(&first(List::of_order(id.to_owned())));
        let page = small.as_ref().map(|page| page.notifications.len());
        assert_eq!((page, &small), (Some(rows), &expected), "{id}");
    }
    let lists = prop_oneof![
        Just(List::of_customer("1".to_owned())),
        Just(List::of_order("1".to_owned())),
    ];
    let places = (lists, 1_u32..30, prop::option::of(0_u128..102));
    let mut runner = TestRunner::new(Config::with_cases(200));
    let outcome = runner.run(&places, |(list, limit, place)| {
        let query = PageQuery {
            limit,
            after: place.map(|place| Uuid::from_u128((0x0193 << 112) + place)),
            ..first(list)
        };
        let (small, expected) = small_and_whole(&query);
        prop_assert_eq!(small, expected);
        Ok(())
    });
    outcome.unwrap();
}
