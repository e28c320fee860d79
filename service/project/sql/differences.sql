-- What the live tables and the rebuilt ones do not agree on, a line each.
--
-- Only the count of changes may differ: it depends on where batches ended.
WITH pairs AS (
    SELECT 'order' AS kind, stream_id, NULL::bigint AS version,
           to_jsonb(live) - 'change' AS live, to_jsonb(rebuilt) - 'change' AS rebuilt
    FROM read.orders AS live FULL JOIN rebuilt.orders AS rebuilt USING (stream_id)
    UNION ALL
    SELECT 'timeline', stream_id, version, to_jsonb(live), to_jsonb(rebuilt)
    FROM read.timeline AS live FULL JOIN rebuilt.timeline AS rebuilt USING (stream_id, version)
)
SELECT concat_ws(' ', p.kind, p.stream_id, p.version) || ': ' || CASE
    WHEN p.live IS NULL THEN 'missing'
    WHEN p.rebuilt IS NULL THEN 'not in the log'
    ELSE (
        SELECT string_agg(key, ', ' ORDER BY key) || ' differ'
        FROM jsonb_each(p.live) AS l FULL JOIN jsonb_each(p.rebuilt) AS r USING (key)
        WHERE l.value IS DISTINCT FROM r.value
    )
END AS line
FROM pairs AS p
WHERE p.live IS DISTINCT FROM p.rebuilt
ORDER BY 1
