-- The months of the log that end before a day, oldest first, with what is in each.
--   $1 date  first of a month
--
-- Empty ones are left out: there is nothing to take away.
WITH months AS (
    SELECT to_date(substring(c.relname FROM 8), 'YYYY_MM') AS month
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'eventlog.events'::regclass
)
SELECT m.month, s.orders, s.events
FROM months AS m
CROSS JOIN LATERAL (
    SELECT count(*) AS orders, coalesce(sum(version), 0)::bigint AS events
    FROM eventlog.streams
    WHERE stream_id >= eventlog.start_of(m.month) AND stream_id < eventlog.end_of(m.month)
) AS s
WHERE m.month < $1 AND s.orders > 0
ORDER BY m.month
