//! What a filter shows, page by page, against what it shows of the same rows in memory.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test counts with numbers that it chose"
)]

use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};
use notif_testbed::{Postgres, TestDatabase};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::filter::{EventTypePattern, Filter};
use crate::notification_id;
use crate::query::FilteredQuery;
use crate::store::asked::Asker;

const ROWS: i64 = 300;
/// 2026-01-05T10:00:00Z.
const BEGIN: DateTime<Utc> = DateTime::from_timestamp(1_767_607_200, 0).unwrap();

const IDS: [&str; 3] = ["1", "2", "3"];
const STATUSES: [&str; 3] = ["captured", "unparseable", "redacted"];
const TYPES: [&str; 6] = ["a", "a.b", "a.c", "a.cc", "b", "\u{1F4E6}"];
const TOPICS: [&str; 3] = ["t", "u", "v"];

/// Rows with ties in every column: each has few values, by digits of a number that jumps about.
fn rows() -> Vec<Notification> {
    let row = |n: i64| {
        let mut digits = u64::try_from(n)
            .unwrap()
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            >> 8;
        let mut pick = |values: &[&str]| {
            let count = u64::try_from(values.len()).unwrap() + 1;
            let place = usize::try_from(digits % count).unwrap();
            digits /= count;
            values.get(place).map(|value| (*value).to_owned())
        };
        let topic = pick(&TOPICS).unwrap_or("t".to_owned());
        // eight rows a millisecond
        let occurred_at = BEGIN + TimeDelta::milliseconds(n / 8);
        Notification {
            notification_id: notification_id::recorded(
                occurred_at.timestamp_millis(),
                &topic,
                0,
                0,
                n,
            ),
            customer_id: pick(&IDS),
            runner_id: pick(&IDS),
            order_id: pick(&IDS),
            event: "{}".to_owned(),
            status: pick(&STATUSES).unwrap_or("captured".to_owned()),
            created_at: occurred_at,
            source_topic: topic,
            event_type: pick(&TYPES).unwrap_or("a".to_owned()),
            correlation_id: pick(&IDS),
            source_service: pick(&IDS),
            occurred_at,
            kafka_timestamp_ms: None,
            source_partition: Some(0),
            source_offset: Some(n),
            topic_generation: 0,
            raw_reason: None,
        }
    };
    let mut rows: Vec<_> = (0..ROWS).map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.notification_id));
    rows
}

fn insert(database: &TestDatabase, rows: &[Notification]) {
    let mut conn = database.connect().unwrap();
    for row in rows {
        diesel::insert_into(n::notifications)
            .values((
                n::notification_id.eq(row.notification_id),
                n::customer_id.eq(&row.customer_id),
                n::runner_id.eq(&row.runner_id),
                n::order_id.eq(&row.order_id),
                n::event.eq((&row.event).into_sql::<Text>().fallible_cast::<Jsonb>()),
                n::event_bytes.eq(2),
                n::status.eq(&row.status),
                n::created_at.eq(row.created_at),
                n::source_topic.eq(&row.source_topic),
                n::event_type.eq(&row.event_type),
                n::correlation_id.eq(&row.correlation_id),
                n::source_service.eq(&row.source_service),
                n::occurred_at.eq(row.occurred_at),
                n::source_partition.eq(row.source_partition),
                n::source_offset.eq(row.source_offset),
                n::batch_id.eq(1),
            ))
            .execute(&mut conn)
            .unwrap();
    }
}

/// Mostly nothing, so that some rows are left.
fn maybe(values: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        3 => Just(None),
        1 => select(values).prop_map(|value| Some(value.to_owned())),
    ]
}

fn filters() -> impl Strategy<Value = Filter> {
    let patterns = vec(
        select(vec!["a", "a.*", "a.c*", "b", "\u{1F4E6}*", "none", "none*"]),
        0..4,
    );
    let topics = vec(select(TOPICS.to_vec()), 0..3);
    let times = (prop::option::of(0..42_i64), prop::option::of(0..42_i64));
    (
        (maybe(&IDS), maybe(&IDS), maybe(&IDS), maybe(&IDS)),
        (maybe(&STATUSES), maybe(&IDS)),
        prop_oneof![2 => Just(Vec::new()), 1 => patterns],
        prop_oneof![2 => Just(Vec::new()), 1 => topics],
        prop_oneof![2 => Just((None, None)), 1 => times],
    )
        .prop_map(
            |(ids, (status, service), patterns, topics, (since, until))| {
                let at = |ms: i64| BEGIN + TimeDelta::milliseconds(ms);
                Filter {
                    order_id: ids.0,
                    customer_id: ids.1,
                    runner_id: ids.2,
                    correlation_id: ids.3,
                    status,
                    service,
                    event_types: patterns.into_iter().map(EventTypePattern::parse).collect(),
                    topics: topics.into_iter().map(str::to_owned).collect(),
                    since: since.map(at),
                    until: until.map(at),
                }
            },
        )
}

fn event_types(asker: &mut Asker, filter: &Filter) -> Option<Vec<String>> {
    let named = &filter.event_types;
    if named.is_any() {
        return None;
    }
    let prefixes: Vec<&str> = named.prefixes().collect();
    let mut types: Vec<String> = named.exact().map(str::to_owned).collect();
    types.append(&mut asker.ask(event_types_like(&prefixes)));
    Some(types)
}

#[test]
fn the_pages_of_a_filter_are_what_it_shows_in_memory() {
    let database = Postgres::shared().create_database().unwrap();
    let rows = rows();
    insert(&database, &rows);
    let asker = Mutex::new(Asker::of(&database));
    let cases = (
        filters(),
        1_u32..40,
        prop_oneof![1_u32..40, Just(100_000_u32)],
    );
    let mut runner = TestRunner::new(Config::with_cases(150));
    let outcome = runner.run(&cases, |(filter, limit, examined_max)| {
        let mut asker = asker.lock().unwrap();
        let mut query = FilteredQuery {
            event_types: event_types(&mut asker, &filter),
            filter,
            limit,
            examined_max,
            after: None,
        };
        let mut seen = Vec::new();
        let mut pages = 0;
        loop {
            let page = asker.ask(notification_filtered(&query));
            prop_assert!(page.notifications.len() <= usize::try_from(limit).unwrap());
            pages += 1;
            prop_assert!(pages <= 2 * ROWS, "it goes round in circles");
            seen.extend(page.notifications);
            match page.end {
                Some(end) => query.after = Some(end),
                None => break,
            }
        }
        let shown = rows.iter().filter(|row| query.filter.matches(row));
        prop_assert!(shown.eq(seen.iter()), "{:?}", seen.len());
        Ok(())
    });
    outcome.unwrap();
}

/// A page of rows that fit ends where it is full, whatever it might look at.
#[test]
fn a_page_that_finds_nothing_leads_on_from_the_last_row_it_looked_at() {
    let database = Postgres::shared().create_database().unwrap();
    let rows = rows();
    insert(&database, &rows);
    let mut asker = Asker::of(&database);
    let query = FilteredQuery {
        filter: Filter {
            service: Some("none".to_owned()),
            ..Filter::default()
        },
        event_types: None,
        limit: 10,
        examined_max: 100,
        after: None,
    };
    let page = asker.ask(notification_filtered(&query));
    assert_eq!(page.notifications, []);
    assert_eq!(page.end, Some(rows[99].notification_id));
    let last = FilteredQuery {
        after: Some(rows[199].notification_id),
        examined_max: 101,
        ..query
    };
    let page = asker.ask(notification_filtered(&last));
    assert_eq!((page.notifications, page.end), (Vec::new(), None));
}
