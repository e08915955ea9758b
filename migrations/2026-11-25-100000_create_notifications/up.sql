-- The record itself: one row a Kafka message, or a manual notification.
-- Texts that are looked up are COLLATE "C": ids are compared, never sorted for a person.
CREATE TABLE notifications (
    notification_id    uuid                      NOT NULL PRIMARY KEY,
    customer_id        varchar(255) COLLATE "C",
    runner_id          varchar(255) COLLATE "C",
    order_id           varchar(255) COLLATE "C",
    event              jsonb                     NOT NULL,
    status             varchar(50)               NOT NULL DEFAULT 'captured',
    created_at         timestamptz               NOT NULL DEFAULT now(),
    source_topic       varchar(255) COLLATE "C"  NOT NULL,
    event_type         varchar(255) COLLATE "C"  NOT NULL,
    correlation_id     varchar(255) COLLATE "C",
    source_service     varchar(255) COLLATE "C",
    occurred_at        timestamptz               NOT NULL,
    kafka_timestamp_ms bigint,
    timestamp_type     smallint,
    source_partition   int,
    source_offset      bigint,
    topic_generation   int                       NOT NULL DEFAULT 0,
    message_key        bytea,
    headers            jsonb,
    raw                bytea,
    raw_reason         varchar(50),
    value_bytes        int,
    value_sha256       bytea,
    event_bytes        int                       NOT NULL,
    batch_id           bigint                    NOT NULL,
    CONSTRAINT notifications_position_whole
        CHECK ((source_partition IS NULL) = (source_offset IS NULL)),
    CONSTRAINT notifications_position_unique
        UNIQUE (source_topic, topic_generation, source_partition, source_offset)
);

-- The id is the order: an index that ends in it serves a lookup, its paging and its time bounds.
-- Each index costs every insert, so there are no others.
CREATE INDEX notifications_order ON notifications (order_id, notification_id)
    WHERE order_id IS NOT NULL;
CREATE INDEX notifications_customer ON notifications (customer_id, notification_id)
    WHERE customer_id IS NOT NULL;
CREATE INDEX notifications_runner ON notifications (runner_id, notification_id)
    WHERE runner_id IS NOT NULL;
CREATE INDEX notifications_correlation ON notifications (correlation_id, notification_id)
    WHERE correlation_id IS NOT NULL;
CREATE INDEX notifications_event_type ON notifications (event_type, notification_id);
CREATE INDEX notifications_batch ON notifications (batch_id);
CREATE INDEX notifications_uncommon_status ON notifications (status, notification_id)
    WHERE status <> 'captured';

COMMENT ON TABLE notifications IS 'One row a recorded Kafka message or manual notification; immutable but for a redaction';
COMMENT ON COLUMN notifications.notification_id IS 'UUIDv8 of time, position and generation for a recorded row, UUIDv7 for a manual one; its order is the order of time';
COMMENT ON COLUMN notifications.customer_id IS 'The customer that the message names; null where it names none';
COMMENT ON COLUMN notifications.runner_id IS 'The runner that the message names; null where it names none';
COMMENT ON COLUMN notifications.order_id IS 'The order that the message names; null where it names none';
COMMENT ON COLUMN notifications.event IS 'The decoded message: topic, event_type, correlation_id, source_service, timestamp, payload, attributes';
COMMENT ON COLUMN notifications.status IS 'captured, unparseable (kept as raw bytes) or redacted';
COMMENT ON COLUMN notifications.created_at IS 'When it was recorded, by the clock of PostgreSQL';
COMMENT ON COLUMN notifications.source_topic IS 'The Kafka topic, or api for a manual notification';
COMMENT ON COLUMN notifications.event_type IS 'What happened, as the message says; unknown where it does not';
COMMENT ON COLUMN notifications.correlation_id IS 'The saga or request that the message belongs to';
COMMENT ON COLUMN notifications.source_service IS 'Who sent the message, as it says; unknown where it does not';
COMMENT ON COLUMN notifications.occurred_at IS 'The timestamp of Kafka where it is believable, else the recorded time; whole milliseconds';
COMMENT ON COLUMN notifications.kafka_timestamp_ms IS 'The timestamp of Kafka untouched, milliseconds since 1970; null where there was none';
COMMENT ON COLUMN notifications.timestamp_type IS '0 set by the producer, 1 set by the broker on append; null where there was no timestamp';
COMMENT ON COLUMN notifications.source_partition IS 'The Kafka partition; null for a manual notification';
COMMENT ON COLUMN notifications.source_offset IS 'The Kafka offset; null for a manual notification';
COMMENT ON COLUMN notifications.topic_generation IS 'Counts re-creations of the topic and accepted breaks in the log of the partition';
COMMENT ON COLUMN notifications.message_key IS 'The key of the message as bytes; null for none';
COMMENT ON COLUMN notifications.headers IS 'Array of {"name","value"} in order, duplicates kept; null for none';
COMMENT ON COLUMN notifications.raw IS 'The bytes of the message where event cannot hold it faithfully';
COMMENT ON COLUMN notifications.raw_reason IS 'Why raw is kept';
COMMENT ON COLUMN notifications.value_bytes IS 'Length of the value of the message, bytes; null for a null value';
COMMENT ON COLUMN notifications.value_sha256 IS 'SHA-256 of the value of the message; null for a null value';
COMMENT ON COLUMN notifications.event_bytes IS 'Length of event as PostgreSQL prints it, bytes; pages are cut by it';
COMMENT ON COLUMN notifications.batch_id IS 'The write transaction that it came with';
