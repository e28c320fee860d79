-- Note that a consumer has handled an event of a stream that is set aside.
--   $1 text    consumer
--   $2 uuid    stream
--   $3 bigint  version that was handled
UPDATE eventlog.parked_streams SET version = $3 + 1 WHERE consumer = $1 AND stream_id = $2
