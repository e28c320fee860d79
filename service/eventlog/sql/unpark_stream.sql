-- Let a consumer have a stream's events again, from now on.
--   $1 text  consumer
--   $2 uuid  stream
DELETE FROM eventlog.parked_streams WHERE consumer = $1 AND stream_id = $2
