//! `Recorded-Through` and `X-Poll-Interval`.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use notif_testbed::wait_for;

use crate::http::Response;
use crate::ledger_rows::{drained, partition};
use crate::rows::Row;
use crate::server::{World, psql};
use crate::{recorded, story};

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

/// A world with something to give at every address of recorded data, as fresh as noon.
fn told_at_noon() -> World {
    let world = World::with(|config| config.poll_interval = Some(20));
    story::tell(&world);
    world.sql("UPDATE kafka_offsets SET drained_through = '2026-01-05T13:00:00Z'");
    // the last of them tells
    world.sql(&drained("stale", 0, &format!("'{NOON}'")));
    wait_until_told(&world, Some(NOON));
    world
}

/// Status, freshness, and when the next poll is to be expected.
fn said(response: &Response) -> (u16, Option<&str>, Option<&str>) {
    let interval = response.header("x-poll-interval");
    (response.status, told(response), interval)
}

#[test]
fn every_reply_of_recorded_data_says_how_fresh_it_is() {
    let world = told_at_noon();
    for path in recorded::paths() {
        for method in ["GET", "HEAD"] {
            let whole = world.server.request(method, path, &[], b"");
            assert_eq!(
                said(&whole),
                (200, Some(NOON), Some("20")),
                "{method} {path}"
            );
            // it moves on while the text stays the same
            let known = [("if-none-match", whole.header("etag").unwrap())];
            let unchanged = world.server.request(method, path, &known, b"");
            assert_eq!(
                said(&unchanged),
                (304, Some(NOON), Some("20")),
                "{method} {path}"
            );
        }
    }
}

#[test]
fn that_nothing_is_there_says_when_that_was_true() {
    let world = told_at_noon();
    for (path, status) in [
        ("/order/unknown", 200),
        ("/order/unknown/timeline", 200),
        ("/customer/unknown/notifications", 200),
        ("/runner/unknown/notifications", 200),
        ("/correlation/unknown", 200),
        ("/notifications?orderId=unknown", 200),
        ("/order/unknown/latest", 404),
        ("/notifications/01890000-0000-7000-8000-000000000000", 404),
        (
            "/notifications/01890000-0000-7000-8000-000000000000/raw",
            404,
        ),
        ("/records/order-events/0/99", 404),
        ("/records/order-events/0/2?generation=1", 404),
    ] {
        for method in ["GET", "HEAD"] {
            let absent = world.server.request(method, path, &[], b"");
            assert_eq!(
                said(&absent),
                (status, Some(NOON), Some("20")),
                "{method} {path}"
            );
        }
    }
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

#[test]
fn it_is_looked_up_while_nobody_asks() {
    let world = fresh_at_noon();
    world.sql(
        "UPDATE kafka_offsets SET drained_through = '2026-01-05T14:00:00Z' WHERE partition = 1",
    );
    let began = |after: &str| {
        let look = format!(
            "SELECT count(*), max(query_start) FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name = 'notif-api' \
             AND query LIKE 'SELECT drained_through%' AND query_start > {after}"
        );
        wait_for("a look", LIMIT, || {
            let answer = world.sql(&look);
            let (count, at) = answer.split_once('|').unwrap();
            (count != "0").then(|| format!("'{at}'"))
        })
        .unwrap()
    };
    let now = world.sql("SELECT clock_timestamp()");
    let first = began(&format!("'{now}'"));
    // what the first one found is known once there is a second one
    began(&first);
    let reply = world.server.get("/order/o-1");
    assert_eq!(told(&reply), Some("2026-01-05T13:00:00.000000Z"));
}

#[test]
fn a_reply_says_what_was_known_when_its_request_came() {
    let world = fresh_at_noon();
    let drain = |through: &str| {
        world.sql(&format!(
            "UPDATE kafka_offsets SET drained_through = '{through}' WHERE partition = 1"
        ));
    };
    let later = "2026-01-05T12:30:00.000000Z";
    let locked_out = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                      AND application_name = 'notif-api' AND wait_event_type = 'Lock'";
    // PostgreSQL gives a read up after two seconds, in which a busy machine may not get that far
    wait_for("a reply that took longer than a look", LIMIT, || {
        drain(NOON);
        wait_until_told(&world, Some(NOON));
        let held = world.database.hold("LOCK TABLE notifications").unwrap();
        let reply = thread::scope(|scope| {
            let asking = scope.spawn(|| world.server.get("/order/o-1/latest"));
            wait_for("a read that waits, or is given up", LIMIT, || {
                let waits = || world.sql(locked_out) != "0";
                (asking.is_finished() || waits()).then_some(())
            })
            .unwrap();
            // from here on rows may be recorded that this read does not see
            drain(later);
            wait_for("a look", LIMIT, || {
                (told(&world.server.get("/topics")) == Some(later)).then_some(())
            })
            .unwrap();
            drop(held);
            asking.join().unwrap()
        });
        (reply.status == 200).then(|| assert_eq!(told(&reply), Some(NOON)))
    })
    .unwrap();
}
