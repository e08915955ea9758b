//! Kafka fails while it is read: the broker dies, hangs or is cut off. The poll ends, says whose
//! fault it was, keeps what it committed, and the next one leaves exactly what Kafka holds.
//!
//! A broker that is not there from the beginning is in `failure.rs`, a cluster in `cluster.rs`, a
//! log that was changed under a stopped broker in `cut_logs.rs`.

use std::time::{Duration, Instant};

use crate::own_broker::{OwnBroker, SlowPoll, produce_kilobytes};
use crate::truth::{assert_recorded, assert_recovers};
use crate::world::{Report, World};

/// For each of the three partitions: five fetches of its own, four seconds for all.
const EACH: i32 = 80;
const ALL: i64 = 240;

/// After ten seconds of silence Kafka is asked for a sign of life, which takes up to four more.
const NOTICED_WITHIN: Duration = Duration::from_secs(25);

fn world(broker: &OwnBroker) -> World {
    let world = broker.world(1, 3);
    produce_kilobytes(&world, EACH);
    world
}

fn proxied(broker: &OwnBroker) -> String {
    format!("127.0.0.1:{}", broker.proxy.port())
}

/// The poll lost Kafka: exit 4, some of the records committed. How many.
#[track_caller]
fn assert_lost_kafka(world: &World, report: &Report) -> i64 {
    assert_eq!((report.outcome(), report.code), ("failed", 4), "{report:?}");
    assert!(
        report.stderr.contains("nothing came from Kafka"),
        "{}",
        report.stderr
    );
    let stored = world.number("SELECT count(*) FROM notifications");
    assert!((1..ALL).contains(&stored), "{stored}");
    assert_eq!(report.records(), stored);
    world.assert_tiled();
    stored
}

#[test]
fn a_broker_that_is_killed_while_it_is_read_is_exit_4_and_the_rest_comes_once_it_is_back() {
    let broker = OwnBroker::take();
    let world = world(&broker);
    let poll = SlowPoll::start(&world, &broker.kafka.bootstrap());
    let started = Instant::now();
    broker.kafka.kill().unwrap();
    let report = poll.end();
    assert!(
        started.elapsed() < NOTICED_WITHIN,
        "{:?}",
        started.elapsed()
    );
    let stored = assert_lost_kafka(&world, &report);
    broker.kafka.restart().unwrap();
    assert_recovers(&world, "a killed broker").expect("drained", 0, ALL - stored);
    assert_recorded(&world, world.topic(), None);
}

#[test]
fn a_broker_that_hangs_while_it_is_read_is_exit_4_and_the_rest_comes_once_it_goes_on() {
    let broker = OwnBroker::take();
    let world = world(&broker);
    let poll = SlowPoll::start(&world, &broker.kafka.bootstrap());
    let started = Instant::now();
    broker.kafka.pause().unwrap();
    let report = poll.end();
    assert!(
        started.elapsed() < NOTICED_WITHIN,
        "{:?}",
        started.elapsed()
    );
    broker.kafka.resume().unwrap();
    let stored = assert_lost_kafka(&world, &report);
    assert_recovers(&world, "a broker that hung").expect("drained", 0, ALL - stored);
    assert_recorded(&world, world.topic(), None);
}

/// At the deadline nobody knows yet that Kafka is lost: the poll is behind, and ends in time.
#[test]
fn a_line_that_goes_dead_shortly_before_the_deadline_does_not_make_the_poll_longer() {
    let broker = OwnBroker::take();
    let world = world(&broker);
    let started = Instant::now();
    let poll = SlowPoll::start_with(&world, &proxied(&broker), |command| {
        command.env("POLL_DEADLINE_SECONDS", "6");
    });
    broker.proxy.half_open();
    let report = poll.end();
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
    assert_eq!((report.outcome(), report.code), ("behind", 5), "{report:?}");
    let stored = world.number("SELECT count(*) FROM notifications");
    assert_eq!(report.records(), stored);
    world.assert_tiled();
    broker.proxy.restore();
    assert_recovers(&world, "a dead line").expect("drained", 0, ALL - stored);
    assert_recorded(&world, world.topic(), None);
}

/// None of these ends the run: the client connects again and the reading goes on where it was.
#[test]
fn a_line_that_is_cut_for_a_moment_does_not_end_the_poll() {
    let broker = OwnBroker::take();
    through_the_proxy(&broker, "a line cut for a second", || {
        broker.proxy.cut();
        std::thread::sleep(Duration::from_secs(1));
        broker.proxy.restore();
    });
}

#[test]
fn half_closed_connections_do_not_end_the_poll() {
    let broker = OwnBroker::take();
    through_the_proxy(&broker, "half-closed connections", || {
        for _ in 0..4 {
            broker.proxy.half_close();
            std::thread::sleep(Duration::from_millis(200));
        }
    });
}

#[test]
fn answers_that_break_off_in_their_middle_do_not_end_the_poll() {
    const CONNECTIONS: usize = 6;
    let broker = OwnBroker::take();
    through_the_proxy(&broker, "truncated answers", || {
        let before = broker.proxy.truncated();
        broker.proxy.truncate_after(11_111);
        notif_testbed::wait::wait_until("truncated answers", Duration::from_secs(30), || {
            broker.proxy.truncated() >= before + CONNECTIONS
        })
        .unwrap();
        broker.proxy.restore();
    });
}

/// One run through the proxy, and what happens to it there.
fn through_the_proxy(broker: &OwnBroker, fault: &str, happens: impl FnOnce()) {
    let world = world(broker);
    let poll = SlowPoll::start(&world, &proxied(broker));
    happens();
    let over = Instant::now();
    let report = poll.end();
    println!("{fault}: drained {:.2?} after its end", over.elapsed());
    report.expect("drained", 0, ALL);
    assert_recorded(&world, world.topic(), None);
}

#[test]
fn a_slow_line_makes_headway_and_ends_in_time() {
    let broker = OwnBroker::take();
    let world = world(&broker);
    // eight seconds for the records, behind two for all that is asked before
    broker.proxy.slow(30_000);
    let mut command = world.command();
    command
        .env("KAFKA_BOOTSTRAP_SERVERS", proxied(&broker))
        .env("POLL_DEADLINE_SECONDS", "6")
        .args(["-X", "fetch.message.max.bytes=16384"]);
    let report = Report::of(&mut command);
    assert_eq!((report.outcome(), report.code), ("behind", 5), "{report:?}");
    let stored = report.records();
    assert!((1..ALL).contains(&stored), "{report:?}");
    world.assert_tiled();
    broker.proxy.restore();
    assert_recovers(&world, "a slow line").expect("drained", 0, ALL - stored);
    assert_recorded(&world, world.topic(), None);
}
