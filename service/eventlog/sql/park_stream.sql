-- Set a stream aside for a consumer, from a version on, or once more where a replay failed.
--   $1 text      consumer
--   $2 uuid      stream
--   $3 smallint  partition
--   $4 bigint    version that failed
--   $5 text      reason
--   $6 integer   attempts
INSERT INTO eventlog.parked_streams AS p (consumer, stream_id, partition, version, reason, attempts)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (consumer, stream_id) DO UPDATE SET
    version = excluded.version, reason = excluded.reason, attempts = p.attempts + excluded.attempts,
    parked_at = excluded.parked_at, request = NULL
