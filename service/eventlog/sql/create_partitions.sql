-- Create the partitions 0 to $1 - 1 of an empty log; an existing log keeps its own.
--   $1 integer  how many
INSERT INTO eventlog.partitions (partition)
SELECT number FROM generate_series(0, $1::integer - 1) AS number
WHERE NOT EXISTS (SELECT FROM eventlog.partitions)
ON CONFLICT DO NOTHING
