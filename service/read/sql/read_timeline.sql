-- What happened to one order, oldest first: arrays of entries as `service.project.rows` writes them.
--   $1 uuid  stream id
SELECT t.entries FROM read.timeline AS t WHERE t.stream_id = $1 ORDER BY t.version
