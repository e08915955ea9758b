//! Topics in every codec that Kafka knows, compressed by producers or by the broker.

use std::collections::BTreeSet;
use std::fs;

use notif_testbed::campus::Campus;
use notif_testbed::kafka::{Kafka, Message};
use notif_testbed::unique;

use crate::message;
use crate::world::World;

/// The codecs, and their numbers in the attributes of a batch.
const CODECS: [(&str, u8); 4] = [("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)];

#[test]
fn compressed_topics_are_read_whichever_side_compressed_them() {
    let mut world = World::with_topics(0);
    let mut produced = Vec::new();
    for (codec, number) in CODECS {
        for by_producer in [true, false] {
            let topic = unique(codec);
            let (topics, producers) = if by_producer {
                ("producer", codec)
            } else {
                (codec, "none")
            };
            world
                .kafka
                .create_topic_with(&topic, 1, &[("compression.type", topics)])
                .unwrap();
            let events: Vec<Message> = Campus::new(u64::from(number))
                .events(400)
                .into_iter()
                .map(Into::into)
                .collect();
            let settings = [("compression.type", producers), ("linger.ms", "20")];
            let client = world.kafka.producer_with(&settings).unwrap();
            client.produce(&topic, 0, events.clone()).unwrap();
            assert_eq!(codecs_in_log(&topic), BTreeSet::from([number]), "{codec}");
            world.topics.push(topic);
            produced.push((codec, events));
        }
    }
    message::drain(&world, 400 * 8);
    for (topic, (codec, events)) in world.topics.iter().zip(produced) {
        let rows = message::rows(&world, topic);
        assert_eq!(rows.len(), events.len());
        for (row, event) in rows.iter().zip(events) {
            row.assert_holds(&event.into(), codec);
        }
    }
}

/// The codecs of the batches in a topic's log, as they lie on the broker's disk.
///
/// A batch: offset (8 bytes), length of what follows (4), epoch (4), format (1), checksum (4),
/// attributes (2), whose lowest three bits are the codec.
fn codecs_in_log(topic: &str) -> BTreeSet<u8> {
    let folder = Kafka::shared().folder().join(format!("data/{topic}-0"));
    let log = fs::read(folder.join("00000000000000000000.log")).unwrap();
    let mut rest = log.as_slice();
    let mut codecs = BTreeSet::new();
    while let Some((head, _)) = rest.split_first_chunk::<23>() {
        let length = u32::from_be_bytes(head[8..12].try_into().unwrap());
        codecs.insert(head[22] & 7);
        let (_, batch) = rest.split_at(12);
        rest = &batch[usize::try_from(length).unwrap()..];
    }
    codecs
}
