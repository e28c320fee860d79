-- Note a window in which topic and log differ; true if it is new.
--   $1 smallint     partition
--   $2 bigint       position above which the window begins
--   $3 bigint       position up to which it goes
--   $4 text         reason
--   $5 timestamptz  now
INSERT INTO publish.differences (partition, after, upto, reason, found_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING true
