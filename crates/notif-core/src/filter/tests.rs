//! Filters judge rows, and are known by their bytes.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test counts with numbers that it chose"
)]

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// 2026-01-05T10:00:00Z.
const BEGIN: DateTime<Utc> = DateTime::from_timestamp(1_767_607_200, 0).unwrap();

fn at(millis: i64) -> DateTime<Utc> {
    BEGIN + TimeDelta::milliseconds(millis)
}

fn row(millis: i64) -> Notification {
    let occurred_at = at(millis);
    Notification {
        notification_id: notification_id::recorded(
            occurred_at.timestamp_millis(),
            "order_events",
            0,
            0,
            7,
        ),
        customer_id: Some("c-1".to_owned()),
        runner_id: None,
        order_id: Some("o-1".to_owned()),
        event: "{}".to_owned(),
        status: "captured".to_owned(),
        created_at: occurred_at,
        source_topic: "order_events".to_owned(),
        event_type: "order.created".to_owned(),
        correlation_id: Some("x-1".to_owned()),
        source_service: Some("order-service".to_owned()),
        occurred_at,
        kafka_timestamp_ms: None,
        source_partition: Some(0),
        source_offset: Some(7),
        topic_generation: 0,
        raw_reason: None,
    }
}

fn types(patterns: &[&str]) -> EventTypes {
    patterns
        .iter()
        .map(|text| EventTypePattern::parse(text))
        .collect()
}

/// Each field with a value that fits [`row`], and one that does not.
fn one_field_filters() -> Vec<(Filter, Filter)> {
    let text = |set: fn(&mut Filter, String), fits: &str| {
        let with = |value: &str| {
            let mut filter = Filter::default();
            set(&mut filter, value.to_owned());
            filter
        };
        (with(fits), with("other"))
    };
    vec![
        text(|f, v| f.order_id = Some(v), "o-1"),
        text(|f, v| f.customer_id = Some(v), "c-1"),
        text(|f, v| f.correlation_id = Some(v), "x-1"),
        text(|f, v| f.status = Some(v), "captured"),
        text(|f, v| f.service = Some(v), "order-service"),
        text(|f, v| f.event_types = types(&[&v]), "order.created"),
        text(|f, v| f.event_types = types(&[&v, "x"]), "order.*"),
        text(|f, v| f.topics = [v, "x".to_owned()].into(), "order_events"),
    ]
}

#[test]
fn a_row_is_shown_where_all_that_is_named_fits() {
    let row = row(0);
    assert!(Filter::default().matches(&row));
    for (fits, does_not) in one_field_filters() {
        assert!(fits.matches(&row), "{fits:?}");
        assert!(!does_not.matches(&row), "{does_not:?}");
        let both = Filter {
            runner_id: Some("r-1".to_owned()),
            ..fits
        };
        assert!(!both.matches(&row), "the row names no runner: {both:?}");
    }
}

#[test]
fn since_is_within_and_until_is_not() {
    let within = |since: i64, until: i64| {
        let filter = Filter {
            since: Some(at(since)),
            until: Some(at(until)),
            ..Filter::default()
        };
        filter.matches(&row(5))
    };
    assert!(within(5, 6));
    assert!(!within(6, 9));
    assert!(!within(4, 5));
}

#[test]
fn a_pattern_ends_in_a_star() {
    assert!(types(&["order.*"]).matches("order.created"));
    assert!(types(&["order.*"]).matches("order."));
    assert!(!types(&["order.*"]).matches("order"));
    assert!(!types(&["order"]).matches("order.created"));
    // a star elsewhere is a character like any other
    assert!(!types(&["*.created"]).matches("order.created"));
    assert!(types(&["*.created"]).matches("*.created"));
    assert!(types(&["order.created", "*"]).is_any());
}

#[test]
fn what_a_prefix_covers_is_not_named_twice() {
    let types = types(&["a.b*", "a.*", "a.b.c", "b", "a.*", "c"]);
    assert_eq!(types.prefixes().collect::<Vec<_>>(), ["a."]);
    assert_eq!(types.exact().collect::<Vec<_>>(), ["b", "c"]);
}

#[test]
fn a_filter_is_known_by_its_bytes() {
    let mut all: Vec<Filter> = one_field_filters()
        .into_iter()
        .flat_map(|(one, other)| [one, other])
        .collect();
    all.extend([
        Filter::default(),
        Filter {
            runner_id: Some("o-1".to_owned()),
            ..Filter::default()
        },
        Filter {
            event_types: types(&["order*"]),
            ..Filter::default()
        },
        Filter {
            event_types: types(&["order"]),
            ..Filter::default()
        },
        Filter {
            since: Some(at(0)),
            ..Filter::default()
        },
        Filter {
            until: Some(at(0)),
            ..Filter::default()
        },
        Filter {
            topics: ["a".to_owned(), "b".to_owned()].into(),
            ..Filter::default()
        },
        Filter {
            topics: ["ab".to_owned()].into(),
            ..Filter::default()
        },
    ]);
    let bytes: BTreeSet<Vec<u8>> = all.iter().map(Filter::canonical_bytes).collect();
    assert_eq!(bytes.len(), all.len());
    // written in another order, with a repetition
    let one = types(&["b", "a", "c.*"]);
    let other = types(&["c.*", "a", "b", "c.d", "a"]);
    assert_eq!(one, other);
}

proptest! {
    /// The database bounds ids where the stream compares times: both must show the same rows.
    #[test]
    fn a_time_bound_is_an_id_bound(
        row_millis in 0_i64..4,
        since in prop::option::of(0_i64..4_000_000),
        until in prop::option::of(0_i64..4_000_000),
        topic in select(vec!["a", "order_events", "\u{1F4E6}"]),
        partition in 0..3,
        offset in 0_i64..1 << 41,
    ) {
        let nanos = |nanos: i64| BEGIN + TimeDelta::nanoseconds(nanos);
        let filter = Filter {
            since: since.map(nanos),
            until: until.map(nanos),
            ..Filter::default()
        };
        let mut row = row(row_millis);
        let millis = row.occurred_at.timestamp_millis();
        row.notification_id = notification_id::recorded(millis, topic, 0, partition, offset);
        let (from, to) = filter.id_bounds();
        let within = (from..to).contains(&row.notification_id);
        prop_assert_eq!(within, filter.matches(&row));
        row.notification_id = notification_id::manual(millis, [0xff; 10]);
        prop_assert_eq!((from..to).contains(&row.notification_id), filter.matches(&row));
    }
}
