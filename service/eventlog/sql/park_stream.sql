-- Set a stream aside for a consumer, from a version on; what it is already stays as it was.
--   $1 text      consumer
--   $2 uuid      stream
--   $3 smallint  partition
--   $4 bigint    version that failed
--   $5 text      reason
--   $6 integer   attempts
INSERT INTO eventlog.parked_streams (consumer, stream_id, partition, version, reason, attempts)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (consumer, stream_id) DO NOTHING
