-- Add entries to the timelines; those that are there stay as they are.
--   $1 uuid[]         stream ids
--   $2 bigint[]       version
--   $3 text[]         type
--   $4 text[]         title
--   $5 text[]         summary
--   $6 text[]         details, JSON
--   $7 timestamptz[]  occurred at
--   $8 timestamptz[]  recorded at
INSERT INTO read.timeline (stream_id, version, type, title, summary, details, occurred_at, recorded_at)
SELECT g.stream_id, g.version, g.type, g.title, g.summary, g.details::json, g.occurred_at, g.recorded_at
FROM unnest(
    $1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::timestamptz[], $8::timestamptz[]
) AS g (stream_id, version, type, title, summary, details, occurred_at, recorded_at)
ON CONFLICT (stream_id, version) DO NOTHING
