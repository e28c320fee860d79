-- Take the turn to look at a configuration, where one is due; no row when it is not.
--   $1 text         account
--   $2 text         kind
--   $3 timestamptz  one is due that was to be looked at by then
--   $4 timestamptz  when somebody else takes the turn, if nothing is heard of this one
INSERT INTO ingest.configurations AS known (account, kind, due_at)
VALUES ($1, $2, $4)
ON CONFLICT (account, kind) DO UPDATE SET due_at = EXCLUDED.due_at
WHERE known.due_at <= $3
RETURNING known.applied, known.left_behind, known.differences
