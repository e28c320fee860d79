-- The version from which on a consumer has set a stream aside.
--   $1 text  consumer
SELECT p.stream_id, p.version FROM eventlog.parked_streams AS p WHERE p.consumer = $1
