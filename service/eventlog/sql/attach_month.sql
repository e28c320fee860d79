-- Make a restored table a part of the log again; see migrations/versions/0005_archive.sql.
--   $1 date  first of the month
SELECT eventlog.attach_month($1)
