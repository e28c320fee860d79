-- The streams that a consumer has set aside in some partitions.
--   $1 text        consumer
--   $2 smallint[]  partitions
SELECT stream_id FROM eventlog.parked_streams WHERE consumer = $1 AND partition = ANY ($2)
