-- What is in quarantine, the longest there first; what was received only of one entry.
--   $1 text    account, or null
--   $2 bigint  number of the one entry, or null
SELECT q.quarantine_id AS number, q.account, q.source, q.order_id, q.reason, q.size, q.times,
       CASE WHEN $2::bigint IS NOT NULL THEN q.raw END AS raw, q.received_at, q.last_received_at
FROM ingest.quarantine AS q
WHERE ($1::text IS NULL OR q.account = $1) AND ($2::bigint IS NULL OR q.quarantine_id = $2)
ORDER BY q.received_at, q.quarantine_id
