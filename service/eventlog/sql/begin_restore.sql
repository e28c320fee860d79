-- Make the table that a month comes back into; see migrations/versions/0005_archive.sql.
--   $1 date  first of the month
SELECT eventlog.begin_restore($1)
