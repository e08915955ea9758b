//! `docs/operations.md` shows what `verify` really prints.

use notif_testbed::campus::Campus;
use notif_testbed::kafka::Message;

use super::{text, without_times};
use crate::world::World;

const PAGE: &str = include_str!("../../../../../docs/operations.md");

/// The blocks of the page that show `verify`, without what differs from run to run.
fn shown() -> Vec<String> {
    PAGE.split("```console\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter(|block| block.starts_with("$ notif-poll verify"))
        .map(without_times)
        .collect()
}

#[test]
fn the_page_shows_what_is_printed() {
    let world = World::with_topics(1);
    let events: Vec<(String, i32, Message)> = Campus::new(3)
        .events(2_000)
        .into_iter()
        .map(|event| (world.topic().to_owned(), event.partition, event.into()))
        .collect();
    world.kafka.producer().unwrap().produce_all(events).unwrap();
    world.poll().expect("drained", 0, 2_000);
    let delete = [(0, 100), (1, 50)];
    world.kafka.delete_records(world.topic(), &delete).unwrap();
    world
        .database
        .execute(
            "BEGIN; SET LOCAL notif.redact = 'on'; \
             UPDATE notifications SET status = 'redacted', event = '{}', event_bytes = 2, \
               message_key = NULL, headers = NULL \
             WHERE source_partition = 2 AND source_offset < 3; COMMIT",
        )
        .unwrap();
    let printed = |arguments: &[&str]| text(&world, arguments).replace("topic-0", "order-events");
    let clean = [printed(&[]), printed(&["--deep"])];
    world
        .database
        .execute(
            "SET session_replication_role = replica; \
             DELETE FROM notifications WHERE source_partition = 0 AND source_offset = 471; \
             UPDATE notifications SET message_key = 'o-1' \
             WHERE source_partition = 1 AND source_offset = 230",
        )
        .unwrap();
    let broken = printed(&["--deep", "--topic", world.topic()]);
    assert_eq!(shown(), [&clean[..], &[broken]].concat());
}
