//! Three brokers: a leader that moves and a broker that is lost while a poll reads, and a log that is
//! cut by an unclean election.

use std::sync::LazyLock;
use std::time::Duration;

use notif_testbed::kafka::{Cluster, KafkaOptions};
use notif_testbed::unique;
use notif_testbed::wait::wait_until;

use crate::own_broker::{SlowPoll, produce_kilobytes};
use crate::truth::{assert_recorded, assert_recovers};
use crate::world::World;

const LIMIT: Duration = Duration::from_secs(90);

static CLUSTER: LazyLock<Cluster> =
    LazyLock::new(|| Cluster::start(&KafkaOptions::default()).unwrap());

/// A world on the cluster, with a topic on all nodes whose partitions are led by 1, 2 and 3.
fn world() -> World {
    let world = World::on(&CLUSTER, 0, 1);
    let topic = unique("replicated");
    CLUSTER
        .create_topic_on(&topic, &[&[1, 2, 3], &[2, 3, 1], &[3, 1, 2]], &[])
        .unwrap();
    World {
        topics: vec![topic],
        ..world
    }
}

fn wait_until_in_step(topic: &str, partition: usize, nodes: &[i32]) {
    wait_until("the replicas being in step", LIMIT, || {
        CLUSTER
            .led(topic)
            .is_ok_and(|led| led.get(partition).is_some_and(|led| led.in_step == nodes))
    })
    .unwrap();
}

fn wait_until_led_by(topic: &str, partition: usize, node: i32) {
    wait_until("another leader", LIMIT, || {
        CLUSTER
            .led(topic)
            .is_ok_and(|led| led.get(partition).is_some_and(|led| led.leader == node))
    })
    .unwrap();
}

/// One test, because each part leaves the cluster as the next one needs it.
#[test]
fn a_poll_outlives_its_leaders_and_an_unclean_election_is_never_silent() {
    let world = world();
    let topic = world.topic();
    let node = |id| CLUSTER.node(id).unwrap();

    // an orderly end: leadership moves first, then the broker goes
    produce_kilobytes(&world, 80);
    let poll = SlowPoll::start(&world, &CLUSTER.bootstrap());
    node(3).stop().unwrap();
    wait_until_led_by(topic, 2, 1);
    poll.end().expect("drained", 0, 240);
    assert_recorded(&world, topic, None);
    node(3).restart().unwrap();
    wait_until_in_step(topic, 2, &[1, 2, 3]);

    // a broker that is lost without a word
    produce_kilobytes(&world, 80);
    let cut = cut_topics();
    let poll = SlowPoll::start(&world, &CLUSTER.bootstrap());
    node(2).kill().unwrap();
    wait_until_led_by(topic, 1, 3);
    poll.end().expect("drained", 0, 240);
    assert_recorded(&world, topic, None);

    // what only node 1 has is recorded; then node 2, which never had it, leads
    let cut_world = World {
        topics: cut.to_vec(),
        ..World::on(&CLUSTER, 0, 1)
    };
    for topic in &cut {
        wait_until_in_step(topic, 0, &[1]);
        produce(&cut_world, topic, "cut", 4);
    }
    cut_world.poll().expect("drained", 0, 27);
    let before = recorded(&cut_world);
    node(1).kill().unwrap();
    node(2).restart().unwrap();
    for topic in &cut {
        wait_until_led_by(topic, 0, 2);
    }
    an_unclean_election_is_told(&cut_world, &cut);
    assert_eq!(recorded(&cut_world), before, "a row of the other history");

    // what has enough replicas goes on without the lost one
    produce_kilobytes(&world, 1);
    assert_recovers(&world, "a lost broker").expect("drained", 0, 3);
    assert_recorded(&world, topic, None);
}

/// Topics on nodes 1 and 2 that prefer to go on over being whole, each with five records on both.
fn cut_topics() -> [String; 3] {
    let unclean = [
        ("unclean.leader.election.enable", "true"),
        ("min.insync.replicas", "1"),
    ];
    let topics = [unique("shorter"), unique("equal"), unique("longer")];
    for topic in &topics {
        CLUSTER
            .create_topic_on(topic, &[&[1, 2]], &unclean)
            .unwrap();
        wait_until_in_step(topic, 0, &[1, 2]);
        CLUSTER
            .produce(topic, 0, (0..5).map(|n| format!(r#"{{"kept":{n}}}"#)))
            .unwrap();
    }
    topics
}

fn produce(world: &World, topic: &str, name: &str, count: usize) {
    let values = (0..count).map(|n| format!(r#"{{"{name}":{n}}}"#));
    world.kafka.produce(topic, 0, values).unwrap();
}

fn recorded(world: &World) -> Vec<serde_json::Value> {
    world
        .database
        .rows(
            "SELECT source_topic, source_offset, event FROM notifications \
             ORDER BY source_topic, source_offset",
        )
        .unwrap()
}

/// The log ends at 5 where 9 are recorded; it grows again to less, as much, and more.
fn an_unclean_election_is_told(world: &World, [shorter, equal, longer]: &[String; 3]) {
    assert_eq!(world.kafka.watermarks(shorter, 0).unwrap(), (0, 5));
    produce(world, equal, "other", 4);
    produce(world, longer, "other", 7);
    let report = world.poll();
    report.expect("stopped", 9, 0);
    assert_eq!(
        report.partition(shorter, 0)["verdict"],
        "ahead",
        "{report:?}"
    );
    let diverged = |report: &crate::world::Report, topic: &str| {
        let problem = report.partition(topic, 0)["problem"].clone();
        problem
            .as_str()
            .is_some_and(|why| why.contains("the record at 8 is not the one"))
    };
    assert!(diverged(&report, longer), "{report:?}");
    // as long as what is recorded: the next record tells
    produce(world, equal, "other", 1);
    let report = world.poll();
    report.expect("stopped", 9, 0);
    assert!(diverged(&report, equal), "{report:?}");
}
