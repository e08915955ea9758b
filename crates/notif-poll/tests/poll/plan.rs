//! `notif-poll plan`: says what a poll would do, and does nothing.

use std::time::Duration;

use notif_testbed::kafka::Message;
use notif_testbed::unique;
use notif_testbed::wait::wait_until;
use rdkafka::producer::Producer as _;
use serde_json::{Value, json};

use crate::operator::Told;
use crate::world::World;

/// The verdict of each partition, with where it would be read.
fn verdicts(plan: &Value) -> Vec<Value> {
    plan["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| {
            json!([
                p["partition"],
                p["verdict"],
                p["from"],
                p["to"],
                p["lostFrom"]
            ])
        })
        .collect()
}

#[test]
fn a_plan_says_what_the_next_poll_then_does_and_writes_nothing() {
    let world = World::with_partitions(1, 4);
    let topic = world.topic().to_owned();
    for partition in 0..4 {
        world.kafka.produce(&topic, partition, ["{}"; 3]).unwrap();
    }
    world.kafka.delete_records(&topic, &[(3, 2)]).unwrap();
    let before = world.dump();
    let first = world.ask_json(&["plan"]).json(0);
    assert_eq!(
        verdicts(&first),
        [
            json!([0, "first", 0, 3, null]),
            json!([1, "first", 0, 3, null]),
            json!([2, "first", 0, 3, null]),
            json!([3, "first", 2, 3, null]),
        ]
    );
    assert_eq!(world.dump(), before);
    world.poll().expect("drained", 0, 10);

    world.kafka.produce(&topic, 1, ["{}"; 2]).unwrap();
    world.kafka.produce(&topic, 2, ["{}"; 5]).unwrap();
    world.kafka.delete_records(&topic, &[(2, 6)]).unwrap();
    world.stop(3, "corrupt");
    let before = world.dump();
    let plan = world.ask_json(&["plan"]);
    let json = plan.json(9);
    assert_eq!(
        verdicts(&json),
        [
            json!([0, "nothing", 3, 3, null]),
            json!([1, "read", 3, 5, null]),
            json!([2, "gap", 6, 8, 3]),
            json!([3, "stopped", 3, 3, null]),
        ]
    );
    assert_eq!(world.dump(), before);
    let report = world.poll();
    report.expect("gap", 6, 4);
    for (planned, done) in json["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .zip(report.json["partitions"].as_array().unwrap())
    {
        assert_eq!(planned["verdict"], done["verdict"]);
    }
}

#[test]
fn a_plan_is_made_with_a_server_that_takes_no_writes() {
    let world = World::with_partitions(1, 1);
    world.write(0..3, "a");
    world.poll().expect("drained", 0, 3);
    world.write(3..5, "a");
    let url = format!(
        "{}?options=-c%20default_transaction_read_only%3Don",
        world.database.url()
    );
    let plan = Told::of(
        world
            .command()
            .env("DATABASE_URL", url)
            .args(["plan", "--output", "json"]),
    );
    assert_eq!(verdicts(&plan.json(0)), [json!([0, "read", 3, 5, null])]);
}

#[test]
fn a_topic_that_was_created_anew_or_is_gone_is_told_before_a_poll_meets_it() {
    let world = World::with_topics(2);
    for topic in &world.topics {
        world.kafka.produce(topic, 0, ["{}"; 2]).unwrap();
    }
    world.poll().expect("drained", 0, 4);
    world.kafka.delete_topic(&world.topics[0]).unwrap();
    world.kafka.create_topic(&world.topics[0], 3).unwrap();
    world.kafka.delete_topic(&world.topics[1]).unwrap();
    let before = world.dump();
    let json = world.ask_json(&["plan"]).json(9);
    assert_eq!(world.dump(), before);
    let partition = |topic: &str| {
        let all = json["partitions"].as_array().unwrap();
        let found = all
            .iter()
            .find(|p| p["topic"] == topic && p["partition"] == 0);
        found.unwrap().clone()
    };
    let anew = partition(&world.topics[0]);
    assert_eq!(
        (
            &anew["verdict"],
            &anew["from"],
            &anew["lostFrom"],
            &anew["problem"]
        ),
        (&"recreated".into(), &0.into(), &2.into(), &Value::Null)
    );
    let gone = partition(&world.topics[1]);
    assert_eq!(gone["verdict"], "gone");
    assert!(gone["problem"].as_str().unwrap().contains("no more"));
}

#[test]
fn it_finds_where_a_diverged_log_parts_from_the_recorded_one() {
    let world = World::with_partitions(1, 1);
    world.write(0..1_500, "a");
    world.poll().expect("drained", 0, 1_500);
    for cut in [0, 1, 700, 1_499] {
        world.replace_log(1);
        world.write(0..cut, "a");
        world.write(cut..1_600, "b");
        world.stop(0, "diverged");
        let json = world.ask_json(&["plan"]).json(9);
        let same_through = (cut > 0).then(|| cut.strict_sub(1));
        assert_eq!(
            json["partitions"][0]["divergence"],
            json!({"sameThrough": same_through, "differsAt": cut, "begins": cut}),
        );
    }
    // the beginning of the new log is gone already, and so is the place where they part
    world
        .kafka
        .delete_records(world.topic(), &[(0, 1_490)])
        .unwrap();
    let json = world.ask_json(&["plan"]).json(9);
    assert_eq!(
        json["partitions"][0]["divergence"],
        json!({"sameThrough": 1_498, "differsAt": 1_499, "begins": 1_499}),
    );
    world
        .kafka
        .delete_records(world.topic(), &[(0, 1_500)])
        .unwrap();
    let json = world.ask_json(&["plan"]).json(9);
    assert_eq!(
        json["partitions"][0]["divergence"],
        json!({"sameThrough": null, "differsAt": null, "begins": 1_500}),
    );
    // a log that is shorter than what is recorded
    world.replace_log(1);
    world.write(0..20, "a");
    let json = world.ask_json(&["plan"]).json(9);
    assert_eq!(
        json["partitions"][0]["divergence"],
        json!({"sameThrough": 19, "differsAt": 20, "begins": 20}),
    );
}

/// Transactions of three messages each, so that a marker follows every third record.
fn write_transactions(world: &World, log: impl Fn(i64) -> &'static str) {
    let producer = world
        .kafka
        .producer_with(&[("transactional.id", &unique("tx"))])
        .unwrap();
    let limit = Duration::from_secs(30);
    producer.client().init_transactions(limit).unwrap();
    for transaction in 0..12_i64 {
        producer.client().begin_transaction().unwrap();
        let messages = (0..3).map(|n| {
            Message::new(format!(r#"{{"log":"{}"}}"#, log(transaction))).at(transaction
                .strict_mul(3)
                .strict_add(n)
                .strict_add(1_772_366_400_000))
        });
        producer.produce(world.topic(), 0, messages).unwrap();
        producer.client().commit_transaction(limit).unwrap();
    }
    // a commit is answered before its marker is written
    wait_until("the last marker", limit, || {
        world.kafka.watermarks(world.topic(), 0).unwrap().1 == 48
    })
    .unwrap();
}

#[test]
fn markers_between_the_records_do_not_hide_where_two_logs_part() {
    let world = World::with_partitions(1, 1);
    write_transactions(&world, |_| "a");
    world.poll().expect("drained", 0, 36);
    world.replace_log(1);
    write_transactions(
        &world,
        |transaction| if transaction < 5 { "a" } else { "b" },
    );
    world.stop(0, "diverged");
    let json = world.ask_json(&["plan"]).json(9);
    // five transactions of three records and a marker: 18 is the last record, 19 its marker
    assert_eq!(
        json["partitions"][0]["divergence"],
        json!({"sameThrough": 18, "differsAt": 20, "begins": 19}),
    );
    // a record where the recorded log has a marker is another log too
    world.replace_log(1);
    let same =
        (0..3).map(|n| Message::new(r#"{"log":"a"}"#).at(1_772_366_400_000_i64.strict_add(n)));
    world.kafka.produce(world.topic(), 0, same).unwrap();
    world.kafka.produce(world.topic(), 0, ["{}"; 60]).unwrap();
    let json = world.ask_json(&["plan"]).json(9);
    assert_eq!(
        json["partitions"][0]["divergence"],
        json!({"sameThrough": 2, "differsAt": 3, "begins": 3}),
    );
}

#[test]
fn a_plan_needs_kafka() {
    let world = World::with_partitions(1, 1);
    let told = Told::of(
        world
            .command()
            .env("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
            .env("POLL_DEADLINE_SECONDS", "2")
            .args(["plan", "--output", "json"]),
    );
    let json = told.json(4);
    assert_eq!(json["outcome"], "failed");
    assert!(told.stderr.contains("127.0.0.1:1"), "{}", told.stderr);
}
