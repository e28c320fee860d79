-- Append to many streams at once; see the function in migrations/versions/0001_event_log.sql.
--   $1 text[]         account of each append
--   $2 text[]         order id
--   $3 smallint[]     partition
--   $4 bigint[]       expected version, or -1
--   $5 integer[]      the append (1, 2, ...) of each event
--   $6 text[]         type
--   $7 smallint[]     schema version
--   $8 text[]         event key
--   $9 json[]         data
--   $10 json[]        metadata
--   $11 timestamptz[] occurred at
SELECT append, verdict, stream_id, version, "position", new_events
FROM eventlog.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
