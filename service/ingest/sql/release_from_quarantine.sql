-- Delete what is in quarantine no more, unless it came once again meanwhile.
--   $1 bigint  number
--   $2 int     times that it had come
DELETE FROM ingest.quarantine WHERE quarantine_id = $1 AND times = $2
