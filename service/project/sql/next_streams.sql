-- The streams after a stream, in their order: the first and the last of the next $2.
--   $1 uuid     stream
--   $2 integer  streams
SELECT (array_agg(s.stream_id))[1] AS first, (array_agg(s.stream_id))[count(*)] AS last
FROM (
    SELECT stream_id FROM eventlog.streams WHERE stream_id > $1 ORDER BY stream_id LIMIT $2
) AS s
HAVING count(*) > 0
