-- Months of closed orders that left the log.

CREATE TABLE eventlog.archives (
    archive_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    month date NOT NULL CHECK (month = date_trunc('month', month)),
    file text NOT NULL,
    content_sha256 text NOT NULL,
    orders bigint NOT NULL,
    events bigint NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT now(),
    archived_by text NOT NULL DEFAULT session_user,
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    restored_at timestamptz,
    restored_by text
);
COMMENT ON TABLE eventlog.archives IS
    'Which month left the log when, by whose hand and into which file, and when it came back.';
COMMENT ON COLUMN eventlog.archives.transaction IS
    'The one that takes the month out; nothing is taken out in any other.';
CREATE UNIQUE INDEX archives_that_are_away ON eventlog.archives (month) WHERE restored_at IS NULL;

CREATE TABLE eventlog.archived (
    partition smallint NOT NULL,
    block bigint NOT NULL,
    positions int8multirange NOT NULL,
    PRIMARY KEY (partition, block)
);
COMMENT ON TABLE eventlog.archived IS
    'The positions whose events are archived: the only ones that may be missing. A block is 4096 positions.';

-- Whether this transaction takes a month out and has said so.
CREATE FUNCTION eventlog.is_archiving() RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM eventlog.archives WHERE transaction = pg_current_xact_id_if_assigned())
$$;

CREATE FUNCTION eventlog.month_table(month date) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT 'events_' || to_char(month, 'YYYY_MM')
$$;

CREATE FUNCTION eventlog.start_of(month date) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT eventlog.first_uuid_of(month::timestamp AT TIME ZONE 'UTC')
$$;

CREATE FUNCTION eventlog.end_of(month date) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT eventlog.start_of((month + interval '1 month')::date)
$$;

-- The positions of a month's table, block by block.
CREATE FUNCTION eventlog.positions_of(month date)
RETURNS TABLE (partition smallint, block bigint, positions int8multirange)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT e.partition, e.position / 4096, range_agg(int8range(e.position, e.position + 1))
         FROM eventlog.%I AS e GROUP BY 1, 2',
        eventlog.month_table(month)
    );
END
$$;

-- Take a month out of the log, with its streams; the caller has stored its events elsewhere.
--
-- The caller has written to eventlog.archives in this transaction, and tells the last
-- position that it stored of each partition. Positions only grow, so an event that came
-- later has a higher one: then the month is left as it is, and false returned. The heads
-- are locked before it is looked, so nothing comes after that.
CREATE FUNCTION eventlog.detach_month(this_month date, partitions smallint[], last_positions bigint[])
RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    name text := eventlog.month_table(this_month);
    grown boolean;
BEGIN
    IF NOT eventlog.is_archiving() THEN
        RAISE EXCEPTION 'a month leaves the log only together with a row in eventlog.archives'
            USING ERRCODE = 'restrict_violation';
    END IF;
    INSERT INTO eventlog.archived AS a (partition, block, positions)
    SELECT p.partition, p.block, p.positions FROM eventlog.positions_of(this_month) AS p
    ON CONFLICT (partition, block) DO UPDATE SET positions = a.positions + excluded.positions;

    PERFORM 1 FROM eventlog.partitions AS p ORDER BY p.partition FOR UPDATE;
    -- Whoever reads the log for long would otherwise hold up all writers behind us.
    SET LOCAL lock_timeout = '2s';
    LOCK TABLE eventlog.events IN ACCESS EXCLUSIVE MODE;
    EXECUTE format(
        'SELECT EXISTS (
             SELECT FROM eventlog.partitions AS p
             LEFT JOIN unnest($1, $2) AS stored (partition, last) USING (partition)
             WHERE EXISTS (
                 SELECT FROM eventlog.%I AS e
                 WHERE e.partition = p.partition AND e.position > coalesce(stored.last, 0)
             )
         )', name
    ) INTO grown USING partitions, last_positions;
    IF grown THEN
        RETURN false;
    END IF;
    DELETE FROM eventlog.streams AS s
    WHERE s.stream_id >= eventlog.start_of(this_month) AND s.stream_id < eventlog.end_of(this_month);
    EXECUTE format('ALTER TABLE eventlog.events DETACH PARTITION eventlog.%I', name);
    EXECUTE format('DROP TABLE eventlog.%I', name);
    RETURN true;
END
$$;

-- Make the table that a month comes back into, beside the log, and a place for its streams.
CREATE FUNCTION eventlog.begin_restore(this_month date) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    name text := eventlog.month_table(this_month);
BEGIN
    EXECUTE format(
        'CREATE TABLE eventlog.%I (
             LIKE eventlog.events INCLUDING DEFAULTS INCLUDING INDEXES,
             CONSTRAINT within_month CHECK (stream_id >= %L AND stream_id < %L)
         ) WITH (autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05)',
        name, eventlog.start_of(this_month), eventlog.end_of(this_month)
    );
    CREATE TEMPORARY TABLE restored_streams (
        stream_id uuid, account text, order_id text, partition smallint, version bigint
    ) ON COMMIT DROP;
    RETURN name;
END
$$;

-- Make the restored table a part of the log again.
CREATE FUNCTION eventlog.attach_month(this_month date) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    name text := eventlog.month_table(this_month);
BEGIN
    PERFORM 1 FROM eventlog.partitions AS p ORDER BY p.partition FOR UPDATE;
    INSERT INTO eventlog.streams (stream_id, account, order_id, partition, version)
    SELECT r.stream_id, r.account, r.order_id, r.partition, max(r.version)
    FROM restored_streams AS r GROUP BY 1, 2, 3, 4;
    EXECUTE format(
        'ALTER TABLE eventlog.events ATTACH PARTITION eventlog.%I FOR VALUES FROM (%L) TO (%L)',
        name, eventlog.start_of(this_month), eventlog.end_of(this_month)
    );
    EXECUTE format('ALTER TABLE eventlog.%I DROP CONSTRAINT within_month', name);
    EXECUTE format(
        'CREATE TRIGGER events_are_not_truncated BEFORE TRUNCATE ON eventlog.%I
         FOR EACH STATEMENT EXECUTE FUNCTION eventlog.refuse_change()', name
    );
    UPDATE eventlog.archived AS a SET positions = a.positions - p.positions
    FROM eventlog.positions_of(this_month) AS p
    WHERE a.partition = p.partition AND a.block = p.block;
    DELETE FROM eventlog.archived AS a WHERE isempty(a.positions);
    UPDATE eventlog.archives AS a SET restored_at = now(), restored_by = session_user
    WHERE a.month = this_month AND a.restored_at IS NULL;
END
$$;

-- Attempts leave with the month of their order, and never otherwise.
DROP TRIGGER attempts_are_immutable ON react.attempts;
CREATE TRIGGER attempts_are_immutable BEFORE UPDATE ON react.attempts
    FOR EACH ROW EXECUTE FUNCTION react.refuse_change();
CREATE TRIGGER attempts_are_kept BEFORE DELETE ON react.attempts
    FOR EACH STATEMENT WHEN (NOT eventlog.is_archiving()) EXECUTE FUNCTION react.refuse_change();
