//! Every list, page by page along its links, against the same rows in memory; and while rows are
//! written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use notif_api::public_url::PublicUrl;
use notif_testbed::wait_until;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

use crate::rows::{Row, insert};
use crate::server::World;

/// The columns that a filter asks, and the values that rows have in them.
const COLUMNS: [(&str, &str, &[&str]); 8] = [
    ("orderId", "order_id", &["o-1", "o 2", ".."]),
    ("customerId", "customer_id", &["c-1", "c+2"]),
    ("runnerId", "runner_id", &["r-1", "r&2"]),
    ("correlationId", "correlation_id", &["x-1", "x=2", "x-3"]),
    ("eventType", "event_type", &["a", "a.b", "a.c", "b"]),
    ("topic", "source_topic", &["t", "u"]),
    ("service", "source_service", &["s-1", "s-2"]),
    ("status", "status", &["captured", "unparseable"]),
];
const ROWS: i64 = 240;
const ROWS_A_SECOND: i64 = 8;

/// A row in memory: its values by the names of filters, and when it occurred.
struct Known {
    id: String,
    second: i64,
    values: BTreeMap<&'static str, &'static str>,
}

/// Rows with ties in every column.
fn rows() -> (Vec<Row>, Vec<Known>) {
    let mut written = Vec::new();
    let mut known = Vec::new();
    for n in 0..ROWS {
        let mut digits = u64::try_from(n)
            .unwrap()
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            >> 8;
        let second = n / ROWS_A_SECOND;
        let mut row = Row::new(second).sql("source_offset", n.to_string());
        row.id = notif_core::notification_id::recorded(
            1_767_607_200_000 + second * 1000,
            "order_events",
            0,
            0,
            n,
        );
        let mut values = BTreeMap::new();
        for (name, column, choice) in COLUMNS {
            let needed = ["eventType", "topic", "status"].contains(&name);
            let count = choice.len() + usize::from(!needed);
            let place = usize::try_from(digits).unwrap() % count;
            digits /= u64::try_from(count).unwrap();
            match choice.get(place) {
                Some(value) => {
                    row = row.text(column, value);
                    values.insert(name, *value);
                }
                None => row = row.sql(column, "NULL"),
            }
        }
        let id = row.id.to_string();
        written.push(row);
        known.push(Known { id, second, values });
    }
    (written, known)
}

