-- Take a month out of the log; see the function in migrations/versions/0014_less_waiting.sql.
--   $1 date        first of the month
--   $2 smallint[]  partitions
--   $3 bigint[]    last position that was stored of each
SELECT eventlog.detach_month($1, $2, $3)
