//! `Recorded-Through` and `X-Poll-Interval`.

use std::process::Stdio;
use std::time::{Duration, Instant};

use notif_testbed::wait_for;

use crate::http::Response;
use crate::ledger_rows::{drained, partition};
use crate::rows::Row;
use crate::server::{World, psql};

const LIMIT: Duration = Duration::from_secs(20);
const NOON: &str = "2026-01-05T12:00:00.123456Z";

/// A world whose record is as fresh as noon.
fn fresh_at_noon() -> World {
    let world = World::with(|config| config.poll_interval = Some(20));
    let row = Row::new(1)
        .text("order_id", "o-1")
        .text("customer_id", "c-1");
    world.sql(&row.insert());
    world.sql(&drained("orders", 0, "'2026-01-05T13:00:00Z'"));
    world.sql(&drained("orders", 1, &format!("'{NOON}'")));
    wait_until_told(&world, Some(NOON));
    world
}

fn told(response: &Response) -> Option<&str> {
    response.header("recorded-through")
}

fn wait_until_told(world: &World, through: Option<&str>) {
    wait_for("the freshness", LIMIT, || {
        (told(&world.server.get("/order/o-1")) == through).then_some(())
    })
    .unwrap();
}

#[test]
fn every_reply_of_recorded_data_says_how_fresh_it_is() {
    let world = fresh_at_noon();
    let latest = world.server.get("/order/o-1/latest");
    let notification = format!(
        "/notifications/{}",
        latest.json()["notificationId"].as_str().unwrap()
    );
    for path in [
        "/order/o-1",
        "/order/o-1/latest",
        "/order/unknown",
        "/customer/c-1/notifications",
        &notification,
        "/topics",
        "/gaps",
        "/runs",
    ] {
        for method in ["GET", "HEAD"] {
            let response = world.server.request(method, path, &[], b"");
            assert_eq!(
                (
                    response.status,
                    told(&response),
                    response.header("x-poll-interval")
                ),
                (200, Some(NOON), Some("20")),
                "{method} {path}"
            );
        }
    }
    // that something is not there was true then, too
    let absent = world.server.get("/order/unknown/latest");
    assert_eq!((absent.status, told(&absent)), (404, Some(NOON)));
}

#[test]
fn other_replies_say_nothing_of_it() {
    let world = fresh_at_noon();
    for path in [
        "/health",
        "/livez",
        "/readyz",
        "/metrics",
        "/nothing",
        "/order/o-1?x=1",
    ] {
        let response = world.server.get(path);
        assert_eq!(told(&response), None, "{path}: {response}");
        assert_eq!(response.header("x-poll-interval"), None, "{path}");
    }
    let sent = world
        .server
        .send(r#"{"customerId":"c","orderId":"o","event":"e"}"#);
    assert_eq!((sent.status, told(&sent)), (201, None));
}

#[test]
fn it_is_not_said_while_one_watched_partition_is_not_known() {
    let world = fresh_at_noon();
    world.sql(&partition("payments", 0, -1, &[]));
    wait_until_told(&world, None);
    world.sql("UPDATE kafka_offsets SET retired_at = now() WHERE topic = 'payments'");
    wait_until_told(&world, Some(NOON));
}

#[test]
fn it_moves_with_the_record() {
    let world = fresh_at_noon();
    world.sql(
        "UPDATE kafka_offsets SET drained_through = '2026-01-05T14:00:00Z' WHERE partition = 1",
    );
    wait_until_told(&world, Some("2026-01-05T13:00:00.000000Z"));
}

#[test]
fn no_request_waits_for_it_and_an_older_value_stays_true() {
    let world = fresh_at_noon();
    let lock = "BEGIN; LOCK TABLE kafka_offsets; SELECT pg_sleep(60); COMMIT";
    let mut holder = psql(&world.database, lock)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'notif-api' \
                   AND wait_event_type = 'Lock'";
    wait_for("a look that waits", LIMIT, || {
        world.server.get("/order/o-1");
        (world.sql(waiting) == "1").then_some(())
    })
    .unwrap();
    // a look is given up after 2 s: ten requests that each waited for one would take twenty
    let started = Instant::now();
    for _ in 0..10 {
        let response = world.server.get("/order/o-1/latest");
        assert_eq!((response.status, told(&response)), (200, Some(NOON)));
        // one look at a time: the others need their connections
        assert!(matches!(&*world.sql(waiting), "0" | "1"));
    }
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
    world.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'BEGIN; LOCK%' AND pid <> pg_backend_pid()");
    holder.wait().unwrap();
}

#[test]
fn without_a_configured_interval_none_is_told() {
    let world = World::new();
    let response = world.server.get("/order/o-1");
    assert_eq!(response.header("x-poll-interval"), None);
    assert_eq!(told(&response), None);
}
