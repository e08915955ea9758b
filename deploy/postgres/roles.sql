-- The four roles of the recorder and exactly what each may do. The point of them: who records can
-- neither change nor delete what is recorded.
--
--   notif_owner    owns the tables; `notif-poll migrate` and `notif-api --migrate` connect as it
--   notif_poller   `notif-poll`
--   notif_api      `notif-api`
--   notif_admin    an operator: prune, redact, and all that the poller may
--
-- Run it in the recorder's database, as a superuser (or a managed database's nearest thing to one):
-- before the first `notif-poll migrate`, so that notif_owner may create tables; and after each, so
-- that the others may use them. Running it again changes nothing; rights that an older version of this
-- file gave are taken back. Plain SQL: any client can run it, psql with
--
--   psql --set ON_ERROR_STOP=1 --single-transaction --file roles.sql "$SUPERUSER_URL"
--
-- It sets no passwords. Until each role has one (in psql: \password notif_poller) nobody gets in by
-- password.

-- Roles belong to the server, not to the database: another database may have made them at this moment.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['notif_owner', 'notif_poller', 'notif_api', 'notif_admin'] LOOP
        IF to_regrole(role) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I LOGIN', role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
    IF NOT pg_has_role('notif_admin', 'notif_poller', 'MEMBER') THEN
        GRANT notif_poller TO notif_admin;
    END IF;
END
$$;

COMMENT ON ROLE notif_owner IS 'Owns the tables of the notification recorder; migrations';
COMMENT ON ROLE notif_poller IS 'Records events; can neither change nor delete what is recorded';
COMMENT ON ROLE notif_api IS 'Serves events and stores manual ones; can neither change nor delete what is recorded';
COMMENT ON ROLE notif_admin IS 'Operator of the notification recorder: prune, redact, and all that notif_poller may';

-- The schema is the one that the migrations run in: the first of the search path.
DO $$
DECLARE
    here text := current_schema();
BEGIN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO notif_owner, notif_poller, notif_api, notif_admin',
                   current_database());
    -- PostgreSQL 14 lets everyone create tables here, and so put one in another's search path.
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', here);
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO notif_owner', here);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO notif_poller, notif_api, notif_admin', here);
END
$$;

-- What notif-api sets for each of its sessions. Here it holds behind a pooler in transaction mode too,
-- which hands a statement to whatever session is free.
DO $$
DECLARE
    setting text;
BEGIN
    FOREACH setting IN ARRAY ARRAY[
        'SET statement_timeout = ''2s''',
        'SET lock_timeout = ''2s''',
        'SET idle_in_transaction_session_timeout = ''10s''',
        'SET plan_cache_mode = force_generic_plan',
        'SET enable_seqscan = off',
        'SET enable_bitmapscan = off',
        'SET enable_sort = off',
        'SET jit = off'
    ] LOOP
        EXECUTE format('ALTER ROLE notif_api IN DATABASE %I %s', current_database(), setting);
    END LOOP;
END
$$;

DO $$
DECLARE
    here text := current_schema();
    thing record;
BEGIN
    IF to_regclass('notifications') IS NULL THEN
        RAISE NOTICE 'there are no tables yet: run this file again after notif-poll migrate';
        RETURN;
    END IF;

    -- Where the first migration ran as somebody else, the next one runs as notif_owner. Only what has
    -- another owner is touched: the change locks a table against everyone.
    FOR thing IN
        SELECT 'TABLE' AS kind, oid::regclass::text AS name FROM pg_class
        WHERE relnamespace = here::regnamespace AND relkind = 'r'
          AND relowner <> to_regrole('notif_owner')
          AND relname IN ('notifications', 'kafka_offsets', 'recorded_ranges', 'batches',
                          'recorder_state', 'poll_runs', 'capture_gaps', 'prune_ledger',
                          'idempotency_keys', '__diesel_schema_migrations')
        UNION ALL
        SELECT 'FUNCTION', oid::regprocedure::text FROM pg_proc
        WHERE pronamespace = here::regnamespace AND proowner <> to_regrole('notif_owner')
          AND proname IN ('notifications_is_admin', 'notifications_refuse_truncate',
                          'notifications_refuse_delete', 'notifications_refuse_update',
                          'recorder_state_refuse_step_back')
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO notif_owner', thing.kind, thing.name);
    END LOOP;

    -- From here on, what is not granted below is not granted. Nobody sees the moment in between: this
    -- block is one transaction.
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM notif_poller, notif_api, notif_admin', here);
    EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA %I FROM notif_poller, notif_api, notif_admin', here);

    -- Which migrations have run, and which binaries may work with them.
    GRANT SELECT ON __diesel_schema_migrations, recorder_state TO notif_poller, notif_api;

    -- A write transaction: its number, its rows, and last the counter that puts transactions in order.
    GRANT SELECT, INSERT ON notifications, batches TO notif_poller, notif_api;
    GRANT UPDATE (commit_seq) ON recorder_state TO notif_poller, notif_api;
    GRANT SELECT, USAGE ON SEQUENCE batches_batch_id_seq TO notif_api;

    -- The API shows the ledgers; only its idempotency keys it also writes, and removes after a day.
    GRANT SELECT ON kafka_offsets, recorded_ranges, capture_gaps, poll_runs, prune_ledger TO notif_api;
    GRANT SELECT, INSERT, DELETE ON idempotency_keys TO notif_api;

    -- The poller keeps them. A gap stays as it was written, but for the run that announced it.
    GRANT SELECT, INSERT, UPDATE ON kafka_offsets, recorded_ranges, poll_runs TO notif_poller;
    GRANT SELECT, INSERT, UPDATE (announced_run) ON capture_gaps TO notif_poller;
    GRANT SELECT ON prune_ledger TO notif_poller;
    GRANT UPDATE (cluster_id) ON recorder_state TO notif_poller;
    -- Runs of more than 30 days ago, and batches whose rows are gone.
    GRANT DELETE ON poll_runs, batches TO notif_poller;
    -- UPDATE is what setval asks for: after a failover that copied no sequences they are behind.
    GRANT SELECT, USAGE, UPDATE ON SEQUENCE
        batches_batch_id_seq, poll_runs_run_id_seq, capture_gaps_gap_id_seq TO notif_poller;

    -- The triggers on notifications ask, besides, for a word that only these two commands say.
    GRANT SELECT, DELETE ON notifications TO notif_admin;
    GRANT UPDATE (customer_id, runner_id, order_id, correlation_id, event, event_bytes, message_key,
                  headers, raw, raw_reason, status) ON notifications TO notif_admin;
    GRANT SELECT, INSERT ON prune_ledger TO notif_admin;
    GRANT SELECT, USAGE, UPDATE ON SEQUENCE prune_ledger_prune_id_seq TO notif_admin;
END
$$;
