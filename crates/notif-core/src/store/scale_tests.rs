//! A million rows: each read names its index, and looks at no more rows than it should, whatever
//! the data. An order, a customer and a correlation id have a third of all rows.

use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use notif_testbed::{Postgres, TestDatabase};
use uuid::Uuid;

use super::asked::{Asker, Explained};
use super::notification::{event_types_like, notification_filtered, notification_page, record_get};
use super::timeline::timeline_read;
use crate::filter::{EVENT_TYPES_MAX, EventTypePattern, Filter};
use crate::notification_id;
use crate::query::{EXAMINED_MAX, FilteredQuery, List, PageQuery};

/// 2026-01-05T10:00:00Z, and a row each millisecond from then on.
const BEGIN: DateTime<Utc> = DateTime::from_timestamp(1_767_607_200, 0).unwrap();

const FILL: &str = "INSERT INTO notifications (notification_id, customer_id, runner_id, order_id, \
     correlation_id, event, event_bytes, status, source_topic, event_type, source_service, \
     occurred_at, source_partition, source_offset, batch_id) \
     SELECT (lpad(to_hex(1767607200000 + n), 12, '0') || '80008000' || lpad(to_hex(n), 12, '0'))::uuid, \
       CASE n % 3 WHEN 0 THEN 'shared' ELSE 'c-' || n % 1000 END, \
       CASE n % 4 WHEN 0 THEN 'r-' || n % 50 END, \
       CASE n % 10 WHEN 0 THEN NULL WHEN 1 THEN 'shared' WHEN 4 THEN 'shared' WHEN 7 THEN 'shared' \
         ELSE 'o-' || n / 20 END, \
       CASE WHEN n % 10 IN (2, 5, 8) THEN 'shared' WHEN n % 10 IN (1, 4, 7) THEN 'y-' || n / 20 \
         ELSE 'x-' || n / 20 END, \
       '{\"payload\": null}', 17, \
       CASE n % 1000 WHEN 0 THEN 'unparseable' ELSE 'captured' END, \
       't-' || n % 10, 'type.' || n % 4 || '.' || n % 300, 's-' || n % 7, \
       timestamptz '2026-01-05T10:00:00Z' + n * interval '1 ms', n % 3, n, 7 \
     FROM generate_series(1, 1000000) AS n";

/// A million rows are three times faster to write where indexes are made afterwards.
const WITHOUT_INDEXES: &str = "CREATE TEMPORARY TABLE dropped AS \
       SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'notifications' \
       AND indexname NOT IN ('notifications_pkey', 'notifications_position_unique'); \
     DO $$ DECLARE name text; BEGIN \
       FOR name IN SELECT indexname FROM dropped LOOP EXECUTE 'DROP INDEX ' || name; END LOOP; \
     END $$;";
const WITH_INDEXES: &str = "DO $$ DECLARE definition text; BEGIN \
       FOR definition IN SELECT indexdef FROM dropped LOOP EXECUTE definition; END LOOP; \
     END $$";

static MILLION: LazyLock<TestDatabase> = LazyLock::new(|| {
    let database = Postgres::shared().create_database().unwrap();
    let filling = format!("{WITHOUT_INDEXES} {FILL}; {WITH_INDEXES}");
    database.execute(&filling).unwrap();
    database
});

fn asker() -> Asker {
    Asker::of(&MILLION)
}

fn filter(set: impl FnOnce(&mut Filter)) -> Filter {
    let mut filter = Filter::default();
    set(&mut filter);
    filter
}

fn page(filter: Filter) -> FilteredQuery {
    let types: Vec<String> = filter.event_types.exact().map(str::to_owned).collect();
    FilteredQuery {
        event_types: (!filter.event_types.is_any()).then_some(types),
        filter,
        limit: 50,
        examined_max: EXAMINED_MAX,
        after: None,
    }
}

fn types(names: impl IntoIterator<Item = String>) -> crate::filter::EventTypes {
    names.into_iter().map(EventTypePattern::Exact).collect()
}

/// It goes by this index alone, and sorts nothing.
fn assert_goes_by(index: &str, explained: &Explained) {
    let scans = explained.scans();
    assert!(!scans.is_empty());
    for scan in &scans {
        assert_eq!(scan.index, index, "{scans:?}");
    }
    for node in explained.nodes() {
        let slow = [
            "Sort",
            "Seq Scan",
            "Bitmap Heap Scan",
            "Materialize",
            "Hash",
        ];
        assert!(
            !slow.contains(&node.as_str()),
            "{node}: {:#}",
            explained.tree
        );
    }
}

/// The rows that a page of 50 looks at where each of them fits: one to tell that there is a next
/// page, one because a window looks ahead, one for the rows of another status in between.
const PAGE_EXAMINED: u64 = 53;

