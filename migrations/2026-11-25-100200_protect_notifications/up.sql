-- What is written stays as it was. Grants keep the poller and the API from changing rows; these
-- triggers keep everyone from it, the owner included, who does not say in so many words that this is
-- a prune or a redaction (set_config('notif.prune' | 'notif.redact', 'on', true)).

-- FROM CURRENT: the functions live in whatever schema the migration runs in, and look nowhere else.

CREATE FUNCTION notifications_is_admin(notifications_table oid) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path FROM CURRENT
AS $$
    -- without the role (one user for everything) the owner of the table stands in for it
    SELECT CASE
        WHEN to_regrole('notif_admin') IS NULL THEN
            pg_has_role(current_user,
                        -- named with its schema: a temporary table of that name must not stand in
                        (SELECT relowner FROM pg_catalog.pg_class WHERE oid = notifications_table),
                        'MEMBER')
        ELSE pg_has_role(current_user, to_regrole('notif_admin')::oid, 'MEMBER')
    END
$$;

CREATE FUNCTION notifications_refuse_truncate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
BEGIN
    RAISE EXCEPTION 'notifications are never truncated'
        USING HINT = 'notif-poll prune removes old rows and keeps a ledger of them';
END
$$;

CREATE FUNCTION notifications_refuse_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
BEGIN
    IF current_setting('notif.prune', true) IS DISTINCT FROM 'on'
       OR NOT notifications_is_admin(TG_RELID) THEN
        RAISE EXCEPTION 'notifications are never deleted, but for the prune of an admin'
            USING HINT = 'notif-poll prune removes old rows and keeps a ledger of them';
    END IF;
    RETURN OLD;
END
$$;

CREATE FUNCTION notifications_refuse_update() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
BEGIN
    IF current_setting('notif.redact', true) IS DISTINCT FROM 'on'
       OR NOT notifications_is_admin(TG_RELID) THEN
        RAISE EXCEPTION 'notifications are never changed, but for the redaction of an admin'
            USING HINT = 'notif-poll redact erases what identifies a person and keeps the proof';
    END IF;
    IF NEW.status IS DISTINCT FROM 'redacted'
       OR (NEW.notification_id, NEW.created_at, NEW.source_topic, NEW.event_type,
           NEW.source_service, NEW.occurred_at, NEW.topic_generation, NEW.batch_id)
          IS DISTINCT FROM
          (OLD.notification_id, OLD.created_at, OLD.source_topic, OLD.event_type,
           OLD.source_service, OLD.occurred_at, OLD.topic_generation, OLD.batch_id)
       OR (NEW.kafka_timestamp_ms, NEW.timestamp_type, NEW.source_partition, NEW.source_offset,
           NEW.value_bytes, NEW.value_sha256)
          IS DISTINCT FROM
          (OLD.kafka_timestamp_ms, OLD.timestamp_type, OLD.source_partition, OLD.source_offset,
           OLD.value_bytes, OLD.value_sha256) THEN
        RAISE EXCEPTION 'a redaction leaves position, times and hash as they are';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER notifications_no_truncate BEFORE TRUNCATE ON notifications
    FOR EACH STATEMENT EXECUTE FUNCTION notifications_refuse_truncate();
CREATE TRIGGER notifications_no_delete BEFORE DELETE ON notifications
    FOR EACH ROW EXECUTE FUNCTION notifications_refuse_delete();
CREATE TRIGGER notifications_no_update BEFORE UPDATE ON notifications
    FOR EACH ROW EXECUTE FUNCTION notifications_refuse_update();

COMMENT ON FUNCTION notifications_is_admin(oid) IS 'May the current user prune and redact?';
COMMENT ON FUNCTION notifications_refuse_truncate() IS 'Refuses every TRUNCATE of notifications';
COMMENT ON FUNCTION notifications_refuse_delete() IS 'Refuses every DELETE of notifications but the prune of an admin';
COMMENT ON FUNCTION notifications_refuse_update() IS 'Refuses every UPDATE of notifications but the redaction of an admin';

-- Whoever may count forward could count back, and then a reader that goes by commit_seq would pass
-- rows for ever. The condition stands in the trigger, so a commit pays for a comparison only.
CREATE FUNCTION recorder_state_refuse_step_back() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
BEGIN
    RAISE EXCEPTION 'commit_seq never goes back: it is the order in which readers see transactions';
END
$$;

CREATE TRIGGER recorder_state_no_step_back BEFORE UPDATE ON recorder_state
    FOR EACH ROW WHEN (NEW.commit_seq < OLD.commit_seq)
    EXECUTE FUNCTION recorder_state_refuse_step_back();

COMMENT ON FUNCTION recorder_state_refuse_step_back() IS 'Refuses every UPDATE that sets commit_seq back';
