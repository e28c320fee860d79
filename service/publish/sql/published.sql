-- How far the relays of a kind say that their topic is.
--   $1 text  first part of their names: relay, state
SELECT partition, max(position) AS position FROM eventlog.checkpoints
WHERE consumer LIKE $1 || '-%' GROUP BY partition
