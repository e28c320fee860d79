DROP FUNCTION eventlog.append;

-- Append batches of events to many streams, each append all or none, one verdict per append.
--
-- The heads of the partitions are locked first, in order. A stream never leaves its
-- partition, so whoever holds the head is alone with all its streams: no other lock is
-- needed, positions are handed out in commit order, and nothing can deadlock.
--
-- A stream may stand in at most one append of a call; an expected version of -1 expects
-- nothing. Verdicts: appended (the events whose keys were new were written), repeated (all
-- keys were there; nothing written), conflict (the stream is not at the expected version;
-- nothing written).
--
-- What is known of each append is held in arrays and looked up by its number: the planner
-- cannot know how long they are, and joins that it plans for few rows are slow for many.
-- Payloads stay in theirs until they are inserted, so that no step before copies them.
--
-- Texts come joined by the record separator, which neither JSON nor what we take for a
-- key can hold: to split one text costs the database less than an array costs the driver,
-- which looks at every element of it.
CREATE FUNCTION eventlog.append(
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

    RETURN QUERY
    WITH given AS (
        SELECT e.*, partitions[e.append] AS partition, heads[e.append] AS head,
               stream_ids[e.append] AS stream_id, versions[e.append] AS stream_version,
               stored.version AS stored_version, stored.position AS stored_position
        FROM unnest(event_appends, event_keys) WITH ORDINALITY AS e (append, key, nth)
        LEFT JOIN LATERAL (
            SELECT known.version, known.position FROM eventlog.events AS known
            WHERE versions[e.append] > 0
              AND known.stream_id = stream_ids[e.append] AND known.event_key = e.key LIMIT 1
        ) AS stored ON true
    ),
    judged AS (
        SELECT g.*,
               CASE
                   WHEN bool_and(g.stored_version IS NOT NULL) OVER (PARTITION BY g.append) THEN 'repeated'
                   WHEN expected_versions[g.append] NOT IN (-1, g.stream_version) THEN 'conflict'
                   ELSE 'appended'
               END AS verdict
        FROM given AS g
    ),
    placed AS MATERIALIZED (
        SELECT j.*, f.fresh,
               j.stream_version + count(*) FILTER (WHERE f.fresh) OVER (PARTITION BY j.append ORDER BY j.nth) AS version,
               j.head + count(*) FILTER (WHERE f.fresh) OVER (PARTITION BY j.partition ORDER BY j.nth) AS position
        FROM judged AS j
        CROSS JOIN LATERAL (SELECT j.verdict = 'appended' AND j.stored_version IS NULL AS fresh) AS f
    ),
    verdicts AS MATERIALIZED (
        SELECT p.append, p.verdict, p.stream_id, p.partition, p.stream_version,
               coalesce(max(p.version) FILTER (WHERE p.fresh), max(p.stored_version)) AS version,
               coalesce(max(p.position) FILTER (WHERE p.fresh), max(p.stored_position)) AS position,
               count(*) FILTER (WHERE p.fresh) AS new_events
        FROM placed AS p
        GROUP BY p.append, p.verdict, p.stream_id, p.partition, p.stream_version
    ),
    stored AS (
        INSERT INTO eventlog.events (
            stream_id, version, partition, position, type, schema_version, event_key,
            data, metadata, occurred_at
        )
        SELECT p.stream_id, p.version, p.partition, p.position, event_types[p.nth],
               event_schema_versions[p.nth], p.key, event_datas[p.nth]::json, event_metadatas[p.nth]::json,
               event_occurred_ats[p.nth]
        FROM placed AS p WHERE p.fresh
    ),
    begun AS (
        INSERT INTO eventlog.streams (stream_id, account, order_id, partition, version)
        SELECT v.stream_id, accounts[v.append], order_ids[v.append], v.partition, v.version
        FROM verdicts AS v WHERE v.new_events > 0 AND v.stream_version = 0
    ),
    continued AS (
        UPDATE eventlog.streams AS s SET version = v.version
        FROM verdicts AS v
        WHERE v.new_events > 0 AND v.stream_version > 0 AND s.stream_id = v.stream_id
    ),
    moved AS (
        UPDATE eventlog.partitions AS p SET head = reached.head
        FROM (
            SELECT v.partition, max(v.position) AS head FROM verdicts AS v
            WHERE v.new_events > 0 GROUP BY v.partition
        ) AS reached
        WHERE p.partition = reached.partition
    )
    SELECT v.append, v.verdict, v.stream_id, v.version, v.position, v.new_events::integer
    FROM verdicts AS v;
END
$$;