#[test]
fn each_filter_names_its_index_and_reads_its_page_alone() {
    let mut asker = asker();
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        ("notifications_pkey", filter(|_| {})),
        (
            "notifications_order",
            filter(|f| f.order_id = text("shared")),
        ),
        (
            "notifications_correlation",
            filter(|f| f.correlation_id = text("shared")),
        ),
        (
            "notifications_customer",
            filter(|f| f.customer_id = text("shared")),
        ),
        (
            "notifications_runner",
            filter(|f| f.runner_id = text("r-0")),
        ),
        (
            "notifications_uncommon_status",
            filter(|f| f.status = text("unparseable")),
        ),
        (
            "notifications_event_type",
            filter(|f| f.event_types = types(["type.0.0".to_owned()])),
        ),
        (
            "notifications_pkey",
            filter(|f| f.status = text("captured")),
        ),
    ];
    let middle = BEGIN + TimeDelta::milliseconds(500_000);
    for (index, filter) in cases {
        let parts = [
            filter.clone(),
            Filter {
                since: Some(middle),
                ..filter.clone()
            },
            Filter {
                until: Some(middle),
                ..filter
            },
        ];
        for filter in parts {
            let mut query = page(filter);
            let first = asker.explain(notification_filtered(&query));
            assert_goes_by(index, &first);
            assert!(
                first.examined() <= PAGE_EXAMINED,
                "{}: {query:?}",
                first.examined()
            );
            // a place in the middle is found in the index, not by reading up to it
            query.after = Some(notification_id::lower_bound(
                middle.timestamp_millis() + 1000,
            ));
            let deep = asker.explain(notification_filtered(&query));
            assert!(
                deep.examined() <= PAGE_EXAMINED,
                "{}: {query:?}",
                deep.examined()
            );
            let condition = &deep.scans()[0].condition;
            assert!(condition.contains("notification_id"), "{condition}");
        }
    }
}

#[test]
fn a_filter_that_finds_nothing_looks_at_100_000_rows_and_no_more() {
    let mut asker = asker();
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        ("notifications_pkey", filter(|f| f.service = text("none"))),
        (
            "notifications_pkey",
            filter(|f| f.topics = ["none".to_owned()].into()),
        ),
        (
            "notifications_order",
            filter(|f| {
                f.order_id = text("shared");
                f.customer_id = text("none");
            }),
        ),
        (
            "notifications_correlation",
            filter(|f| {
                f.correlation_id = text("shared");
                f.customer_id = text("shared");
                f.runner_id = text("none");
            }),
        ),
        (
            "notifications_customer",
            filter(|f| {
                f.customer_id = text("shared");
                f.event_types = types(["none".to_owned()]);
            }),
        ),
        // 100 types have a third of all rows
        (
            "notifications_event_type",
            filter(|f| {
                f.event_types = types((0..100).map(|n| format!("type.{}.{}", n % 4, n)));
                f.service = text("none");
            }),
        ),
    ];
    for (index, filter) in cases {
        let query = page(filter);
        let explained = asker.explain(notification_filtered(&query));
        assert_goes_by(index, &explained);
        let examined = explained.examined();
        let bound = u64::from(EXAMINED_MAX);
        // each of up to 100 merged scans holds one row ready
        assert!(
            (bound..=bound + 100).contains(&examined),
            "{examined}: {query:?}"
        );
        let page = asker.ask(notification_filtered(&query));
        assert_eq!(page.notifications, []);
        assert!(page.end.is_some(), "{query:?}");
    }
}

#[test]
fn several_event_types_are_merged() {
    let mut asker = asker();
    for count in [2, 3, 100] {
        let names = (0..count).map(|n| format!("type.{}.{}", n % 4, n));
        let query = page(filter(|f| f.event_types = types(names)));
        let explained = asker.explain(notification_filtered(&query));
        assert_goes_by("notifications_event_type", &explained);
        assert!(explained.nodes().contains(&"Merge Append".to_owned()));
        // a row of each type is held ready
        let most = PAGE_EXAMINED + count;
        assert!(
            explained.examined() <= most,
            "{count}: {}",
            explained.examined()
        );
    }
}

#[test]
fn the_types_of_a_prefix_are_found_without_reading_their_rows() {
    let mut asker = asker();
    let explained = asker.explain(event_types_like(&["type.1.", "type.3.1", "z"]));
    assert_goes_by("notifications_event_type", &explained);
    let found = asker.ask(event_types_like(&["type.1.", "type.3.1", "z"]));
    assert_eq!(
        found
            .iter()
            .filter(|name| name.starts_with("type.1."))
            .count(),
        75
    );
    assert!(explained.examined() <= u64::try_from(found.len()).unwrap() + 4);
    // 300 types
    let many = asker.explain(event_types_like(&["type."]));
    assert!(many.examined() <= 102, "{}", many.examined());
    let found = asker.ask(event_types_like(&["type."]));
    assert_eq!(found.len(), EVENT_TYPES_MAX + 1);
}

#[test]
fn a_page_of_an_id_with_300_000_rows_is_a_page_of_any_other() {
    let mut asker = asker();
    let lists = [
        ("notifications_order", List::of_order("shared".to_owned())),
        (
            "notifications_customer",
            List::of_customer("shared".to_owned()),
        ),
        ("notifications_runner", List::of_runner("r-0".to_owned())),
        (
            "notifications_correlation",
            List::of_correlation("shared".to_owned()),
        ),
    ];
    for (index, list) in lists {
        for after in [None, Some(notification_id::lower_bound(1_767_607_700_000))] {
            let query = PageQuery {
                list: list.clone(),
                limit: 50,
                offset: 0,
                after,
            };
            let explained = asker.explain(notification_page(&query));
            assert_goes_by(index, &explained);
            assert!(explained.examined() <= PAGE_EXAMINED);
        }
    }
}

