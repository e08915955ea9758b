//! What stops a partition, for this run or until an operator decides; and records that PostgreSQL
//! refuses, which stop nothing.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};

use notif_testbed::kafka::{Kafka, KafkaOptions, Message};
use serde_json::{Value, json};

use crate::world::{Report, World};

/// What the offset table says of partition 0: stored offset, why and where it is stopped.
fn stop(world: &World) -> Value {
    let rows = world
        .database
        .rows(
            "SELECT \"offset\", stopped_reason AS reason, stopped_offset AS at \
             FROM kafka_offsets WHERE partition = 0",
        )
        .unwrap();
    rows[0].clone()
}

/// A trigger that refuses rows which fulfil a condition, with an error code.
pub(crate) fn refuse_rows(world: &World, condition: &str, code: &str) {
    world
        .database
        .execute(&format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
               IF {condition} THEN RAISE EXCEPTION 'not here' USING ERRCODE = '{code}'; END IF; \
               RETURN NEW; END $$; \
             CREATE TRIGGER refuse BEFORE INSERT ON notifications \
               FOR EACH ROW EXECUTE FUNCTION refuse()"
        ))
        .unwrap();
}

fn produce(world: &World, partition: i32, values: &[&str]) {
    let topic = world.topic();
    world
        .kafka
        .produce(topic, partition, values.to_vec())
        .unwrap();
}

#[test]
fn another_record_in_the_place_of_the_last_one_stops_the_partition_until_an_operator_decides() {
    let world = World::with_partitions(1, 2);
    produce(&world, 0, &["{}", "{}"]);
    produce(&world, 1, &["{}"]);
    world.poll().expect("drained", 0, 3);
    // as if the log had been cut at 1 and had grown again
    world
        .database
        .execute("UPDATE kafka_offsets SET witness_sha256 = sha256('other') WHERE partition = 0")
        .unwrap();
    produce(&world, 0, &["{}"]);
    produce(&world, 1, &["{}"]);
    let report = world.poll();
    report.expect("stopped", 9, 1);
    let problem = &report.partition(world.topic(), 0)["problem"];
    let problem = problem.as_str().unwrap();
    assert!(
        problem.contains("the record at 1 is not the one"),
        "{problem}"
    );
    let stopped = json!({"offset": 1, "reason": "diverged", "at": 1});
    assert_eq!(stop(&world), stopped);
    assert_eq!(world.number("SELECT count(*) FROM capture_gaps"), 0);
    // where the other log ends is no end of the recorded one
    let ends = "SELECT end_offset FROM kafka_offsets WHERE partition = 0";
    assert_eq!(world.number(ends), 2);

    // it stays so, whatever the witness says now
    world
        .database
        .execute("UPDATE kafka_offsets SET witness_offset = NULL")
        .unwrap();
    produce(&world, 1, &["{}"]);
    let report = world.poll();
    report.expect("stopped", 9, 1);
    assert_eq!(report.partition(world.topic(), 0)["verdict"], "stopped");
    assert_eq!(stop(&world), stopped);
    world.assert_tiled();
}

/// Flips a byte of the last record of a log, while its broker is down.
fn damage(kafka: &Kafka, topic: &str) {
    let mut segments = Vec::new();
    let mut folders = vec![kafka.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_ours = path
                .parent()
                .is_some_and(|folder| folder.ends_with(format!("{topic}-0")));
            if path.is_dir() {
                folders.push(path);
            } else if is_ours && path.extension().is_some_and(|end| end == "log") {
                segments.push(path);
            }
        }
    }
    let [segment] = segments.as_slice() else {
        panic!("one segment expected: {segments:?}");
    };
    let mut file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(segment)
        .unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::End(-3)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::End(-3)).unwrap();
    file.write_all(&[byte[0] ^ 0x20]).unwrap();
}

