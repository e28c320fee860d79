-- What the live tables and the rebuilt ones do not agree on, a line for each order.
--   $1 smallint[]  partitions in which both stand at the same position
--
-- An order is compared where both have it at the same version. Only the count of changes may
-- differ, and which entries of the timeline share a row: both depend on where batches ended.
WITH versions AS (
    SELECT stream_id, l.version AS live, r.version AS rebuilt,
           coalesce(l.partition, r.partition) = ANY ($1) AS is_level,
           (l.account, l.order_id, l.order_group, l.status, l.stage, l.triggers, l.ripens_at,
            l.overlay, l.courier_state, l.channel, l.created_at, l.updated_at,
            l.tracking::text, l.details::text)
           IS DISTINCT FROM
           (r.account, r.order_id, r.order_group, r.status, r.stage, r.triggers, r.ripens_at,
            r.overlay, r.courier_state, r.channel, r.created_at, r.updated_at,
            r.tracking::text, r.details::text) AS differ
    FROM read.orders AS l FULL JOIN rebuilt.orders AS r USING (stream_id)
),
timelines AS (
    SELECT stream_id FROM (
        SELECT stream_id, string_agg(btrim(entries::text, '[]'), ',' ORDER BY version) AS told
        FROM read.timeline GROUP BY stream_id
    ) AS l
    FULL JOIN (
        SELECT stream_id, string_agg(btrim(entries::text, '[]'), ',' ORDER BY version) AS told
        FROM rebuilt.timeline GROUP BY stream_id
    ) AS r USING (stream_id)
    WHERE l.told IS DISTINCT FROM r.told
),
found AS (
    SELECT v.stream_id, CASE
        WHEN v.live IS NULL THEN 'missing'
        WHEN v.rebuilt IS NULL THEN 'not in the log'
        ELSE format('at version %s, not %s', v.live, v.rebuilt)
    END AS what
    FROM versions AS v WHERE v.is_level AND v.live IS DISTINCT FROM v.rebuilt
    UNION ALL
    SELECT v.stream_id, (
        SELECT string_agg(key, ', ' ORDER BY key) || ' differ'
        FROM jsonb_each(to_jsonb(l) - '{change,tracking,details}'::text[]
            || jsonb_build_object('tracking', l.tracking::jsonb || l.details::jsonb)) AS a
        FULL JOIN jsonb_each(to_jsonb(r) - '{change,tracking,details}'::text[]
            || jsonb_build_object('tracking', r.tracking::jsonb || r.details::jsonb)) AS b
        USING (key)
        WHERE a.value IS DISTINCT FROM b.value
    )
    FROM versions AS v
    JOIN read.orders AS l USING (stream_id)
    JOIN rebuilt.orders AS r USING (stream_id)
    WHERE v.differ AND v.live = v.rebuilt
    UNION ALL
    SELECT t.stream_id, 'timeline differs'
    FROM timelines AS t LEFT JOIN versions AS v USING (stream_id)
    WHERE v.live = v.rebuilt OR v.stream_id IS NULL
)
SELECT f.stream_id, 'order ' || f.stream_id || ': ' || f.what AS line
FROM found AS f WHERE f.what IS NOT NULL ORDER BY line
