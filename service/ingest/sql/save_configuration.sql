-- Keep what a look at a configuration found.
--   $1 text         account
--   $2 text         kind
--   $3 timestamptz  when it is looked at next
--   $4 bytea        fingerprint of what was configured, or null: as before
--   $5 bytea        fingerprint of what VTEX shows since, or null: as before
--   $6 text[]       how it is not what the settings say
INSERT INTO ingest.configurations AS known (account, kind, due_at, applied, left_behind, differences)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (account, kind) DO UPDATE
SET due_at = EXCLUDED.due_at,
    applied = coalesce(EXCLUDED.applied, known.applied),
    left_behind = coalesce(EXCLUDED.left_behind, known.left_behind),
    differences = EXCLUDED.differences
