-- Appends with less work, and a month that leaves without appends waiting for it.

-- A new UUIDv7 (RFC 9562) of this moment, by this database's clock: a random one, version
-- 4, with the time written into it and two bits set that make the 4 a 7. One expression,
-- which the planner takes in; a query of its own would be run for every new stream.
CREATE OR REPLACE FUNCTION eventlog.new_stream_id() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT encode(
        set_bit(set_bit(
            overlay(
                uuid_send(gen_random_uuid())
                PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                FROM 1 FOR 6
            ), 52, 1), 53, 1
        ), 'hex'
    )::uuid
$$;

-- Append batches of events to many streams, each append all or none, one verdict per append.
--
-- The heads of the partitions are locked first, in order. A stream never leaves its
-- partition, so whoever holds the head is alone with all its streams: no other lock is
-- needed, positions are handed out in commit order, and nothing can deadlock.
--
-- A stream may stand in at most one append of a call, and an append's events follow each
-- other; an expected version of -1 expects nothing. Verdicts: appended (the events whose
-- keys were new were written), repeated (all keys were there; nothing written), conflict
-- (the stream is not at the expected version; nothing written).
--
-- What is known of each append and event is held in arrays and looked up by its number:
-- the planner cannot know how long they are, and joins that it plans for few rows are slow
-- for many. Payloads stay in theirs until they are inserted, so that no step before copies
-- them.
--
-- Texts come joined by the record separator, which neither JSON nor what we take for a
-- key can hold: to split one text costs the database less than an array costs the driver,
-- which looks at every element of it.
CREATE OR REPLACE FUNCTION eventlog.append(
    joined_accounts text,
    joined_order_ids text,
    partitions smallint[],
    expected_versions bigint[],
    event_appends integer[],
    joined_event_types text,
    event_schema_versions smallint[],
    joined_event_keys text,
    joined_event_datas text,
    joined_event_metadatas text,
    event_occurred_ats timestamptz[]
) RETURNS TABLE (
    append integer,
    verdict text,
    stream_id uuid,
    version bigint,
    "position" bigint,
    new_events integer
)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    separator CONSTANT text := E'\x1e';
    accounts CONSTANT text[] := string_to_array(joined_accounts, separator);
    order_ids CONSTANT text[] := string_to_array(joined_order_ids, separator);
    event_types CONSTANT text[] := string_to_array(joined_event_types, separator);
    event_keys CONSTANT text[] := string_to_array(joined_event_keys, separator);
    event_datas CONSTANT text[] := string_to_array(joined_event_datas, separator);
    event_metadatas CONSTANT text[] := string_to_array(joined_event_metadatas, separator);
    stream_ids uuid[];
    versions bigint[];
    heads bigint[];
    stored_versions bigint[];
    stored_positions bigint[];
    fresh integer[];
