-- Forget the windows of some partitions in which topic and log differed.
--   $1 smallint[]  partitions
DELETE FROM publish.differences WHERE partition = ANY ($1)
