-- How many orders of each account are due to be read again, and since when.
--   $1 timestamptz  now
SELECT r.account, count(*) FILTER (WHERE r.due_at <= $1) AS due,
       min(r.due_at) FILTER (WHERE r.due_at <= $1) AS oldest
FROM ingest.rereads AS r
GROUP BY r.account
