//! Nothing is rejected: every message is a row, and its bytes can be read back.

use notif_testbed::hostile::{self, Hostile, TOPIC_SETTINGS};
use notif_testbed::kafka::{Kafka, RawMessage};
use notif_testbed::unique;

use crate::drain::sha256_hex;
use crate::world::World;

#[test]
fn every_hostile_message_is_a_row_whose_bytes_are_kept_or_proven() {
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
    world.poll().expect("drained", 0, count);
    let rows = world
        .database
        .rows(
            "SELECT source_offset AS o, encode(value_sha256, 'hex') AS hash, value_bytes AS bytes, \
             encode(sha256(raw), 'hex') AS raw_hash, raw_reason AS reason, \
             octet_length(event::text) = event_bytes AS counted FROM notifications ORDER BY 1",
        )
        .unwrap();
    assert_eq!(rows.len(), list.len());
    for ((Hostile { name, message }, offset), row) in list.iter().zip(offsets).zip(&rows) {
        assert_eq!(row["o"], offset, "{name}");
        let hash = message.value.as_deref().map(sha256_hex);
        assert_eq!(row["hash"].as_str(), hash.as_deref(), "{name}");
        assert_eq!(
            row["counted"], true,
            "{name}: event_bytes is not what PostgreSQL prints"
        );
        assert_eq!(
            row["bytes"]
                .as_u64()
                .map(usize::try_from)
                .transpose()
                .unwrap(),
            message.value.as_ref().map(Vec::len),
            "{name}"
        );
        // bytes that event cannot hold faithfully are kept whole
        assert_eq!(row["reason"].is_null(), row["raw_hash"].is_null(), "{name}");
        if !row["raw_hash"].is_null() {
            assert_eq!(row["raw_hash"], row["hash"], "{name}");
        }
    }
    world.assert_tiled();
}
