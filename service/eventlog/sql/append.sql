-- Append to many streams at once; see the function in migrations/versions/0014_less_waiting.sql.
-- Texts are joined by the record separator, arrays of numbers written as text.
--   $1 text           account of each append, joined
--   $2 text           order id, joined
--   $3 text           partition, smallint[]
--   $4 text           expected version, or -1, bigint[]
--   $5 text           the append (1, 2, ...) of each event, integer[]
--   $6 text           type, joined
--   $7 text           schema version, smallint[]
--   $8 text           event key, joined
--   $9 text           data, joined
--   $10 text          metadata, joined
--   $11 timestamptz[] occurred at
SELECT append, verdict, stream_id, version, "position", new_events
FROM eventlog.append(
    $1, $2, $3::text::smallint[], $4::text::bigint[], $5::text::integer[], $6,
    $7::text::smallint[], $8, $9, $10, $11
)