/// A question: a list, and what is known of its rows.
#[derive(Debug, Clone)]
struct Question {
    path: String,
    /// Values that a row must have one of, by name.
    asked: Vec<(&'static str, Vec<String>)>,
    since: Option<i64>,
    until: Option<i64>,
    oldest_first: bool,
}

impl Question {
    fn shows(&self, row: &Known) -> bool {
        let fits = |(name, wanted): &(&str, Vec<String>)| {
            let there = row.values.get(name).copied();
            wanted.iter().any(|wanted| match wanted.strip_suffix('*') {
                Some(prefix) => there.is_some_and(|there| there.starts_with(prefix)),
                None => there == Some(wanted),
            })
        };
        self.asked.iter().all(fits)
            && self.since.is_none_or(|since| row.second >= since)
            && self.until.is_none_or(|until| row.second < until)
    }
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'*' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// `GET /notifications` with some filters.
fn filtered() -> impl Strategy<Value = Question> {
    let one = |place: usize| {
        let (name, _, values) = COLUMNS[place];
        let most = if ["eventType", "topic"].contains(&name) {
            4
        } else {
            2
        };
        let mut choice: Vec<&str> = values.to_vec();
        if name == "eventType" {
            choice.extend(["a*", "a.*", "*", "none", "none*"]);
        }
        prop_oneof![
            3 => Just(Vec::new()),
            1 => vec(select(choice), 1..most),
        ]
        .prop_map(move |values| (name, values.into_iter().map(str::to_owned).collect()))
    };
    let asked: Vec<_> = (0..COLUMNS.len()).map(one).collect();
    let second = || prop_oneof![2 => Just(None), 1 => (0..32_i64).prop_map(Some)];
    (asked, second(), second()).prop_map(|(mut asked, since, until)| {
        asked.retain(|(_, values): &(&str, Vec<String>)| !values.is_empty());
        let mut path = "/notifications?".to_owned();
        for (name, values) in &asked {
            path.extend(
                values
                    .iter()
                    .map(|value| format!("{name}={}&", escaped(value))),
            );
        }
        // each way to write a time
        for (name, at, offset) in [("since", since, "Z"), ("until", until, "+00:00")] {
            let at = at.map(|at| format!("{name}=2026-01-05T10:00:{at:02}{offset}&"));
            path.extend(at);
        }
        Question {
            path,
            asked,
            since,
            until,
            oldest_first: false,
        }
    })
}

/// The list of one id.
fn of_one_id() -> impl Strategy<Value = Question> {
    let lists = [
        (0, "order", "", true),
        (1, "customer", "/notifications", false),
        (2, "runner", "/notifications", false),
        (3, "correlation", "", true),
    ];
    (select(lists.to_vec()), any::<prop::sample::Index>()).prop_map(
        |((place, first, last, oldest_first), index)| {
            let (name, _, values) = COLUMNS[place];
            let id = values[index.index(values.len())];
            Question {
                path: format!("/{first}/{}{last}?", escaped(id)),
                asked: vec![(name, vec![id.to_owned()])],
                since: None,
                until: None,
                oldest_first,
            }
        },
    )
}

/// The ids of all pages, following the links and nothing else.
fn walk(world: &World, path: &str, between: &mut impl FnMut()) -> Vec<String> {
    let (base, query) = path.split_once('?').unwrap();
    let mut query = format!("?{query}");
    let mut ids = Vec::new();
    let mut followed = BTreeSet::new();
    loop {
        let page = world.server.get(&format!("{base}{query}"));
        ids.extend(page.ids());
        match page.next() {
            Some(next) => query = next,
            None => return ids,
        }
        assert!(
            followed.insert(query.clone()),
            "the pages go round: {query}"
        );
        between();
    }
}

#[test]
fn the_pages_of_every_list_are_what_it_shows_in_memory() {
    let world = World::new();
    let (written, mut known) = rows();
    world.database.execute(&insert(&written)).unwrap();
    known.sort_by(|one, other| one.id.cmp(&other.id));
    let questions = prop_oneof![3 => filtered(), 1 => of_one_id()];
    let limits = prop_oneof![Just(500_u32), 1_u32..60];
    let mut runner = TestRunner::new(Config::with_cases(120));
    let outcome = runner.run(&(questions, limits), |(question, limit)| {
        let path = format!("{}limit={limit}", question.path);
        let seen = walk(&world, &path, &mut || {});
        let shown = known.iter().filter(|row| question.shows(row));
        let mut shown: Vec<_> = shown.map(|row| row.id.clone()).collect();
        if !question.oldest_first {
            shown.reverse();
        }
        prop_assert_eq!(seen, shown);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn a_page_of_each_list_of_one_id_ends_at_8_mib_of_events() {
    let world = World::new();
    let rows: Vec<_> = [3, 3, 3, 9, 1, 1]
        .into_iter()
        .zip(1..)
        .map(|(mib, second)| {
            let event = format!("'{{\"payload\": \"' || repeat('x', {mib} * 1048576) || '\"}}'");
            Row::new(second)
                .text("order_id", "o-1")
                .text("customer_id", "c-1")
                .text("runner_id", "r-1")
                .text("correlation_id", "x-1")
                .event(event)
        })
        .collect();
    world.sql(&insert(&rows));
    let ids: Vec<_> = rows.iter().map(|row| row.id.to_string()).collect();
    // one that is larger than a page is served alone
    let oldest_first = [&ids[..2], &ids[2..3], &ids[3..4], &ids[4..]].map(<[String]>::to_vec);
    let newest_first = [&ids[4..], &ids[3..4], &ids[1..3], &ids[..1]]
        .map(|page| page.iter().rev().cloned().collect::<Vec<_>>());
    for (path, expected) in [
        ("/order/o-1", &oldest_first),
        ("/correlation/x-1", &oldest_first),
        ("/customer/c-1/notifications", &newest_first),
        ("/runner/r-1/notifications", &newest_first),
    ] {
        let mut pages = Vec::new();
        let mut next = Some(String::new());
        while let Some(query) = next {
            let page = world.server.get(&format!("{path}{query}"));
            pages.push(page.ids());
            next = page.next();
        }
        assert_eq!(&pages, expected, "{path}");
    }
}

/// What is committed before the first page is read appears once, what comes later at most once,
/// wherever in the list it belongs.
#[test]
fn rows_that_are_written_meanwhile_move_nothing() {
    let world = World::new();
    let row = |n: i64, second: i64| {
        let mut row = Row::new(second)
            .text("order_id", "o-1")
            .text("customer_id", "c-1")
            .text("runner_id", "r-1")
            .text("correlation_id", "x-1")
            .text("status", "unparseable")
            .sql("source_offset", n.to_string());
        row.id = notif_core::notification_id::recorded(
            1_767_607_200_000 + second * 1000,
            "order_events",
            0,
            0,
            n,
        );
        row
    };
    let first: Vec<_> = (0..100).map(|n| row(n, n / 2)).collect();
    world.sql(&insert(&first));
    let (written, done) = (AtomicI64::new(100), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // all over the list: before, behind and at the place where a reader is
            while !done.load(Ordering::Relaxed) {
                let n = written.load(Ordering::Relaxed);
                let next = row(n, (n * 37) % 50).insert();
                world.database.execute(&next).unwrap();
                written.store(n + 1, Ordering::Relaxed);
            }
        });
        let stop = SetOnDrop(&done);
        for path in [
            "/order/o-1?",
            "/customer/c-1/notifications?",
            "/runner/r-1/notifications?",
            "/correlation/x-1?",
            "/notifications?",
            "/notifications?orderId=o-1&status=unparseable&eventType=order.*&",
            "/notifications?status=unparseable&",
            "/notifications?eventType=order.created&eventType=x&",
        ] {
            let mut until_more_is_written = || {
                let before = written.load(Ordering::Relaxed);
                wait_until("more is written", Duration::from_secs(30), || {
                    written.load(Ordering::Relaxed) > before
                })
                .unwrap();
            };
            let ids = walk(
                &world,
                &format!("{path}limit=17"),
                &mut until_more_is_written,
            );
            let once: BTreeSet<_> = ids.iter().collect();
            assert_eq!(once.len(), ids.len(), "{path}: a row came twice");
            for row in &first {
                assert!(
                    once.contains(&row.id.to_string()),
                    "{path}: {} is missing",
                    row.id
                );
            }
        }
        drop(stop);
    });
}

/// Ends the writer, also where the reader fails.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn links_are_absolute_where_an_operator_says_where_clients_come_in() {
    let public_url = PublicUrl::parse("https://example.org/notifications/").unwrap();
    let world = World::with(|config| config.public_url = Some(public_url));
    let rows = [1, 2].map(|second| Row::new(second).text("order_id", "a/b c"));
    world.sql(&insert(&rows));
    for (path, filter) in [
        ("/order/a%2Fb%20c", ""),
        ("/notifications", "orderId=a%2Fb%20c&"),
    ] {
        let page = world.server.get(&format!("{path}?{filter}limit=1"));
        let link = page.header("link").unwrap();
        let absolute = format!("<https://example.org/notifications{path}?{filter}limit=1&cursor=");
        assert!(link.starts_with(&absolute), "{link}");
        let (_, rest) = link.split_once("org/notifications").unwrap();
        let next = world.server.get(rest.split('>').next().unwrap());
        assert_eq!((next.ids().len(), next.next()), (1, None));
    }
}
