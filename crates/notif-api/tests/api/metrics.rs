//! `GET /metrics`, and what is built on it: the alert rules and the dashboard below `deploy/`.

mod deployed;
mod scrape;

use std::time::Duration;

use insta::assert_snapshot;
use notif_testbed::{Postgres, PostgresOptions, wait_for};

use crate::ledger_rows::{drained, ended, gap, partition, run};
use crate::rows::insert_many;
use crate::server::{Server, World, psql};
use scrape::Scrape;

const LIMIT: Duration = Duration::from_secs(20);

fn scrape(server: &Server) -> Scrape {
    Scrape::of(&server.get("/metrics"))
}

/// A world of which everything that is ever told can be told.
fn eventful() -> World {
    let world = World::new();
    let behind = [
        ("end_offset", "150"),
        ("high_watermark", "150"),
        ("low_offset", "95"),
        ("drained_through", "clock_timestamp() - interval '1000 s'"),
        ("records", "77"),
        ("unparseable", "3"),
    ];
    let stopped = [
        ("stopped_reason", "'diverged'"),
        ("drained_through", "now()"),
    ];
    let rows = [
        drained("orders", 0, "now()"),
        partition("orders", 1, 99, &behind),
        partition("pay\"me\\nts", 0, 5, &stopped),
        partition("gone", 0, 5, &[("retired_at", "now()")]),
        gap("retention"),
        gap("retention"),
        gap("before-first-poll"),
        run(180, &ended("'drained'", "0")),
        run(50, &ended("'gap'", "6")),
        run(40, &ended("'drained'", "0")),
        run(30, &ended("'drained'", "0")),
        run(20, &ended("'stopped'", "9")),
        run(10, &[]),
        run(0, &[]),
    ];
    world.sql(&rows.concat());
    world
}

#[test]
fn the_ledgers_are_told_as_they_stand() {
    let world = eventful();
    let scrape = scrape(&world.server);
    assert_eq!(scrape.value("notif_database_up"), Some(1.0));
    partitions_are_told_as_they_stand(&scrape);
    losses_are_told_by_reason_those_that_never_happened_as_none(&scrape);
    polls_are_told_by_how_they_ended(&scrape);
}

