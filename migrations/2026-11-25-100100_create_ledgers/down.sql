DROP TABLE idempotency_keys;
DROP TABLE prune_ledger;
DROP TABLE capture_gaps;
DROP TABLE poll_runs;
DROP TABLE recorder_state;
DROP TABLE batches;
DROP TABLE recorded_ranges;
DROP TABLE kafka_offsets;
