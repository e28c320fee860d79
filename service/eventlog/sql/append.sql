-- Append to many streams at once; see the function in migrations/versions/0001_event_log.sql.
--   $1 text[]         account of each append
--   $2 text[]         order id
--   $3 smallint[]     partition
--   $4 uuid[]         stream id, should the stream be new
--   $5 bigint[]       expected version, or -1
--   $6 integer[]      the append (1, 2, ...) of each event
--   $7 text[]         type
--   $8 smallint[]     schema version
--   $9 text[]         event key
--   $10 text[]        data, JSON
--   $11 text[]        metadata, JSON
--   $12 timestamptz[] occurred at
SELECT append, verdict, stream_id, version, "position", new_events
FROM eventlog.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
