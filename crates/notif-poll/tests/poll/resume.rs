//! `notif-poll resume`: a stopped partition goes on, and the ledger says what an operator decided.

use serde_json::{Value, json};

use crate::world::World;

fn parted_world() -> World {
    let world = World::with_partitions(1, 1);
    world.write(0..50, "a");
    world.poll().expect("drained", 0, 50);
    world.replace_log(1);
    world.write(0..42, "a");
    world.write(42..60, "b");
    world.poll().expect("stopped", 9, 0);
    world
}

fn resume<'a>(world: &'a World, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["resume", "--topic", world.topic()];
    arguments.extend(more);
    arguments
}

/// (generation, how many rows, from, to) of the recorded rows.
fn recorded(world: &World) -> Vec<Value> {
    world
        .database
        .rows(
            "SELECT topic_generation AS g, count(*) AS n, min(source_offset) AS low, \
             max(source_offset) AS high FROM notifications GROUP BY 1 ORDER BY 1",
        )
        .unwrap()
}

#[test]
fn a_diverged_log_goes_on_in_a_new_generation_from_where_it_parts() {
    let world = parted_world();
    world.poll().expect("stopped", 9, 0);
    let before = world.dump();
    let told = world.ask(&resume(&world, &["--partition", "0"]));
    assert_eq!(told.code, 0, "{told:?}");
    assert_eq!(
        told.stdout.replace(world.topic(), "TOPIC"),
        "TOPIC/0: stopped as diverged, generation 0, next offset 50\n\
         \x20 Kafka's log is the recorded one through 41, and differs at 42\n\
         \x20 the next poll would read on in generation 1, which begins at 42\n\
         \x20 ledger: generation 0 ends at 50, diverged: what its log had from there on is not known\n\
         a dry run, nothing was written: --reason and --yes do it\n"
    );
    assert_eq!(world.dump(), before, "a dry run wrote something");

    let why = ["--partition", "0", "--reason", "broker restored", "--yes"];
    let json = world.ask_json(&resume(&world, &why)).json(0);
    assert_eq!(json["outcome"], "resumed");
    assert_eq!(
        json["partitions"][0],
        json!({
            "topic": world.topic(), "partition": 0, "stopped": "diverged", "retired": false,
            "generation": 0, "nextOffset": 50,
            "divergence": {"sameThrough": 41, "differsAt": 42, "begins": 42},
            "action": "new-generation", "nextGeneration": 1, "begins": 42, "endsAs": "diverged",
            "skipped": [],
        })
    );
    let by = world
        .database
        .rows("SELECT recorded_by, session_user AS database_user FROM capture_gaps")
        .unwrap();
    let who = by[0]["recorded_by"].as_str().unwrap();
    assert!(who.starts_with("alice@"), "{who}");
    let user = by[0]["database_user"].as_str().unwrap();
    assert!(who.ends_with(&format!("(database user {user})")), "{who}");
    // no run has to tell of what an operator decided: exit 0
    world.poll().expect("drained", 0, 18);
    world.poll().expect("nothing", 0, 0);
    assert_eq!(
        world.ledger(),
        [
            json!({"p": 0, "g": 0, "first": 50, "last": null, "known_end": 50,
                "reason": "diverged", "note": "broker restored", "told": false})
        ]
    );
    assert_eq!(
        recorded(&world),
        [
            json!({"g": 0, "n": 50, "low": 0, "high": 49}),
            json!({"g": 1, "n": 18, "low": 42, "high": 59})
        ]
    );
    world.assert_generations_tiled();
}

#[test]
fn an_operator_may_begin_the_new_generation_later_and_the_ledger_says_so() {
    let world = parted_world();
    let why = [
        "--partition",
        "0",
        "--at",
        "55",
        "--reason",
        "noise",
        "--yes",
    ];
    let json = world.ask_json(&resume(&world, &why)).json(0);
    assert_eq!(
        json["partitions"][0]["skipped"],
        json!([{"firstOffset": 42, "lastOffset": 54, "reason": "operator"}])
    );
    world.poll().expect("drained", 0, 5);
    let reasons: Vec<Value> = world
        .ledger()
        .iter()
        .map(|gap| json!([gap["g"], gap["first"], gap["last"], gap["reason"]]))
        .collect();
    assert_eq!(
        reasons,
        [
            json!([0, 50, null, "diverged"]),
            json!([1, 42, 54, "operator"])
        ]
    );
    world.assert_generations_tiled();
}

#[test]
fn a_log_that_parts_again_before_the_newest_generation_is_compared_with_the_one_before() {
    let world = parted_world();
    let why = ["--partition", "0", "--reason", "first time", "--yes"];
    world.ask_json(&resume(&world, &why)).json(0);
    world.poll().expect("drained", 0, 18);
    // now it is cut at 20, which generation 0 recorded, while generation 1 began at 42
    world.replace_log(1);
    world.write(0..20, "a");
    world.write(20..70, "c");
    world.stop(0, "diverged");
    let json = world.ask_json(&resume(&world, &why)).json(0);
    assert_eq!(
        json["partitions"][0]["divergence"],
        json!({"sameThrough": 19, "differsAt": 20, "begins": 20})
    );
    world.poll().expect("drained", 0, 50);
    // and at 30, which is of generation 2 by now, whatever the first two had there
    world.replace_log(1);
    world.write(0..20, "a");
    world.write(20..30, "c");
    world.write(30..80, "d");
    world.stop(0, "diverged");
    let json = world.ask_json(&resume(&world, &why)).json(0);
    assert_eq!(
        json["partitions"][0]["divergence"],
        json!({"sameThrough": 29, "differsAt": 30, "begins": 30})
    );
    world.poll().expect("drained", 0, 50);
    world.assert_generations_tiled();
}

