//! Whatever lawfully happens to a record leaves it without a fault.

use std::process::Stdio;
use std::time::Duration;

use notif_testbed::campus::Campus;
use notif_testbed::hostile::{self, TOPIC_SETTINGS};
use notif_testbed::kafka::{Message, RawMessage};
use notif_testbed::postgres::Postgres;
use notif_testbed::unique;
use notif_testbed::wait::wait_until;

use super::Verified;
use crate::drain::transaction;
use crate::world::World;

/// A topic with every hostile message and some thousand broken ones.
fn produce_hostile(world: &mut World) -> usize {
    let topic = unique("hostile");
    world
        .kafka
        .create_topic_with(&topic, 1, &TOPIC_SETTINGS)
        .unwrap();
    let mut messages: Vec<RawMessage> = hostile::messages()
        .into_iter()
        .map(|hostile| hostile.message)
        .collect();
    messages.push(hostile::over_16_mib().message);
    messages.extend(hostile::mutations(6).take(1_000));
    world.kafka.produce_raw(&topic, 0, &messages).unwrap();
    world.topics.push(topic);
    messages.len()
}

#[test]
fn a_campus_with_hostile_messages_transactions_and_losses_is_proved() {
    let mut world = World::with_topics(1);
    let events: Vec<(String, i32, Message)> = Campus::new(9)
        .events(3_000)
        .into_iter()
        .map(|event| (world.topic().to_owned(), event.partition, event.into()))
        .collect();
    world.kafka.producer().unwrap().produce_all(events).unwrap();
    let hostile = i64::try_from(produce_hostile(&mut world)).unwrap();
    // a loss before the first poll, holes of transactions, and a loss after it
    let delete = |before| {
        let before = [(0, before)];
        world.kafka.delete_records(world.topic(), &before).unwrap();
    };
    delete(5);
    transaction(&world, &["{}", "{}"], true);
    transaction(&world, &["{}", "{}", "{}"], false);
    world.poll().expect("drained", 0, 3_002 - 5 + hostile);
    transaction(&world, &["{}", "{}"], true);
    let end = world.kafka.watermarks(world.topic(), 0).unwrap().1;
    delete(end - 2);
    world.poll().expect("gap", 6, 1);

    let shallow = Verified::shallow(&world).expect_clean();
    assert_eq!(shallow.count("rows"), 2_998 + hostile);
    assert_eq!(shallow.count("losses"), 2);
    assert_eq!(shallow.unproved(), [("without-kafka", -1, -1)]);
    let deep = Verified::deep(&world).expect_clean();
    let unproved = deep.unproved();
    assert!(
        matches!(unproved.as_slice(), [("deleted-in-kafka", -1, rows)] if *rows > 900),
        "{unproved:?}"
    );
    assert_eq!(
        deep.count("comparedWithKafka"),
        deep.count("rows") - unproved[0].2
    );
    insta::assert_snapshot!(super::text(&world, &["--topic", world.topic()]));
}

