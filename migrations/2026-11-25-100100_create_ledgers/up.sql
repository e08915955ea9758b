-- What proves the record: how far each partition was read, what was recorded, what was lost, by
-- which run, and in which order transactions committed.

CREATE TABLE kafka_offsets (
    topic                varchar(255) COLLATE "C" NOT NULL,
    partition            int                      NOT NULL,
    "offset"             bigint                   NOT NULL,
    updated_at           timestamptz              NOT NULL DEFAULT now(),
    topic_id             varchar(32),
    topic_generation     int                      NOT NULL DEFAULT 0,
    end_offset           bigint,
    high_watermark       bigint,
    low_offset           bigint,
    end_moved_at         timestamptz,
    witness_offset       bigint,
    witness_timestamp_ms bigint,
    witness_sha256       bytea,
    mark_at              timestamptz,
    mark_offset          bigint,
    drained_through      timestamptz,
    stopped_reason       varchar(50),
    stopped_at           timestamptz,
    stopped_offset       bigint,
    retired_at           timestamptz,
    watched_at           timestamptz              NOT NULL DEFAULT now(),
    records              bigint                   NOT NULL DEFAULT 0,
    unparseable          bigint                   NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, partition),
    CONSTRAINT kafka_offsets_offset_valid CHECK ("offset" >= -1)
) WITH (fillfactor = 50);
-- half-empty pages: each run updates each row, and no index column changes (HOT)

COMMENT ON TABLE kafka_offsets IS 'One row a watched partition: how far it was read, and what was last seen of it';
COMMENT ON COLUMN kafka_offsets.topic IS 'The Kafka topic';
COMMENT ON COLUMN kafka_offsets.partition IS 'The Kafka partition';
COMMENT ON COLUMN kafka_offsets."offset" IS 'The last consumed offset; reading goes on at offset + 1';
COMMENT ON COLUMN kafka_offsets.updated_at IS 'When offset last moved';
COMMENT ON COLUMN kafka_offsets.topic_id IS 'The topic id of Kafka (base64url); null where the broker has none';
COMMENT ON COLUMN kafka_offsets.topic_generation IS 'Counts re-creations of the topic and accepted breaks in the log';
COMMENT ON COLUMN kafka_offsets.end_offset IS 'The last stable offset as last seen';
COMMENT ON COLUMN kafka_offsets.high_watermark IS 'The high watermark as last seen';
COMMENT ON COLUMN kafka_offsets.low_offset IS 'The first offset that Kafka still had, as last seen';
COMMENT ON COLUMN kafka_offsets.end_moved_at IS 'When end_offset last moved, or last was the high watermark; a hanging transaction holds it back';
COMMENT ON COLUMN kafka_offsets.witness_offset IS 'The last recorded record: its offset; read again to see whether the log is still the same';
COMMENT ON COLUMN kafka_offsets.witness_timestamp_ms IS 'The last recorded record: its Kafka timestamp';
COMMENT ON COLUMN kafka_offsets.witness_sha256 IS 'The last recorded record: SHA-256 of its value';
COMMENT ON COLUMN kafka_offsets.mark_at IS 'The instant of the freshness mark that is waited for';
COMMENT ON COLUMN kafka_offsets.mark_offset IS 'The high watermark at that instant; once reached, drained_through moves to mark_at';
COMMENT ON COLUMN kafka_offsets.drained_through IS 'All that a consumer could read from Kafka at this instant of the clock of PostgreSQL is stored';
COMMENT ON COLUMN kafka_offsets.stopped_reason IS 'Why reading stopped until an operator decides; null while it goes on';
COMMENT ON COLUMN kafka_offsets.stopped_at IS 'When it stopped';
COMMENT ON COLUMN kafka_offsets.stopped_offset IS 'Where it stopped';
COMMENT ON COLUMN kafka_offsets.retired_at IS 'When an operator ended the watch; null while it is watched';
COMMENT ON COLUMN kafka_offsets.watched_at IS 'When the partition was first seen';
COMMENT ON COLUMN kafka_offsets.records IS 'How many records were stored, in all';
COMMENT ON COLUMN kafka_offsets.unparseable IS 'How many of them could not be opened';

CREATE TABLE recorded_ranges (
    topic            varchar(255) COLLATE "C" NOT NULL,
    partition        int                      NOT NULL,
    topic_generation int                      NOT NULL,
    first_offset     bigint                   NOT NULL,
    next_offset      bigint                   NOT NULL,
    records          bigint                   NOT NULL,
    bytes            bigint                   NOT NULL,
    opened_at        timestamptz              NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, topic_generation, first_offset),
    CONSTRAINT recorded_ranges_not_empty CHECK (next_offset > first_offset),
    CONSTRAINT recorded_ranges_records_fit CHECK (records BETWEEN 0 AND next_offset - first_offset)
);

