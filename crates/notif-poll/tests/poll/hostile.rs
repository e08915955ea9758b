//! Nothing is rejected: every message of the hostile list is a row that holds it unchanged.
//!
//! The list is made by hand, each entry with a name; generated messages are in `corpus.rs`.

use notif_testbed::hostile::{self, TOPIC_SETTINGS};
use notif_testbed::kafka::{Kafka, RawMessage};
use notif_testbed::unique;

use crate::message;
use crate::world::World;

#[test]
fn every_hostile_message_is_a_row_that_holds_it_unchanged() {
    let mut world = World::with_topics(0);
    let topic = unique("hostile");
    let kafka = Kafka::shared();
    kafka.create_topic_with(&topic, 1, &TOPIC_SETTINGS).unwrap();
    world.topics = vec![topic.clone()];
    let mut list = hostile::messages();
    list.push(hostile::over_16_mib());
    let messages: Vec<RawMessage> = list.iter().map(|entry| entry.message.clone()).collect();
    let offsets = kafka.produce_raw(&topic, 0, &messages).unwrap();
    let count = i64::try_from(list.len()).unwrap();
    message::drain(&world, count);
    let rows = message::rows(&world, &topic);
    assert_eq!(rows.len(), list.len());
    for ((entry, offset), row) in list.iter().zip(offsets).zip(&rows) {
        assert_eq!(row.position(), (0, offset), "{}", entry.name);
        row.assert_holds(&entry.message, entry.name);
    }
    world.assert_tiled();
}