BEGIN
    PERFORM 1 FROM eventlog.partitions AS p
    WHERE p.partition = ANY (partitions) ORDER BY p.partition FOR UPDATE;

    SELECT array_agg(coalesce(s.stream_id, eventlog.new_stream_id()) ORDER BY a.append),
           array_agg(coalesce(s.version, 0) ORDER BY a.append),
           array_agg(p.head ORDER BY a.append)
    INTO stream_ids, versions, heads
    FROM unnest(accounts, order_ids, partitions)
        WITH ORDINALITY AS a (account, order_id, partition, append)
    JOIN eventlog.partitions AS p ON p.partition = a.partition
    LEFT JOIN LATERAL (
        SELECT known.stream_id, known.version FROM eventlog.streams AS known
        WHERE known.account = a.account AND known.order_id = a.order_id LIMIT 1
    ) AS s ON true;

    SELECT array_agg(stored.version ORDER BY e.nth),
           array_agg(stored.position ORDER BY e.nth),
           coalesce(array_agg(e.nth ORDER BY e.nth) FILTER (
               WHERE stored.version IS NULL AND expected_versions[e.append] IN (-1, versions[e.append])
           ), '{}')
    INTO stored_versions, stored_positions, fresh
    FROM unnest(event_appends, event_keys) WITH ORDINALITY AS e (append, key, nth)
    LEFT JOIN LATERAL (
        SELECT known.version, known.position FROM eventlog.events AS known
        WHERE versions[e.append] > 0
          AND known.stream_id = stream_ids[e.append] AND known.event_key = e.key LIMIT 1
    ) AS stored ON true;

    RETURN QUERY
    WITH shares AS MATERIALIZED (
        SELECT f.append, f.events, partitions[f.append] AS partition, versions[f.append] AS version,
               sum(f.events) OVER (ORDER BY f.append) - f.events AS before,
               sum(f.events) OVER (PARTITION BY partitions[f.append] ORDER BY f.append)
                   - f.events + heads[f.append] AS head
        FROM (
            SELECT event_appends[nth] AS append, count(*)::integer AS events
            FROM unnest(fresh) AS nth GROUP BY 1
        ) AS f
    ),
    stored AS (
        INSERT INTO eventlog.events (
            stream_id, version, partition, position, type, schema_version, event_key,
            data, metadata, occurred_at
        )
        SELECT stream_ids[s.append], s.version + k, s.partition, s.head + k,
               event_types[nth], event_schema_versions[nth], event_keys[nth],
               event_datas[nth]::json, event_metadatas[nth]::json, event_occurred_ats[nth]
        FROM shares AS s
        CROSS JOIN LATERAL generate_series(1, s.events) AS k
        CROSS JOIN LATERAL (SELECT fresh[s.before + k] AS nth) AS f
    ),
    begun AS (
        INSERT INTO eventlog.streams (stream_id, account, order_id, partition, version)
        SELECT stream_ids[s.append], accounts[s.append], order_ids[s.append], s.partition, s.events
        FROM shares AS s WHERE s.version = 0
    ),
    continued AS (
        UPDATE eventlog.streams AS t SET version = s.version + s.events
        FROM shares AS s WHERE s.version > 0 AND t.stream_id = stream_ids[s.append]
    ),
    moved AS (
        UPDATE eventlog.partitions AS p SET head = p.head + s.events
        FROM (SELECT partition, sum(events) AS events FROM shares GROUP BY partition) AS s
        WHERE p.partition = s.partition
    )
    SELECT s.append, 'appended', stream_ids[s.append], s.version + s.events, s.head + s.events, s.events
    FROM shares AS s
    UNION ALL
    SELECT e.append, CASE WHEN bool_and(stored_versions[e.nth] IS NOT NULL) THEN 'repeated' ELSE 'conflict' END,
           stream_ids[e.append], max(stored_versions[e.nth]), max(stored_positions[e.nth]), 0
    FROM unnest(event_appends) WITH ORDINALITY AS e (append, nth)
    WHERE cardinality(fresh) < cardinality(event_appends)
      AND e.append NOT IN (SELECT s.append FROM shares AS s)
    GROUP BY e.append;
END
$$;

-- Take a month out of the log, with its streams; the caller has stored its events elsewhere.
--
-- The caller has written to eventlog.archives in this transaction, and tells the last
-- position that it stored of each partition. Positions only grow, so an event that came
-- later has a higher one: then false is returned, and the transaction is to be rolled back.
-- The heads are locked before it is looked, so nothing comes after that.
--
-- What takes long comes before the heads are locked. An append to one of the streams that
-- are deleted meanwhile waits for us and holds a head: we give way before PostgreSQL finds
-- the deadlock, which it looks for after a second.
CREATE OR REPLACE FUNCTION eventlog.detach_month(this_month date, partitions smallint[], last_positions bigint[])
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
    DELETE FROM eventlog.streams AS s
    WHERE s.stream_id >= eventlog.start_of(this_month) AND s.stream_id < eventlog.end_of(this_month);

    SET LOCAL lock_timeout = '500ms';
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
    EXECUTE format('ALTER TABLE eventlog.events DETACH PARTITION eventlog.%I', name);
    EXECUTE format('DROP TABLE eventlog.%I', name);
    RETURN true;
END
$$;
