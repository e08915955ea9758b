// @generated automatically by Diesel CLI.

diesel::table! {
    /// One row a write transaction
    batches (batch_id) {
        /// From a sequence, at the start of the transaction
        batch_id -> Int8,
        /// The order in which readers may see transactions: taken last, under a lock that lives through the commit
        commit_seq -> Int8,
        /// The run that wrote it; null for a manual notification
        run_id -> Nullable<Int8>,
        /// When it was about to commit
        committed_at -> Timestamptz,
        /// How many notifications it wrote
        rows -> Int4,
    }
}

diesel::table! {
    /// What is known to be missing: records that Kafka no longer had when they were to be read
    capture_gaps (gap_id) {
        /// Counts gaps
        gap_id -> Int8,
        /// The Kafka topic
        #[max_length = 255]
        topic -> Varchar,
        /// The Kafka partition
        partition -> Int4,
        /// The generation that the missing offsets belong to
        topic_generation -> Int4,
        /// The first missing offset
        first_offset -> Int8,
        /// The last missing offset; null where it cannot be known
        last_offset -> Nullable<Int8>,
        /// The last end seen, where last_offset cannot be known
        known_end -> Nullable<Int8>,
        /// Why it is missing; before-first-poll is not a loss of the recorder
        #[max_length = 50]
        reason -> Varchar,
        /// The run that found it
        run_id -> Nullable<Int8>,
        /// The write transaction that it came with; null where there was none
        batch_id -> Nullable<Int8>,
        /// When it was written
        recorded_at -> Timestamptz,
        /// Who wrote it: notif-poll, or the operator
        #[max_length = 255]
        recorded_by -> Varchar,
        /// Why, in the words of the operator
        note -> Nullable<Text>,
        /// The run whose exit code told of it
        announced_run -> Nullable<Int8>,
    }
}

diesel::table! {
    /// Which request a client marked as one, and what it made
    idempotency_keys (principal, key) {
        /// Who asked
        #[max_length = 255]
        principal -> Varchar,
        /// The Idempotency-Key of the request
        #[max_length = 255]
        key -> Varchar,
        /// SHA-256 of the parsed request
        request_sha256 -> Bytea,
        /// The notification that it made
        notification_id -> Uuid,
        /// When; a key is kept for 24 hours
        created_at -> Timestamptz,
    }
}

diesel::table! {
    /// One row a watched partition: how far it was read, and what was last seen of it
    kafka_offsets (topic, partition) {
        /// The Kafka topic
        #[max_length = 255]
        topic -> Varchar,
        /// The Kafka partition
        partition -> Int4,
        /// The last consumed offset; reading goes on at offset + 1
        offset -> Int8,
        /// When offset last moved
        updated_at -> Timestamptz,
        /// The topic id of Kafka (base64url); null where the broker has none
        #[max_length = 32]
        topic_id -> Nullable<Varchar>,
        /// Counts re-creations of the topic and accepted breaks in the log
        topic_generation -> Int4,
        /// The last stable offset as last seen
        end_offset -> Nullable<Int8>,
        /// The high watermark as last seen
        high_watermark -> Nullable<Int8>,
        /// The first offset that Kafka still had, as last seen
        low_offset -> Nullable<Int8>,
        /// When end_offset last moved, or last was the high watermark; a hanging transaction holds it back
        end_moved_at -> Nullable<Timestamptz>,
        /// The last recorded record: its offset; read again to see whether the log is still the same
        witness_offset -> Nullable<Int8>,
        /// The last recorded record: its Kafka timestamp
        witness_timestamp_ms -> Nullable<Int8>,
        /// The last recorded record: SHA-256 of its value
        witness_sha256 -> Nullable<Bytea>,
        /// The instant of the freshness mark that is waited for
        mark_at -> Nullable<Timestamptz>,
        /// The high watermark at that instant; once reached, drained_through moves to mark_at
        mark_offset -> Nullable<Int8>,
        /// All that a consumer could read from Kafka at this instant of the clock of PostgreSQL is stored
        drained_through -> Nullable<Timestamptz>,
        /// Why reading stopped until an operator decides; null while it goes on
        #[max_length = 50]
        stopped_reason -> Nullable<Varchar>,
        /// When it stopped
        stopped_at -> Nullable<Timestamptz>,
        /// Where it stopped
        stopped_offset -> Nullable<Int8>,
        /// When an operator ended the watch; null while it is watched
        retired_at -> Nullable<Timestamptz>,
        /// When the partition was first seen
        watched_at -> Timestamptz,
        /// How many records were stored, in all
        records -> Int8,
        /// How many of them could not be opened
        unparseable -> Int8,
    }
}

