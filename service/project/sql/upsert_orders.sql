-- Write orders as they stand now, with what is new in their timelines, and count the orders
-- that were folded from another version than the stored one: if there are any, roll back.
-- An order that is stored at the same or a later version stays as it is.
--   $1 uuid[]          stream ids, each once
--   $2 smallint[]      partition
--   $3 bigint[]        version
--   $4 text[]          account
--   $5 text[]          order id
--   $6 text[]          order group
--   $7 text[]          status
--   $8 smallint[]      stage
--   $9 text[]          triggers, parted by spaces
--   $10 timestamptz[]  ripens at
--   $11 text[]         overlay
--   $12 text[]         courier state
--   $13 text[]         channel
--   $14 text[]         tracking, JSON
--   $15 text[]         details, JSON
--   $16 timestamptz[]  created at
--   $17 timestamptz[]  updated at
--   $18 bigint[]       version from which it was folded, or 0
--   $19 text[]         entries of the timeline, a JSON array, or null
--
-- The head rows stay locked until the commit, so that the changes of a partition become
-- visible in order: whoever saw one has missed none before it.
WITH given AS MATERIALIZED (
    SELECT g.*, coalesce(known.version, 0) AS known FROM unnest(
        $1::uuid[], $2::smallint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
        $8::smallint[], $9::text[], $10::timestamptz[], $11::text[], $12::text[], $13::text[],
        $14::text[], $15::text[], $16::timestamptz[], $17::timestamptz[],
        $18::bigint[], $19::text[]
    ) WITH ORDINALITY AS g (
        stream_id, partition, version, account, order_id, order_group, status, stage, triggers,
        ripens_at, overlay, courier_state, channel, tracking, details, created_at, updated_at,
        base, entries, nth
    )
    LEFT JOIN read.orders AS known ON known.stream_id = g.stream_id
    WHERE known.stream_id IS NULL OR known.version < g.version
),
counted AS MATERIALIZED (
    INSERT INTO read.heads AS h (partition, head)
    SELECT g.partition, count(*) FROM given AS g GROUP BY g.partition ORDER BY g.partition
    ON CONFLICT (partition) DO UPDATE SET head = h.head + excluded.head
    RETURNING h.partition, h.head
),
told AS (
    INSERT INTO read.timeline (stream_id, version, entries)
    SELECT g.stream_id, g.base + 1, g.entries::json
    FROM given AS g WHERE g.entries IS NOT NULL ORDER BY g.stream_id
    ON CONFLICT (stream_id, version) DO NOTHING
),
written AS (
    INSERT INTO read.orders AS o (
        stream_id, partition, change, version, account, order_id, order_group, status, stage, triggers,
        ripens_at, overlay, courier_state, channel, tracking, details, created_at, updated_at
    )
    SELECT g.stream_id, g.partition,
           c.head + 1 - row_number() OVER (PARTITION BY g.partition ORDER BY g.nth DESC),
           g.version, g.account, g.order_id, g.order_group, g.status, g.stage,
           string_to_array(g.triggers, ' '), g.ripens_at, g.overlay, g.courier_state, g.channel,
           g.tracking::json, g.details::json, g.created_at, g.updated_at
    FROM given AS g JOIN counted AS c USING (partition)
    ORDER BY g.stream_id
    ON CONFLICT (stream_id) DO UPDATE SET
        change = excluded.change,
        version = excluded.version,
        order_group = excluded.order_group,
        status = excluded.status,
        stage = excluded.stage,
        triggers = excluded.triggers,
        ripens_at = excluded.ripens_at,
        overlay = excluded.overlay,
        courier_state = excluded.courier_state,
        channel = excluded.channel,
        tracking = excluded.tracking,
        details = excluded.details,
        created_at = excluded.created_at,
        updated_at = excluded.updated_at
    WHERE o.version < excluded.version
)
SELECT count(*) FROM given AS g WHERE g.known <> g.base
