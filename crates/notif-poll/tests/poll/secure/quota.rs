//! A client that the broker slows down: it takes longer, and that is all.

use std::time::{Duration, Instant};

use notif_testbed::Message;

use super::{PASSWORD, SLOW_USER, Secure, Way};
use crate::world::{Report, World};

const MESSAGES: usize = 1_500;
const VALUE_BYTES: usize = 2_000;
/// Far less than a loopback gives, and enough for the whole to take a few seconds.
const BYTES_PER_SECOND: f64 = 600_000.0;
/// Half of what that takes.
const AT_LEAST: Duration = Duration::from_millis(2_500);

fn slow_way() -> Way {
    Way::password_over_tls("SCRAM-SHA-256", PASSWORD).of_user(SLOW_USER)
}

fn slow_world() -> World {
    let secure = Secure::shared();
    let world = secure.world(1, SLOW_USER);
    secure.kafka.throttle(SLOW_USER, BYTES_PER_SECOND).unwrap();
    for partition in 0..3 {
        let value = format!(r#"{{"text":"{}"}}"#, "x".repeat(VALUE_BYTES));
        let messages = vec![Message::new(value); MESSAGES / 3];
        world
            .kafka
            .produce(world.topic(), partition, messages)
            .unwrap();
    }
    world
}

fn poll(world: &World, deadline: &str) -> Report {
    let way = slow_way();
    let mut command = way.command(world);
    command.env("POLL_DEADLINE_SECONDS", deadline);
    Report::of(&mut command)
}

#[test]
fn a_client_that_the_broker_slows_down_takes_longer_and_reads_everything_once() {
    let world = slow_world();
    let started = Instant::now();
    let first = poll(&world, "2");
    // a second's worth may come at once, but never all of it in two
    assert_eq!(first.code, 5, "{first:?}");
    world.assert_tiled();
    let rest = i64::try_from(MESSAGES).unwrap() - first.records();
    poll(&world, "120").expect("drained", 0, rest);
    assert!(
        started.elapsed() > AT_LEAST,
        "the broker did not slow it down: {:?}",
        started.elapsed()
    );
    let all = i64::try_from(MESSAGES).unwrap();
    assert_eq!(world.number("SELECT count(*) FROM notifications"), all);
    assert_eq!(world.number("SELECT count(*) FROM capture_gaps"), 0);
    world.assert_tiled();
}
