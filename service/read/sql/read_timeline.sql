-- What happened to one order, oldest first.
--   $1 uuid  stream id
SELECT t.version, t.type, t.title, t.summary, t.details, t.occurred_at, t.recorded_at
FROM read.timeline AS t
WHERE t.stream_id = $1
ORDER BY t.version
