-- Take a member out, with all its slots.
--   $1 text  consumer
--   $2 uuid  member
WITH gone AS (
    DELETE FROM eventlog.members WHERE consumer = $1 AND member = $2
)
UPDATE eventlog.leases SET owner = NULL WHERE consumer = $1 AND owner = $2
