-- Keep what cannot be read, or count it once more when it came before.
--   $1 text         account
--   $2 text         source
--   $3 text         order id, where it is known
--   $4 text         reason
--   $5 integer      bytes as received
--   $6 bytea        what was received, or null
--   $7 bytea        digest
--   $8 timestamptz  received at
INSERT INTO ingest.quarantine AS kept (
    account, source, order_id, reason, size, raw, digest, received_at, last_received_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
ON CONFLICT (account, source, digest) DO UPDATE
SET times = kept.times + 1, last_received_at = EXCLUDED.last_received_at