diesel::table! {
    /// One row a recorded Kafka message or manual notification; immutable but for a redaction
    notifications (notification_id) {
        /// UUIDv8 of time, position and generation for a recorded row, UUIDv7 for a manual one; its order is the order of time
        notification_id -> Uuid,
        /// The customer that the message names; null where it names none
        #[max_length = 255]
        customer_id -> Nullable<Varchar>,
        /// The runner that the message names; null where it names none
        #[max_length = 255]
        runner_id -> Nullable<Varchar>,
        /// The order that the message names; null where it names none
        #[max_length = 255]
        order_id -> Nullable<Varchar>,
        /// The decoded message: topic, event_type, correlation_id, source_service, timestamp, payload, attributes
        event -> Jsonb,
        /// captured, unparseable (kept as raw bytes) or redacted
        #[max_length = 50]
        status -> Varchar,
        /// When it was recorded, by the clock of PostgreSQL
        created_at -> Timestamptz,
        /// The Kafka topic, or api for a manual notification
        #[max_length = 255]
        source_topic -> Varchar,
        /// What happened, as the message says; unknown where it does not
        #[max_length = 255]
        event_type -> Varchar,
        /// The saga or request that the message belongs to
        #[max_length = 255]
        correlation_id -> Nullable<Varchar>,
        /// Who sent the message, as it says; unknown where it does not
        #[max_length = 255]
        source_service -> Nullable<Varchar>,
        /// The timestamp of Kafka where it is believable, else the recorded time; whole milliseconds
        occurred_at -> Timestamptz,
        /// The timestamp of Kafka untouched, milliseconds since 1970; null where there was none
        kafka_timestamp_ms -> Nullable<Int8>,
        /// 0 set by the producer, 1 set by the broker on append; null where there was no timestamp
        timestamp_type -> Nullable<Int2>,
        /// The Kafka partition; null for a manual notification
        source_partition -> Nullable<Int4>,
        /// The Kafka offset; null for a manual notification
        source_offset -> Nullable<Int8>,
        /// Counts re-creations of the topic and accepted breaks in the log of the partition
        topic_generation -> Int4,
        /// The key of the message as bytes; null for none
        message_key -> Nullable<Bytea>,
        /// Array of {"name","value"} in order, duplicates kept; null for none
        headers -> Nullable<Jsonb>,
        /// The bytes of the message where event cannot hold it faithfully
        raw -> Nullable<Bytea>,
        /// Why raw is kept
        #[max_length = 50]
        raw_reason -> Nullable<Varchar>,
        /// Length of the value of the message, bytes; null for a null value
        value_bytes -> Nullable<Int4>,
        /// SHA-256 of the value of the message; null for a null value
        value_sha256 -> Nullable<Bytea>,
        /// Length of event as PostgreSQL prints it, bytes; pages are cut by it
        event_bytes -> Int4,
        /// The write transaction that it came with
        batch_id -> Int8,
    }
}

diesel::table! {
    /// One row a run of notif-poll that reached PostgreSQL
    poll_runs (run_id) {
        /// Counts runs
        run_id -> Int8,
        /// The clock of PostgreSQL when the run reached it
        started_at -> Timestamptz,
        /// When the run must be over; without an end after it, it was abandoned
        deadline_at -> Timestamptz,
        /// When it ended; null while it runs, or where it was killed
        ended_at -> Nullable<Timestamptz>,
        /// drained, nothing, busy, behind, stopped, gap or failed
        #[max_length = 50]
        outcome -> Nullable<Varchar>,
        /// The exit code of the process
        exit_code -> Nullable<Int2>,
        /// Every exit code that applied
        exit_codes -> Nullable<Array<Nullable<Int2>>>,
        /// How many records it stored
        records -> Int8,
        /// Bytes of their values
        bytes -> Int8,
        /// How many of them could not be opened
        unparseable -> Int8,
        /// The host that it ran on
        #[max_length = 255]
        host -> Varchar,
        /// The version of notif-poll
        #[max_length = 50]
        version -> Varchar,
        /// What it did for each partition that it touched
        detail -> Nullable<Jsonb>,
    }
}

diesel::table! {
    /// What retention removed from notifications
    prune_ledger (prune_id) {
        /// Counts removals
        prune_id -> Int8,
        /// The Kafka topic, or api for manual notifications
        #[max_length = 255]
        topic -> Varchar,
        /// The Kafka partition; null for manual notifications
        partition -> Nullable<Int4>,
        /// The generation of the partition
        topic_generation -> Int4,
        /// The first offset removed; null for manual notifications
        first_offset -> Nullable<Int8>,
        /// The last offset removed; null for manual notifications
        last_offset -> Nullable<Int8>,
        /// How many rows were removed
        rows -> Int8,
        /// When
        pruned_at -> Timestamptz,
        /// By whom
        #[max_length = 255]
        pruned_by -> Varchar,
        /// Why
        note -> Nullable<Text>,
    }
}

diesel::table! {
    /// What was read of each partition; with capture_gaps it tiles everything up to the stored offset
    recorded_ranges (topic, partition, topic_generation, first_offset) {
        /// The Kafka topic
        #[max_length = 255]
        topic -> Varchar,
        /// The Kafka partition
        partition -> Int4,
        /// The generation of the partition
        topic_generation -> Int4,
        /// The first offset of the range
        first_offset -> Int8,
        /// The first offset after the range
        next_offset -> Int8,
        /// How many records Kafka had in it; fewer than offsets where markers and compaction leave holes
        records -> Int8,
        /// Bytes of their values
        bytes -> Int8,
        /// When the range began; after an hour a new one is opened
        opened_at -> Timestamptz,
    }
}

diesel::table! {
    /// One row of what holds for the whole recorder
    recorder_state (singleton) {
        /// Always true: there is one row
        singleton -> Bool,
        /// The commit_seq of the last committed batch
        commit_seq -> Int8,
        /// The Kafka cluster that is recorded, fixed by the first poll
        #[max_length = 255]
        cluster_id -> Nullable<Varchar>,
        /// The oldest version of the binaries that may use this schema
        #[max_length = 50]
        min_binary -> Varchar,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    batches,
    capture_gaps,
    idempotency_keys,
    kafka_offsets,
    notifications,
    poll_runs,
    prune_ledger,
    recorded_ranges,
    recorder_state,
);
