-- Give slots back, so that another member takes them at once.
--   $1 text        consumer
--   $2 uuid        member
--   $3 smallint[]  slots
UPDATE eventlog.leases SET owner = NULL
WHERE consumer = $1 AND owner = $2 AND slot = ANY ($3)
