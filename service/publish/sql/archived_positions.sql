-- The positions of a window whose events left the log for the archive.
--   $1 smallint  partition
--   $2 bigint    position above which the window begins
--   $3 bigint    position up to which it goes
--
-- A row of eventlog.archived has the positions of a block of 4096.
SELECT generate_series(lower(stretch), upper(stretch) - 1) AS position
FROM eventlog.archived AS a
CROSS JOIN unnest(a.positions * int8multirange(int8range($2, $3, '(]'))) AS stretch
WHERE a.partition = $1 AND a.block BETWEEN $2 / 4096 AND $3 / 4096