COMMENT ON TABLE recorded_ranges IS 'What was read of each partition; with capture_gaps it tiles everything up to the stored offset';
COMMENT ON COLUMN recorded_ranges.topic IS 'The Kafka topic';
COMMENT ON COLUMN recorded_ranges.partition IS 'The Kafka partition';
COMMENT ON COLUMN recorded_ranges.topic_generation IS 'The generation of the partition';
COMMENT ON COLUMN recorded_ranges.first_offset IS 'The first offset of the range';
COMMENT ON COLUMN recorded_ranges.next_offset IS 'The first offset after the range';
COMMENT ON COLUMN recorded_ranges.records IS 'How many records Kafka had in it; fewer than offsets where markers and compaction leave holes';
COMMENT ON COLUMN recorded_ranges.bytes IS 'Bytes of their values';
COMMENT ON COLUMN recorded_ranges.opened_at IS 'When the range began; after an hour a new one is opened';

CREATE TABLE batches (
    batch_id     bigint      NOT NULL PRIMARY KEY,
    commit_seq   bigint      NOT NULL UNIQUE,
    run_id       bigint,
    committed_at timestamptz NOT NULL,
    rows         int         NOT NULL
);
-- the poller removes old ones: they moved an offset over markers or a loss, and wrote no row
CREATE INDEX batches_without_rows ON batches (committed_at) WHERE rows = 0;
CREATE SEQUENCE batches_batch_id_seq AS bigint OWNED BY batches.batch_id;

COMMENT ON TABLE batches IS 'One row a write transaction';
COMMENT ON COLUMN batches.batch_id IS 'From a sequence, at the start of the transaction';
COMMENT ON COLUMN batches.commit_seq IS 'The order in which readers may see transactions: taken last, under a lock that lives through the commit';
COMMENT ON COLUMN batches.run_id IS 'The run that wrote it; null for a manual notification';
COMMENT ON COLUMN batches.committed_at IS 'When it was about to commit';
COMMENT ON COLUMN batches.rows IS 'How many notifications it wrote';
COMMENT ON SEQUENCE batches_batch_id_seq IS 'Where batch_id comes from';

CREATE TABLE recorder_state (
    singleton  boolean     NOT NULL PRIMARY KEY DEFAULT true,
    commit_seq bigint      NOT NULL DEFAULT 0,
    cluster_id varchar(255),
    min_binary varchar(50) NOT NULL,
    CONSTRAINT recorder_state_one_row CHECK (singleton)
) WITH (fillfactor = 10);
INSERT INTO recorder_state (min_binary) VALUES ('0.1.0');

COMMENT ON TABLE recorder_state IS 'One row of what holds for the whole recorder';
COMMENT ON COLUMN recorder_state.singleton IS 'Always true: there is one row';
COMMENT ON COLUMN recorder_state.commit_seq IS 'The commit_seq of the last committed batch';
COMMENT ON COLUMN recorder_state.cluster_id IS 'The Kafka cluster that is recorded, fixed by the first poll';
COMMENT ON COLUMN recorder_state.min_binary IS 'The oldest version of the binaries that may use this schema';

CREATE TABLE poll_runs (
    run_id      bigint       GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    started_at  timestamptz  NOT NULL,
    deadline_at timestamptz  NOT NULL,
    ended_at    timestamptz,
    outcome     varchar(50),
    exit_code   smallint,
    exit_codes  smallint[],
    records     bigint       NOT NULL DEFAULT 0,
    bytes       bigint       NOT NULL DEFAULT 0,
    unparseable bigint       NOT NULL DEFAULT 0,
    host        varchar(255) NOT NULL,
    version     varchar(50)  NOT NULL,
    detail      jsonb
);
CREATE INDEX poll_runs_started ON poll_runs (started_at);

COMMENT ON TABLE poll_runs IS 'One row a run of notif-poll that reached PostgreSQL';
COMMENT ON COLUMN poll_runs.run_id IS 'Counts runs';
COMMENT ON COLUMN poll_runs.started_at IS 'The clock of PostgreSQL when the run reached it';
COMMENT ON COLUMN poll_runs.deadline_at IS 'When the run must be over; without an end after it, it was abandoned';
COMMENT ON COLUMN poll_runs.ended_at IS 'When it ended; null while it runs, or where it was killed';
COMMENT ON COLUMN poll_runs.outcome IS 'drained, nothing, busy, behind, stopped, gap or failed';
COMMENT ON COLUMN poll_runs.exit_code IS 'The exit code of the process';
COMMENT ON COLUMN poll_runs.exit_codes IS 'Every exit code that applied';
COMMENT ON COLUMN poll_runs.records IS 'How many records it stored';
COMMENT ON COLUMN poll_runs.bytes IS 'Bytes of their values';
COMMENT ON COLUMN poll_runs.unparseable IS 'How many of them could not be opened';
COMMENT ON COLUMN poll_runs.host IS 'The host that it ran on';
COMMENT ON COLUMN poll_runs.version IS 'The version of notif-poll';
COMMENT ON COLUMN poll_runs.detail IS 'What it did for each partition that it touched';