#[test]
fn a_log_that_is_compacted_proves_what_it_still_has() {
    let mut world = World::with_topics(0);
    let topic = unique("compacted");
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "1000"),
        ("min.cleanable.dirty.ratio", "0.0"),
        ("delete.retention.ms", "0"),
    ];
    world.kafka.create_topic_with(&topic, 1, &settings).unwrap();
    world.topics = vec![topic];
    // a new segment each hour of their own time; the last one is never compacted, so each is recorded
    // before it can be
    for n in 0..6 {
        let at = 1_764_000_000_000 + n * 3_600_000;
        let message = Message::new(format!(r#"{{"n":{n}}}"#)).key("k").at(at);
        world.kafka.produce(world.topic(), 0, [message]).unwrap();
        world.poll().expect("drained", 0, 1);
    }
    wait_until("the log to be compacted", Duration::from_secs(60), || {
        let deep = Verified::deep(&world).expect_clean();
        let unproved = deep.unproved();
        matches!(unproved.as_slice(), [("compacted", -1, 4)])
    })
    .unwrap();
    // who comes later finds the holes
    let later = World {
        database: Postgres::shared().create_database().unwrap(),
        kafka: world.kafka,
        topics: world.topics.clone(),
    };
    later.poll().expect("drained", 0, 2);
    let deep = Verified::deep(&later).expect_clean();
    assert_eq!(deep.count("comparedWithKafka"), 2);
    assert_eq!(deep.unproved(), []);
}

#[test]
fn pruned_and_redacted_rows_are_counted_and_manual_ones_too() {
    let world = World::with_partitions(1, 1);
    let messages = (0..20).map(|n| Message::new(format!(r#"{{"customer_id":"c-{n}"}}"#)).key("k"));
    world.kafka.produce(world.topic(), 0, messages).unwrap();
    world.kafka.produce(world.topic(), 0, ["no json"]).unwrap();
    world.poll().expect("drained", 0, 21);
    let topic = world.topic();
    world
        .database
        .execute(&format!(
            "BEGIN; SET LOCAL notif.prune = 'on'; SET LOCAL notif.redact = 'on'; \
             DELETE FROM notifications WHERE source_offset IN (0, 1, 4); \
             INSERT INTO prune_ledger (topic, partition, topic_generation, first_offset, \
               last_offset, rows, pruned_by) VALUES ('{topic}', 0, 0, 0, 4, 3, 'test'); \
             UPDATE notifications SET status = 'redacted', event = '{{}}', event_bytes = 2, \
               message_key = NULL, raw = NULL, customer_id = NULL \
             WHERE source_offset IN (7, 20); \
             INSERT INTO notifications (notification_id, event, event_bytes, source_topic, event_type, \
               source_service, occurred_at, batch_id) VALUES \
               ('019ab5c8-007b-7000-8000-000000000001', '{{\"message\": 1}}', 14, 'api', \
                'notification.manual', 'notification-service-api', \
                to_timestamp(x'019ab5c8007b'::bigint / 1000.0), 77); \
             UPDATE recorder_state SET commit_seq = 77; \
             INSERT INTO batches VALUES (77, 77, NULL, now(), 1); COMMIT"
        ))
        .unwrap();
    let shallow = Verified::shallow(&world).expect_clean();
    assert_eq!(
        ["rows", "redacted", "pruned", "batches"].map(|name| shallow.count(name)),
        [19, 2, 3, 2]
    );
    let deep = Verified::deep(&world);
    // Kafka still has what was pruned: it is not stored, and lawfully so
    let deep = deep.expect_clean();
    assert_eq!(deep.count("comparedWithKafka"), 18);
    assert_eq!(
        deep.unproved(),
        [
            ("redacted", -1, 2),
            ("pruned-in-kafka", -1, 3),
            ("without-position", -1, 1),
            ("pruned-batches", -1, 3)
        ]
    );
    insta::assert_snapshot!(super::text(&world, &["--deep"]));
    // one more than the ledger of pruned rows says
    world
        .database
        .execute("SET session_replication_role = replica; DELETE FROM notifications WHERE source_offset = 3")
        .unwrap();
    let short = Verified::shallow(&world);
    assert_eq!(
        short.named(),
        [("range-rows", 0, 0, 20), ("batch-rows", -1, -1, -1)]
    );
}

#[test]
fn a_topic_that_was_created_anew_or_is_gone_or_retired_is_told() {
    let world = World::with_partitions(1, 1);
    let produce = |count| {
        let values = vec!["{}"; count];
        world.kafka.produce(world.topic(), 0, values).unwrap();
    };
    produce(3);
    world.poll().expect("drained", 0, 3);
    world.kafka.delete_topic(world.topic()).unwrap();
    assert_eq!(
        Verified::deep(&world).expect_clean().unproved(),
        [("gone", -1, -1)]
    );
    world.kafka.create_topic(world.topic(), 1).unwrap();
    produce(2);
    assert_eq!(
        Verified::deep(&world).expect_clean().unproved(),
        [("other-generation", -1, -1)]
    );
    world.poll().expect("gap", 6, 2);
    let deep = Verified::deep(&world).expect_clean();
    assert_eq!(deep.unproved(), [("other-generation", -1, -1)]);
    assert_eq!(deep.count("comparedWithKafka"), 2);
    world
        .database
        .execute(
            "UPDATE kafka_offsets SET retired_at = now(); \
             INSERT INTO capture_gaps (topic, partition, topic_generation, first_offset, reason, recorded_by) \
             SELECT topic, partition, topic_generation, \"offset\" + 1, 'retired', 'test' FROM kafka_offsets",
        )
        .unwrap();
    assert_eq!(
        Verified::deep(&world).expect_clean().unproved(),
        [("other-generation", -1, -1), ("retired", -1, -1)]
    );
    // without the row that ended it, nobody knows how long the first log was
    world
        .database
        .execute("DELETE FROM capture_gaps WHERE reason = 'recreated'")
        .unwrap();
    let shallow = Verified::shallow(&world);
    assert_eq!(shallow.named(), [("generation-end", 0, -1, -1)]);
}

#[test]
fn a_poll_that_runs_meanwhile_raises_no_false_alarm() {
    const RECORDS: i32 = 40_000;
    let world = World::with_topics(1);
    world.produce_numbers(RECORDS);
    let mut poll = world
        .command()
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("a first batch", Duration::from_secs(60), || {
        world.number("SELECT count(*) FROM notifications") > 0
    })
    .unwrap();
    let mut seen = Vec::new();
    while poll.try_wait().unwrap().is_none() {
        seen.push(Verified::deep(&world).expect_clean().count("rows"));
    }
    seen.push(Verified::deep(&world).expect_clean().count("rows"));
    assert_eq!(seen.last(), Some(&i64::from(RECORDS)), "{seen:?}");
    assert!(seen.is_sorted(), "{seen:?}");
    assert!(seen[0] < i64::from(RECORDS), "the poll was over: {seen:?}");
}