#[test]
fn a_record_is_found_by_its_position() {
    let mut asker = asker();
    for generation in [None, Some(0)] {
        let read = || record_get("t-1", 1, 721, generation);
        assert_goes_by("notifications_position_unique", &asker.explain(read()));
        let id = asker.ask(read()).notification.notification_id;
        assert_eq!(
            notification_id::occurred_at_ms(id),
            BEGIN.timestamp_millis() + 721
        );
    }
}

/// An id that 300,000 rows share costs a timeline as much as one that 2,001 share: the rows that
/// are looked at are bounded, and the time goes with them.
#[test]
fn a_timeline_is_bounded_where_one_correlation_id_is_everywhere() {
    let mut asker = asker();
    // 2,001 of the shared id; its own 12 rows, 8 of the other id, and the 14 of the story
    let explained = asker.explain(timeline_read("o-1000"));
    let all = 2_001 + 12 + 8 + 14;
    // PostgreSQL rounds the rows of a loop, and two correlation ids are two loops
    assert!((all - 1..=all + 1).contains(&explained.examined()));
    let indexes: Vec<_> = explained
        .scans()
        .into_iter()
        .map(|scan| scan.index)
        .collect();
    assert_eq!(
        indexes,
        [
            "notifications_order",
            "notifications_correlation",
            "notifications_pkey"
        ]
    );
    let told = asker.ask(timeline_read("o-1000"));
    assert_eq!(told.ambiguous_correlation_ids, ["shared"]);
    assert_eq!(told.correlation_ids, ["x-1000", "shared"]);
    assert_eq!((told.events.len(), told.truncated), (14, false));
    // the order that is everywhere has 300,000 rows, which name 50,000 correlation ids of 6 rows
    // each: of its newest 2,001 rows the newest 50 are followed
    let everywhere = asker.explain(timeline_read("shared"));
    assert_eq!(everywhere.examined(), 2_001 + 50 * 6 + 2_001);
    let told = asker.ask(timeline_read("shared"));
    assert_eq!((told.events.len(), told.truncated), (2_000, true));
    assert_eq!(told.correlation_ids.len(), 50);
    assert_eq!(told.ambiguous_correlation_ids, [""; 0]);
}

#[test]
fn a_timeline_takes_as_long_among_300_000_rows_as_among_3_000() {
    let few = Postgres::shared().create_database().unwrap();
    few.execute(&FILL.replace("1000000", "10000")).unwrap();
    let best = |asker: &mut Asker, order: &str| {
        let times = (0..9).map(|_| asker.explain(timeline_read(order)).millis);
        times.fold(f64::INFINITY, f64::min)
    };
    let among_few = best(&mut Asker::of(&few), "o-300");
    let among_many = best(&mut asker(), "o-300");
    assert!(
        among_many < 5.0 * among_few + 5.0,
        "{among_many} ms among many, {among_few} ms among few"
    );
}

/// The plan of the first day is kept, and the table was empty when it was made.
#[test]
fn an_empty_table_is_read_by_the_same_indexes() {
    let database = Postgres::shared().create_database().unwrap();
    let mut asker = Asker::of(&database);
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        ("notifications_pkey", filter(|_| {})),
        ("notifications_order", filter(|f| f.order_id = text("o"))),
        (
            "notifications_correlation",
            filter(|f| f.correlation_id = text("x")),
        ),
        (
            "notifications_customer",
            filter(|f| f.customer_id = text("c")),
        ),
        ("notifications_runner", filter(|f| f.runner_id = text("r"))),
        (
            "notifications_uncommon_status",
            filter(|f| f.status = text("redacted")),
        ),
        (
            "notifications_event_type",
            filter(|f| f.event_types = types(["a".to_owned()])),
        ),
        (
            "notifications_event_type",
            filter(|f| f.event_types = types((0..100).map(|n| n.to_string()))),
        ),
    ];
    for (index, filter) in cases {
        let mut query = page(filter);
        assert_goes_by(index, &asker.explain(notification_filtered(&query)));
        query.after = Some(Uuid::max());
        assert_goes_by(index, &asker.explain(notification_filtered(&query)));
    }
    let explained = asker.explain(event_types_like(&["a"]));
    assert_goes_by("notifications_event_type", &explained);
    for generation in [None, Some(0)] {
        let explained = asker.explain(record_get("t", 0, 0, generation));
        assert_goes_by("notifications_position_unique", &explained);
    }
    let scans = asker.explain(timeline_read("o")).scans();
    let indexes: Vec<_> = scans.iter().map(|scan| scan.index.as_str()).collect();
    assert_eq!(
        indexes,
        [
            "notifications_order",
            "notifications_correlation",
            "notifications_pkey"
        ]
    );
}