#[test]
fn a_log_that_is_whole_again_goes_on_without_a_new_generation() {
    let world = World::with_partitions(1, 1);
    world.write(0..5, "a");
    world.poll().expect("drained", 0, 5);
    world.write(5..8, "a");
    world.stop(0, "diverged");
    let why = [
        "--partition",
        "0",
        "--reason",
        "the leader is back",
        "--yes",
    ];
    let json = world.ask_json(&resume(&world, &why)).json(0);
    assert_eq!(json["partitions"][0]["action"], "retry");
    world.poll().expect("drained", 0, 3);
    assert!(world.ledger().is_empty());
    world.assert_tiled();
}

#[test]
fn after_any_other_stop_the_same_offset_is_tried_or_what_lies_before_another_is_skipped() {
    let world = World::with_partitions(1, 1);
    world.write(0..3, "a");
    world.poll().expect("drained", 0, 3);
    world.write(3..9, "a");
    world.stop(0, "corrupt");
    world.poll().expect("stopped", 9, 0);
    let retry = ["--partition", "0", "--reason", "client updated", "--yes"];
    // Kafka is not needed for it
    let told = crate::operator::Told::of(
        world
            .command()
            .env("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
            .args(resume(&world, &retry))
            .args(["--output", "json"]),
    );
    assert_eq!(told.json(0)["partitions"][0]["action"], "retry");
    assert_eq!(
        world.number(
            "SELECT count(*) FROM kafka_offsets WHERE stopped_reason IS NULL \
                      AND stopped_at IS NULL AND stopped_offset IS NULL"
        ),
        1
    );
    world.stop(0, "refused");
    let skip = [
        "--partition",
        "0",
        "--at",
        "5",
        "--reason",
        "two bad ones",
        "--yes",
    ];
    let json = world.ask_json(&resume(&world, &skip)).json(0);
    assert_eq!(json["partitions"][0]["action"], "forward");
    world.poll().expect("drained", 0, 4);
    assert_eq!(
        world.ledger(),
        [
            json!({"p": 0, "g": 0, "first": 3, "last": 4, "known_end": null, "reason": "operator",
                "note": "two bad ones", "told": false})
        ]
    );
    world.assert_tiled();
}

#[test]
fn what_kafka_deleted_during_a_stop_is_a_loss_that_the_next_poll_tells_of() {
    let world = World::with_partitions(1, 1);
    world.write(0..3, "a");
    world.poll().expect("drained", 0, 3);
    world.write(3..9, "a");
    world.stop(0, "corrupt");
    world
        .kafka
        .delete_records(world.topic(), &[(0, 5)])
        .unwrap();
    let skip = [
        "--partition",
        "0",
        "--at",
        "6",
        "--reason",
        "damaged",
        "--yes",
    ];
    world.ask_json(&resume(&world, &skip)).json(0);
    let report = world.poll();
    report.expect("gap", 6, 3);
    assert_eq!(report.json["gaps"][0]["firstOffset"], 3);
    assert_eq!(report.json["gaps"][0]["lastOffset"], 4);
    world.poll().expect("nothing", 0, 0);
    world.assert_tiled();
}

#[test]
fn a_topic_created_anew_while_it_was_stopped_is_taken_up_by_the_next_poll() {
    let world = World::with_partitions(1, 1);
    world.write(0..3, "a");
    world.poll().expect("drained", 0, 3);
    world.stop(0, "diverged");
    world.kafka.delete_topic(world.topic()).unwrap();
    world.kafka.create_topic(world.topic(), 1).unwrap();
    world.write(0..2, "b");
    let why = ["--partition", "0", "--reason", "created anew", "--yes"];
    let told = world.ask(&resume(&world, &why));
    assert!(told.stdout.contains("created anew"), "{told:?}");
    world.poll().expect("gap", 6, 2);
    assert_eq!(world.ledger()[0]["reason"], "recreated");
    world.assert_generations_tiled();
}

#[test]
fn each_refusal_says_what_would_be_right_and_writes_nothing() {
    let world = parted_world();
    let second = World::with_partitions(1, 1);
    second.write(0..4, "a");
    second.poll().expect("drained", 0, 4);
    let stopped = World::with_partitions(1, 1);
    stopped.write(0..4, "a");
    stopped.poll().expect("drained", 0, 4);
    stopped.stop(0, "conflict");
    let cases: [(&World, &[&str]); 9] = [
        (&second, &["--partition", "0"]),
        (&second, &["--partition", "7"]),
        (&second, &[]),
        (&world, &["--partition", "0", "--at", "41"]),
        (&world, &["--partition", "0", "--at", "61"]),
        (&stopped, &["--partition", "0", "--at", "3"]),
        (&stopped, &["--partition", "0", "--at", "5"]),
        (&stopped, &["--partition", "0", "--reason", " ", "--yes"]),
        (&stopped, &["--partition", "0", "--yes"]),
    ];
    let before = [world.dump(), second.dump(), stopped.dump()];
    let mut told: Vec<String> = cases
        .iter()
        .map(|(world, more)| {
            let told = world.ask(&resume(world, more));
            assert_eq!(told.code, 2, "{more:?} {told:?}");
            assert_eq!(told.stdout, "");
            format!("{more:?}\n{}", told.stderr.replace(world.topic(), "TOPIC"))
        })
        .collect();
    let unknown = second.ask(&["resume", "--topic", "no-such"]);
    told.push(unknown.stderr);
    assert_eq!([world.dump(), second.dump(), stopped.dump()], before);
    insta::assert_snapshot!(told.join("\n"));
}
