-- Ask the owner of the partitions to replay or to drop streams that are set aside.
--   $1 text    consumer
--   $2 uuid[]  streams
--   $3 text    replay or drop
UPDATE eventlog.parked_streams SET request = $3 WHERE consumer = $1 AND stream_id = ANY ($2)
