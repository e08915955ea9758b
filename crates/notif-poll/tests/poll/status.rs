//! `notif-poll status`: what an operator sees first.

use serde_json::{Value, json};

use crate::operator::Told;
use crate::world::{World, notif_poll};

/// The command while Kafka is down.
fn without_kafka(world: &World, arguments: &[&str]) -> Told {
    Told::of(
        world
            .command()
            .env("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
            .env("POLL_DEADLINE_SECONDS", "3")
            .args(arguments),
    )
}

fn json_without_kafka(world: &World) -> Value {
    without_kafka(world, &["status", "--output", "json"]).json(0)
}

fn partition(status: &Value, number: i64) -> &Value {
    let all = status["partitions"].as_array().unwrap();
    all.iter().find(|p| p["partition"] == number).unwrap()
}

#[test]
fn a_healthy_recorder_is_told_in_one_line_while_kafka_is_down() {
    let world = World::with_topics(1);
    world.produce_numbers(9);
    world.poll().expect("drained", 0, 9);
    let told = without_kafka(&world, &["status"]);
    assert_eq!(told.code, 0, "{told:?}");
    let lines: Vec<&str> = told.stdout.lines().collect();
    assert!(
        lines[0].starts_with("good; recorded through 20"),
        "{told:?}"
    );
    assert!(lines[0].contains("; Kafka as seen at 20"), "{told:?}");
    let words = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        words(lines[2]),
        [
            "TOPIC", "PART", "GEN", "STORED", "END", "LAG", "BEHIND", "MARGIN", "STATE"
        ]
    );
    assert_eq!(
        words(lines[3]),
        [world.topic(), "0", "0", "2", "3", "0", "-", "3", "ok"]
    );
    assert!(told.stdout.contains("no losses in the ledger"), "{told:?}");
    assert!(lines.last().unwrap().contains("drained"), "{told:?}");
}

#[test]
fn a_database_without_polls_is_told_as_such() {
    let world = World::with_topics(0);
    let told = Told::of(world.command().env("KAFKA_TOPICS", "a").arg("status"));
    assert_eq!(told.code, 0, "{told:?}");
    assert!(
        told.stdout.starts_with("unknown: no poll has ended yet; "),
        "{told:?}"
    );
    assert!(told.stdout.contains("no run yet"), "{told:?}");
}

/// A partition for each thing that a person must know of.
fn troubled_world() -> World {
    let world = World::with_partitions(1, 4);
    for number in 0..4 {
        world
            .kafka
            .produce(world.topic(), number, ["{}"; 5])
            .unwrap();
    }
    world.poll().expect("drained", 0, 20);
    let change = |sql: &str| world.database.execute(sql).unwrap();
    // the last poll saw more than it could read
    change(
        "UPDATE kafka_offsets SET end_offset = 12, high_watermark = 12, low_offset = 2, \
         drained_through = clock_timestamp() - interval '90 minutes' WHERE partition = 0",
    );
    // a transaction holds the end back
    change(
        "UPDATE kafka_offsets SET high_watermark = 9, \
         end_moved_at = clock_timestamp() - interval '20 minutes' WHERE partition = 2",
    );
    world.stop(1, "diverged");
    let why = ["--partition", "3", "--reason", "not needed", "--yes"];
    let mut arguments = vec!["retire", "--topic", world.topic()];
    arguments.extend(why);
    world.ask_json(&arguments).json(0);
    change(&format!(
        "INSERT INTO capture_gaps (topic, partition, topic_generation, first_offset, last_offset, \
         reason, recorded_by) VALUES ('{}', 0, 0, 0, 1, 'retention', 'notif-poll')",
        world.topic()
    ));
    // two runs without an end, one of them past its deadline
    change(
        "INSERT INTO poll_runs (started_at, deadline_at, host, version) VALUES \
         (clock_timestamp() - interval '1 minute', clock_timestamp() + interval '1 hour', 'here', '0.1.0'), \
         (clock_timestamp() - interval '1 hour', clock_timestamp() - interval '59 minutes', 'there', '0.1.0')",
    );
    world
}

