//! The settings of the Kafka client: which are fixed and why, which are only proposed.

use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::ClientConfig;

/// Settings that correctness depends on; a person who sets one is told so.
///
/// | setting | what breaks otherwise |
/// |---|---|
/// | `enable.auto.commit`, `enable.auto.offset.store` | offsets live in PostgreSQL; Kafka only mirrors them |
/// | `auto.offset.reset` | anything but `error` turns deleted records into a silent jump |
/// | `isolation.level` | aborted records would be recorded as if they had happened |
/// | `enable.partition.eof` | one of the three signs that a partition is drained |
/// | `check.crcs` | a damaged record would be recorded as if it were whole |
/// | `allow.auto.create.topics` | a passive observer creates nothing |
pub const FIXED: [(&str, &str); 7] = [
    ("allow.auto.create.topics", "false"),
    ("auto.offset.reset", "error"),
    ("check.crcs", "true"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
    ("isolation.level", "read_committed"),
];

/// Settings that have a flag or a variable of their own.
pub const NAMED_ELSEWHERE: [(&str, &str); 3] = [
    ("bootstrap.servers", "KAFKA_BOOTSTRAP_SERVERS"),
    ("metadata.broker.list", "KAFKA_BOOTSTRAP_SERVERS"),
    ("group.id", "CONSUMER_GROUP_ID"),
];

/// What is proposed where nothing is said. Two of librdkafka's defaults stall a one-shot reader: a
/// full queue pauses a partition for a second (`fetch.queue.backoff.ms`), and an empty fetch waits
/// half a second (`fetch.wait.max.ms`). The byte bounds keep the whole client below 32 MiB however
/// many partitions it reads.
const PROPOSED: [(&str, &str); 12] = [
    ("client.id", "notif-poll"),
    ("fetch.max.bytes", "4194304"),
    ("fetch.message.max.bytes", "1048576"),
    ("fetch.queue.backoff.ms", "5"),
    ("fetch.wait.max.ms", "50"),
    ("queued.max.messages.kbytes", "16384"),
    ("reconnect.backoff.max.ms", "1000"),
    ("reconnect.backoff.ms", "50"),
    ("session.timeout.ms", "6000"),
    ("socket.connection.setup.timeout.ms", "5000"),
    ("socket.timeout.ms", "15000"),
    ("statistics.interval.ms", "0"),
];

/// Is this a setting whose value must not stand on a command line?
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.contains("password")
        || key.contains("passphrase")
        || key.contains("private.key")
        || key.contains("secret")
        || key == "ssl.key.pem"
        // Java's way to say it, which is no setting of ours
        || key == "sasl.jaas.config"
        || key == "sasl.oauthbearer.config"
}

/// The secrets among a person's settings.
pub(crate) fn secrets(own: &BTreeMap<String, String>) -> impl Iterator<Item = &String> {
    own.iter()
        .filter(|(key, _)| is_secret(key))
        .map(|(_, value)| value)
}

/// The configuration of the client. `own` are the person's settings, checked before.
pub(crate) fn client_config(
    bootstrap: &str,
    group: &Arc<str>,
    own: &BTreeMap<String, String>,
) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (key, value) in PROPOSED {
        config.set(key, value);
    }
    for (key, value) in own {
        config.set(key, value);
    }
    for (key, value) in FIXED {
        config.set(key, value);
    }
    config.set("bootstrap.servers", bootstrap);
    config.set("group.id", &**group);
    config
}
