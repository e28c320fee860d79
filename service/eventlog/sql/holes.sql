-- Which gaps between positions are not wholly archived, and whether their events are there after all.
--   $1 smallint[]  partition of each gap
--   $2 bigint[]    position before it
--   $3 bigint[]    position after it
SELECT g.partition, g.before, g.after, (
    SELECT range_agg(int8range(e.position, e.position + 1)) FROM eventlog.events AS e
    WHERE e.partition = g.partition AND e.position > g.before AND e.position < g.after
) + coalesce(a.positions, '{}') @> gap.positions AS is_there
FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS g (partition, before, after)
CROSS JOIN LATERAL (SELECT int8range(g.before + 1, g.after) AS positions) AS gap
CROSS JOIN LATERAL (
    SELECT range_agg(a.positions) AS positions FROM eventlog.archived AS a
    WHERE a.partition = g.partition
      AND a.block BETWEEN (g.before + 1) / 4096 AND (g.after - 1) / 4096
) AS a
WHERE NOT coalesce(a.positions @> gap.positions, false)