#[test]
fn everything_that_is_not_as_it_should_be_is_told() {
    let world = troubled_world();
    let status = json_without_kafka(&world);
    assert_eq!(status["health"]["state"], "attention");
    assert_eq!(
        status["health"]["reasons"],
        json!([
            "1 partition stopped",
            "1 partition with a hanging transaction",
            "1 loss that no run has told of yet",
            "the newest run was killed",
        ])
    );
    let behind = partition(&status, 0);
    assert_eq!(
        (&behind["lag"], &behind["lossMargin"], &behind["state"]),
        (&7.into(), &3.into(), &"behind".into())
    );
    let seconds = behind["lagSeconds"].as_i64().unwrap();
    assert!((5_400..5_500).contains(&seconds), "{seconds}");
    let stopped = partition(&status, 1);
    assert_eq!(
        (&stopped["state"], &stopped["stopped"]["offset"]),
        (&"stopped: diverged at 5".into(), &5.into())
    );
    assert_eq!(partition(&status, 2)["state"], "hanging");
    assert_eq!(status["retired"][0]["partition"], 3);
    assert_eq!(status["partitions"].as_array().unwrap().len(), 3);
    assert_eq!(status["gapCount"], 2);
    assert_eq!(
        (&status["gaps"][0]["reason"], &status["gaps"][0]["told"]),
        (&"retention".into(), &false.into())
    );
    assert_eq!(
        (&status["gaps"][1]["note"], &status["gaps"][1]["told"]),
        (&"not needed".into(), &true.into())
    );
    let runs: Vec<&Value> = status["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["state"])
        .collect();
    assert_eq!(runs, ["abandoned", "running", "ended"]);

    let text = without_kafka(&world, &["status"]).stdout;
    for words in [
        "attention: 1 partition stopped, ",
        "is stopped as diverged at 5 since 20",
        "90 min",
        "losses in the ledger: 2",
        "retired:",
        "abandoned: killed before its end",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_topic_that_nobody_asks_for_any_more_is_told_and_so_is_what_kafka_has_besides() {
    let world = World::with_topics(2);
    world.poll().expect("nothing", 0, 0);
    let other = notif_testbed::unique("not-selected");
    world.kafka.create_topic(&other, 1).unwrap();
    let status = Told::of(
        world
            .command()
            .env("KAFKA_TOPICS", &world.topics[0])
            .args(["status", "--live", "--output", "json"]),
    )
    .json(0);
    assert_eq!(
        status["notSelected"]["watched"],
        json!([world.topics[1].clone()])
    );
    let in_kafka = status["notSelected"]["inKafka"].as_array().unwrap();
    assert!(in_kafka.contains(&other.into()), "{status}");
    assert!(
        !in_kafka.contains(&world.topics[0].clone().into()),
        "{status}"
    );
    assert!(
        !in_kafka
            .iter()
            .any(|name| name.as_str().unwrap().starts_with("__")),
        "{status}"
    );
}

#[test]
fn live_shows_what_kafka_has_now() {
    let world = World::with_topics(2);
    world.produce_numbers(3);
    world.poll().expect("drained", 0, 3);
    world.produce_numbers(6);
    world.kafka.delete_topic(&world.topics[1]).unwrap();
    let seen = json_without_kafka(&world);
    assert_eq!(
        (&seen["live"], &partition(&seen, 0)["lag"]),
        (&false.into(), &0.into())
    );
    let before = world.dump();
    let status = world.ask_json(&["status", "--live"]).json(0);
    assert_eq!(world.dump(), before);
    let of = |topic: &str| {
        let all = status["partitions"].as_array().unwrap();
        all.iter().find(|p| p["topic"] == topic).unwrap().clone()
    };
    let grown = of(&world.topics[0]);
    assert_eq!(
        (
            &status["live"],
            &grown["lag"],
            &grown["endOffset"],
            &grown["state"]
        ),
        (&true.into(), &2.into(), &3.into(), &"behind".into())
    );
    let gone = of(&world.topics[1]);
    assert_eq!(gone["state"], "gone");
    assert!(gone["problem"].as_str().unwrap().contains("no more"));
    assert_eq!(status["health"]["state"], "attention");
    assert_eq!(
        status["health"]["reasons"],
        json!(["3 partitions that cannot be read"])
    );
    // where Kafka does not answer, that is told, and what the last poll saw is shown
    let told = without_kafka(&world, &["status", "--live", "--output", "json"]);
    assert_eq!(told.json(0)["live"], false);
    assert!(told.stderr.contains("127.0.0.1:1"), "{told:?}");
}

#[test]
fn it_ends_with_2_3_or_7_where_it_cannot_look() {
    let world = World::with_topics(0);
    let status = |url: &str| {
        let mut command = notif_poll();
        command.env("DATABASE_URL", url);
        Told::of(command.args(["status", "--output", "json"]))
    };
    assert_eq!(status("mysql://x").json(2)["outcome"], "failed");
    let nowhere = status("postgresql://postgres@127.0.0.1:1/nothing");
    assert!(nowhere.json(3)["hint"].is_string());
    let mut unknown = world.command();
    unknown
        .env("KAFKA_TOPICS", "a")
        .args(["status", "--live", "-X", "no.such.setting=1"])
        .args(["--output", "json"]);
    Told::of(&mut unknown).json(2);
    let empty = world.database.server().empty_database().unwrap();
    let told = status(&empty.url());
    told.json(7);
    assert!(told.stderr.contains("notif-poll migrate"), "{told:?}");
}