fn partitions_are_told_as_they_stand(scrape: &Scrape) {
    for (topic, part, lag, margin, records, unparseable) in [
        ("orders", 0, 0.0, 90.0, 0.0, 0.0),
        ("orders", 1, 50.0, 5.0, 77.0, 3.0),
    ] {
        let of = |name: &str| {
            let labels = format!(r#"topic="{topic}",partition="{part}""#);
            scrape.value(&format!("notif_partition_{name}{{{labels}}}"))
        };
        assert_eq!(of("lag_records"), Some(lag));
        assert_eq!(of("loss_margin_records"), Some(margin));
        assert_eq!(of("records_total"), Some(records));
        assert_eq!(of("unparseable_records_total"), Some(unparseable));
        assert_eq!(of("stopped"), Some(0.0));
        let seconds = of("lag_seconds").unwrap();
        let behind = if part == 1 { 1000.0..1100.0 } else { 0.0..1.0 };
        assert!(behind.contains(&seconds), "{seconds}");
    }
    let odd = r#"{topic="pay\"me\\nts",partition="0"}"#;
    assert_eq!(
        scrape.value(&format!("notif_partition_stopped{odd}")),
        Some(1.0)
    );
    assert_eq!(
        scrape.value(&format!("notif_partition_lag_records{odd}")),
        None
    );
    assert!(!scrape.text().contains("gone"), "{}", scrape.text());
    assert!(
        scrape
            .value("notif_recorded_through_timestamp_seconds")
            .is_some()
    );
}

fn losses_are_told_by_reason_those_that_never_happened_as_none(scrape: &Scrape) {
    for (reason, number) in [
        ("retention", 2.0),
        ("before-first-poll", 1.0),
        ("recreated", 0.0),
        ("diverged", 0.0),
        ("operator", 0.0),
        ("retired", 0.0),
    ] {
        let series = format!(r#"notif_gaps_total{{reason="{reason}"}}"#);
        assert_eq!(scrape.value(&series), Some(number), "{reason}");
    }
}

fn polls_are_told_by_how_they_ended(scrape: &Scrape) {
    let age = scrape.value("notif_poll_last_success_age_seconds").unwrap();
    // it began half an hour ago and took a second
    assert!((1799.0..1900.0).contains(&age), "{age}");
    let at = scrape
        .value("notif_poll_last_success_timestamp_seconds")
        .unwrap();
    assert!(at > 1_760_000_000.0, "{at}");
    assert_eq!(scrape.value("notif_poll_last_exit_code"), Some(9.0));
    for (outcome, code, number) in [
        ("drained", "0", 2.0),
        ("gap", "6", 1.0),
        ("stopped", "9", 1.0),
        ("abandoned", "", 1.0),
        ("running", "", 1.0),
    ] {
        let series = format!(r#"notif_poll_recent_runs{{outcome="{outcome}",exit_code="{code}"}}"#);
        assert_eq!(
            scrape.value(&series),
            Some(number),
            "{outcome}: {}",
            scrape.text()
        );
    }
}

#[test]
fn what_was_never_is_not_told() {
    let world = World::new();
    let scrape = scrape(&world.server);
    assert_eq!(scrape.value("notif_database_up"), Some(1.0));
    for name in [
        "notif_poll_last_success_age_seconds",
        "notif_poll_last_success_timestamp_seconds",
        "notif_poll_last_exit_code",
        "notif_recorded_through_timestamp_seconds",
    ] {
        assert_eq!(scrape.value(name), None, "{name}");
    }
}

#[test]
fn requests_are_counted_by_pattern_method_and_status() {
    let world = World::new();
    world.sql(&insert_many(1, "o-1", "c-1"));
    for path in [
        "/order/o-1",
        "/order/o-2",
        "/order/o%2F3",
        "/order/o-1?x=1",
        "/nothing",
        "/../x",
        "/order/a/b/c",
    ] {
        world.server.get(path);
    }
    let tag = world
        .server
        .get("/order/o-1")
        .header("etag")
        .unwrap()
        .to_owned();
    let known = [("if-none-match", tag.as_str())];
    world.server.request("GET", "/order/o-1", &known, b"");
    world.server.request("HEAD", "/order/o-1", &[], b"");
    world.server.request("DELETE", "/order/o-1", &[], b"");
    world.server.request("BREW", "/coffee", &[], b"");
    world.server.send("{}");
    let scrape = scrape(&world.server);
    for (method, route, status, number) in [
        ("GET", "/order/{orderId}", 200, 4.0),
        ("GET", "/order/{orderId}", 400, 1.0),
        ("GET", "/order/{orderId}", 304, 1.0),
        ("HEAD", "/order/{orderId}", 200, 1.0),
        ("other", "/order/{orderId}", 405, 1.0),
        ("GET", "unknown", 404, 3.0),
        ("other", "unknown", 404, 1.0),
        ("POST", "/send-notification", 400, 1.0),
    ] {
        let series = format!(
            r#"notif_http_requests_total{{method="{method}",route="{route}",status="{status}"}}"#
        );
        assert_eq!(
            scrape.value(&series),
            Some(number),
            "{series}: {}",
            scrape.text()
        );
    }
    let took =
        r#"notif_http_request_duration_seconds_count{method="GET",route="/order/{orderId}"}"#;
    assert_eq!(scrape.value(took), Some(6.0));
    let all = r#"notif_http_request_duration_seconds_bucket{method="GET",route="/order/{orderId}",le="+Inf"}"#;
    assert_eq!(scrape.value(all), Some(6.0), "{}", scrape.text());
}

#[test]
fn made_up_addresses_make_no_series() {
    let world = World::new();
    world.server.get("/order/o-1");
    world.server.get("/nothing");
    let before = scrape(&world.server).names_with_labels();
    for number in 0..50 {
        world.server.get(&format!("/order/o-{number}"));
        world.server.get(&format!("/nothing/{number}"));
        world
            .server
            .request(&format!("M{number}"), "/nothing", &[], b"");
    }
    let after = scrape(&world.server).names_with_labels();
    // the scrape itself, and the other methods together
    let new: Vec<_> = after
        .difference(&before)
        .filter(|name| !name.contains("_bucket"))
        .collect();
    assert!(new.len() <= 8, "{new:?}");
}

#[test]
fn the_process_tells_of_itself() {
    let world = World::with(|config| config.pool_size = 3);
    let scrape = scrape(&world.server);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        scrape.value(&format!(r#"notif_build_info{{version="{version}"}}"#)),
        Some(1.0)
    );
    for (purpose, connections) in [("read", 3.0), ("write", 2.0)] {
        let of =
            |name: &str| scrape.value(&format!(r#"notif_database_{name}{{purpose="{purpose}"}}"#));
        assert_eq!(of("connections"), Some(connections));
        assert!((0.0..=connections).contains(&of("connections_in_use").unwrap()));
    }
    assert_eq!(scrape.value("notif_database_requests_waiting"), Some(0.0));
    assert_eq!(scrape.value("notif_streams_open"), Some(0.0));
    assert_eq!(scrape.value("notif_streams_opened_total"), Some(0.0));
    assert_eq!(
        scrape.value("notif_http_replies_in_flight_bytes"),
        Some(0.0)
    );
}

#[test]
fn without_its_database_it_tells_what_it_knows() {
    // durable: it is stopped as if it crashed
    let options = PostgresOptions {
        durable: true,
        ..PostgresOptions::default()
    };
    let postgres = Postgres::start(&options).unwrap();
    let database = postgres.create_database().unwrap();
    let server = Server::start(&database.url());
    wait_for("the database", LIMIT, || {
        (scrape(&server).value("notif_database_up") == Some(1.0)).then_some(())
    })
    .unwrap();
    server.get("/order/o-1");
    database.server().stop_immediate().unwrap();
    let gone = wait_for("its end", LIMIT, || {
        Some(scrape(&server)).filter(|scrape| scrape.value("notif_database_up") == Some(0.0))
    })
    .unwrap();
    let asked = r#"notif_http_requests_total{method="GET",route="/order/{orderId}",status="200"}"#;
    assert_eq!(gone.value(asked), Some(1.0));
    // nothing that might not be true any more
    assert!(!gone.text().contains("notif_gaps_total"), "{}", gone.text());
    database.server().restart().unwrap();
    wait_for("its return", LIMIT, || {
        (scrape(&server).value("notif_database_up") == Some(1.0)).then_some(())
    })
    .unwrap();
}

#[test]
fn several_scrapers_look_at_the_ledgers_once() {
    let world = World::new();
    let lock = "BEGIN; LOCK TABLE capture_gaps; SELECT pg_sleep(1.5); COMMIT";
    let mut holder = psql(&world.database, lock).spawn().unwrap();
    let locked = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted \
                  AND relation = 'capture_gaps'::regclass";
    wait_for("the lock", LIMIT, || {
        (world.sql(locked) == "1").then_some(())
    })
    .unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'notif-api' \
                   AND wait_event_type = 'Lock'";
    let mut seen = std::collections::BTreeSet::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| scrape(&world.server));
        }
        while holder.try_wait().unwrap().is_none() {
            seen.insert(world.sql(waiting));
        }
    });
    assert!(seen.contains("1"), "{seen:?}");
    assert!(
        seen.is_subset(&["0", "1"].map(str::to_owned).into()),
        "{seen:?}"
    );
}

#[test]
fn names_and_types_are_these() {
    let world = eventful();
    world.server.get("/order/o-1");
    let response = world.server.get("/metrics");
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let described: Vec<_> = response
        .text()
        .lines()
        .filter(|line| line.starts_with('#'))
        .collect();
    assert_snapshot!(described.join("\n"));
}
