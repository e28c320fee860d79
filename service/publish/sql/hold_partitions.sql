-- Let appends to some partitions wait until this transaction ends.
--   $1 smallint[]  partitions
SELECT FROM eventlog.partitions WHERE partition = ANY ($1) ORDER BY partition FOR SHARE
