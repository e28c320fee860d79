-- The next orders of the log, by first sight.
--   $1 uuid     the last one known, or the nil UUID
--   $2 integer  at most
SELECT stream_id, account, order_id FROM eventlog.streams
WHERE stream_id > $1 ORDER BY stream_id LIMIT $2
