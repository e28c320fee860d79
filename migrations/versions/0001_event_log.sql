-- The event log: streams, their events in partitions with contiguous positions, and who has read how far.

CREATE SCHEMA eventlog;

CREATE TABLE eventlog.partitions (
    partition smallint PRIMARY KEY,
    head bigint NOT NULL DEFAULT 0 CHECK (head >= 0)
) WITH (fillfactor = 50);
COMMENT ON TABLE eventlog.partitions IS
    'One row per partition of the log; head is the position handed out last. Its row lock orders the writers.';

CREATE TABLE eventlog.streams (
    stream_id uuid PRIMARY KEY,
    account text NOT NULL,
    order_id text NOT NULL,
    partition smallint NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    UNIQUE (account, order_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE eventlog.streams IS 'One order in one account; version is that of its last event.';

-- json, not jsonb: events are written and read whole, and json is quicker at both.
CREATE TABLE eventlog.events (
    stream_id uuid NOT NULL,
    version bigint NOT NULL,
    partition smallint NOT NULL,
    position bigint NOT NULL,
    type text NOT NULL,
    schema_version smallint NOT NULL,
    event_key text NOT NULL,
    data json NOT NULL,
    metadata json NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (stream_id, version),
    UNIQUE (stream_id, event_key)
) PARTITION BY RANGE (stream_id);
COMMENT ON TABLE eventlog.events IS
    'What happened. A stream id is a UUIDv7, so a month of orders, by first sight, is one table.';
CREATE INDEX events_in_order ON eventlog.events (partition, position);

CREATE FUNCTION eventlog.refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the event log is append-only: % on % refused', tg_op, tg_table_name
        USING ERRCODE = 'restrict_violation',
              HINT = 'Append a further event that corrects the earlier one.';
END
$$;

CREATE TRIGGER events_are_immutable
    BEFORE UPDATE OR DELETE ON eventlog.events
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();
CREATE TRIGGER events_are_not_truncated
    BEFORE TRUNCATE ON eventlog.events
    FOR EACH STATEMENT EXECUTE FUNCTION eventlog.refuse_change();

-- The least UUIDv7 of a moment: 48 bits of milliseconds, then zeros (RFC 9562).
CREATE FUNCTION eventlog.first_uuid_of(moment timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
$$;

-- A new UUIDv7 (RFC 9562) of this moment, by this database's clock.
CREATE FUNCTION eventlog.new_stream_id() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT encode(set_byte(id.bytes, 6, get_byte(id.bytes, 6) & 15 | 112), 'hex')::uuid
    FROM (
        SELECT overlay(
            uuid_send(gen_random_uuid())
            PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
            FROM 1 FOR 6
        )
    ) AS id (bytes)
$$;

-- Make the tables of the months from *since* to *ahead* months from now; returns how many were new.
-- A month's table can be detached as a whole, with all orders first seen in it.
CREATE FUNCTION eventlog.make_months(since timestamptz DEFAULT now(), ahead integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    month timestamp := date_trunc('month', since AT TIME ZONE 'UTC');
    name text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('eventlog.make_months'));
    WHILE month <= date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead) LOOP
        name := 'events_' || to_char(month, 'YYYY_MM');
        IF to_regclass('eventlog.' || name) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE eventlog.%I PARTITION OF eventlog.events FOR VALUES FROM (%L) TO (%L)
                 WITH (autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05)',
                name,
                eventlog.first_uuid_of(month AT TIME ZONE 'UTC'),
                eventlog.first_uuid_of((month + interval '1 month') AT TIME ZONE 'UTC')
            );
            EXECUTE format(
                'CREATE TRIGGER events_are_not_truncated BEFORE TRUNCATE ON eventlog.%I
                 FOR EACH STATEMENT EXECUTE FUNCTION eventlog.refuse_change()', name
            );
            made := made + 1;
        END IF;
        month := month + interval '1 month';
    END LOOP;
    RETURN made;
END
$$;

-- A day of slack for clocks that differ around the turn of a month.
SELECT eventlog.make_months(now() - interval '1 day');

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
CREATE FUNCTION eventlog.append(
    accounts text[],
    order_ids text[],
    partitions smallint[],
    expected_versions bigint[],
    event_appends integer[],
    event_types text[],
    event_schema_versions smallint[],
    event_keys text[],
    event_datas json[],
    event_metadatas json[],
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
               event_schema_versions[p.nth], p.key, event_datas[p.nth], event_metadatas[p.nth],
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

CREATE TABLE eventlog.checkpoints (
    consumer text NOT NULL,
    partition smallint NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (consumer, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE eventlog.checkpoints IS 'The position each consumer handled last, partition by partition.';

CREATE TABLE eventlog.members (
    consumer text NOT NULL,
    member uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (consumer, member)
) WITH (fillfactor = 50);
COMMENT ON TABLE eventlog.members IS 'The processes that follow the log for a consumer; a heartbeat moves expires_at.';

CREATE TABLE eventlog.leases (
    consumer text NOT NULL,
    slot smallint NOT NULL,
    owner uuid,
    token bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (consumer, slot)
) WITH (fillfactor = 50);
COMMENT ON TABLE eventlog.leases IS
    'Who reads which share of the partitions; token grows with each change of hands and fences the one before.';

CREATE TABLE eventlog.parked_streams (
    consumer text NOT NULL,
    stream_id uuid NOT NULL,
    partition smallint NOT NULL,
    version bigint NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, stream_id)
);
COMMENT ON TABLE eventlog.parked_streams IS
    'Streams set aside for a consumer: version failed, later ones queue behind it, all other streams go on.';

-- Renew a member's heartbeat, take free slots up to a fair share, and return those it holds.
--
-- A member that stops beating loses its slots to the others; the token of a slot grows
-- with each change of hands, and save_positions refuses an old one. Rows, not session
-- locks: this works behind a connection pooler, and the database's clock is the only one.
CREATE FUNCTION eventlog.hold_leases(
    this_consumer text, this_member uuid, slots integer, lifetime interval
) RETURNS TABLE (slot smallint, token bigint, fair_share integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    share integer;
    held integer;
BEGIN
    INSERT INTO eventlog.leases (consumer, slot)
    SELECT this_consumer, number FROM generate_series(0, slots - 1) AS number
    ON CONFLICT DO NOTHING;

    INSERT INTO eventlog.members (consumer, member, expires_at)
    VALUES (this_consumer, this_member, clock_timestamp() + lifetime)
    ON CONFLICT (consumer, member) DO UPDATE SET expires_at = excluded.expires_at;

    DELETE FROM eventlog.members
    WHERE consumer = this_consumer AND expires_at < clock_timestamp();

    SELECT ceil(slots / greatest(count(*), 1)::numeric) INTO share
    FROM eventlog.members WHERE consumer = this_consumer;
    SELECT count(*) INTO held
    FROM eventlog.leases WHERE consumer = this_consumer AND owner = this_member;

    UPDATE eventlog.leases AS l SET owner = this_member, token = l.token + 1
    WHERE l.consumer = this_consumer AND l.slot IN (
        SELECT free.slot FROM eventlog.leases AS free
        WHERE free.consumer = this_consumer AND free.slot < slots
          AND NOT EXISTS (
              SELECT FROM eventlog.members AS m
              WHERE m.consumer = this_consumer AND m.member = free.owner
          )
        ORDER BY free.slot LIMIT greatest(share - held, 0)
        FOR UPDATE SKIP LOCKED
    );

    RETURN QUERY
    SELECT l.slot, l.token, share FROM eventlog.leases AS l
    WHERE l.consumer = this_consumer AND l.owner = this_member ORDER BY l.slot;
END
$$;