CREATE TABLE capture_gaps (
    gap_id           bigint                   GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    topic            varchar(255) COLLATE "C" NOT NULL,
    partition        int                      NOT NULL,
    topic_generation int                      NOT NULL,
    first_offset     bigint                   NOT NULL,
    last_offset      bigint,
    known_end        bigint,
    reason           varchar(50)              NOT NULL,
    run_id           bigint,
    batch_id         bigint,
    recorded_at      timestamptz              NOT NULL DEFAULT now(),
    recorded_by      varchar(255)             NOT NULL,
    note             text,
    announced_run    bigint,
    CONSTRAINT capture_gaps_reason_known CHECK (reason IN
        ('retention', 'recreated', 'retired', 'diverged', 'operator', 'before-first-poll')),
    CONSTRAINT capture_gaps_not_empty CHECK (last_offset IS NULL OR last_offset >= first_offset)
);
CREATE INDEX capture_gaps_position ON capture_gaps (topic, partition, topic_generation, first_offset);
CREATE INDEX capture_gaps_unannounced ON capture_gaps (gap_id)
    WHERE announced_run IS NULL AND reason IN ('retention', 'recreated');

COMMENT ON TABLE capture_gaps IS 'What is known to be missing: records that Kafka no longer had when they were to be read';
COMMENT ON COLUMN capture_gaps.gap_id IS 'Counts gaps';
COMMENT ON COLUMN capture_gaps.topic IS 'The Kafka topic';
COMMENT ON COLUMN capture_gaps.partition IS 'The Kafka partition';
COMMENT ON COLUMN capture_gaps.topic_generation IS 'The generation that the missing offsets belong to';
COMMENT ON COLUMN capture_gaps.first_offset IS 'The first missing offset';
COMMENT ON COLUMN capture_gaps.last_offset IS 'The last missing offset; null where it cannot be known';
COMMENT ON COLUMN capture_gaps.known_end IS 'The last end seen, where last_offset cannot be known';
COMMENT ON COLUMN capture_gaps.reason IS 'Why it is missing; before-first-poll is not a loss of the recorder';
COMMENT ON COLUMN capture_gaps.run_id IS 'The run that found it';
COMMENT ON COLUMN capture_gaps.batch_id IS 'The write transaction that it came with; null where there was none';
COMMENT ON COLUMN capture_gaps.recorded_at IS 'When it was written';
COMMENT ON COLUMN capture_gaps.recorded_by IS 'Who wrote it: notif-poll, or the operator';
COMMENT ON COLUMN capture_gaps.note IS 'Why, in the words of the operator';
COMMENT ON COLUMN capture_gaps.announced_run IS 'The run whose exit code told of it';

CREATE TABLE prune_ledger (
    prune_id         bigint                   GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    topic            varchar(255) COLLATE "C" NOT NULL,
    partition        int,
    topic_generation int                      NOT NULL,
    first_offset     bigint,
    last_offset      bigint,
    rows             bigint                   NOT NULL,
    pruned_at        timestamptz              NOT NULL DEFAULT now(),
    pruned_by        varchar(255)             NOT NULL,
    note             text
);
CREATE INDEX prune_ledger_position ON prune_ledger (topic, partition, topic_generation, first_offset);

COMMENT ON TABLE prune_ledger IS 'What retention removed from notifications';
COMMENT ON COLUMN prune_ledger.prune_id IS 'Counts removals';
COMMENT ON COLUMN prune_ledger.topic IS 'The Kafka topic, or api for manual notifications';
COMMENT ON COLUMN prune_ledger.partition IS 'The Kafka partition; null for manual notifications';
COMMENT ON COLUMN prune_ledger.topic_generation IS 'The generation of the partition';
COMMENT ON COLUMN prune_ledger.first_offset IS 'The first offset removed; null for manual notifications';
COMMENT ON COLUMN prune_ledger.last_offset IS 'The last offset removed; null for manual notifications';
COMMENT ON COLUMN prune_ledger.rows IS 'How many rows were removed';
COMMENT ON COLUMN prune_ledger.pruned_at IS 'When';
COMMENT ON COLUMN prune_ledger.pruned_by IS 'By whom';
COMMENT ON COLUMN prune_ledger.note IS 'Why';

CREATE TABLE idempotency_keys (
    principal       varchar(255) COLLATE "C" NOT NULL,
    key             varchar(255) COLLATE "C" NOT NULL,
    request_sha256  bytea                    NOT NULL,
    notification_id uuid                     NOT NULL,
    created_at      timestamptz              NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

COMMENT ON TABLE idempotency_keys IS 'Which request a client marked as one, and what it made';
COMMENT ON COLUMN idempotency_keys.principal IS 'Who asked';
COMMENT ON COLUMN idempotency_keys.key IS 'The Idempotency-Key of the request';
COMMENT ON COLUMN idempotency_keys.request_sha256 IS 'SHA-256 of the parsed request';
COMMENT ON COLUMN idempotency_keys.notification_id IS 'The notification that it made';
COMMENT ON COLUMN idempotency_keys.created_at IS 'When; a key is kept for 24 hours';
