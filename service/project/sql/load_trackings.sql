-- What is stored of some orders, leaving out what the caller knows already.
--   $1 uuid[]    stream ids
--   $2 bigint[]  version that the caller knows of each, or 0
SELECT known.stream_id, o.tracking, o.details
FROM unnest($1::uuid[], $2::bigint[]) AS known (stream_id, version)
LEFT JOIN read.orders AS o USING (stream_id)
WHERE coalesce(o.version, 0) <> known.version
