-- When the log gave away the content of a file, newest first, and got it back.
--   $1 date  first of the month
--   $2 text  SHA-256 of the content
SELECT archived_at, restored_at FROM eventlog.archives
WHERE month = $1 AND content_sha256 = $2
ORDER BY archive_id DESC LIMIT 1
