//! Rights that are missing, and given.

use notif_testbed::Message;
use notif_testbed::kafka::{Operation, Right};

use super::{PASSWORD, Secure, USER, Way, group, group_right, may_read};
use crate::world::{Report, World};

fn way() -> Way {
    Way::password_over_tls("SCRAM-SHA-256", PASSWORD)
}

fn produce(world: &World, topic: &str, count: usize) {
    produce_to(world, topic, 3, count);
}

fn produce_to(world: &World, topic: &str, partitions: i32, count: usize) {
    for partition in 0..partitions {
        let messages = (0..count).map(|n| Message::new(format!(r#"{{"n":{n}}}"#)));
        world.kafka.produce(topic, partition, messages).unwrap();
    }
}

/// One of three topics is closed to the user: the others are recorded, this one is named, and its
/// records come with the first poll after the right is given back.
fn a_topic_is_closed(close: impl Fn(&Secure, &World, &str), open: impl Fn(&Secure, &World, &str)) {
    let secure = Secure::shared();
    let world = secure.world(3, USER);
    let closed = world.topics[1].clone();
    for topic in &world.topics {
        produce(&world, topic, 4);
    }
    way().poll(&world).expect("drained", 0, 36);
    close(secure, &world, &closed);
    for topic in &world.topics {
        produce(&world, topic, 5);
    }
    for records in [30, 0] {
        let report = way().poll(&world);
        report.expect("stopped", 9, records);
        for partition in 0..3 {
            let told = report.partition(&closed, partition);
            assert_eq!(told["verdict"], "unauthorised", "{report:?}");
            assert_eq!((&told["done"], &told["to"]), (&false.into(), &4.into()));
            let problem = told["problem"].as_str().unwrap();
            assert!(problem.contains("grant"), "{problem}");
        }
        assert_eq!(world.number("SELECT count(*) FROM capture_gaps"), 0);
        world.assert_tiled();
    }
    open(secure, &world, &closed);
    way().poll(&world).expect("drained", 0, 15);
    way().poll(&world).expect("nothing", 0, 0);
    world.assert_tiled();
    assert_eq!(world.number("SELECT count(*) FROM notifications"), 81);
    assert_eq!(world.number("SELECT count(*) FROM capture_gaps"), 0);
}

#[test]
fn a_topic_that_may_not_be_described_is_named_and_read_once_it_may() {
    a_topic_is_closed(
        |secure, _, topic| secure.kafka.revoke(&may_read(USER, topic)).unwrap(),
        |secure, _, topic| secure.kafka.grant(&may_read(USER, topic)).unwrap(),
    );
}

#[test]
fn a_topic_that_may_be_described_but_not_read_is_named_and_read_once_it_may() {
    a_topic_is_closed(
        |secure, _, topic| close_to_reading(secure, topic),
        |secure, _, topic| secure.kafka.grant(&may_read(USER, topic)).unwrap(),
    );
}

/// The topic may be described still, and read no more.
fn close_to_reading(secure: &Secure, topic: &str) {
    let describe = Right {
        operation: Operation::Describe,
        ..may_read(USER, topic)
    };
    secure.kafka.grant(&describe).unwrap();
    secure.kafka.revoke(&may_read(USER, topic)).unwrap();
}

/// Where a partition is refused all are assigned anew, here again and again: librdkafka 2.12.1 ends
/// the process where an assignment changes while the one before it is still being stopped.
#[test]
fn many_partitions_that_may_not_be_read_any_more_are_each_named() {
    const PARTITIONS: i32 = 100;
    let secure = Secure::shared();
    let world = secure.world_with_partitions(1, PARTITIONS, USER);
    let topic = world.topic();
    produce_to(&world, topic, PARTITIONS, 1);
    way().poll(&world).expect("drained", 0, 100);
    close_to_reading(secure, topic);
    produce_to(&world, topic, PARTITIONS, 1);
    for _ in 0..3 {
        let report = way().poll(&world);
        report.expect("stopped", 9, 0);
        for partition in 0..PARTITIONS {
            let told = report.partition(topic, partition.into());
            assert_eq!(told["verdict"], "unauthorised", "{report:?}");
        }
    }
    secure.kafka.grant(&may_read(USER, topic)).unwrap();
    way().poll(&world).expect("drained", 0, 100);
    way().poll(&world).expect("nothing", 0, 0);
    world.assert_tiled();
}

#[test]
fn a_new_topic_without_a_right_is_told_and_leaves_no_trace() {
    let secure = Secure::shared();
    let world = secure.world(2, USER);
    let closed = &world.topics[1];
    produce(&world, world.topic(), 2);
    produce(&world, closed, 2);
    secure.kafka.revoke(&may_read(USER, closed)).unwrap();
    let report = way().poll(&world);
    report.expect("stopped", 9, 6);
    assert_eq!(report.partition(closed, 0)["verdict"], "unauthorised");
    let of_closed = format!("SELECT count(*) FROM kafka_offsets WHERE topic = '{closed}'");
    assert_eq!(world.number(&of_closed), 0);
    secure.kafka.grant(&may_read(USER, closed)).unwrap();
    way().poll(&world).expect("drained", 0, 6);
    assert_eq!(world.number("SELECT count(*) FROM capture_gaps"), 0);
}

#[test]
fn a_pattern_does_not_find_what_it_may_not_see_unless_it_was_found_before() {
    let secure = Secure::shared();
    let world = secure.world(2, USER);
    let [known, closed] = [&world.topics[0], &world.topics[1]];
    produce(&world, known, 1);
    produce(&world, closed, 1);
    secure.kafka.revoke(&may_read(USER, closed)).unwrap();
    let way = way();
    let poll = || {
        let mut command = way.command(&world);
        command.env("KAFKA_TOPICS", format!("^({known}|{closed})$"));
        Report::of(&mut command)
    };
    poll().expect("drained", 0, 3);
    secure.kafka.grant(&may_read(USER, closed)).unwrap();
    poll().expect("drained", 0, 3);
    secure.kafka.revoke(&may_read(USER, closed)).unwrap();
    let report = poll();
    report.expect("stopped", 9, 0);
    assert_eq!(report.partition(closed, 2)["verdict"], "unauthorised");
}

#[test]
fn without_the_right_to_its_group_a_poll_warns_once_and_does_not_wait() {
    let secure = Secure::shared();
    let world = secure.world(1, USER);
    let group = group(&world);
    let right = group_right(USER, &group);
    produce(&world, world.topic(), 1);
    secure.kafka.revoke(&right).unwrap();
    for (outcome, records) in [("drained", 3), ("nothing", 0), ("nothing", 0)] {
        let report = way().poll(&world);
        report.expect(outcome, 0, records);
        assert_eq!(report.stderr.lines().count(), 1, "{}", report.stderr);
        // and not that it waited for an answer in vain
        let says = "does not let this user use the group";
        assert!(report.stderr.contains(says), "{}", report.stderr);
    }
    secure.kafka.grant(&right).unwrap();
    let report = way().poll(&world);
    report.expect("nothing", 0, 0);
    assert_eq!(report.stderr, "");
}