#[test]
fn a_damaged_log_stops_its_partition_behind_the_last_good_record() {
    let mut world = World::with_partitions(0, 1);
    let kafka = Kafka::start(&KafkaOptions::default()).unwrap();
    kafka.create_topic("damaged", 1).unwrap();
    for value in ["{}", "{}", r#"{"last":"one"}"#] {
        // one at a time: each a batch of its own
        kafka.produce("damaged", 0, [value]).unwrap();
    }
    kafka.stop().unwrap();
    damage(&kafka, "damaged");
    kafka.restart().unwrap();
    world.topics = vec!["damaged".to_owned()];
    let poll = || {
        Report::of(
            world
                .command()
                .env("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap()),
        )
    };
    poll().expect("stopped", 9, 2);
    assert_eq!(
        stop(&world),
        json!({"offset": 1, "reason": "corrupt", "at": 2})
    );
    poll().expect("stopped", 9, 0);
}

#[test]
fn what_an_operator_added_stops_its_partition_for_this_run_and_names_itself() {
    let added = [
        (
            "constraint",
            "nothing_forbidden",
            "ALTER TABLE notifications DROP CONSTRAINT nothing_forbidden",
        ),
        (
            "trigger",
            "not here",
            "DROP TRIGGER refuse ON notifications",
        ),
    ];
    for (what, name, remove) in added {
        let world = World::with_partitions(1, 2);
        if what == "trigger" {
            refuse_rows(&world, "NEW.event_type = 'forbidden'", "P0001");
        } else {
            let check = "ALTER TABLE notifications ADD CONSTRAINT nothing_forbidden \
                         CHECK (event_type <> 'forbidden')";
            world.database.execute(check).unwrap();
        }
        produce(&world, 0, &["{}", "{}", r#"{"type":"forbidden"}"#, "{}"]);
        produce(&world, 1, &["{}"; 5]);
        let report = world.poll();
        report.expect("failed", 3, 7);
        let error = report.json["error"].as_str().unwrap();
        assert!(error.contains("the record at 2"), "{what}: {error}");
        assert!(error.contains(name), "{what}: {error}");
        let here = json!({"offset": 1, "reason": null, "at": null});
        assert_eq!(stop(&world), here, "{what}");

        world.database.execute(remove).unwrap();
        world.poll().expect("drained", 0, 2);
        world.assert_tiled();
    }
}

#[test]
fn a_record_that_postgresql_refuses_is_kept_as_it_came_in_the_same_run() {
    // invalid_parameter_value of class 22, statement_too_complex of class 54
    for code in ["22023", "54001"] {
        let world = World::with_partitions(1, 2);
        refuse_rows(&world, "NEW.event_type = 'odd' AND NEW.raw IS NULL", code);
        let odd = r#"{"type":"odd","orderId":"o-1"}"#;
        produce(&world, 0, &["{}", odd, "{}", odd, odd, "{}"]);
        produce(&world, 1, &["{}"; 3]);
        world.poll().expect("drained", 0, 9);
        let refused = world
            .database
            .rows(
                "SELECT source_offset AS at, order_id, convert_from(raw, 'UTF8') AS raw \
                 FROM notifications WHERE raw_reason = 'refused-by-database' ORDER BY 1",
            )
            .unwrap();
        let at = |offset: i64| json!({"at": offset, "order_id": "o-1", "raw": odd});
        assert_eq!(refused, [at(1), at(3), at(4)], "{code}");
        let expected = [(0, 0..6), (1, 0..3)];
        let expected: Vec<(i64, i64)> = expected
            .into_iter()
            .flat_map(|(partition, offsets)| offsets.map(move |offset| (partition, offset)))
            .collect();
        assert_eq!(world.positions(), expected, "{code}");
        world.assert_tiled();
        world.poll().expect("nothing", 0, 0);
    }
}

#[test]
fn a_record_that_is_refused_even_as_raw_bytes_stops_its_partition_there() {
    let world = World::with_partitions(1, 2);
    refuse_rows(&world, "NEW.event_type = 'odd'", "22023");
    produce(&world, 0, &["{}", "{}", r#"{"type":"odd"}"#, "{}"]);
    produce(&world, 1, &["{}"; 3]);
    let report = world.poll();
    report.expect("stopped", 9, 5);
    assert_eq!(
        stop(&world),
        json!({"offset": 1, "reason": "refused", "at": 2})
    );
    world.assert_tiled();
    world.poll().expect("stopped", 9, 0);
}

#[test]
fn a_database_that_refuses_everything_is_not_the_records_fault() {
    let world = World::with_partitions(1, 1);
    refuse_rows(&world, "NEW.raw IS NULL", "22023");
    let topic = world.topic();
    let messages = (0..150).map(|n| (topic, 0, Message::new(format!("{{\"n\":{n}}}"))));
    let producer = world.kafka.producer().unwrap();
    producer.produce_all(messages).unwrap();
    let report = world.poll();
    report.expect("failed", 1, 0);
    let error = report.json["error"].as_str().unwrap();
    assert!(error.contains("refuses 150 records of 150"), "{error}");
    assert_eq!(
        stop(&world),
        json!({"offset": -1, "reason": null, "at": null})
    );
    assert_eq!(world.number("SELECT count(*) FROM notifications"), 0);
}
